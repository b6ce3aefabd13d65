// SPDX-License-Identifier: Apache-2.0
#include "client/cli/class_scores.h"

#include <algorithm>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/shape.h"
#include "engine/base/status_macros.h"
#include "engine/io/file.h"

namespace octet::cli {
namespace {

template <typename T>
std::vector<float> Convert(const Tensor& tensor) {
  const absl::Span<const T> values = tensor.data<T>();
  return std::vector<float>(values.begin(), values.end());
}

std::vector<ClassScore> BestOfRow(absl::Span<const float> row, int64_t count) {
  std::vector<int64_t> order(row.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  const int64_t kept = std::min<int64_t>(count, order.size());
  std::partial_sort(order.begin(), order.begin() + kept, order.end(),
                    [row](int64_t a, int64_t b) {
                      return row[a] != row[b] ? row[a] > row[b] : a < b;
                    });
  std::vector<ClassScore> best;
  for (int64_t i = 0; i < kept; ++i) best.push_back({order[i], row[order[i]]});
  return best;
}

}  // namespace

absl::StatusOr<std::vector<float>> ToFloats(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::kFloat32:
      return Convert<float>(tensor);
    case DType::kFloat64:
      return Convert<double>(tensor);
    case DType::kInt8:
      return Convert<int8_t>(tensor);
    case DType::kUInt8:
      return Convert<uint8_t>(tensor);
    case DType::kInt16:
      return Convert<int16_t>(tensor);
    case DType::kUInt16:
      return Convert<uint16_t>(tensor);
    case DType::kInt32:
      return Convert<int32_t>(tensor);
    case DType::kUInt32:
      return Convert<uint32_t>(tensor);
    case DType::kInt64:
      return Convert<int64_t>(tensor);
    case DType::kUInt64:
      return Convert<uint64_t>(tensor);
    case DType::kBool:
      return Convert<bool>(tensor);
    case DType::kFloat16:
    case DType::kBFloat16:
      break;
  }
  return absl::UnimplementedError(absl::StrCat(
      "values of type ", Name(tensor.dtype()), " cannot be shown"));
}

absl::StatusOr<std::vector<std::vector<ClassScore>>> BestClasses(
    const Tensor& output, int64_t count) {
  if (output.shape().empty() || output.size() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected classes in an output of shape [rows, classes], "
                     "got ",
                     ShapeToString(output.shape())));
  }
  OCTET_ASSIGN_OR_RETURN(const std::vector<float> values, ToFloats(output));
  const int64_t rows = output.shape()[0];
  const int64_t classes = output.size() / rows;
  std::vector<std::vector<ClassScore>> best;
  for (int64_t row = 0; row < rows; ++row) {
    best.push_back(BestOfRow(
        absl::MakeConstSpan(values).subspan(row * classes, classes), count));
  }
  return best;
}

absl::StatusOr<std::vector<std::string>> ReadClassNames(
    const std::string& path) {
  OCTET_ASSIGN_OR_RETURN(const std::string text, io::ReadFile(path));
  std::vector<std::string> names;
  for (absl::string_view line :
       absl::StrSplit(absl::StripSuffix(text, "\n"), '\n')) {
    names.emplace_back(absl::StripSuffix(line, "\r"));
  }
  return names;
}

std::string ClassName(absl::Span<const std::string> names, int64_t index) {
  if (index >= 0 && index < static_cast<int64_t>(names.size())) {
    return names[index];
  }
  return absl::StrCat("class ", index);
}

}  // namespace octet::cli
