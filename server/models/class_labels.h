// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_CLASS_LABELS_H_
#define OCTET_SERVER_MODELS_CLASS_LABELS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/contained_files.h"
#include "server/models/model_configuration.h"

namespace octet {

// The names of an output's elements, by their index in a row: what
// label_filename of config.pbtxt says. Immutable.
class ClassLabels {
 public:
  // The longest file and the longest label that are read, bytes.
  static constexpr int64_t kMaxFileBytes = int64_t{1} << 20;
  static constexpr size_t kMaxLabelBytes = 1024;

  // Reads `text`, one label a line, with or without a newline at the end; the
  // end of a line may be CR LF. INVALID_ARGUMENT for a label that is too long
  // or has control characters other than tabs: which line.
  static absl::StatusOr<ClassLabels> Parse(absl::string_view text);

  size_t size() const { return labels_.size(); }
  size_t longest() const { return longest_; }

  // That of element `index` >= 0; empty where the file has none for it.
  absl::string_view of(size_t index) const {
    return index < labels_.size() ? absl::string_view(labels_[index])
                                  : absl::string_view();
  }

 private:
  std::vector<std::string> labels_;
  size_t longest_ = 0;  // bytes
};

// Reads the label files that `configuration` names into its class_labels and
// label_digest. They are in the model's folder, which is in that of
// `repository`.
//   INVALID_ARGUMENT    as ClassLabels::Parse(), or no regular file
//   RESOURCE_EXHAUSTED  a file is too long
//   others              as ContainedFiles::Read()
absl::Status ReadClassLabels(const ContainedFiles& repository,
                             ModelConfiguration* configuration);

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_CLASS_LABELS_H_
