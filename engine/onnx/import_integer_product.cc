// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/dynamic_quantization.h"
#include "engine/onnx/float_operators.h"
#include "engine/onnx/op_registry.h"
#include "engine/onnx/quantized_form.h"

// ConvInteger and MatMulInteger, and what ONNX Runtime makes of these with
// their surroundings.
namespace octet::onnx {
namespace {

using Kind = ir::BinaryKind;

// Both operands of a MatMul, one zero point for each row of a and each column
// of b.
struct Operands {
  IntegerOperand a;
  IntegerOperand b;
};
absl::StatusOr<Operands> ReadMatMulOperands(const NodeReader& node,
                                            GraphBuilder& graph, int a_zero,
                                            int b_zero) {
  Operands operands;
  OCTET_ASSIGN_OR_RETURN(
      operands.a, ReadIntegerOperand(node, graph, 0, a_zero, /*axis=*/-2));
  OCTET_ASSIGN_OR_RETURN(
      operands.b, ReadIntegerOperand(node, graph, 1, b_zero, /*axis=*/-1));
  // A vector has no rows; its one zero point goes anywhere.
  if (graph.dims(operands.a.integers).size() == 1) operands.a.axis = -1;
  return operands;
}

// sums * scale_a * scale_b + bias (input `bias`, if there), in float32.
absl::Status ResultScaled(const NodeReader& node, GraphBuilder& graph,
                          ir::ValueId sums, ir::ValueId scale, int bias) {
  OCTET_ASSIGN_OR_RETURN(sums, CastTo(node, graph, sums, DType::kFloat32));
  if (!node.HasInput(bias)) {
    return graph.Result(node, ir::Binary{Kind::kMul, {}}, {sums, scale});
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId scaled,
                         Arithmetic(node, graph, Kind::kMul, sums, scale));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId added, graph.Read(node, bias));
  return graph.Result(node, ir::Binary{Kind::kAdd, {}}, {scaled, added});
}

// Scale `i` so that it broadcasts to a product: along `axis` of an operand of
// `rank` axes.
absl::StatusOr<ir::ValueId> ReadScale(const NodeReader& node,
                                      GraphBuilder& graph, int i, size_t rank,
                                      int64_t axis) {
  OCTET_ASSIGN_OR_RETURN(ir::ValueId scale, graph.Read(node, i));
  return AlongAxis(node, graph, scale, rank, axis);
}

}  // namespace

absl::Status ImportConvInteger(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 4));
  OCTET_ASSIGN_OR_RETURN(const IntegerOperand x,
                         ReadIntegerOperand(node, graph, 0, 2, /*axis=*/1));
  OCTET_ASSIGN_OR_RETURN(const IntegerOperand w,
                         ReadIntegerOperand(node, graph, 1, 3, /*axis=*/0));
  OCTET_ASSIGN_OR_RETURN(
      const ir::Conv conv,
      ReadConv(node, graph.dims(x.integers), graph.dims(w.integers)));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId sums,
                         IntegerProduct(node, graph, x, w, &conv));
  return graph.Result(node, ir::Cast{DType::kInt32}, {sums});
}

absl::Status ImportMatMulInteger(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 4));
  OCTET_ASSIGN_OR_RETURN(const Operands operands,
                         ReadMatMulOperands(node, graph, 2, 3));
  OCTET_ASSIGN_OR_RETURN(
      ir::ValueId sums,
      IntegerProduct(node, graph, operands.a, operands.b, nullptr));
  return graph.Result(node, ir::Cast{DType::kInt32}, {sums});
}

absl::Status ImportMatMulIntegerToFloat(const NodeReader& node,
                                        GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(4, 7));
  OCTET_ASSIGN_OR_RETURN(const Operands operands,
                         ReadMatMulOperands(node, graph, 4, 5));
  OCTET_ASSIGN_OR_RETURN(
      ir::ValueId sums,
      IntegerProduct(node, graph, operands.a, operands.b, nullptr));
  const size_t rank = graph.dims(sums).size();
  OCTET_ASSIGN_OR_RETURN(ir::ValueId a,
                         ReadScale(node, graph, 2, rank, operands.a.axis));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId b, ReadScale(node, graph, 3, rank, -1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId scale,
                         Arithmetic(node, graph, Kind::kMul, a, b));
  return ResultScaled(node, graph, sums, scale, /*bias=*/6);
}

absl::Status ImportDynamicQuantizeMatMul(const NodeReader& node,
                                         GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(3, 5));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(const DynamicallyQuantized q,
                         QuantizeDynamically(node, graph, x));
  IntegerOperand a = {q.integers, std::nullopt, -1};
  OCTET_ASSIGN_OR_RETURN(a.zero_point,
                         CastTo(node, graph, q.zero_point, DType::kUInt8));
  OCTET_ASSIGN_OR_RETURN(const IntegerOperand b,
                         ReadIntegerOperand(node, graph, 1, 3, /*axis=*/-1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId sums,
                         IntegerProduct(node, graph, a, b, nullptr));
  OCTET_ASSIGN_OR_RETURN(
      ir::ValueId scale,
      ReadScale(node, graph, 2, graph.dims(sums).size(), -1));
  OCTET_ASSIGN_OR_RETURN(scale,
                         Arithmetic(node, graph, Kind::kMul, q.scale, scale));
  return ResultScaled(node, graph, sums, scale, /*bias=*/4);
}

}  // namespace octet::onnx
