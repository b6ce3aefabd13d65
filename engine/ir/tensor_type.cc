// SPDX-License-Identifier: Apache-2.0
#include "engine/ir/tensor_type.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/check.h"

namespace octet::ir {
namespace {

std::string DimToString(const Dim& dim) {
  if (!dim.per_row) return absl::StrCat(dim.value);
  return dim.value == 1 ? "rows" : absl::StrCat(dim.value, "*rows");
}

std::string QuantizationToString(const Quantization& quantization) {
  if (quantization.per_tensor()) {
    return absl::StrCat(" scale ", quantization.scales[0], " zero_point ",
                        quantization.zero_points[0]);
  }
  const auto [low, high] = std::minmax_element(quantization.scales.begin(),
                                               quantization.scales.end());
  return absl::StrCat(" ", quantization.scales.size(), " scales ", *low, "..",
                      *high, " on axis ", quantization.axis);
}

}  // namespace

Dims FixedDims(const Shape& shape) {
  Dims dims;
  dims.reserve(shape.size());
  for (int64_t value : shape) dims.push_back(Dim::Fixed(value));
  return dims;
}

bool HasRows(const Dims& dims) {
  return std::any_of(dims.begin(), dims.end(),
                     [](const Dim& dim) { return dim.per_row; });
}

Shape ConcreteShape(const Dims& dims, int64_t rows) {
  Shape shape;
  shape.reserve(dims.size());
  for (const Dim& dim : dims) {
    shape.push_back(dim.per_row ? dim.value * rows : dim.value);
  }
  return shape;
}

Shape ConcreteShape(const Dims& dims) {
  OCTET_CHECK(!HasRows(dims));
  return ConcreteShape(dims, 1);
}

std::string DimsToString(const Dims& dims) {
  return absl::StrCat("[",
                      absl::StrJoin(dims, ", ",
                                    [](std::string* out, const Dim& dim) {
                                      absl::StrAppend(out, DimToString(dim));
                                    }),
                      "]");
}

std::string TypeToString(const TensorType& type) {
  std::string text = absl::StrCat(Name(type.dtype), DimsToString(type.dims));
  if (type.quantization) {
    absl::StrAppend(&text, QuantizationToString(*type.quantization));
  }
  return text;
}

}  // namespace octet::ir
