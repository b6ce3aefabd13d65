// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/type_rules.h"

// The rules of the operators that look up where they move elements.
namespace octet::ir::internal {
namespace {

absl::Status ExpectIndices(const TensorType& type) {
  if ((type.dtype == DType::kInt32 || type.dtype == DType::kInt64) &&
      !type.quantization.has_value()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the indices are ", TypeToString(type), "; expected int32 or int64"));
}

// The data may have one scale for all of it: entries of several would mix.
absl::Status ExpectOneScale(const TensorType& x) {
  if (!x.quantization.has_value() || x.quantization->per_tensor()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "the data is quantized per channel; expected per tensor");
}

bool IsEmpty(const Dims& dims) {
  for (const Dim& dim : dims) {
    if (dim.value == 0) return true;
  }
  return false;
}

absl::Status ReadsNothing(const TensorType& x, const TensorType& indices) {
  return absl::InvalidArgumentError(absl::StrCat(
      "takes entries ", DimsToString(indices.dims), " out of dimensions ",
      DimsToString(x.dims), ", which have none; expected at least one"));
}

// Indices of the data's rank that reach no further than the data on every axis
// but `axis`, and have its rows.
absl::Status ExpectAligned(int axis, const TensorType& x,
                           const TensorType& indices) {
  bool fits = indices.dims.size() == x.dims.size();
  for (size_t i = 0; fits && i < x.dims.size(); ++i) {
    if (i == static_cast<size_t>(axis)) continue;
    const Dim& have = x.dims[i];
    const Dim& want = indices.dims[i];
    fits = want.per_row == have.per_row &&
           (have.per_row ? want == have : want.value <= have.value);
  }
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "the indices have dimensions ", DimsToString(indices.dims), ", the data ",
      DimsToString(x.dims), "; expected none larger but on axis ", axis));
}

absl::Status ExpectUpdates(const TensorType& x, const TensorType& updates,
                           const Dims& dims, ScatterReduction reduction) {
  if (updates.dtype != x.dtype || updates.quantization != x.quantization ||
      updates.dims != dims) {
    return absl::InvalidArgumentError(
        absl::StrCat("the updates are ", TypeToString(updates), "; expected ",
                     TypeToString({x.dtype, dims, x.quantization})));
  }
  if (reduction != ScatterReduction::kNone &&
      (x.quantization.has_value() || x.dtype == DType::kBool)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "combines updates with ", TypeToString(x), "; expected plain numbers"));
  }
  return ExpectOneScale(x);
}

// How many leading coordinates the last axis of the indices of GatherND and
// ScatterND holds.
absl::StatusOr<size_t> CoordinateCount(const Dims& x, const Dims& indices,
                                       size_t batch_dims) {
  if (!indices.empty() && indices.size() > batch_dims &&
      !indices.back().per_row && indices.back().value >= 1 &&
      x.size() >= batch_dims &&
      indices.back().value <= static_cast<int64_t>(x.size() - batch_dims)) {
    return static_cast<size_t>(indices.back().value);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the indices have dimensions ", DimsToString(indices), ", the data ",
      DimsToString(x), " with ", batch_dims,
      " batch dimensions; expected 1 to as many coordinates as there are axes "
      "behind those"));
}

}  // namespace

absl::StatusOr<TensorType> InferOp(const Expand& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  const TensorType& x = inputs[0];
  OCTET_RETURN_IF_ERROR(ExpectOneScale(x));
  OCTET_ASSIGN_OR_RETURN(const Dims dims, BroadcastDims(x.dims, op.dims));
  if (dims != op.dims) {
    return absl::InvalidArgumentError(
        absl::StrCat("dimensions ", DimsToString(x.dims), " expand to ",
                     DimsToString(dims), "; expected ", DimsToString(op.dims)));
  }
  return TensorType{x.dtype, op.dims, x.quantization};
}

absl::StatusOr<TensorType> InferOp(const Gather& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 2));
  const TensorType& x = inputs[0];
  const TensorType& indices = inputs[1];
  OCTET_RETURN_IF_ERROR(ExpectAxis(op.axis, x.dims));
  OCTET_RETURN_IF_ERROR(ExpectIndices(indices));
  OCTET_RETURN_IF_ERROR(ExpectOneScale(x));
  if (x.dims[op.axis].value == 0 && !IsEmpty(indices.dims)) {
    return ReadsNothing(x, indices);
  }
  Dims dims(x.dims.begin(), x.dims.begin() + op.axis);
  dims.insert(dims.end(), indices.dims.begin(), indices.dims.end());
  dims.insert(dims.end(), x.dims.begin() + op.axis + 1, x.dims.end());
  return TensorType{x.dtype, std::move(dims), x.quantization};
}

absl::StatusOr<TensorType> InferOp(const GatherElements& op,
                                   InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 2));
  const TensorType& x = inputs[0];
  const TensorType& indices = inputs[1];
  OCTET_RETURN_IF_ERROR(ExpectAxis(op.axis, x.dims));
  OCTET_RETURN_IF_ERROR(ExpectIndices(indices));
  OCTET_RETURN_IF_ERROR(ExpectOneScale(x));
  OCTET_RETURN_IF_ERROR(ExpectAligned(op.axis, x, indices));
  if (x.dims[op.axis].value == 0 && !IsEmpty(indices.dims)) {
    return ReadsNothing(x, indices);
  }
  return TensorType{x.dtype, indices.dims, x.quantization};
}

absl::StatusOr<TensorType> InferOp(const GatherNd& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 2));
  const TensorType& x = inputs[0];
  const TensorType& indices = inputs[1];
  OCTET_RETURN_IF_ERROR(ExpectIndices(indices));
  OCTET_RETURN_IF_ERROR(ExpectOneScale(x));
  if (op.batch_dims < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("batch_dims is ", op.batch_dims, "; expected >= 0"));
  }
  const auto batch_dims = static_cast<size_t>(op.batch_dims);
  OCTET_ASSIGN_OR_RETURN(const size_t coordinates,
                         CoordinateCount(x.dims, indices.dims, batch_dims));
  for (size_t i = 0; i < batch_dims; ++i) {
    if (x.dims[i] == indices.dims[i]) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the data has dimensions ", DimsToString(x.dims),
                     ", the indices ", DimsToString(indices.dims),
                     "; expected the first ", batch_dims, " to be equal"));
  }
  Dims dims(indices.dims.begin(), indices.dims.end() - 1);
  dims.insert(dims.end(), x.dims.begin() + batch_dims + coordinates,
              x.dims.end());
  if (IsEmpty(x.dims) && !IsEmpty(dims)) return ReadsNothing(x, indices);
  return TensorType{x.dtype, std::move(dims), x.quantization};
}

absl::StatusOr<TensorType> InferOp(const ScatterElements& op,
                                   InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 3));
  const TensorType& x = inputs[0];
  const TensorType& indices = inputs[1];
  OCTET_RETURN_IF_ERROR(ExpectAxis(op.axis, x.dims));
  OCTET_RETURN_IF_ERROR(ExpectIndices(indices));
  OCTET_RETURN_IF_ERROR(ExpectAligned(op.axis, x, indices));
  OCTET_RETURN_IF_ERROR(
      ExpectUpdates(x, inputs[2], indices.dims, op.reduction));
  return x;
}

absl::StatusOr<TensorType> InferOp(const ScatterNd& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 3));
  const TensorType& x = inputs[0];
  const TensorType& indices = inputs[1];
  OCTET_RETURN_IF_ERROR(ExpectIndices(indices));
  OCTET_ASSIGN_OR_RETURN(const size_t coordinates,
                         CoordinateCount(x.dims, indices.dims, 0));
  Dims dims(indices.dims.begin(), indices.dims.end() - 1);
  dims.insert(dims.end(), x.dims.begin() + coordinates, x.dims.end());
  OCTET_RETURN_IF_ERROR(ExpectUpdates(x, inputs[2], dims, op.reduction));
  return x;
}

}  // namespace octet::ir::internal
