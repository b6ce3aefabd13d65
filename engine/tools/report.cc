// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/report.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace octet::tools {

void PrintJson(const Json& value) {
  const std::string text =
      value.dump(2, ' ', false, Json::error_handler_t::replace);
  std::printf("%s\n", text.c_str());
}

std::string FormatTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.empty() ? 0 : rows[0].size(), 0);
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      absl::StrAppendFormat(&text, "%-*s", last ? 0 : int(widths[i] + 2),
                            row[i]);
    }
    text.push_back('\n');
  }
  return text;
}

std::string FormatBytes(int64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  if (bytes < 1000 * 1000) return absl::StrFormat("%.3g kB", bytes / 1e3);
  if (bytes < 1000 * 1000 * 1000)
    return absl::StrFormat("%.3g MB", bytes / 1e6);
  return absl::StrFormat("%.3g GB", bytes / 1e9);
}

std::string FormatSpec(const TensorSpec& spec) {
  return absl::StrCat(spec.name, " ", Name(spec.dtype), " ",
                      ShapeToString(spec.row_shape));
}

absl::Status InContextOf(const std::string& what, const absl::Status& status) {
  if (status.ok() || absl::StrContains(status.message(), what)) return status;
  return absl::Status(status.code(),
                      absl::StrCat(what, ": ", status.message()));
}

}  // namespace octet::tools
