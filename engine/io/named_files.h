// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_NAMED_FILES_H_
#define OCTET_ENGINE_IO_NAMED_FILES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"

namespace octet::io {

// A model input or output and the file of its tensor, as command lines say it:
// NAME=FILE.
struct NamedFile {
  std::string name;
  std::string path;
};

// Splits at the first '='. INVALID_ARGUMENT when there is none or a side is
// empty.
absl::StatusOr<NamedFile> ParseNamedFile(absl::string_view argument);

// Reads one .npy file for each NAME=FILE of `arguments`, in their order.
// INVALID_ARGUMENT for a name that comes twice; otherwise as ReadNpy().
absl::StatusOr<std::vector<NamedTensor>> ReadNamedTensors(
    absl::Span<const std::string> arguments);

// The file that the tensor `name` is written to: FOLDER/NAME.npy, with '/' and
// ':' in the name replaced by '_'.
std::string NpyPath(absl::string_view folder, absl::string_view name);

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_NAMED_FILES_H_
