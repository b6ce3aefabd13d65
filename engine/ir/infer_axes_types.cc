// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status_macros.h"
#include "engine/ir/type_rules.h"

// The rules of the operators that combine the elements along axes.
namespace octet::ir::internal {
namespace {

// Plain ones; half types are widened before anything is computed.
absl::Status ExpectNumbers(const TensorType& x) {
  const bool refused = x.dtype == DType::kBool || x.dtype == DType::kFloat16 ||
                       x.dtype == DType::kBFloat16;
  if (!x.quantization.has_value() && !refused) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the input is ", TypeToString(x),
                   "; expected plain float32, float64 or integers"));
}

absl::Status ExpectEpsilon(float epsilon) {
  if (epsilon >= 0 && std::isfinite(epsilon)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("epsilon is ", epsilon, "; expected a finite number >= 0"));
}

}  // namespace

absl::StatusOr<TensorType> InferOp(const Softmax& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  OCTET_RETURN_IF_ERROR(ExpectAxis(op.axis, inputs[0].dims));
  if (inputs[0].dtype == DType::kFloat64) return inputs[0];
  OCTET_RETURN_IF_ERROR(ExpectReal("the input", inputs[0]));
  return Computed(inputs[0].dims);
}

absl::StatusOr<TensorType> InferOp(const Reduce& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  const TensorType& x = inputs[0];
  std::vector<bool> reduced(x.dims.size(), false);
  for (int axis : op.axes) {
    if (axis < 0 || static_cast<size_t>(axis) >= x.dims.size() ||
        reduced[axis]) {
      return absl::InvalidArgumentError(absl::StrCat(
          "axes are [", absl::StrJoin(op.axes, ", "), "] for dimensions ",
          DimsToString(x.dims), "; expected each axis at most once"));
    }
    reduced[axis] = true;
  }
  Dims dims;
  for (size_t i = 0; i < x.dims.size(); ++i) {
    if (!reduced[i]) {
      dims.push_back(x.dims[i]);
    } else if (op.keep_dims) {
      dims.push_back(Dim::Fixed(1));
    }
  }
  if (x.quantization.has_value()) {
    OCTET_RETURN_IF_ERROR(ExpectReal("the input", x));
    return Computed(std::move(dims));
  }
  const bool of_bools =
      op.kind == ReduceKind::kMax || op.kind == ReduceKind::kMin;
  if (x.dtype != DType::kBool || !of_bools) {
    OCTET_RETURN_IF_ERROR(ExpectNumbers(x));
  }
  return TensorType{x.dtype, std::move(dims), std::nullopt};
}

absl::StatusOr<TensorType> InferOp(const ArgReduce& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  const TensorType& x = inputs[0];
  OCTET_RETURN_IF_ERROR(ExpectNumbers(x));
  OCTET_RETURN_IF_ERROR(ExpectAxis(op.axis, x.dims));
  if (x.dims[op.axis].value == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("axis ", op.axis, " of ", DimsToString(x.dims),
                     " has no entries; expected at least one"));
  }
  Dims dims = x.dims;
  if (op.keep_dims) {
    dims[op.axis] = Dim::Fixed(1);
  } else {
    dims.erase(dims.begin() + op.axis);
  }
  return TensorType{DType::kInt64, std::move(dims), std::nullopt};
}

absl::StatusOr<std::vector<TensorType>> InferOp(const TopK& op,
                                                InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  const TensorType& x = inputs[0];
  OCTET_RETURN_IF_ERROR(ExpectNumbers(x));
  OCTET_RETURN_IF_ERROR(ExpectAxis(op.axis, x.dims));
  const Dim& dim = x.dims[op.axis];
  if (dim.per_row || op.k < 0 || op.k > dim.value) {
    return absl::InvalidArgumentError(absl::StrCat(
        "k is ", op.k, " along axis ", op.axis, " of ", DimsToString(x.dims),
        "; expected 0 to the axis's fixed number of entries"));
  }
  Dims dims = x.dims;
  dims[op.axis] = Dim::Fixed(op.k);
  return std::vector<TensorType>{{x.dtype, dims, std::nullopt},
                                 {DType::kInt64, dims, std::nullopt}};
}

absl::StatusOr<TensorType> InferOp(const CumSum& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  OCTET_RETURN_IF_ERROR(ExpectNumbers(inputs[0]));
  OCTET_RETURN_IF_ERROR(ExpectAxis(op.axis, inputs[0].dims));
  return inputs[0];
}

absl::StatusOr<TensorType> InferOp(const LayerNorm& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(
      inputs, 1 + (op.has_scale ? 1 : 0) + (op.has_bias ? 1 : 0)));
  OCTET_RETURN_IF_ERROR(ExpectEpsilon(op.epsilon));
  const Dims& x = inputs[0].dims;
  OCTET_RETURN_IF_ERROR(ExpectAxis(op.axis, x));
  OCTET_RETURN_IF_ERROR(ExpectReal("the input", inputs[0]));
  const Dims normalized(x.begin() + op.axis, x.end());
  if (HasRows(normalized)) {
    return absl::InvalidArgumentError(absl::StrCat("normalizes axes ", op.axis,
                                                   " on of ", DimsToString(x),
                                                   ", which carry rows"));
  }
  for (size_t i = 1; i < inputs.size(); ++i) {
    const TensorType expected = Computed(normalized);
    if (inputs[i] != expected) {
      return absl::InvalidArgumentError(
          absl::StrCat("input ", i, " is ", TypeToString(inputs[i]),
                       "; expected ", TypeToString(expected)));
    }
  }
  return Computed(x);
}

}  // namespace octet::ir::internal
