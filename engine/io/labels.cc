// SPDX-License-Identifier: Apache-2.0
#include "engine/io/labels.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/status_macros.h"
#include "engine/base/tensor.h"
#include "engine/io/file.h"
#include "engine/io/npy.h"

namespace octet::io {
namespace {

constexpr int64_t kMaxCsvBytes = int64_t{64} << 20;
constexpr absl::string_view kColumn = "label";
constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";

// Reads the records of a comma-separated table one after the other.
class CsvReader {
 public:
  explicit CsvReader(absl::string_view text)
      : rest_(absl::StripPrefix(text, kByteOrderMark)) {}

  // The line, from 1, on which the last record started.
  int64_t line() const { return line_; }

  // The next record, or nothing at the end. A line without any character is
  // a record of one empty field.
  absl::StatusOr<std::optional<std::vector<std::string>>> Next() {
    if (rest_.empty()) return std::nullopt;
    line_ = next_line_;
    std::vector<std::string> record;
    do {
      OCTET_ASSIGN_OR_RETURN(std::string field, ReadField());
      record.push_back(std::move(field));
    } while (absl::ConsumePrefix(&rest_, ","));
    absl::ConsumePrefix(&rest_, "\r");
    absl::ConsumePrefix(&rest_, "\n");
    ++next_line_;
    return record;
  }

 private:
  absl::StatusOr<std::string> ReadField() {
    if (!absl::ConsumePrefix(&rest_, "\"")) {
      const size_t end = std::min(rest_.find_first_of(",\r\n"), rest_.size());
      std::string field(rest_.substr(0, end));
      rest_.remove_prefix(end);
      return field;
    }
    std::string field;
    for (;;) {
      const size_t end = rest_.find('"');
      if (end == absl::string_view::npos) return Wrong("an unclosed quote");
      for (char c : rest_.substr(0, end)) next_line_ += c == '\n';
      absl::StrAppend(&field, rest_.substr(0, end));
      rest_.remove_prefix(end + 1);
      if (!absl::ConsumePrefix(&rest_, "\"")) break;
      field.push_back('"');  // a doubled quote stands for one
    }
    if (!rest_.empty() && absl::string_view(",\r\n").find(rest_.front()) ==
                              absl::string_view::npos) {
      return Wrong("text behind a closing quote");
    }
    return field;
  }

  absl::Status Wrong(absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("line ", line_, " has ", what));
  }

  absl::string_view rest_;
  int64_t line_ = 0;
  int64_t next_line_ = 1;
};

template <typename T>
absl::StatusOr<std::vector<int64_t>> Widened(const Tensor& tensor) {
  std::vector<int64_t> labels;
  labels.reserve(tensor.size());
  for (T value : tensor.data<T>()) {
    if constexpr (std::is_same_v<T, uint64_t>) {
      if (value > uint64_t{std::numeric_limits<int64_t>::max()}) {
        return absl::InvalidArgumentError(
            absl::StrCat("a label is ", value, "; expected at most 2^63-1"));
      }
    }
    labels.push_back(static_cast<int64_t>(value));
  }
  return labels;
}

absl::StatusOr<std::vector<int64_t>> FromTensor(const Tensor& tensor) {
  if (tensor.shape().size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("labels have shape ", ShapeToString(tensor.shape()),
                     "; expected one dimension, [rows]"));
  }
  switch (tensor.dtype()) {
    case DType::kInt8:
      return Widened<int8_t>(tensor);
    case DType::kUInt8:
      return Widened<uint8_t>(tensor);
    case DType::kInt16:
      return Widened<int16_t>(tensor);
    case DType::kUInt16:
      return Widened<uint16_t>(tensor);
    case DType::kInt32:
      return Widened<int32_t>(tensor);
    case DType::kUInt32:
      return Widened<uint32_t>(tensor);
    case DType::kInt64:
      return Widened<int64_t>(tensor);
    case DType::kUInt64:
      return Widened<uint64_t>(tensor);
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("labels have type ", Name(tensor.dtype()),
                       "; expected an integer type"));
  }
}

absl::StatusOr<std::vector<int64_t>> ReadAnyLabels(const std::string& path) {
  if (absl::EndsWithIgnoreCase(path, ".csv")) {
    OCTET_ASSIGN_OR_RETURN(const std::string text,
                           ReadFile(path, kMaxCsvBytes));
    return ParseLabelsCsv(text);
  }
  OCTET_ASSIGN_OR_RETURN(const Tensor tensor, ReadNpy(path));
  return FromTensor(tensor);
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> ReadLabels(const std::string& path) {
  if (!absl::EndsWithIgnoreCase(path, ".csv") &&
      !absl::EndsWithIgnoreCase(path, ".npy")) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": labels are read from .npy and .csv files only"));
  }
  absl::StatusOr<std::vector<int64_t>> labels = ReadAnyLabels(path);
  if (!labels.ok() && !absl::StrContains(labels.status().message(), path)) {
    return absl::Status(labels.status().code(),
                        absl::StrCat(path, ": ", labels.status().message()));
  }
  return labels;
}

absl::StatusOr<std::vector<int64_t>> ParseLabelsCsv(absl::string_view text) {
  CsvReader reader(text);
  std::optional<size_t> column;
  std::vector<int64_t> labels;
  for (;;) {
    OCTET_ASSIGN_OR_RETURN(auto record, reader.Next());
    if (!record) break;
    if (record->size() == 1 && record->front().empty()) continue;
    if (!column) {
      for (size_t i = 0; i < record->size() && !column; ++i) {
        if (absl::StripAsciiWhitespace((*record)[i]) == kColumn) column = i;
      }
      if (!column) break;
      continue;
    }
    if (record->size() <= *column) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", reader.line(), " has ", record->size(),
                       " fields; the label is number ", *column + 1));
    }
    int64_t label = 0;
    if (!absl::SimpleAtoi((*record)[*column], &label)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "line ", reader.line(), " has the label '",
          absl::CHexEscape((*record)[*column]), "'; expected an integer"));
    }
    labels.push_back(label);
  }
  if (!column) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no column '", kColumn, "'; expected a first line that names it"));
  }
  return labels;
}

}  // namespace octet::io
