// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/import_window.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

absl::Status ExpectKernel(const NodeReader& node) {
  if (node.HasAttribute("kernel_shape")) return absl::OkStatus();
  return absl::InvalidArgumentError("attribute 'kernel_shape' is missing");
}

// The dimensions that a max pool with this window had as its input.
absl::StatusOr<Shape> UnpooledShape(const ir::Dims& x,
                                    const ir::Window& window) {
  Shape shape = {x[0].value, x[1].value};
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    const int64_t in = x[i + 2].value;
    if (in < 1 || in > kMaxElements) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the input has dimensions ", ir::DimsToString(x), "; expected 1 to ",
          kMaxElements, " entries on each axis"));
    }
    shape.push_back((in - 1) * window.strides[i] - window.pads_begin[i] -
                    window.pads_end[i] + window.kernel[i]);
  }
  OCTET_RETURN_IF_ERROR(CheckedElementCount(shape, kMaxElements).status());
  return shape;
}

// Zeros behind `id`, of dimensions `from`, up to dimensions `to`.
absl::Status PadTo(const NodeReader& node, GraphBuilder& graph, ir::ValueId id,
                   const Shape& from, const std::vector<int64_t>& to) {
  ir::Pad pad;
  pad.begin.assign(from.size(), 0);
  pad.end.assign(from.size(), 0);
  bool fits = to.size() == from.size();
  for (size_t i = 0; fits && i < to.size(); ++i) {
    fits = to[i] >= from[i] && to[i] <= kMaxElements;
    pad.end[i] = to[i] - from[i];
  }
  if (!fits) {
    return absl::UnimplementedError(absl::StrCat(
        "output_shape is ", ShapeToString(to), " for ", ShapeToString(from),
        "; octet adds to the end of an axis only"));
  }
  return graph.Result(node, std::move(pad), {id});
}

}  // namespace

absl::Status ImportPool(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_RETURN_IF_ERROR(ExpectKernel(node));
  OCTET_ASSIGN_OR_RETURN(auto sliding, ReadWindow(node, graph.dims(x), {}));
  ir::Pool op;
  op.window = std::move(sliding.window);
  OCTET_ASSIGN_OR_RETURN(const int64_t ceil_mode, node.Int("ceil_mode", 0));
  op.ceil_mode = ceil_mode != 0 && !sliding.auto_padded;
  if (node.op_type() == "AveragePool") {
    op.kind = ir::PoolKind::kAverage;
    OCTET_ASSIGN_OR_RETURN(const int64_t include,
                           node.Int("count_include_pad", 0));
    op.count_include_pad = include != 0;
    return graph.Result(node, std::move(op), {x});
  }
  op.kind = ir::PoolKind::kMax;
  ir::MaxPoolIndices indices = {op.window, op.ceil_mode, false};
  OCTET_ASSIGN_OR_RETURN(const int64_t order, node.Int("storage_order", 0));
  indices.column_major = order != 0;
  OCTET_RETURN_IF_ERROR(graph.Result(node, std::move(op), {x}));
  if (node.output_count() < 2 || node.output(1).empty()) {
    return absl::OkStatus();
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId second,
                         graph.Compute(node, std::move(indices), {x}));
  return graph.ResultIs(node, second, 1);
}

absl::Status ImportGlobalPool(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  const bool max = node.op_type() == "GlobalMaxPool";
  const size_t rank = graph.dims(x).size();
  if (rank > 5) {
    ir::Reduce reduce;
    reduce.kind = max ? ir::ReduceKind::kMax : ir::ReduceKind::kMean;
    for (size_t i = 2; i < rank; ++i)
      reduce.axes.push_back(static_cast<int>(i));
    return graph.Result(node, std::move(reduce), {x});
  }
  ir::GlobalPool op;
  op.kind = max ? ir::PoolKind::kMax : ir::PoolKind::kAverage;
  return graph.Result(node, op, {x});
}

// Each element goes where its index says, counted in the whole of what the pool
// had; zeros elsewhere.
absl::Status ImportMaxUnpool(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 3));
  OCTET_RETURN_IF_ERROR(ExpectKernel(node));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId indices, graph.Read(node, 1));
  const ir::Dims dims = graph.dims(x);
  OCTET_ASSIGN_OR_RETURN(auto sliding, ReadWindow(node, dims, {}));
  if (ir::HasRows(dims)) {
    return absl::UnimplementedError(
        "an index counts in the whole batch, so rows are not independent");
  }
  if (graph.dims(indices) != dims) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the input has dimensions ", ir::DimsToString(dims), ", the indices ",
        ir::DimsToString(graph.dims(indices)), "; expected both to be equal"));
  }
  OCTET_ASSIGN_OR_RETURN(const Shape shape,
                         UnpooledShape(dims, sliding.window));
  const int64_t elements = ElementCount(shape);
  const DType dtype = graph.type(x).dtype;
  OCTET_RETURN_IF_ERROR(
      graph.Charge(elements * static_cast<int64_t>(SizeOf(dtype))));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId zeros,
                         graph.AddConstant(node, Tensor(dtype, {elements})));
  const ir::Reshape flat{
      {ir::Dim::Fixed(ElementCount(ir::ConcreteShape(dims)))}};
  OCTET_ASSIGN_OR_RETURN(x, graph.Compute(node, flat, {x}));
  OCTET_ASSIGN_OR_RETURN(indices, graph.Compute(node, flat, {indices}));
  OCTET_ASSIGN_OR_RETURN(
      ir::ValueId scattered,
      graph.Compute(node, ir::ScatterElements{}, {zeros, indices, x}));
  const ir::Reshape image{ir::FixedDims(shape)};
  if (!node.HasInput(2)) return graph.Result(node, image, {scattered});
  OCTET_ASSIGN_OR_RETURN(auto wanted,
                         graph.RequireInts(node, 2, "output_shape"));
  if (wanted == shape) return graph.Result(node, image, {scattered});
  OCTET_ASSIGN_OR_RETURN(ir::ValueId unpooled,
                         graph.Compute(node, image, {scattered}));
  return PadTo(node, graph, unpooled, shape, wanted);
}

}  // namespace octet::onnx
