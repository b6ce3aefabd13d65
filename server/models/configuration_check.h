// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_CONFIGURATION_CHECK_H_
#define OCTET_SERVER_MODELS_CONFIGURATION_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/model_config.pb.h"
#include "server/models/model_configuration.h"

namespace octet {

// OK unless `config` asks for something that octet does not do at all, such as
// sequences or graphics processors: UNIMPLEMENTED, with the field's name.
// Fields that are only hints and have no effect here get a note.
absl::Status RefuseUnsupported(const inference::ModelConfig& config,
                               std::vector<std::string>* notes);

// Checks the values of `configuration->proto` that octet acts on, and fills
// everything of `configuration` that follows from them but max_batch and
// origin. INVALID_ARGUMENT with the field, what was got and what was expected.
absl::Status CheckValues(const ConfigurationSource& source,
                         ModelConfiguration* configuration);

// Reads the parameters whose names octet knows: version_label.LABEL,
// input.NAME.FIELD, record_rows and keep_faster_float. Others are the caller's
// own and stay as they are.
absl::Status ReadParameters(ModelConfiguration* configuration);

// Whether `text` can be a label: 1 to 64 letters, digits, '_', '-' and '.',
// a letter or '_' in front, so that no version number is one.
bool IsVersionLabel(absl::string_view text);

// INVALID_ARGUMENT unless `name` is a plain file name that is not hidden.
absl::Status CheckFileName(absl::string_view field, absl::string_view name);

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_CONFIGURATION_CHECK_H_
