// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

// The value of the attribute `name` in `values`, by its text.
template <typename Value>
absl::StatusOr<Value> Choice(
    const NodeReader& node, absl::string_view name, const std::string& absent,
    const absl::flat_hash_map<absl::string_view, Value>& values) {
  OCTET_ASSIGN_OR_RETURN(const std::string text, node.String(name, absent));
  const auto it = values.find(text);
  if (it != values.end()) return it->second;
  return absl::UnimplementedError(
      absl::StrCat("attribute '", name, "' is '", text, "'"));
}

absl::StatusOr<ir::ResizeMode> ReadMode(const NodeReader& node) {
  return Choice<ir::ResizeMode>(node, "mode", "nearest",
                                {{"nearest", ir::ResizeMode::kNearest},
                                 {"linear", ir::ResizeMode::kLinear},
                                 {"bilinear", ir::ResizeMode::kLinear},
                                 {"cubic", ir::ResizeMode::kCubic}});
}

absl::StatusOr<ir::ResizeCoordinates> ReadCoordinates(const NodeReader& node) {
  using Coordinates = ir::ResizeCoordinates;
  return Choice<Coordinates>(
      node, "coordinate_transformation_mode", "half_pixel",
      {{"half_pixel", Coordinates::kHalfPixel},
       {"half_pixel_symmetric", Coordinates::kHalfPixelSymmetric},
       {"pytorch_half_pixel", Coordinates::kPytorchHalfPixel},
       {"align_corners", Coordinates::kAlignCorners},
       {"asymmetric", Coordinates::kAsymmetric},
       {"tf_crop_and_resize", Coordinates::kTfCropAndResize},
       {"tf_half_pixel_for_nn", Coordinates::kTfHalfPixelForNn}});
}

absl::StatusOr<ir::ResizeRounding> ReadRounding(const NodeReader& node) {
  using Rounding = ir::ResizeRounding;
  return Choice<Rounding>(node, "nearest_mode", "round_prefer_floor",
                          {{"round_prefer_floor", Rounding::kRoundPreferFloor},
                           {"round_prefer_ceil", Rounding::kRoundPreferCeil},
                           {"floor", Rounding::kFloor},
                           {"ceil", Rounding::kCeil}});
}

// The elements of a known tensor of reals of at most one axis.
absl::StatusOr<std::vector<float>> RequireFloats(const NodeReader& node,
                                                 const GraphBuilder& graph,
                                                 int input,
                                                 absl::string_view what) {
  OCTET_ASSIGN_OR_RETURN(const Tensor tensor,
                         graph.RequireConstant(node, input, what));
  if (tensor.shape().size() <= 1 && tensor.dtype() == DType::kFloat32) {
    const auto data = tensor.data<float>();
    return std::vector<float>(data.begin(), data.end());
  }
  if (tensor.shape().size() <= 1 && tensor.dtype() == DType::kFloat64) {
    const auto data = tensor.data<double>();
    return std::vector<float>(data.begin(), data.end());
  }
  return absl::UnimplementedError(absl::StrCat(
      what, " is ", Name(tensor.dtype()), ShapeToString(tensor.shape()),
      "; octet reads float32 and float64 lists"));
}

// Whether input `i` is given and not known to be empty, which is how files of
// opset 11 leave one out.
bool HasElements(const NodeReader& node, const GraphBuilder& graph, int i) {
  if (!node.HasInput(i)) return false;
  const std::optional<Tensor> constant = graph.Constant(node, i);
  return !constant.has_value() || constant->size() > 0;
}

absl::Status ExpectCount(absl::string_view what, size_t count,
                         size_t expected) {
  if (count == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " has ", count, " entries; expected ", expected));
}

// An axis that carries the rows stays as it is.
absl::Status ExpectWhole(int axis, bool whole) {
  if (whole) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("axis ", axis, ", which carries the rows, is resized"));
}

// Collects the sizes and scales of `op` on an input of dimensions `x`.
class Extents {
 public:
  Extents(const ir::Dims& x, BatchMode mode, ir::Resize& op)
      : x_(x), mode_(mode), op_(op) {
    for (const ir::Dim& dim : x) {
      op.sizes.push_back(dim.per_row ? 0 : dim.value);
      op.scales.push_back(1);
    }
  }

  absl::Status SetScales(const std::vector<int>& axes,
                         const std::vector<float>& scales) {
    OCTET_RETURN_IF_ERROR(ExpectCount("scales", scales.size(), axes.size()));
    for (size_t i = 0; i < axes.size(); ++i) {
      const int axis = axes[i];
      const float scale = scales[i];
      if (!(scale > 0) || !std::isfinite(scale)) {
        return absl::InvalidArgumentError(
            absl::StrCat("the scale of axis ", axis, " is ", scale,
                         "; expected a finite number > 0"));
      }
      if (x_[axis].per_row) {
        OCTET_RETURN_IF_ERROR(ExpectWhole(axis, scale == 1));
        continue;
      }
      // In float32, as ONNX's own shape inference.
      const float size = std::floor(static_cast<float>(x_[axis].value) * scale);
      OCTET_RETURN_IF_ERROR(SetAxis(axis, scale, size));
    }
    return absl::OkStatus();
  }

  // `policy` is keep_aspect_ratio_policy.
  absl::Status SetSizes(const std::vector<int>& axes,
                        const std::vector<int64_t>& sizes,
                        const std::string& policy) {
    OCTET_RETURN_IF_ERROR(ExpectCount("sizes", sizes.size(), axes.size()));
    if (policy != "stretch") return SetOneScale(axes, sizes, policy);
    for (size_t i = 0; i < axes.size(); ++i) {
      const int axis = axes[i];
      if (x_[axis].per_row) {
        OCTET_RETURN_IF_ERROR(ExpectWhole(
            axis, mode_ == BatchMode::kRowsForOne && sizes[i] == 1));
        continue;
      }
      const auto size = static_cast<double>(sizes[i]);
      OCTET_RETURN_IF_ERROR(SetAxis(
          axis, static_cast<float>(size / static_cast<double>(x_[axis].value)),
          size));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status SetAxis(int axis, float scale, double size) {
    if (!(size >= 1) || size > static_cast<double>(kMaxResizedExtent)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "axis ", axis, " of ", x_[axis].value, " entries becomes ", size,
          "; expected 1 to ", kMaxResizedExtent));
    }
    op_.scales[axis] = scale;
    op_.sizes[axis] = static_cast<int64_t>(size);
    return absl::OkStatus();
  }

  // One scale for all `axes`: the least (or largest) that the sizes ask for.
  absl::Status SetOneScale(const std::vector<int>& axes,
                           const std::vector<int64_t>& sizes,
                           const std::string& policy) {
    if (policy != "not_larger" && policy != "not_smaller") {
      return absl::UnimplementedError(absl::StrCat(
          "attribute 'keep_aspect_ratio_policy' is '", policy, "'"));
    }
    std::optional<double> scale;
    for (size_t i = 0; i < axes.size(); ++i) {
      const ir::Dim& dim = x_[axes[i]];
      OCTET_RETURN_IF_ERROR(ExpectWhole(axes[i], !dim.per_row));
      const double wanted =
          static_cast<double>(sizes[i]) / static_cast<double>(dim.value);
      scale = !scale.has_value()       ? wanted
              : policy == "not_larger" ? std::min(*scale, wanted)
                                       : std::max(*scale, wanted);
    }
    for (int axis : axes) {
      const double size =
          std::floor(*scale * static_cast<double>(x_[axis].value) + 0.5);
      OCTET_RETURN_IF_ERROR(SetAxis(axis, static_cast<float>(*scale), size));
    }
    return absl::OkStatus();
  }

  const ir::Dims& x_;
  const BatchMode mode_;
  ir::Resize& op_;
};

// The attribute `axes`; absent, all of them.
absl::StatusOr<std::vector<int>> ReadAxes(const NodeReader& node, size_t rank) {
  OCTET_ASSIGN_OR_RETURN(const auto given, node.Ints("axes"));
  std::vector<int> axes;
  if (!given.has_value()) {
    for (size_t i = 0; i < rank; ++i) axes.push_back(static_cast<int>(i));
    return axes;
  }
  for (int64_t entry : *given) {
    OCTET_ASSIGN_OR_RETURN(const int axis, NormalizedAxis(entry, rank));
    if (std::find(axes.begin(), axes.end(), axis) != axes.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("attribute 'axes' is [", absl::StrJoin(*given, ", "),
                       "]; expected each axis at most once"));
    }
    axes.push_back(axis);
  }
  return axes;
}

// The region that kTfCropAndResize takes, per axis from 0 to 1.
absl::Status ReadRegion(const NodeReader& node, const GraphBuilder& graph,
                        const std::vector<int>& axes, ir::Resize& op) {
  if (op.coordinates != ir::ResizeCoordinates::kTfCropAndResize) {
    return absl::OkStatus();
  }
  if (!node.HasInput(1)) return absl::InvalidArgumentError("roi is missing");
  OCTET_ASSIGN_OR_RETURN(const std::vector<float> roi,
                         RequireFloats(node, graph, 1, "roi"));
  OCTET_RETURN_IF_ERROR(ExpectCount("roi", roi.size(), 2 * axes.size()));
  op.roi_begin.assign(op.sizes.size(), 0);
  op.roi_end.assign(op.sizes.size(), 1);
  for (size_t i = 0; i < axes.size(); ++i) {
    op.roi_begin[axes[i]] = roi[i];
    op.roi_end[axes[i]] = roi[axes.size() + i];
  }
  return absl::OkStatus();
}

absl::Status ReadAttributes(const NodeReader& node, ir::Resize& op) {
  OCTET_ASSIGN_OR_RETURN(op.mode, ReadMode(node));
  OCTET_ASSIGN_OR_RETURN(op.coordinates, ReadCoordinates(node));
  OCTET_ASSIGN_OR_RETURN(op.rounding, ReadRounding(node));
  OCTET_ASSIGN_OR_RETURN(op.cubic_a, node.Float("cubic_coeff_a", -0.75f));
  OCTET_ASSIGN_OR_RETURN(op.extrapolation_value,
                         node.Float("extrapolation_value", 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t exclude, node.Int("exclude_outside", 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t antialias, node.Int("antialias", 0));
  op.exclude_outside = exclude != 0;
  op.antialias = antialias != 0;
  if (!std::isfinite(op.cubic_a)) {
    return absl::InvalidArgumentError(
        absl::StrCat("attribute 'cubic_coeff_a' is ", op.cubic_a,
                     "; expected a finite number"));
  }
  return absl::OkStatus();
}

// Before opset 11 positions were asymmetric, and of elements between two the
// first was taken, or the second where the axis shrinks.
absl::Status ImportOldResize(const NodeReader& node, GraphBuilder& graph,
                             const std::vector<float>& scales) {
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  const ir::Dims dims = graph.dims(x);
  OCTET_RETURN_IF_ERROR(ExpectCount("scales", scales.size(), dims.size()));
  ir::Resize grow;
  OCTET_ASSIGN_OR_RETURN(grow.mode, ReadMode(node));
  grow.coordinates = ir::ResizeCoordinates::kAsymmetric;
  grow.rounding = ir::ResizeRounding::kFloor;
  ir::Resize shrink = grow;
  shrink.rounding = ir::ResizeRounding::kCeil;
  std::vector<int> axes(dims.size());
  std::vector<float> growing = scales;
  std::vector<float> shrinking = scales;
  for (size_t i = 0; i < dims.size(); ++i) {
    axes[i] = static_cast<int>(i);
    (scales[i] < 1 ? growing : shrinking)[i] = 1;
  }
  const bool shrinks = shrinking != std::vector<float>(dims.size(), 1);
  const bool grows = growing != std::vector<float>(dims.size(), 1);
  if (shrinks) {
    OCTET_RETURN_IF_ERROR(
        Extents(dims, graph.mode(), shrink).SetScales(axes, shrinking));
    if (!grows) return graph.Result(node, std::move(shrink), {x});
    OCTET_ASSIGN_OR_RETURN(x, graph.Compute(node, std::move(shrink), {x}));
  }
  const ir::Dims before = graph.dims(x);
  OCTET_RETURN_IF_ERROR(
      Extents(before, graph.mode(), grow).SetScales(axes, growing));
  return graph.Result(node, std::move(grow), {x});
}

}  // namespace

absl::Status ImportResize(const NodeReader& node, GraphBuilder& graph) {
  if (node.opset() < 11) {
    OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
    OCTET_ASSIGN_OR_RETURN(const std::vector<float> scales,
                           RequireFloats(node, graph, 1, "scales"));
    return ImportOldResize(node, graph, scales);
  }
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 4));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  const ir::Dims dims = graph.dims(x);
  ir::Resize op;
  OCTET_RETURN_IF_ERROR(ReadAttributes(node, op));
  OCTET_ASSIGN_OR_RETURN(const std::vector<int> axes,
                         ReadAxes(node, dims.size()));
  OCTET_ASSIGN_OR_RETURN(const std::string policy,
                         node.String("keep_aspect_ratio_policy", "stretch"));
  Extents extents(dims, graph.mode(), op);
  if (HasElements(node, graph, 3)) {
    OCTET_ASSIGN_OR_RETURN(const std::vector<int64_t> sizes,
                           graph.RequireInts(node, 3, "sizes"));
    OCTET_RETURN_IF_ERROR(extents.SetSizes(axes, sizes, policy));
  } else if (HasElements(node, graph, 2)) {
    OCTET_ASSIGN_OR_RETURN(const std::vector<float> scales,
                           RequireFloats(node, graph, 2, "scales"));
    OCTET_RETURN_IF_ERROR(extents.SetScales(axes, scales));
  } else {
    return absl::InvalidArgumentError(
        "neither scales nor sizes are given; expected one of them");
  }
  OCTET_RETURN_IF_ERROR(ReadRegion(node, graph, axes, op));
  return graph.Result(node, std::move(op), {x});
}

// Before opset 9 the scales were an attribute, before 7 two.
absl::Status ImportUpsample(const NodeReader& node, GraphBuilder& graph) {
  if (node.opset() >= 9) {
    OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
    OCTET_ASSIGN_OR_RETURN(const std::vector<float> scales,
                           RequireFloats(node, graph, 1, "scales"));
    return ImportOldResize(node, graph, scales);
  }
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(const auto scales, node.Floats("scales"));
  if (scales.has_value()) return ImportOldResize(node, graph, *scales);
  OCTET_ASSIGN_OR_RETURN(const float height, node.Float("height_scale", 1));
  OCTET_ASSIGN_OR_RETURN(const float width, node.Float("width_scale", 1));
  return ImportOldResize(node, graph, {1, 1, height, width});
}

}  // namespace octet::onnx
