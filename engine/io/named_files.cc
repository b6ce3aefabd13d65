// SPDX-License-Identifier: Apache-2.0
#include "engine/io/named_files.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "engine/base/status_macros.h"
#include "engine/io/npy.h"

namespace octet::io {

absl::StatusOr<NamedFile> ParseNamedFile(absl::string_view argument) {
  const size_t split = argument.find('=');
  if (split == absl::string_view::npos || split == 0 ||
      split + 1 == argument.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("got '", argument, "'; expected NAME=FILE.npy"));
  }
  return NamedFile{std::string(argument.substr(0, split)),
                   std::string(argument.substr(split + 1))};
}

absl::StatusOr<std::vector<NamedTensor>> ReadNamedTensors(
    absl::Span<const std::string> arguments) {
  std::vector<NamedTensor> tensors;
  for (const std::string& argument : arguments) {
    OCTET_ASSIGN_OR_RETURN(NamedFile file, ParseNamedFile(argument));
    for (const NamedTensor& earlier : tensors) {
      if (earlier.name != file.name) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("two files are given for '", file.name,
                       "'; expected one for each name"));
    }
    OCTET_ASSIGN_OR_RETURN(Tensor tensor, ReadNpy(file.path));
    tensors.push_back({std::move(file.name), std::move(tensor)});
  }
  return tensors;
}

std::string NpyPath(absl::string_view folder, absl::string_view name) {
  return absl::StrCat(
      folder, "/", absl::StrReplaceAll(name, {{"/", "_"}, {":", "_"}}), ".npy");
}

}  // namespace octet::io
