// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_TENSOR_NAMES_H_
#define OCTET_SERVER_API_TENSOR_NAMES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "server/models/loaded_model.h"

namespace octet {

// Untrusted text in messages: enough to recognize it.
inline std::string Quote(absl::string_view text) {
  constexpr size_t kLongest = 128;
  if (text.size() <= kLongest) return absl::StrCat("'", text, "'");
  return absl::StrCat("'", text.substr(0, kLongest), "...'");
}

inline absl::Status InputError(absl::string_view name,
                               absl::string_view fault) {
  return absl::InvalidArgumentError(
      absl::StrCat("input ", Quote(name), ": ", fault));
}

inline std::string Names(const std::vector<TensorSpec>& specs) {
  return absl::StrJoin(specs, ", ", [](std::string* out, const auto& spec) {
    absl::StrAppend(out, "'", spec.name, "'");
  });
}

inline std::optional<int> IndexOf(const std::vector<TensorSpec>& specs,
                                  absl::string_view name) {
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].name == name) return static_cast<int>(i);
  }
  return std::nullopt;
}

}  // namespace octet

#endif  // OCTET_SERVER_API_TENSOR_NAMES_H_
