// SPDX-License-Identifier: Apache-2.0
#include "client/cli/table.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"

namespace octet::cli {

std::string FormatTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      // Nothing follows the last cell, so it gets no padding either.
      const size_t padding =
          i + 1 < row.size() ? widths[i] - row[i].size() + 2 : 0;
      absl::StrAppend(&line, row[i], std::string(padding, ' '));
    }
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

}  // namespace octet::cli
