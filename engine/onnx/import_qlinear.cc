// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/float_operators.h"
#include "engine/onnx/op_registry.h"
#include "engine/onnx/quantized_form.h"

// The operators whose inputs and outputs are integers with a scale and a zero
// point beside them: QLinearConv-10 and QLinearMatMul-10 of ONNX, and those of
// ONNX Runtime's domain com.microsoft, version 1. Each becomes Dequantize, the
// float operator and Quantize, which the integer passes join again.
namespace octet::onnx {
namespace {

// The s32 bias in input `bias`, which has the scale of the product of inputs
// `x_scale` and `w_scale`, times `alpha`.
absl::StatusOr<ir::ValueId> DequantizedBias(const NodeReader& node,
                                            GraphBuilder& graph, int bias,
                                            int x_scale, int w_scale,
                                            float alpha) {
  const std::optional<Tensor> x = graph.Constant(node, x_scale);
  const std::optional<Tensor> w = graph.Constant(node, w_scale);
  const std::optional<Tensor> values = graph.Constant(node, bias);
  if (x.has_value() && w.has_value() && values.has_value() &&
      values->dtype() == DType::kInt32 && values->shape().size() == 1 &&
      x->size() == 1 && (w->size() == 1 || w->size() == values->size())) {
    ir::Quantization q;
    bool usable = true;
    for (float scale : w->data<float>()) {
      q.scales.push_back(x->data<float>()[0] * scale * alpha);
      usable = usable && q.scales.back() > 0 && std::isfinite(q.scales.back());
    }
    q.zero_points.assign(q.scales.size(), 0);
    if (usable) {
      OCTET_ASSIGN_OR_RETURN(ir::ValueId id,
                             graph.ReadQuantized(node, bias, q));
      return graph.Compute(node, ir::Dequantize{}, {id});
    }
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId integers, ReadPlain(node, graph, bias));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId real,
                         CastTo(node, graph, integers, DType::kFloat32));
  std::vector<ir::ValueId> factors(3);
  OCTET_ASSIGN_OR_RETURN(factors[0], graph.Read(node, x_scale));
  OCTET_ASSIGN_OR_RETURN(factors[1], graph.Read(node, w_scale));
  OCTET_ASSIGN_OR_RETURN(factors[2], Scalar(node, graph, alpha));
  for (ir::ValueId factor : factors) {
    OCTET_ASSIGN_OR_RETURN(factor, AlongAxis(node, graph, factor, 1, 0));
    OCTET_ASSIGN_OR_RETURN(
        real, Arithmetic(node, graph, ir::BinaryKind::kMul, real, factor));
  }
  return real;
}

// Input `first` with its scale and zero point behind it.
absl::StatusOr<ir::ValueId> DequantizedTriple(const NodeReader& node,
                                              GraphBuilder& graph, int first,
                                              int64_t axis = 0) {
  return DequantizedInput(node, graph, first, {first + 1, first + 2, axis, 0});
}

// Binds the output to `real`, its scale in input `scale` and its zero point
// behind that; of the type of input `like` where there is no zero point.
absl::Status ResultLike(const NodeReader& node, GraphBuilder& graph,
                        ir::ValueId real, int scale, int like,
                        int64_t axis = 0) {
  OCTET_ASSIGN_OR_RETURN(const DType dtype, DTypeOfInput(node, graph, like));
  return ResultQuantizedTo(node, graph, real, {scale, scale + 1, axis, 0},
                           dtype);
}

absl::Status RefuseChannelsLast(const NodeReader& node) {
  OCTET_ASSIGN_OR_RETURN(const int64_t channels_last,
                         node.Int("channels_last", 0));
  if (channels_last == 0) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("attribute 'channels_last' is ", channels_last,
                   "; octet runs 0, as exporters write it"));
}

}  // namespace

absl::Status ImportQLinearConv(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(8, 9));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, DequantizedTriple(node, graph, 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId w, DequantizedTriple(node, graph, 3));
  OCTET_ASSIGN_OR_RETURN(ir::Conv op,
                         ReadConv(node, graph.dims(x), graph.dims(w)));
  std::vector<ir::ValueId> inputs = {x, w};
  if (node.HasInput(8)) {
    OCTET_ASSIGN_OR_RETURN(
        ir::ValueId bias,
        DequantizedBias(node, graph, 8, /*x_scale=*/1, /*w_scale=*/4, 1));
    op.has_bias = true;
    inputs.push_back(bias);
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId y, graph.Compute(node, op, inputs));
  return ResultLike(node, graph, y, /*scale=*/6, /*like=*/0, /*axis=*/1);
}

absl::Status ImportQLinearMatMul(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(8, 8));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId a, DequantizedTriple(node, graph, 0, -2));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId b, DequantizedTriple(node, graph, 3, -1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId y, ComputeMatMul(node, graph, a, b));
  return ResultLike(node, graph, y, /*scale=*/6, /*like=*/0, /*axis=*/-2);
}

absl::Status ImportQGemm(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(6, 9));
  OCTET_ASSIGN_OR_RETURN(const float alpha, node.Float("alpha", 1));
  OCTET_ASSIGN_OR_RETURN(const int64_t transpose_a, node.Int("transA", 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t transpose_b, node.Int("transB", 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId a, DequantizedTriple(node, graph, 0));
  OCTET_ASSIGN_OR_RETURN(
      ir::ValueId b,
      DequantizedTriple(node, graph, 3, transpose_b != 0 ? 0 : 1));
  if (graph.dims(a).size() != 2 || graph.dims(b).size() != 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the operands have dimensions ", ir::DimsToString(graph.dims(a)),
        " and ", ir::DimsToString(graph.dims(b)), "; expected two each"));
  }
  if (transpose_a != 0) {
    OCTET_ASSIGN_OR_RETURN(a, graph.Compute(node, ir::Transpose{{1, 0}}, {a}));
  }
  ir::MatMul op;
  op.transpose_b = transpose_b != 0;
  std::vector<ir::ValueId> inputs = {a, b};
  std::optional<ir::ValueId> c;
  if (node.HasInput(6)) {
    OCTET_ASSIGN_OR_RETURN(c, DequantizedBias(node, graph, 6, 1, 4, alpha));
    const ir::Dim columns = graph.dims(b)[op.transpose_b ? 0 : 1];
    op.has_bias = alpha == 1 && graph.dims(*c) == ir::Dims{columns};
    if (op.has_bias) inputs.push_back(*c);
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId y, graph.Compute(node, op, inputs));
  if (alpha != 1) {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId factor, Scalar(node, graph, alpha));
    OCTET_ASSIGN_OR_RETURN(
        y, Arithmetic(node, graph, ir::BinaryKind::kMul, y, factor));
  }
  if (c.has_value() && !op.has_bias) {
    OCTET_ASSIGN_OR_RETURN(
        y, Arithmetic(node, graph, ir::BinaryKind::kAdd, y, *c));
  }
  // Without a scale the result is float32.
  if (!node.HasInput(7)) return graph.ResultIs(node, y);
  return ResultLike(node, graph, y, /*scale=*/7, /*like=*/0);
}

absl::Status ImportQLinearBinary(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 8));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId a, DequantizedTriple(node, graph, 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId b, DequantizedTriple(node, graph, 3));
  const ir::BinaryKind kind = node.op_type() == "QLinearMul"
                                  ? ir::BinaryKind::kMul
                                  : ir::BinaryKind::kAdd;
  OCTET_ASSIGN_OR_RETURN(ir::ValueId y, Arithmetic(node, graph, kind, a, b));
  return ResultLike(node, graph, y, /*scale=*/6, /*like=*/0);
}

absl::Status ImportQLinearUnary(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(4, 5));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, DequantizedTriple(node, graph, 0));
  ir::Unary op;
  op.kind = ir::UnaryKind::kSigmoid;
  if (node.op_type() == "QLinearLeakyRelu") {
    op.kind = ir::UnaryKind::kLeakyRelu;
    OCTET_ASSIGN_OR_RETURN(op.alpha, node.Float("alpha", 0.01f));
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId y, graph.Compute(node, op, {x}));
  return ResultLike(node, graph, y, /*scale=*/3, /*like=*/0);
}

absl::Status ImportQLinearSoftmax(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(5, 5));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, DequantizedTriple(node, graph, 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", -1));
  // The opset of the Softmax that it was made of.
  OCTET_ASSIGN_OR_RETURN(const int64_t opset, node.Int("opset", 13));
  ir::Softmax op;
  OCTET_ASSIGN_OR_RETURN(op.axis, NormalizedAxis(axis, graph.dims(x).size()));
  op.through_last_axis = opset < 13;
  OCTET_ASSIGN_OR_RETURN(ir::ValueId y, graph.Compute(node, op, {x}));
  return ResultLike(node, graph, y, /*scale=*/3, /*like=*/0);
}

absl::Status ImportQLinearPool(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(4, 5));
  OCTET_RETURN_IF_ERROR(RefuseChannelsLast(node));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, DequantizedTriple(node, graph, 0));
  ir::Op op = ir::GlobalPool{ir::PoolKind::kAverage};
  if (node.op_type() == "QLinearAveragePool") {
    OCTET_ASSIGN_OR_RETURN(
        op, ReadPool(node, ir::PoolKind::kAverage, graph.dims(x)));
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId y,
                         graph.Compute(node, std::move(op), {x}));
  return ResultLike(node, graph, y, /*scale=*/3, /*like=*/0);
}

absl::Status ImportQLinearConcat(const NodeReader& node, GraphBuilder& graph) {
  const int count = node.input_count();
  if (count < 5 || (count - 2) % 3 != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "got ", count,
        " inputs; expected a scale, a zero point, and three for each tensor"));
  }
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(count, count));
  std::vector<ir::ValueId> parts;
  for (int i = 2; i < count; i += 3) {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId x, DequantizedTriple(node, graph, i));
    parts.push_back(x);
  }
  if (!node.HasAttribute("axis")) {
    return absl::InvalidArgumentError("attribute 'axis' is missing");
  }
  OCTET_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 0));
  ir::Concat op;
  OCTET_ASSIGN_OR_RETURN(op.axis,
                         NormalizedAxis(axis, graph.dims(parts[0]).size()));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId y,
                         graph.Compute(node, op, std::move(parts)));
  return ResultLike(node, graph, y, /*scale=*/0, /*like=*/2);
}

}  // namespace octet::onnx
