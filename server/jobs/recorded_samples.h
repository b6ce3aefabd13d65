// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_JOBS_RECORDED_SAMPLES_H_
#define OCTET_SERVER_JOBS_RECORDED_SAMPLES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/tensor.h"
#include "server/models/loaded_model.h"
#include "server/models/model_registry.h"

namespace octet {

// The newest version of `model` that serves and has recorded rows, whatever
// version is to be quantized: all take the same inputs, or the quantization
// refuses them.
//   FAILED_PRECONDITION  none has: its configuration has no record_rows, no
//                        version serves, they take no rows, or none came yet
absl::StatusOr<std::shared_ptr<const LoadedModel>> FindRecorder(
    const ModelRegistry& registry, const std::string& model);

// Its rows, in the form that the model itself takes, whatever its callers send.
absl::StatusOr<std::vector<NamedTensor>> RecordedSamples(
    const ModelRegistry& registry, const std::string& model);

}  // namespace octet

#endif  // OCTET_SERVER_JOBS_RECORDED_SAMPLES_H_
