// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/import_window.h"
#include "engine/onnx/op_registry.h"

// Operators that read images at computed places, or normalize them.
namespace octet::onnx {
namespace {

// The places of the elements of an image of `sizes` from -1 to 1, innermost
// axis first, and a 1 behind: [elements, axes + 1].
Tensor HomogeneousPlaces(const std::vector<int64_t>& sizes,
                         bool align_corners) {
  const auto axes = static_cast<int64_t>(sizes.size());
  const int64_t elements = ElementCount(sizes);
  Tensor places(DType::kFloat32, {elements, axes + 1});
  const auto data = places.mutable_data<float>();
  for (int64_t i = 0; i < elements; ++i) {
    int64_t rest = i;
    for (int64_t a = 0; a < axes; ++a) {
      const int64_t size = sizes[axes - 1 - a];
      const auto at = static_cast<double>(rest % size);
      const auto length = static_cast<double>(size);
      rest /= size;
      data[i * (axes + 1) + a] =
          static_cast<float>(align_corners ? 2 * at / (length - 1) - 1
                                           : (2 * at + 1) / length - 1);
    }
    data[i * (axes + 1) + axes] = 1;
  }
  return places;
}

// The spatial part of AffineGrid's size [N, C, spatial...] for `theta`.
absl::StatusOr<std::vector<int64_t>> GridSizes(const std::vector<int64_t>& size,
                                               const ir::Dims& theta,
                                               BatchMode mode) {
  const size_t axes = size.size() < 2 ? 0 : size.size() - 2;
  bool fits = (axes == 2 || axes == 3) && theta.size() == 3 &&
              theta[1] == ir::Dim::Fixed(static_cast<int64_t>(axes)) &&
              theta[2] == ir::Dim::Fixed(static_cast<int64_t>(axes) + 1);
  if (fits) {
    fits =
        theta[0] == ir::Dim::Fixed(size[0]) ||
        (theta[0].is_rows() && mode == BatchMode::kRowsForOne && size[0] == 1);
  }
  std::vector<int64_t> sizes;
  for (size_t i = 2; fits && i < size.size(); ++i) sizes.push_back(size[i]);
  if (!fits || !CheckedElementCount(sizes, kMaxElements / 4).ok() ||
      ElementCount(sizes) == 0) {
    return absl::UnimplementedError(absl::StrCat(
        "size is [", absl::StrJoin(size, ", "), "], theta has dimensions ",
        ir::DimsToString(theta),
        "; octet runs [N, C, H, W] with [N, 2, 3], [N, C, D, H, W] with [N, 3, "
        "4]"));
  }
  return sizes;
}

}  // namespace

absl::Status ImportAffineGrid(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId theta, graph.Read(node, 0));
  OCTET_RETURN_IF_ERROR(ExpectFloat32("theta", graph.type(theta)));
  OCTET_ASSIGN_OR_RETURN(const auto size, graph.RequireInts(node, 1, "size"));
  OCTET_ASSIGN_OR_RETURN(const int64_t align, node.Int("align_corners", 0));
  const ir::Dims dims = graph.dims(theta);
  OCTET_ASSIGN_OR_RETURN(const std::vector<int64_t> sizes,
                         GridSizes(size, dims, graph.mode()));
  for (int64_t entry : sizes) {
    if (align == 0 || entry > 1) continue;
    return absl::UnimplementedError(
        "align_corners on an axis of one element, whose place is undefined");
  }
  const int64_t elements = ElementCount(sizes);
  OCTET_RETURN_IF_ERROR(graph.Charge(elements * dims[2].value *
                                     static_cast<int64_t>(sizeof(float))));
  OCTET_ASSIGN_OR_RETURN(
      ir::ValueId places,
      graph.AddConstant(node, HomogeneousPlaces(sizes, align != 0)));
  ir::MatMul product;
  product.transpose_b = true;
  OCTET_ASSIGN_OR_RETURN(ir::ValueId grid,
                         graph.Compute(node, product, {places, theta}));
  ir::Dims target = {dims[0]};
  for (int64_t entry : sizes) target.push_back(ir::Dim::Fixed(entry));
  target.push_back(dims[1]);
  return graph.Result(node, ir::Reshape{std::move(target)}, {grid});
}

absl::Status ImportGridSample(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId grid, graph.Read(node, 1));
  OCTET_RETURN_IF_ERROR(ExpectFloat32("the input", graph.type(x)));
  OCTET_RETURN_IF_ERROR(ExpectFloat32("the grid", graph.type(grid)));
  OCTET_RETURN_IF_ERROR(ExpectImage(graph.dims(x)));
  ir::GridSample op;
  // Opset 20 drops the "bi".
  OCTET_ASSIGN_OR_RETURN(const std::string mode, node.String("mode", "linear"));
  if (mode == "nearest") {
    op.mode = ir::ResizeMode::kNearest;
  } else if (mode == "cubic" || mode == "bicubic") {
    op.mode = ir::ResizeMode::kCubic;
  } else if (mode != "linear" && mode != "bilinear") {
    return absl::UnimplementedError(
        absl::StrCat("attribute 'mode' is '", mode, "'"));
  }
  OCTET_ASSIGN_OR_RETURN(const std::string padding,
                         node.String("padding_mode", "zeros"));
  if (padding == "border") {
    op.padding = ir::GridPadding::kBorder;
  } else if (padding == "reflection") {
    op.padding = ir::GridPadding::kReflection;
  } else if (padding != "zeros") {
    return absl::UnimplementedError(
        absl::StrCat("attribute 'padding_mode' is '", padding, "'"));
  }
  OCTET_ASSIGN_OR_RETURN(const int64_t align, node.Int("align_corners", 0));
  op.align_corners = align != 0;
  return graph.Result(node, op, {x, grid});
}

absl::Status ImportLrn(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_RETURN_IF_ERROR(ExpectFloat32("the input", graph.type(x)));
  if (!node.HasAttribute("size")) {
    return absl::InvalidArgumentError("attribute 'size' is missing");
  }
  ir::Lrn op;
  OCTET_ASSIGN_OR_RETURN(op.size, node.Int("size", 1));
  OCTET_ASSIGN_OR_RETURN(op.alpha, node.Float("alpha", 1e-4f));
  OCTET_ASSIGN_OR_RETURN(op.beta, node.Float("beta", 0.75f));
  OCTET_ASSIGN_OR_RETURN(op.bias, node.Float("bias", 1));
  return graph.Result(node, op, {x});
}

absl::Status ImportRoiAlign(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(3, 3));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId rois, graph.Read(node, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId indices, graph.Read(node, 2));
  OCTET_RETURN_IF_ERROR(ExpectFloat32("the input", graph.type(x)));
  OCTET_RETURN_IF_ERROR(ExpectFloat32("rois", graph.type(rois)));
  ir::RoiAlign op;
  OCTET_ASSIGN_OR_RETURN(const std::string mode, node.String("mode", "avg"));
  if (mode == "max") {
    op.kind = ir::PoolKind::kMax;
  } else if (mode != "avg") {
    return absl::UnimplementedError(
        absl::StrCat("attribute 'mode' is '", mode, "'"));
  }
  // Opset 16 moved the input by half a pixel.
  OCTET_ASSIGN_OR_RETURN(
      const std::string coordinates,
      node.String("coordinate_transformation_mode",
                  node.opset() < 16 ? "output_half_pixel" : "half_pixel"));
  op.half_pixel = coordinates == "half_pixel";
  if (!op.half_pixel && coordinates != "output_half_pixel") {
    return absl::UnimplementedError(absl::StrCat(
        "attribute 'coordinate_transformation_mode' is '", coordinates, "'"));
  }
  OCTET_ASSIGN_OR_RETURN(op.output_height, node.Int("output_height", 1));
  OCTET_ASSIGN_OR_RETURN(op.output_width, node.Int("output_width", 1));
  OCTET_ASSIGN_OR_RETURN(op.sampling_ratio, node.Int("sampling_ratio", 0));
  OCTET_ASSIGN_OR_RETURN(op.spatial_scale, node.Float("spatial_scale", 1));
  return graph.Result(node, op, {x, rois, indices});
}

}  // namespace octet::onnx
