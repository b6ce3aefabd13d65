// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status_macros.h"
#include "engine/ir/type_rules.h"

// The rules of the operators that move, drop or combine whole axes.
namespace octet::ir::internal {
namespace {

absl::Status ExpectEntryPerAxis(absl::string_view name, size_t entries,
                                const Dims& dims) {
  if (entries == dims.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " has ", entries, " entries for dimensions ",
                   DimsToString(dims), "; expected one for each axis"));
}

// Elements of one row, and how many axes carry rows.
struct Volume {
  int64_t elements = 1;
  int row_axes = 0;
};

absl::StatusOr<Volume> VolumeOf(const Dims& dims) {
  std::vector<int64_t> shape;
  Volume volume;
  for (const Dim& dim : dims) {
    shape.push_back(dim.value);
    if (dim.per_row) ++volume.row_axes;
  }
  OCTET_ASSIGN_OR_RETURN(
      volume.elements,
      CheckedElementCount(shape, std::numeric_limits<int64_t>::max()));
  return volume;
}

absl::Status ExpectSliceOfAxis(const Slice& op, size_t axis, const Dim& dim) {
  const int64_t start = op.starts[axis];
  const int64_t step = op.steps[axis];
  const int64_t size = op.sizes[axis];
  if (dim.per_row) {
    if (start == 0 && step == 1 && size == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("axis ", axis,
                     " carries rows and is cut; expected it "
                     "whole (start 0, step 1, size 0)"));
  }
  // Bounds first, so that the last index below cannot overflow.
  const bool in_range = start >= 0 && start < dim.value && size >= 1 &&
                        size <= dim.value && step != 0 && step >= -kMaxExtent &&
                        step <= kMaxExtent;
  const int64_t last = in_range ? start + (size - 1) * step : -1;
  if (last >= 0 && last < dim.value) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("takes ", size, " entries from ", start, " in steps of ",
                   step, " on axis ", axis, ", which has ", dim.value));
}

}  // namespace

absl::StatusOr<TensorType> InferOp(const Concat& op, InputTypes inputs) {
  if (inputs.empty()) {
    return absl::InvalidArgumentError("got no inputs; expected at least one");
  }
  TensorType result = inputs[0];
  const int rank = static_cast<int>(result.dims.size());
  if (op.axis < 0 || op.axis >= rank) {
    return absl::InvalidArgumentError(absl::StrCat(
        "axis is ", op.axis, " for dimensions ", DimsToString(result.dims)));
  }
  Dim& sum = result.dims[op.axis];
  for (size_t i = 1; i < inputs.size(); ++i) {
    TensorType expected = inputs[i];
    if (expected.dims.size() != result.dims.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("input ", i, " has dimensions ",
                       DimsToString(expected.dims), ", input 0 has ",
                       DimsToString(inputs[0].dims), "; expected equal ranks"));
    }
    const Dim extent = expected.dims[op.axis];
    expected.dims[op.axis] = inputs[0].dims[op.axis];
    if (expected != inputs[0] || extent.per_row != sum.per_row) {
      return absl::InvalidArgumentError(
          absl::StrCat("input ", i, " is ", TypeToString(inputs[i]),
                       ", input 0 is ", TypeToString(inputs[0]),
                       "; expected equal types but for axis ", op.axis));
    }
    if (extent.value > kMaxExtent || sum.value > kMaxExtent) {
      return absl::InvalidArgumentError(absl::StrCat(
          "axis ", op.axis, " grows beyond ", kMaxExtent, " entries"));
    }
    sum.value += extent.value;
  }
  if (result.quantization.has_value() && !result.quantization->per_tensor() &&
      result.quantization->axis == op.axis && inputs.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the inputs are quantized per channel along axis ",
                     op.axis, ", which is joined; expected per tensor"));
  }
  return result;
}

absl::StatusOr<TensorType> InferOp(const Slice& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  TensorType result = inputs[0];
  OCTET_RETURN_IF_ERROR(
      ExpectEntryPerAxis("starts", op.starts.size(), result.dims));
  OCTET_RETURN_IF_ERROR(
      ExpectEntryPerAxis("steps", op.steps.size(), result.dims));
  OCTET_RETURN_IF_ERROR(
      ExpectEntryPerAxis("sizes", op.sizes.size(), result.dims));
  for (size_t i = 0; i < result.dims.size(); ++i) {
    OCTET_RETURN_IF_ERROR(ExpectSliceOfAxis(op, i, result.dims[i]));
    if (!result.dims[i].per_row) result.dims[i] = Dim::Fixed(op.sizes[i]);
  }
  return result;
}

absl::StatusOr<TensorType> InferOp(const Pad& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  TensorType result = inputs[0];
  OCTET_RETURN_IF_ERROR(
      ExpectEntryPerAxis("pads", op.begin.size(), result.dims));
  OCTET_RETURN_IF_ERROR(ExpectEntryPerAxis("pads", op.end.size(), result.dims));
  for (size_t i = 0; i < result.dims.size(); ++i) {
    Dim& dim = result.dims[i];
    const int64_t limit = dim.per_row ? 0 : kMaxExtent;
    if (op.begin[i] < 0 || op.end[i] < 0 || op.begin[i] > limit ||
        op.end[i] > limit || dim.value > kMaxExtent) {
      return absl::InvalidArgumentError(absl::StrCat(
          "pads of ", op.begin[i], " and ", op.end[i], " on axis ", i, " of ",
          DimsToString(inputs[0].dims), "; expected 0 to ", limit));
    }
    dim.value += op.begin[i] + op.end[i];
  }
  return result;
}

absl::StatusOr<TensorType> InferOp(const Reshape& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  const TensorType& x = inputs[0];
  OCTET_ASSIGN_OR_RETURN(Volume from, VolumeOf(x.dims));
  OCTET_ASSIGN_OR_RETURN(Volume to, VolumeOf(op.dims));
  if (from.elements != to.elements || from.row_axes != to.row_axes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "dimensions ", DimsToString(x.dims), " cannot become ",
        DimsToString(op.dims), ": the numbers of elements differ"));
  }
  if (x.quantization.has_value() && !x.quantization->per_tensor()) {
    return absl::InvalidArgumentError(
        "the input is quantized per channel; expected per tensor");
  }
  return TensorType{x.dtype, op.dims, x.quantization};
}

absl::StatusOr<TensorType> InferOp(const Transpose& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  const TensorType& x = inputs[0];
  OCTET_RETURN_IF_ERROR(ExpectEntryPerAxis("perm", op.perm.size(), x.dims));
  TensorType result = x;
  std::vector<bool> seen(x.dims.size(), false);
  for (size_t i = 0; i < op.perm.size(); ++i) {
    const int from = op.perm[i];
    if (from < 0 || static_cast<size_t>(from) >= x.dims.size() || seen[from]) {
      return absl::InvalidArgumentError(
          absl::StrCat("perm is [", absl::StrJoin(op.perm, ", "),
                       "]; expected each axis once"));
    }
    seen[from] = true;
    result.dims[i] = x.dims[from];
    if (x.quantization.has_value() && !x.quantization->per_tensor() &&
        x.quantization->axis == from) {
      result.quantization->axis = static_cast<int>(i);
    }
  }
  return result;
}

}  // namespace octet::ir::internal
