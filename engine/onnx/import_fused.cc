// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/float_operators.h"
#include "engine/onnx/op_registry.h"
#include "engine/onnx/quantized_form.h"

// Float operators of ONNX Runtime's domain com.microsoft, version 1, which its
// optimizer writes in the place of several of ONNX's.
namespace octet::onnx {
namespace {

using Kind = ir::BinaryKind;

// Parameter `i` of the activation in `params`, or `absent`.
float Parameter(const std::optional<std::vector<float>>& params, size_t i,
                float absent) {
  return params.has_value() && i < params->size() ? (*params)[i] : absent;
}

absl::StatusOr<ir::Op> FusedActivation(
    const std::string& name, const std::optional<std::vector<float>>& params) {
  if (name == "Relu") return ir::Clamp{{0, ir::Activation().upper}};
  if (name == "Clip") {
    const ir::Activation all;
    return ir::Clamp{
        {Parameter(params, 0, all.lower), Parameter(params, 1, all.upper)}};
  }
  ir::Unary op;
  if (name == "Sigmoid") {
    op.kind = ir::UnaryKind::kSigmoid;
  } else if (name == "Tanh") {
    op.kind = ir::UnaryKind::kTanh;
  } else if (name == "LeakyRelu") {
    op.kind = ir::UnaryKind::kLeakyRelu;
    op.alpha = Parameter(params, 0, 0.01f);
  } else if (name == "HardSigmoid") {
    op.kind = ir::UnaryKind::kHardSigmoid;
    op.alpha = Parameter(params, 0, 0.2f);
    op.beta = Parameter(params, 1, 0.5f);
  } else {
    return absl::UnimplementedError(
        absl::StrCat("attribute 'activation' is '", name,
                     "'; octet runs Relu, Clip, Sigmoid, Tanh, LeakyRelu and "
                     "HardSigmoid"));
  }
  return op;
}

// The last two axes of `id` swapped.
absl::StatusOr<ir::ValueId> TransposedMatrix(const NodeReader& node,
                                             GraphBuilder& graph,
                                             ir::ValueId id) {
  const size_t rank = graph.dims(id).size();
  if (rank < 2) return id;
  ir::Transpose transpose;
  for (size_t i = 0; i < rank; ++i) {
    transpose.perm.push_back(static_cast<int>(i));
  }
  std::swap(transpose.perm[rank - 2], transpose.perm[rank - 1]);
  return graph.Compute(node, std::move(transpose), {id});
}

}  // namespace

absl::Status ImportFusedConv(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 4));
  std::vector<ir::ValueId> inputs;
  for (int i = 0; i < 3; ++i) {
    if (!node.HasInput(i)) continue;
    OCTET_ASSIGN_OR_RETURN(ir::ValueId id, graph.Read(node, i));
    inputs.push_back(id);
  }
  OCTET_ASSIGN_OR_RETURN(ir::Conv conv, ReadConv(node, graph.dims(inputs[0]),
                                                 graph.dims(inputs[1])));
  conv.has_bias = node.HasInput(2);
  OCTET_ASSIGN_OR_RETURN(ir::ValueId y,
                         graph.Compute(node, conv, std::move(inputs)));
  if (node.HasInput(3)) {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId z, graph.Read(node, 3));
    OCTET_ASSIGN_OR_RETURN(y, Arithmetic(node, graph, Kind::kAdd, y, z));
  }
  OCTET_ASSIGN_OR_RETURN(const std::string name, node.String("activation", ""));
  OCTET_ASSIGN_OR_RETURN(const auto params, node.Floats("activation_params"));
  if (name.empty()) return graph.ResultIs(node, y);
  OCTET_ASSIGN_OR_RETURN(ir::Op op, FusedActivation(name, params));
  return graph.Result(node, std::move(op), {y});
}

absl::Status ImportFusedMatMul(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId a, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId b, graph.Read(node, 1));
  OCTET_ASSIGN_OR_RETURN(const int64_t transpose_a, node.Int("transA", 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t transpose_b, node.Int("transB", 0));
  for (const char* name : {"transBatchA", "transBatchB"}) {
    OCTET_ASSIGN_OR_RETURN(const int64_t value, node.Int(name, 0));
    if (value != 0) {
      return absl::UnimplementedError(
          absl::StrCat("attribute '", name, "' is ", value, "; octet runs 0"));
    }
  }
  if (transpose_a != 0) {
    OCTET_ASSIGN_OR_RETURN(a, TransposedMatrix(node, graph, a));
  }
  if (transpose_b != 0) {
    OCTET_ASSIGN_OR_RETURN(b, TransposedMatrix(node, graph, b));
  }
  OCTET_ASSIGN_OR_RETURN(const float alpha, node.Float("alpha", 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId y, ComputeMatMul(node, graph, a, b));
  if (alpha == 1) return graph.ResultIs(node, y);
  OCTET_ASSIGN_OR_RETURN(ir::ValueId factor, Scalar(node, graph, alpha));
  return graph.Result(node, ir::Binary{Kind::kMul, {}}, {y, factor});
}

absl::Status ImportFusedGelu(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 2));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  if (node.HasInput(1)) {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId bias, graph.Read(node, 1));
    OCTET_ASSIGN_OR_RETURN(x, Arithmetic(node, graph, Kind::kAdd, x, bias));
  }
  ir::Unary op;
  op.kind = ir::UnaryKind::kGelu;
  if (node.op_type() == "FastGelu") op.kind = ir::UnaryKind::kGeluTanh;
  if (node.op_type() == "QuickGelu") {
    op.kind = ir::UnaryKind::kSwish;
    OCTET_ASSIGN_OR_RETURN(op.alpha, node.Float("alpha", 1.702f));
  }
  return graph.Result(node, op, {x});
}

absl::Status ImportSkipLayerNorm(const NodeReader& node, GraphBuilder& graph) {
  const bool simplified = node.op_type() == "SkipSimplifiedLayerNormalization";
  const int bias = simplified ? 3 : 4;
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(3, bias + 1));
  for (int i = 1; i < 3 && i < node.output_count(); ++i) {
    if (node.output(i).empty()) continue;
    return absl::UnimplementedError(
        absl::StrCat("output ", i, ", which training reads, is asked for"));
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId skip, graph.Read(node, 1));
  OCTET_ASSIGN_OR_RETURN(x, Arithmetic(node, graph, Kind::kAdd, x, skip));
  if (node.HasInput(bias)) {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId added, graph.Read(node, bias));
    OCTET_ASSIGN_OR_RETURN(x, Arithmetic(node, graph, Kind::kAdd, x, added));
  }
  OCTET_RETURN_IF_ERROR(graph.ResultIs(node, x, /*output=*/3));
  ir::LayerNorm op;
  op.axis = static_cast<int>(graph.dims(x).size()) - 1;
  op.subtract_mean = !simplified;
  op.has_scale = true;
  OCTET_ASSIGN_OR_RETURN(op.epsilon, node.Float("epsilon", 1e-12f));
  std::vector<ir::ValueId> inputs = {x};
  OCTET_ASSIGN_OR_RETURN(ir::ValueId scale, graph.Read(node, 2));
  inputs.push_back(scale);
  if (!simplified && node.HasInput(3)) {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId shift, graph.Read(node, 3));
    op.has_bias = true;
    inputs.push_back(shift);
  }
  return graph.Result(node, op, std::move(inputs));
}

}  // namespace octet::onnx
