// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <vector>

#include "engine/ir/recurrent_inputs.h"
#include "engine/onnx/export_rules.h"
#include "engine/onnx/recurrent_functions.h"

namespace octet::onnx {
namespace {

const char* DirectionName(ir::RecurrentDirection direction) {
  switch (direction) {
    case ir::RecurrentDirection::kForward:
      return "forward";
    case ir::RecurrentDirection::kReverse:
      return "reverse";
    case ir::RecurrentDirection::kBidirectional:
      break;
  }
  return "bidirectional";
}

// The names, and the constants of those that take some, in their order.
void SetFunctions(const ir::Recurrent& op, pb::NodeProto* node) {
  std::vector<std::string> names;
  std::vector<float> alphas;
  std::vector<float> betas;
  for (const ir::RecurrentFunction& function : op.functions) {
    const NamedFunction& named = FunctionOf(function.kind);
    names.emplace_back(named.name);
    if (named.takes_alpha) alphas.push_back(function.alpha);
    if (named.takes_beta) betas.push_back(function.beta);
  }
  SetStrings(node, "activations", names);
  if (!alphas.empty()) SetFloats(node, "activation_alpha", alphas);
  if (!betas.empty()) SetFloats(node, "activation_beta", betas);
}

// Where the operator has its optional inputs; absent ones have no name.
std::vector<std::string> OnnxInputs(const ir::Recurrent& op,
                                    NodeWriter& writer) {
  std::vector<std::string> inputs = writer.Inputs(3);
  const ir::RecurrentInputs at = ir::InputsOf(op);
  for (const std::optional<int>& index :
       {at.bias, at.sequence_lens, at.initial_h, at.initial_c, at.peepholes}) {
    inputs.push_back(index.has_value() ? writer.Input(*index) : "");
  }
  while (inputs.back().empty()) inputs.pop_back();
  return inputs;
}

}  // namespace

absl::Status WriteOp(const ir::Recurrent& op, NodeWriter& writer) {
  writer.Expect(1);
  pb::NodeProto* node = writer.Add(op.Name(), OnnxInputs(op, writer));
  writer.AddOtherOutputs(node);
  SetString(node, "direction", DirectionName(op.direction));
  SetInt(node, "hidden_size", op.hidden);
  SetFunctions(op, node);
  if (op.clip != 0) SetFloat(node, "clip", op.clip);
  if (op.kind == ir::RecurrentKind::kGru) {
    SetInt(node, "linear_before_reset", op.linear_before_reset ? 1 : 0);
  }
  if (op.kind == ir::RecurrentKind::kLstm) {
    SetInt(node, "input_forget", op.input_forget ? 1 : 0);
  }
  return absl::OkStatus();
}

}  // namespace octet::onnx
