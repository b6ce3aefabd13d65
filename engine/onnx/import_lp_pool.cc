// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/import_window.h"
#include "engine/onnx/op_registry.h"

// The p-norm over windows: the p-th root of sums of |x|^p, which a convolution
// with weights of 1 adds up.
namespace octet::onnx {
namespace {

absl::StatusOr<int64_t> ReadNorm(const NodeReader& node) {
  OCTET_ASSIGN_OR_RETURN(const int64_t p, node.Int("p", 2));
  if (p >= 1 && p <= 1024) return p;
  return absl::InvalidArgumentError(
      absl::StrCat("attribute 'p' is ", p, "; expected 1 to 1024"));
}

absl::StatusOr<ir::ValueId> Raised(const NodeReader& node, GraphBuilder& graph,
                                   ir::ValueId x, int64_t p) {
  if (p == 2) {
    return graph.Compute(node, ir::Binary{ir::BinaryKind::kMul, {}}, {x, x});
  }
  OCTET_ASSIGN_OR_RETURN(
      x, graph.Compute(node, ir::Unary{ir::UnaryKind::kAbs}, {x}));
  if (p == 1) return x;
  OCTET_ASSIGN_OR_RETURN(
      ir::ValueId exponent,
      graph.AddConstant(node, Tensor::Of<float>({}, {static_cast<float>(p)})));
  return graph.Compute(node, ir::Binary{ir::BinaryKind::kPow, {}},
                       {x, exponent});
}

// Binds the node's output to the p-th root of `sum`.
absl::Status RootOf(const NodeReader& node, GraphBuilder& graph,
                    ir::ValueId sum, int64_t p) {
  if (p == 1) return graph.ResultIs(node, sum);
  if (p == 2) {
    return graph.Result(node, ir::Unary{ir::UnaryKind::kSqrt}, {sum});
  }
  OCTET_ASSIGN_OR_RETURN(
      ir::ValueId exponent,
      graph.AddConstant(node,
                        Tensor::Of<float>({}, {1 / static_cast<float>(p)})));
  return graph.Result(node, ir::Binary{ir::BinaryKind::kPow, {}},
                      {sum, exponent});
}

// Pads behind so that the window fits as often as rounding up says; a last one
// that would start behind the data and its pads is none.
void PadToCeiling(const ir::Dims& x, ir::Window& window) {
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    const int64_t front = x[i + 2].value + window.pads_begin[i];
    const int64_t padded = front + window.pads_end[i];
    const int64_t stride = window.strides[i];
    const int64_t extent = (window.kernel[i] - 1) * window.dilations[i] + 1;
    if (padded < extent) continue;  // refused by the convolution's rule
    const int64_t last = (padded - extent + stride - 1) / stride * stride;
    if (last >= front) continue;
    window.pads_end[i] += std::max<int64_t>(0, last + extent - padded);
  }
}

}  // namespace

absl::Status ImportLpPool(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_RETURN_IF_ERROR(ExpectFloat32("the input", graph.type(x)));
  if (!node.HasAttribute("kernel_shape")) {
    return absl::InvalidArgumentError("attribute 'kernel_shape' is missing");
  }
  const ir::Dims dims = graph.dims(x);
  OCTET_ASSIGN_OR_RETURN(auto sliding, ReadWindow(node, dims, {}));
  OCTET_ASSIGN_OR_RETURN(const int64_t p, ReadNorm(node));
  OCTET_ASSIGN_OR_RETURN(const int64_t ceil_mode, node.Int("ceil_mode", 0));
  ir::Conv conv;
  conv.window = std::move(sliding.window);
  conv.groups = dims[1].value;
  if (ceil_mode != 0 && !sliding.auto_padded) PadToCeiling(dims, conv.window);

  Shape shape = {conv.groups, 1};
  shape.insert(shape.end(), conv.window.kernel.begin(),
               conv.window.kernel.end());
  OCTET_ASSIGN_OR_RETURN(const int64_t count,
                         CheckedElementCount(shape, kMaxElements));
  OCTET_RETURN_IF_ERROR(
      graph.Charge(count * static_cast<int64_t>(sizeof(float))));
  Tensor ones(DType::kFloat32, std::move(shape));
  const auto elements = ones.mutable_data<float>();
  std::fill(elements.begin(), elements.end(), 1.0f);
  OCTET_ASSIGN_OR_RETURN(ir::ValueId weights,
                         graph.AddConstant(node, std::move(ones)));
  OCTET_ASSIGN_OR_RETURN(x, Raised(node, graph, x, p));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId sum,
                         graph.Compute(node, std::move(conv), {x, weights}));
  return RootOf(node, graph, sum, p);
}

absl::Status ImportGlobalLpPool(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_RETURN_IF_ERROR(ExpectFloat32("the input", graph.type(x)));
  OCTET_ASSIGN_OR_RETURN(const int64_t p, ReadNorm(node));
  const size_t rank = graph.dims(x).size();
  if (rank < 3) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the input has dimensions ", ir::DimsToString(graph.dims(x)),
        "; expected [N, C, spatial...]"));
  }
  ir::Reduce reduce;
  reduce.kind = ir::ReduceKind::kSum;
  for (size_t i = 2; i < rank; ++i) reduce.axes.push_back(static_cast<int>(i));
  if (p <= 2) {
    reduce.kind = p == 1 ? ir::ReduceKind::kL1 : ir::ReduceKind::kL2;
    return graph.Result(node, std::move(reduce), {x});
  }
  OCTET_ASSIGN_OR_RETURN(x, Raised(node, graph, x, p));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId sum,
                         graph.Compute(node, std::move(reduce), {x}));
  return RootOf(node, graph, sum, p);
}

}  // namespace octet::onnx
