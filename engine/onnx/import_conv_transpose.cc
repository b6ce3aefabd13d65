// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/import_window.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

// The spatial part of the attribute output_shape; absent, what auto_pad SAME_*
// asks for, or nothing.
absl::StatusOr<std::optional<std::vector<int64_t>>> WantedShape(
    const NodeReader& node, const ir::Dims& x, const ir::Window& window,
    bool same) {
  OCTET_ASSIGN_OR_RETURN(auto wanted, node.Ints("output_shape"));
  const size_t axes = x.size() - 2;
  if (wanted.has_value()) {
    // Some files give the batch and the channels, too.
    if (wanted->size() == x.size()) {
      wanted->erase(wanted->begin(), wanted->begin() + 2);
    }
    bool fits = wanted->size() == axes;
    for (int64_t entry : *wanted) {
      fits = fits && entry >= 1 && entry <= kMaxElements;
    }
    if (fits) return wanted;
    return absl::InvalidArgumentError(absl::StrCat(
        "attribute 'output_shape' is [", absl::StrJoin(*wanted, ", "),
        "]; expected ", axes, " numbers from 1 to ", kMaxElements));
  }
  if (!same) return std::nullopt;
  std::vector<int64_t> shape;
  for (size_t i = 0; i < axes; ++i) {
    shape.push_back(x[i + 2].value * window.strides[i]);
  }
  return shape;
}

// Pads that make the output `wanted` long; where even none make it too short,
// the rest comes behind.
void PadToShape(const ir::Dims& x, const std::vector<int64_t>& wanted,
                bool odd_behind, ir::ConvTranspose& op) {
  ir::Window& window = op.window;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const int64_t extent = (window.kernel[i] - 1) * window.dilations[i] + 1;
    const int64_t spread = (x[i + 2].value - 1) * window.strides[i] + extent;
    const int64_t total = spread + op.output_pads[i] - wanted[i];
    const int64_t pads = std::max<int64_t>(0, total);
    window.pads_begin[i] = odd_behind ? pads / 2 : pads - pads / 2;
    window.pads_end[i] = pads - window.pads_begin[i];
    if (total < 0) op.output_pads[i] -= total;
  }
}

// What Col2Im's inputs and attributes say: a transposed convolution that puts
// each column back where its window was, and how many windows there are.
struct Columns {
  ir::ConvTranspose op;
  std::vector<int64_t> windows;
  int64_t block = 1;  // elements of a window
};

absl::StatusOr<std::vector<int64_t>> RequireExtents(const NodeReader& node,
                                                    const GraphBuilder& graph,
                                                    int input,
                                                    absl::string_view what) {
  OCTET_ASSIGN_OR_RETURN(auto extents, graph.RequireInts(node, input, what));
  bool fits = !extents.empty() && extents.size() <= 3;
  for (int64_t extent : extents) {
    fits = fits && extent >= 1 && extent <= kMaxElements;
  }
  if (fits) return extents;
  return absl::UnimplementedError(
      absl::StrCat(what, " is [", absl::StrJoin(extents, ", "),
                   "]; octet runs 1 to 3 numbers from 1 to ", kMaxElements));
}

absl::StatusOr<Columns> ReadColumns(const NodeReader& node,
                                    const GraphBuilder& graph) {
  OCTET_ASSIGN_OR_RETURN(auto image,
                         RequireExtents(node, graph, 1, "image_shape"));
  Columns columns;
  ir::Window& window = columns.op.window;
  OCTET_ASSIGN_OR_RETURN(window.kernel,
                         RequireExtents(node, graph, 2, "block_shape"));
  const size_t axes = image.size();
  if (window.kernel.size() != axes) {
    return absl::InvalidArgumentError(
        absl::StrCat("image_shape has ", axes, " entries, block_shape ",
                     window.kernel.size(), "; expected as many"));
  }
  OCTET_ASSIGN_OR_RETURN(window.strides,
                         WindowEntries(node, "strides", axes, 1));
  OCTET_ASSIGN_OR_RETURN(window.dilations,
                         WindowEntries(node, "dilations", axes, 1));
  OCTET_ASSIGN_OR_RETURN(std::vector<int64_t> pads,
                         WindowEntries(node, "pads", 2 * axes, 0));
  window.pads_begin.assign(pads.begin(), pads.begin() + axes);
  window.pads_end.assign(pads.begin() + axes, pads.end());
  for (size_t i = 0; i < axes; ++i) {
    const int64_t extent = (window.kernel[i] - 1) * window.dilations[i] + 1;
    const int64_t steps =
        image[i] + window.pads_begin[i] + window.pads_end[i] - extent;
    if (steps < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a window of ", extent, " does not fit axis ", i, " of the image"));
    }
    columns.windows.push_back(steps / window.strides[i] + 1);
    columns.op.output_pads.push_back(steps % window.strides[i]);
  }
  OCTET_ASSIGN_OR_RETURN(columns.block,
                         CheckedElementCount(window.kernel, kMaxElements));
  return columns;
}

}  // namespace

absl::Status ImportConvTranspose(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 3));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId weights, graph.Read(node, 1));
  OCTET_RETURN_IF_ERROR(ExpectFloat32("the input", graph.type(x)));
  OCTET_RETURN_IF_ERROR(ExpectFloat32("the weights", graph.type(weights)));
  const ir::Dims& w = graph.dims(weights);
  const ir::Dims dims = graph.dims(x);
  if (w.size() != dims.size() || w.size() < 3 || ir::HasRows(w)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the input has dimensions ", ir::DimsToString(dims), ", the weights ",
        ir::DimsToString(w),
        "; expected [N, C, spatial...] and [C, M/group, kernel...]"));
  }
  std::vector<int64_t> kernel;
  for (size_t i = 2; i < w.size(); ++i) kernel.push_back(w[i].value);
  OCTET_ASSIGN_OR_RETURN(auto sliding,
                         ReadWindow(node, dims, std::move(kernel)));
  OCTET_ASSIGN_OR_RETURN(const std::string auto_pad,
                         node.String("auto_pad", "NOTSET"));
  ir::ConvTranspose op;
  op.window = std::move(sliding.window);
  OCTET_ASSIGN_OR_RETURN(op.groups, node.Int("group", 1));
  OCTET_ASSIGN_OR_RETURN(op.output_pads, WindowEntries(node, "output_padding",
                                                       dims.size() - 2, 0));
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  OCTET_ASSIGN_OR_RETURN(auto wanted, WantedShape(node, dims, op.window, same));
  if (wanted.has_value()) {
    PadToShape(dims, *wanted, auto_pad == "SAME_UPPER", op);
  }
  std::vector<ir::ValueId> inputs = {x, weights};
  if (node.HasInput(2)) {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId bias, graph.Read(node, 2));
    op.has_bias = true;
    inputs.push_back(bias);
  }
  return graph.Result(node, std::move(op), std::move(inputs));
}

// [N, C * block, windows]: a transposed convolution in C groups whose weights
// put entry k of a column at place k of the window.
absl::Status ImportCol2Im(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(3, 3));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_RETURN_IF_ERROR(ExpectFloat32("the input", graph.type(x)));
  OCTET_ASSIGN_OR_RETURN(Columns columns, ReadColumns(node, graph));
  const ir::Dims dims = graph.dims(x);
  OCTET_ASSIGN_OR_RETURN(const int64_t windows,
                         CheckedElementCount(columns.windows, kMaxElements));
  if (dims.size() != 3 || dims[1].per_row ||
      dims[1].value % columns.block != 0 ||
      dims[2] != ir::Dim::Fixed(windows)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the input has dimensions ", ir::DimsToString(dims),
                     "; expected [N, C * ", columns.block, ", ", windows, "]"));
  }
  const int64_t entries = dims[1].value;
  Shape shape = {entries, 1};
  shape.insert(shape.end(), columns.op.window.kernel.begin(),
               columns.op.window.kernel.end());
  OCTET_ASSIGN_OR_RETURN(const int64_t count,
                         CheckedElementCount(shape, kMaxElements));
  OCTET_RETURN_IF_ERROR(
      graph.Charge(count * static_cast<int64_t>(sizeof(float))));
  Tensor places(DType::kFloat32, std::move(shape));
  const auto data = places.mutable_data<float>();
  for (int64_t i = 0; i < entries; ++i) {
    data[i * columns.block + i % columns.block] = 1;
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId weights,
                         graph.AddConstant(node, std::move(places)));
  ir::Dims target = {dims[0], dims[1]};
  for (int64_t extent : columns.windows) {
    target.push_back(ir::Dim::Fixed(extent));
  }
  OCTET_ASSIGN_OR_RETURN(
      x, graph.Compute(node, ir::Reshape{std::move(target)}, {x}));
  columns.op.groups = entries / columns.block;
  return graph.Result(node, std::move(columns.op), {x, weights});
}

}  // namespace octet::onnx
