// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_TOOLS_REPORT_H_
#define OCTET_ENGINE_TOOLS_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "engine/engine.h"
#include "nlohmann/json.hpp"

// How the commands print.
namespace octet::tools {

// Keys stay in the order in which they were set.
using Json = nlohmann::ordered_json;

// Prints `value` on standard output, indented, one line at the end. Bytes that
// are no UTF-8 (a model may name its nodes as it likes) become U+FFFD.
void PrintJson(const Json& value);

// Columns aligned to the left, two spaces between them. All rows have as many
// cells as the first, which is the heading.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

// "512 B", "3.5 kB", "3.46 MB": powers of 1000, as file managers show them.
std::string FormatBytes(int64_t bytes);

// "x float32 [3, 32, 32]".
std::string FormatSpec(const TensorSpec& spec);

// A file or model beside which an error is told: "FILE: message".
absl::Status InContextOf(const std::string& what, const absl::Status& status);

}  // namespace octet::tools

#endif  // OCTET_ENGINE_TOOLS_REPORT_H_
