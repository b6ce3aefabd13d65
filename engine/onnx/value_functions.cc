// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/value_functions.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"
#include "engine/onnx/tensor_elements.h"

namespace octet::onnx {
namespace {

absl::Status TooManyElements() {
  return absl::ResourceExhaustedError(absl::StrCat(
      "gives more than ", kMaxRangeElements, " elements, which is the limit"));
}

// How many elements there are from start to limit in steps of delta.
template <typename T>
absl::StatusOr<int64_t> RangeCount(T start, T limit, T delta) {
  if constexpr (std::is_integral_v<T>) {
    // 128 bits, since the ends may lie as far apart as int64 reaches.
    const __int128 distance = static_cast<__int128>(limit) - start;
    const __int128 step = delta;
    if ((distance > 0) != (step > 0) || distance == 0) return 0;
    const __int128 count = (distance + step + (step > 0 ? -1 : 1)) / step;
    if (count > kMaxRangeElements) return TooManyElements();
    return static_cast<int64_t>(count);
  } else {
    const double count =
        std::ceil((static_cast<double>(limit) - start) / delta);
    if (std::isnan(count)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "counts from ", start, " to ", limit, " in steps of ", delta));
    }
    if (count > kMaxRangeElements) return TooManyElements();
    return std::max<int64_t>(0, static_cast<int64_t>(std::max(count, 0.0)));
  }
}

template <typename T>
absl::StatusOr<Tensor> MakeRange(T start, T limit, T delta) {
  if (delta == 0) {
    return absl::InvalidArgumentError("delta is 0; expected another number");
  }
  OCTET_ASSIGN_OR_RETURN(const int64_t count, RangeCount(start, limit, delta));
  Tensor tensor(DTypeOf<T>(), {count});
  const absl::Span<T> elements = tensor.mutable_data<T>();
  for (int64_t i = 0; i < count; ++i) {
    // Elements lie between start and limit, so their type holds them; the
    // product alone need not.
    if constexpr (std::is_integral_v<T>) {
      elements[i] = static_cast<T>(static_cast<uint64_t>(start) +
                                   static_cast<uint64_t>(i) *
                                       static_cast<uint64_t>(delta));
    } else {
      elements[i] = start + static_cast<T>(i) * delta;
    }
  }
  return tensor;
}

template <typename T>
absl::StatusOr<Tensor> RangeOf(absl::Span<const std::optional<Tensor>> inputs) {
  return MakeRange(inputs[0]->data<T>()[0], inputs[1]->data<T>()[0],
                   inputs[2]->data<T>()[0]);
}

absl::Status ExpectPresent(absl::Span<const std::optional<Tensor>> inputs,
                           size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (i < inputs.size() && inputs[i].has_value()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("input ", i, " is missing; expected at least ", count));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> NonZero(
    const NodeReader& /*node*/,
    absl::Span<const std::optional<Tensor>> inputs) {
  OCTET_RETURN_IF_ERROR(ExpectPresent(inputs, 1));
  const Tensor& x = *inputs[0];
  std::vector<int64_t> found;
  VisitElements(x, [&found](auto elements) {
    for (size_t i = 0; i < elements.size(); ++i) {
      if (elements[i] != 0) found.push_back(static_cast<int64_t>(i));
    }
    return 0;
  });
  const auto count = static_cast<int64_t>(found.size());
  const auto rank = static_cast<int64_t>(x.shape().size());
  Tensor y(DType::kInt64, {rank, count});
  const absl::Span<int64_t> positions = y.mutable_data<int64_t>();
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = found[i];
    for (int64_t axis = rank; axis-- > 0;) {
      positions[axis * count + i] = rest % x.shape()[axis];
      rest /= x.shape()[axis];
    }
  }
  return std::vector<Tensor>{std::move(y)};
}

absl::StatusOr<std::vector<Tensor>> Range(
    const NodeReader& /*node*/,
    absl::Span<const std::optional<Tensor>> inputs) {
  OCTET_RETURN_IF_ERROR(ExpectPresent(inputs, 3));
  const DType dtype = inputs[0]->dtype();
  for (size_t i = 0; i < 3; ++i) {
    if (inputs[i]->size() == 1 && inputs[i]->dtype() == dtype) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "input ", i, " is ", Name(inputs[i]->dtype()),
        ShapeToString(inputs[i]->shape()), "; expected one ", Name(dtype)));
  }
  absl::StatusOr<Tensor> range = absl::InvalidArgumentError(
      absl::StrCat("the inputs are ", Name(dtype),
                   "; expected float32, float64, int16, int32 or int64"));
  if (dtype == DType::kFloat32) range = RangeOf<float>(inputs);
  if (dtype == DType::kFloat64) range = RangeOf<double>(inputs);
  if (dtype == DType::kInt16) range = RangeOf<int16_t>(inputs);
  if (dtype == DType::kInt32) range = RangeOf<int32_t>(inputs);
  if (dtype == DType::kInt64) range = RangeOf<int64_t>(inputs);
  if (!range.ok()) return range.status();
  return std::vector<Tensor>{*std::move(range)};
}

ValueFunction FindValueFunction(absl::string_view op_type) {
  if (op_type == "NonZero") return NonZero;
  if (op_type == "Range") return Range;
  if (op_type == "Unique") return Unique;
  if (op_type == "NonMaxSuppression") return NonMaxSuppression;
  return nullptr;
}

absl::Status ImportByValue(const NodeReader& node, GraphBuilder& graph) {
  const ValueFunction function = FindValueFunction(node.op_type());
  std::vector<std::optional<Tensor>> inputs(node.input_count());
  for (int i = 0; i < node.input_count(); ++i) {
    if (!node.HasInput(i)) continue;
    OCTET_ASSIGN_OR_RETURN(
        inputs[i], graph.RequireConstant(node, i, absl::StrCat("input ", i)));
  }
  OCTET_ASSIGN_OR_RETURN(std::vector<Tensor> results, function(node, inputs));
  for (size_t i = 0; i < results.size(); ++i) {
    OCTET_RETURN_IF_ERROR(
        graph.Charge(static_cast<int64_t>(results[i].byte_size())));
    OCTET_RETURN_IF_ERROR(
        graph.ResultConstant(node, std::move(results[i]), static_cast<int>(i)));
  }
  return absl::OkStatus();
}

}  // namespace octet::onnx
