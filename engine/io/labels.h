// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_LABELS_H_
#define OCTET_ENGINE_IO_LABELS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace octet::io {

// The right class of each row, by index from 0.
//
// `path` ends in .npy: a one-dimensional array of any integer type; or in .csv:
// see ParseLabelsCsv().
// INVALID_ARGUMENT names what is wrong with the file; reading errors as
// ReadNpy() and ReadFile().
absl::StatusOr<std::vector<int64_t>> ReadLabels(const std::string& path);

// The integers of the column `label` of a comma-separated table whose first
// line names its columns. Fields may be quoted with '"', lines may end in
// CR LF, and empty lines are passed over. INVALID_ARGUMENT names the line.
absl::StatusOr<std::vector<int64_t>> ParseLabelsCsv(absl::string_view text);

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_LABELS_H_
