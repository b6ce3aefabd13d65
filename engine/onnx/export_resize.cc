// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/export_resize.h"

#include <cmath>
#include <string>

#include "engine/onnx/model_writer.h"

namespace octet::onnx {
namespace {

const char* ModeName(ir::ResizeMode mode) {
  switch (mode) {
    case ir::ResizeMode::kNearest:
      return "nearest";
    case ir::ResizeMode::kLinear:
      return "linear";
    case ir::ResizeMode::kCubic:
      return "cubic";
  }
  return "";
}

// Null where opset 17 has none, or one that needs a region.
const char* CoordinatesName(ir::ResizeCoordinates coordinates) {
  switch (coordinates) {
    case ir::ResizeCoordinates::kHalfPixel:
      return "half_pixel";
    case ir::ResizeCoordinates::kPytorchHalfPixel:
      return "pytorch_half_pixel";
    case ir::ResizeCoordinates::kAlignCorners:
      return "align_corners";
    case ir::ResizeCoordinates::kAsymmetric:
      return "asymmetric";
    case ir::ResizeCoordinates::kHalfPixelSymmetric:
    case ir::ResizeCoordinates::kTfCropAndResize:
    case ir::ResizeCoordinates::kTfHalfPixelForNn:
      return nullptr;
  }
  return nullptr;
}

const char* RoundingName(ir::ResizeRounding rounding) {
  switch (rounding) {
    case ir::ResizeRounding::kRoundPreferFloor:
      return "round_prefer_floor";
    case ir::ResizeRounding::kRoundPreferCeil:
      return "round_prefer_ceil";
    case ir::ResizeRounding::kFloor:
      return "floor";
    case ir::ResizeRounding::kCeil:
      return "ceil";
  }
  return "";
}

// Whether the scales alone say how long each axis becomes.
bool ScalesGiveSizes(const ir::Resize& op, const ir::Dims& x) {
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i].per_row) continue;
    const float size = static_cast<float>(x[i].value) * op.scales[i];
    if (std::floor(size) != static_cast<float>(op.sizes[i])) return false;
  }
  return true;
}

}  // namespace

absl::Status SetResizeAttributes(const ir::Resize& op, const ir::Dims& x,
                                 pb::NodeProto* node) {
  const char* coordinates = CoordinatesName(op.coordinates);
  if (coordinates == nullptr || op.antialias) {
    return absl::UnimplementedError("opset 17 has no such resizing");
  }
  if (!ScalesGiveSizes(op, x)) {
    return absl::UnimplementedError("its scales do not say its sizes");
  }
  SetString(node, "mode", ModeName(op.mode));
  SetString(node, "coordinate_transformation_mode", coordinates);
  SetString(node, "nearest_mode", RoundingName(op.rounding));
  SetFloat(node, "cubic_coeff_a", op.cubic_a);
  SetInt(node, "exclude_outside", op.exclude_outside ? 1 : 0);
  return absl::OkStatus();
}

}  // namespace octet::onnx
