// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/recurrent_inputs.h"
#include "engine/onnx/op_registry.h"
#include "engine/onnx/recurrent_functions.h"

namespace octet::onnx {
namespace {

// ONNX takes the names whatever their case.
absl::StatusOr<NamedFunction> FunctionNamed(const std::string& name) {
  for (const NamedFunction& named : RecurrentFunctions()) {
    if (absl::EqualsIgnoreCase(named.name, name)) return named;
  }
  return absl::UnimplementedError(absl::StrCat(
      "attribute 'activations' has '", name,
      "'; octet runs the functions that the operator's text lists"));
}

std::vector<std::string> DefaultFunctions(ir::RecurrentKind kind,
                                          int directions) {
  std::vector<std::string> names;
  for (int d = 0; d < directions; ++d) {
    if (kind != ir::RecurrentKind::kRnn) names.push_back("Sigmoid");
    names.push_back("Tanh");
    if (kind == ir::RecurrentKind::kLstm) names.push_back("Tanh");
  }
  return names;
}

absl::StatusOr<std::vector<ir::RecurrentFunction>> ReadFunctions(
    const NodeReader& node, const ir::Recurrent& op) {
  OCTET_ASSIGN_OR_RETURN(auto names, node.Strings("activations"));
  OCTET_ASSIGN_OR_RETURN(auto alphas, node.Floats("activation_alpha"));
  OCTET_ASSIGN_OR_RETURN(auto betas, node.Floats("activation_beta"));
  if (!names.has_value() || names->empty()) {
    names = DefaultFunctions(op.kind, ir::DirectionCount(op.direction));
  }
  std::vector<ir::RecurrentFunction> functions;
  size_t alpha = 0;
  size_t beta = 0;
  for (const std::string& name : *names) {
    OCTET_ASSIGN_OR_RETURN(NamedFunction named, FunctionNamed(name));
    // Each list goes to the functions that take one, in their order.
    if (named.takes_alpha && alphas.has_value() && alpha < alphas->size()) {
      named.function.alpha = (*alphas)[alpha++];
    }
    if (named.takes_beta && betas.has_value() && beta < betas->size()) {
      named.function.beta = (*betas)[beta++];
    }
    functions.push_back(named.function);
  }
  return functions;
}

absl::StatusOr<ir::RecurrentDirection> ReadDirection(const NodeReader& node) {
  OCTET_ASSIGN_OR_RETURN(const std::string direction,
                         node.String("direction", "forward"));
  if (direction == "forward") return ir::RecurrentDirection::kForward;
  if (direction == "reverse") return ir::RecurrentDirection::kReverse;
  if (direction == "bidirectional") {
    return ir::RecurrentDirection::kBidirectional;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("attribute 'direction' is '", direction,
                   "'; expected forward, reverse or bidirectional"));
}

absl::StatusOr<ir::Recurrent> ReadAttributes(const NodeReader& node) {
  ir::Recurrent op;
  op.kind = node.op_type() == "LSTM"  ? ir::RecurrentKind::kLstm
            : node.op_type() == "GRU" ? ir::RecurrentKind::kGru
                                      : ir::RecurrentKind::kRnn;
  OCTET_ASSIGN_OR_RETURN(op.direction, ReadDirection(node));
  OCTET_ASSIGN_OR_RETURN(op.functions, ReadFunctions(node, op));
  OCTET_ASSIGN_OR_RETURN(op.clip, node.Float("clip", 0));
  if (op.kind == ir::RecurrentKind::kGru) {
    OCTET_ASSIGN_OR_RETURN(const int64_t linear,
                           node.Int("linear_before_reset", 0));
    op.linear_before_reset = linear != 0;
  }
  if (op.kind == ir::RecurrentKind::kLstm) {
    OCTET_ASSIGN_OR_RETURN(const int64_t couple, node.Int("input_forget", 0));
    op.input_forget = couple != 0;
  }
  node.Ignore("output_sequence");  // opset 6: the outputs' names say it
  op.has_bias = node.HasInput(3);
  op.has_sequence_lens = node.HasInput(4);
  op.has_initial_h = node.HasInput(5);
  op.has_initial_c = node.HasInput(6);
  op.has_peepholes = node.HasInput(7);
  return op;
}

// The inputs that are there, in order, as layout 0 has them.
absl::StatusOr<std::vector<ir::ValueId>> ReadInputs(const NodeReader& node,
                                                    GraphBuilder& graph,
                                                    bool batch_first) {
  std::vector<ir::ValueId> inputs;
  for (int i = 0; i < node.input_count(); ++i) {
    if (!node.HasInput(i)) continue;
    OCTET_ASSIGN_OR_RETURN(ir::ValueId id, graph.Read(node, i));
    const bool has_batch = i == 0 || i == 5 || i == 6;
    if (batch_first && has_batch) {
      OCTET_ASSIGN_OR_RETURN(
          id, graph.Compute(node, ir::Transpose{{1, 0, 2}}, {id}));
    }
    inputs.push_back(id);
  }
  return inputs;
}

}  // namespace

absl::Status ImportRecurrent(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(3, node.op_type() == "LSTM" ? 8 : 6));
  OCTET_ASSIGN_OR_RETURN(ir::Recurrent op, ReadAttributes(node));
  OCTET_ASSIGN_OR_RETURN(const int64_t layout, node.Int("layout", 0));
  OCTET_ASSIGN_OR_RETURN(std::vector<ir::ValueId> inputs,
                         ReadInputs(node, graph, layout != 0));
  const ir::Dims& r = graph.dims(inputs[2]);
  OCTET_ASSIGN_OR_RETURN(
      op.hidden,
      node.Int("hidden_size", r.size() == 3 && !r[2].per_row ? r[2].value : 0));
  if (layout == 0) return graph.Results(node, std::move(op), std::move(inputs));
  OCTET_ASSIGN_OR_RETURN(
      std::vector<ir::ValueId> outputs,
      graph.ComputeAll(node, std::move(op), std::move(inputs)));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto output = static_cast<int>(i);
    if (output >= node.output_count() || node.output(output).empty()) continue;
    const ir::Transpose batch_first = {i == 0 ? std::vector<int>{2, 0, 1, 3}
                                              : std::vector<int>{1, 0, 2}};
    OCTET_ASSIGN_OR_RETURN(ir::ValueId id,
                           graph.Compute(node, batch_first, {outputs[i]}));
    OCTET_RETURN_IF_ERROR(graph.ResultIs(node, id, output));
  }
  return absl::OkStatus();
}

}  // namespace octet::onnx
