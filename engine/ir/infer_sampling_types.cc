// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/type_rules.h"

// The rules of the operators that sample images at computed places, or
// normalize them.
namespace octet::ir::internal {
namespace {

// Samples along one axis of a pooled region, or its bins: more make no sense
// and take forever.
constexpr int64_t kMostSamples = 4096;

absl::Status ExpectPlain(absl::string_view what, const TensorType& type,
                         DType dtype) {
  if (type.dtype == dtype && !type.quantization.has_value()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      what, " is ", TypeToString(type), "; expected ", Name(dtype)));
}

absl::Status ExpectResizedAxis(const Resize& op, size_t axis, const Dim& dim) {
  const float scale = op.scales[axis];
  if (!(scale > 0) || !std::isfinite(scale)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the scale of axis ", axis, " is ", scale,
                     "; expected a finite number > 0"));
  }
  if (dim.per_row) {
    if (op.sizes[axis] == 0 && scale == 1) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("axis ", axis, ", which carries the rows, is scaled"));
  }
  if (op.sizes[axis] < 1 || op.sizes[axis] > kMaxExtent || dim.value < 1 ||
      dim.value > kMaxExtent) {
    return absl::InvalidArgumentError(
        absl::StrCat("axis ", axis, " of ", dim.value, " entries becomes ",
                     op.sizes[axis], "; expected 1 to ", kMaxExtent));
  }
  if (op.coordinates != ResizeCoordinates::kTfCropAndResize) {
    return absl::OkStatus();
  }
  if (!std::isfinite(op.roi_begin[axis]) || !std::isfinite(op.roi_end[axis])) {
    return absl::InvalidArgumentError(
        absl::StrCat("the region of axis ", axis, " is ", op.roi_begin[axis],
                     " to ", op.roi_end[axis], "; expected finite numbers"));
  }
  return absl::OkStatus();
}

absl::Status ExpectResizedType(const Resize& op, const TensorType& x) {
  if (op.mode == ResizeMode::kNearest) return absl::OkStatus();
  if (x.quantization.has_value()) return ExpectReal("the input", x);
  if (x.dtype == DType::kBool || x.dtype == DType::kFloat16 ||
      x.dtype == DType::kBFloat16) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the input is ", TypeToString(x), "; expected numbers to interpolate"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TensorType> InferOp(const Resize& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  TensorType result = inputs[0];
  const size_t rank = result.dims.size();
  const size_t regions =
      op.coordinates == ResizeCoordinates::kTfCropAndResize ? rank : 0;
  if (op.sizes.size() != rank || op.scales.size() != rank ||
      op.roi_begin.size() != regions || op.roi_end.size() != regions) {
    return absl::InvalidArgumentError(absl::StrCat(
        "there are ", op.sizes.size(), " sizes, ", op.scales.size(),
        " scales and ", op.roi_begin.size(), " regions for dimensions ",
        DimsToString(result.dims), "; expected one each for an axis"));
  }
  OCTET_RETURN_IF_ERROR(ExpectResizedType(op, result));
  if (op.antialias && op.mode == ResizeMode::kNearest) {
    return absl::InvalidArgumentError(
        "antialias is set for the nearest element; expected linear or cubic");
  }
  for (size_t i = 0; i < rank; ++i) {
    OCTET_RETURN_IF_ERROR(ExpectResizedAxis(op, i, result.dims[i]));
    if (!result.dims[i].per_row) result.dims[i].value = op.sizes[i];
  }
  const auto& quantization = result.quantization;
  if (quantization.has_value() && !quantization->per_tensor()) {
    return absl::InvalidArgumentError(
        "the input is quantized per channel; expected per tensor");
  }
  if (op.mode != ResizeMode::kNearest && quantization.has_value()) {
    return Computed(std::move(result.dims));
  }
  return result;
}

absl::StatusOr<TensorType> InferOp(const Lrn& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  const TensorType& x = inputs[0];
  OCTET_RETURN_IF_ERROR(ExpectPlain("the input", x, DType::kFloat32));
  if (x.dims.size() < 2) {
    return absl::InvalidArgumentError(absl::StrCat("the input has dimensions ",
                                                   DimsToString(x.dims),
                                                   "; expected [N, C, ...]"));
  }
  if (op.axis < 1 || op.axis >= static_cast<int>(x.dims.size()) ||
      x.dims[op.axis].per_row) {
    return absl::InvalidArgumentError(
        absl::StrCat("axis ", op.axis, " of ", DimsToString(x.dims),
                     "; expected that of the channels"));
  }
  if (op.size < 1 || op.size > kMaxExtent || !std::isfinite(op.alpha) ||
      !std::isfinite(op.beta) || !std::isfinite(op.bias)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "size ", op.size, ", alpha ", op.alpha, ", beta ", op.beta, ", bias ",
        op.bias, "; expected a size from 1 and finite numbers"));
  }
  return x;
}

absl::StatusOr<TensorType> InferOp(const RoiAlign& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 3));
  const TensorType& x = inputs[0];
  const TensorType& rois = inputs[1];
  OCTET_RETURN_IF_ERROR(ExpectPlain("the input", x, DType::kFloat32));
  OCTET_RETURN_IF_ERROR(ExpectPlain("rois", rois, DType::kFloat32));
  OCTET_RETURN_IF_ERROR(ExpectPlain("batch_indices", inputs[2], DType::kInt64));
  OCTET_RETURN_IF_ERROR(ExpectImage(x));
  if (x.dims.size() != 4 || rois.dims.size() != 2 ||
      rois.dims[1] != Dim::Fixed(4) || inputs[2].dims != Dims{rois.dims[0]}) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the input has dimensions ", DimsToString(x.dims), ", rois ",
        DimsToString(rois.dims), ", batch_indices ",
        DimsToString(inputs[2].dims), "; expected [N, C, H, W], [R, 4], [R]"));
  }
  const int64_t numbers[] = {op.output_height, op.output_width,
                             op.sampling_ratio + 1};
  for (int64_t number : numbers) {
    if (number < 1 || number > kMostSamples) {
      return absl::InvalidArgumentError(absl::StrCat(
          "output_height ", op.output_height, ", output_width ",
          op.output_width, ", sampling_ratio ", op.sampling_ratio,
          "; expected from 1 (the ratio from 0) to ", kMostSamples));
    }
  }
  if (!std::isfinite(op.spatial_scale)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "spatial_scale is ", op.spatial_scale, "; expected a finite number"));
  }
  return Computed({rois.dims[0], x.dims[1], Dim::Fixed(op.output_height),
                   Dim::Fixed(op.output_width)});
}

absl::StatusOr<TensorType> InferOp(const GridSample& op, InputTypes inputs) {
  static_cast<void>(op);
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 2));
  const TensorType& x = inputs[0];
  const TensorType& grid = inputs[1];
  OCTET_RETURN_IF_ERROR(ExpectPlain("the input", x, DType::kFloat32));
  OCTET_RETURN_IF_ERROR(ExpectPlain("the grid", grid, DType::kFloat32));
  OCTET_RETURN_IF_ERROR(ExpectImage(x));
  const size_t axes = x.dims.size() - 2;
  bool fits = grid.dims.size() == axes + 2 && grid.dims[0] == x.dims[0] &&
              grid.dims.back() == Dim::Fixed(static_cast<int64_t>(axes));
  for (size_t i = 1; fits && i < grid.dims.size(); ++i) {
    fits = !grid.dims[i].per_row;
  }
  for (size_t i = 1; fits && i < x.dims.size(); ++i) {
    fits = x.dims[i].value > 0;
  }
  if (!fits) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the input has dimensions ", DimsToString(x.dims), ", the grid ",
        DimsToString(grid.dims),
        "; expected [N, C, spatial...] and [N, out..., spatial axes]"));
  }
  Dims dims = {x.dims[0], x.dims[1]};
  dims.insert(dims.end(), grid.dims.begin() + 1, grid.dims.end() - 1);
  return Computed(std::move(dims));
}

}  // namespace octet::ir::internal
