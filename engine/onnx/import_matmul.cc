// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/infer_types.h"
#include "engine/onnx/float_operators.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

// `id` times `factor`: a scaled constant, or a node that multiplies.
absl::StatusOr<ir::ValueId> Scaled(const NodeReader& node, GraphBuilder& graph,
                                   int input, float factor) {
  OCTET_ASSIGN_OR_RETURN(ir::ValueId id, graph.Read(node, input));
  if (factor == 1) return id;
  std::optional<Tensor> constant = graph.Constant(node, input);
  if (constant.has_value() && constant->dtype() == DType::kFloat32) {
    OCTET_RETURN_IF_ERROR(graph.Charge(constant->byte_size()));
    Tensor scaled(DType::kFloat32, constant->shape());
    const auto from = constant->data<float>();
    const auto to = scaled.mutable_data<float>();
    for (size_t i = 0; i < from.size(); ++i) to[i] = from[i] * factor;
    return graph.AddConstant(node, std::move(scaled));
  }
  Tensor number = Tensor::Of<float>({}, {factor});
  const ir::TensorType& type = graph.type(id);
  if (type.dtype == DType::kFloat64) {
    number = Tensor::Of<double>({}, {static_cast<double>(factor)});
  } else if (type.dtype != DType::kFloat32) {
    return absl::UnimplementedError(
        absl::StrCat("alpha or beta is ", factor, " for ",
                     ir::TypeToString(type), "; octet scales reals"));
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId scalar,
                         graph.AddConstant(node, std::move(number)));
  return graph.Compute(node, ir::Binary{ir::BinaryKind::kMul, {}},
                       {id, scalar});
}

absl::StatusOr<ir::ValueId> Reshaped(const NodeReader& node,
                                     GraphBuilder& graph, ir::ValueId id,
                                     ir::Dims dims) {
  if (graph.dims(id) == dims) return id;
  return graph.Compute(node, ir::Reshape{std::move(dims)}, {id});
}

// C of Gemm as a bias [N] if it is one number for each column, or one for all;
// nullopt if it differs from row to row.
absl::StatusOr<std::optional<ir::ValueId>> AsBias(const NodeReader& node,
                                                  GraphBuilder& graph,
                                                  ir::ValueId c, int64_t n) {
  if (graph.type(c).dtype != DType::kFloat32) return std::nullopt;
  const ir::Dims& dims = graph.dims(c);
  const ir::Dims wanted = {ir::Dim::Fixed(n)};
  if (dims == wanted) return c;
  if (dims == ir::Dims{ir::Dim::Fixed(1), ir::Dim::Fixed(n)}) {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId bias, Reshaped(node, graph, c, wanted));
    return bias;
  }
  // Scaled() leaves constants with their value.
  const std::optional<Tensor>& constant = graph.constant(c);
  if (constant.has_value() && constant->size() == 1 && dims.size() <= 2 &&
      constant->dtype() == DType::kFloat32) {
    OCTET_RETURN_IF_ERROR(graph.Charge(n * sizeof(float)));
    Tensor bias(DType::kFloat32, {n});
    const auto data = bias.mutable_data<float>();
    std::fill(data.begin(), data.end(), constant->data<float>()[0]);
    OCTET_ASSIGN_OR_RETURN(ir::ValueId id,
                           graph.AddConstant(node, std::move(bias)));
    return id;
  }
  return std::nullopt;
}

absl::Status ExpectMatrix(const char* what, const ir::Dims& dims) {
  if (dims.size() == 2) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      what, " has dimensions ", ir::DimsToString(dims), "; expected two"));
}

}  // namespace

absl::Status ImportGemm(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 3));
  node.Ignore("broadcast");  // opset 6: dimensions say it
  OCTET_ASSIGN_OR_RETURN(const float alpha, node.Float("alpha", 1));
  OCTET_ASSIGN_OR_RETURN(const float beta, node.Float("beta", 1));
  OCTET_ASSIGN_OR_RETURN(const int64_t transpose_a, node.Int("transA", 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t transpose_b, node.Int("transB", 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId a, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId b, Scaled(node, graph, 1, alpha));
  OCTET_RETURN_IF_ERROR(ExpectMatrix("A", graph.dims(a)));
  OCTET_RETURN_IF_ERROR(ExpectMatrix("B", graph.dims(b)));
  if (transpose_a != 0) {
    OCTET_ASSIGN_OR_RETURN(a, graph.Compute(node, ir::Transpose{{1, 0}}, {a}));
  }
  ir::MatMul op;
  op.transpose_b = transpose_b != 0;
  // beta = 0 means that C does not count, whatever is in it.
  if (!node.HasInput(2) || beta == 0) {
    return graph.Result(node, op, {a, b});
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId c, Scaled(node, graph, 2, beta));
  const ir::Dim columns = graph.dims(b)[op.transpose_b ? 0 : 1];
  OCTET_ASSIGN_OR_RETURN(std::optional<ir::ValueId> bias,
                         AsBias(node, graph, c, columns.value));
  if (bias.has_value()) {
    op.has_bias = true;
    return graph.Result(node, op, {a, b, *bias});
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId product, graph.Compute(node, op, {a, b}));
  // C broadcasts to the product, never the other way round.
  const ir::TensorType types[] = {graph.type(product), graph.type(c)};
  const ir::Binary add = {ir::BinaryKind::kAdd, {}};
  OCTET_ASSIGN_OR_RETURN(const ir::TensorType sum, ir::InferType(add, types));
  if (sum.dims != graph.dims(product)) {
    return absl::InvalidArgumentError(
        absl::StrCat("C has dimensions ", ir::DimsToString(graph.dims(c)),
                     "; expected what broadcasts to ",
                     ir::DimsToString(graph.dims(product))));
  }
  return graph.Result(node, add, {product, c});
}

absl::StatusOr<ir::ValueId> ComputeMatMul(const NodeReader& node,
                                          GraphBuilder& graph, ir::ValueId a,
                                          ir::ValueId b) {
  const bool a_is_vector = graph.dims(a).size() == 1;
  const bool b_is_vector = graph.dims(b).size() == 1;
  if (graph.dims(a).empty() || graph.dims(b).empty()) {
    return absl::InvalidArgumentError("an operand is a scalar");
  }
  if (!a_is_vector && !b_is_vector) {
    return graph.Compute(node, ir::MatMul{}, {a, b});
  }
  // As numpy has it: a vector is a row in front and a column behind, and the
  // axis that this adds is dropped from the result.
  if (a_is_vector) {
    const ir::Dim inner = graph.dims(a)[0];
    OCTET_ASSIGN_OR_RETURN(
        a, Reshaped(node, graph, a, {ir::Dim::Fixed(1), inner}));
  }
  if (b_is_vector) {
    const ir::Dim inner = graph.dims(b)[0];
    OCTET_ASSIGN_OR_RETURN(
        b, Reshaped(node, graph, b, {inner, ir::Dim::Fixed(1)}));
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId product,
                         graph.Compute(node, ir::MatMul{}, {a, b}));
  ir::Dims dims = graph.dims(product);
  if (b_is_vector) dims.pop_back();
  if (a_is_vector) dims.erase(dims.end() - (b_is_vector ? 1 : 2));
  return graph.Compute(node, ir::Reshape{std::move(dims)}, {product});
}

absl::Status ImportMatMul(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId a, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId b, graph.Read(node, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId product, ComputeMatMul(node, graph, a, b));
  return graph.ResultIs(node, product);
}

}  // namespace octet::onnx
