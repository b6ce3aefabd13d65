// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "engine/base/status_macros.h"
#include "engine/ir/infer_types.h"
#include "engine/passes/fuse_integer.h"
#include "engine/passes/quantized_edges.h"

namespace octet::passes {
namespace {

using ir::Graph;
using ir::GraphIndex;
using ir::GraphPatch;
using ir::Node;
using ir::TensorType;
using ir::ValueId;

template <typename... Ops>
bool IsAnyOf(const ir::Op& op) {
  return (std::holds_alternative<Ops>(op) || ...);
}

// Whether `op` looks up where it takes elements of input 0 from.
bool Gathers(const ir::Op& op) {
  return IsAnyOf<ir::Gather, ir::GatherElements, ir::GatherNd>(op);
}

// Whether `op` puts elements of input 2 among those of input 0.
bool Scatters(const ir::Op& op) {
  if (const auto* elements = std::get_if<ir::ScatterElements>(&op)) {
    return elements->reduction == ir::ScatterReduction::kNone;
  }
  const auto* slices = std::get_if<ir::ScatterNd>(&op);
  return slices != nullptr && slices->reduction == ir::ScatterReduction::kNone;
}

// Whether `op` does to integers what it does to the reals behind them.
bool WorksOnIntegers(const ir::Op& op) {
  const auto* clamp = std::get_if<ir::Clamp>(&op);
  if (clamp == nullptr) {
    return ir::MovesElements(op) || Gathers(op) || Scatters(op);
  }
  // The real 0 is an integer, other limits may lie between two.
  return clamp->range == ir::Activation{0.0f, ir::Activation().upper};
}

// Whether input `i` of `node` is moved, and does not say where to.
bool IsMoved(const Node& node, size_t i) {
  if (Gathers(node.op)) return i == 0;
  return !Scatters(node.op) || i != 1;
}

// The integers behind input `id`. A table that entries are looked up in counts
// although it is a constant: it stays as small as it is.
std::optional<ValueId> MovableBehind(const Graph& graph,
                                     const GraphIndex& index, const Node& node,
                                     ValueId id) {
  if (!Gathers(node.op)) return ActivationBehind(graph, index, id);
  std::optional<ValueId> behind = IntegersBehind(graph, index, id);
  if (!behind) return std::nullopt;
  const TensorType& type = graph.type(*behind);
  const bool is_byte =
      type.dtype == DType::kInt8 || type.dtype == DType::kUInt8;
  if (!is_byte || !type.quantization->per_tensor()) return std::nullopt;
  return behind;
}

// The inputs with integers of one common type in place of what is moved;
// nothing where an input is float or they differ.
std::optional<std::vector<ValueId>> EqualIntegers(const Graph& graph,
                                                  const GraphIndex& index,
                                                  const Node& node) {
  std::vector<ValueId> inputs = node.inputs;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!IsMoved(node, i)) continue;
    std::optional<ValueId> behind =
        MovableBehind(graph, index, node, inputs[i]);
    if (!behind) return std::nullopt;
    const TensorType& type = graph.type(*behind);
    if (i > 0 && (type.dtype != graph.type(inputs[0]).dtype ||
                  type.quantization != graph.type(inputs[0]).quantization)) {
      return std::nullopt;
    }
    inputs[i] = *behind;
  }
  return inputs;
}

// Concat of dequantized tensors, at least one quantized unlike the result:
// requantizes those.
std::optional<GraphPatch> RequantizeConcatInputs(const Graph& graph,
                                                 const GraphIndex& index,
                                                 const Node& node) {
  const auto quantizers = EqualQuantizers(graph, index, node.outputs[0]);
  if (quantizers.empty()) return std::nullopt;
  const TensorType& target = graph.type(quantizers[0]->outputs[0]);
  std::vector<ValueId> inputs;
  GraphPatch patch(graph);
  for (ValueId id : node.inputs) {
    std::optional<ValueId> behind = ActivationBehind(graph, index, id);
    if (!behind) return std::nullopt;
    const TensorType& type = graph.type(*behind);
    if (type.dtype == target.dtype &&
        type.quantization == target.quantization) {
      inputs.push_back(*behind);
      continue;
    }
    inputs.push_back(patch.AddNode(
        node.name, ir::Requantize{}, {*behind},
        graph.value(*behind).name + "_requantized",
        TensorType{target.dtype, type.dims, target.quantization}));
  }
  ReplaceByInteger(graph, index, node, node.op, std::move(inputs), patch);
  return patch;
}

GraphPatch OnIntegers(const Graph& graph, const Node& node,
                      std::vector<ValueId> integers) {
  const ir::Value& output = graph.value(node.outputs[0]);
  const TensorType& source = graph.type(integers[0]);
  GraphPatch patch(graph);
  const ValueId moved = patch.AddNode(
      node.name, node.op, std::move(integers), output.name + "_integers",
      TensorType{source.dtype, output.type.dims, source.quantization});
  patch.Replace(node.outputs[0],
                patch.AddNode(node.name, ir::Dequantize{}, {moved}, output.name,
                              output.type));
  return patch;
}

}  // namespace

absl::StatusOr<std::optional<GraphPatch>> MoveDequantizeDown(
    const Graph& graph, const PassContext& /*context*/) {
  const GraphIndex index(graph);
  for (const Node& node : graph.nodes()) {
    if (!WorksOnIntegers(node.op)) continue;
    std::optional<std::vector<ValueId>> integers =
        EqualIntegers(graph, index, node);
    if (integers) return OnIntegers(graph, node, *std::move(integers));
    if (std::holds_alternative<ir::Concat>(node.op)) {
      std::optional<GraphPatch> patch =
          RequantizeConcatInputs(graph, index, node);
      if (patch) return patch;
    }
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<GraphPatch>> CancelDequantizeQuantize(
    const Graph& graph, const PassContext& /*context*/) {
  const GraphIndex index(graph);
  for (const Node& node : graph.nodes()) {
    if (!std::holds_alternative<ir::Quantize>(node.op)) continue;
    std::optional<ValueId> behind =
        ActivationBehind(graph, index, node.inputs[0]);
    if (!behind) continue;
    const ir::Value& output = graph.value(node.outputs[0]);
    if (!output.type.quantization || !output.type.quantization->per_tensor()) {
      continue;
    }
    GraphPatch patch(graph);
    if (graph.type(*behind) == output.type &&
        !index.IsOutput(node.outputs[0])) {
      patch.Replace(node.outputs[0], *behind);
    } else {
      patch.Replace(node.outputs[0],
                    patch.AddNode(node.name, ir::Requantize{}, {*behind},
                                  output.name, output.type));
    }
    return patch;
  }
  return std::nullopt;
}

}  // namespace octet::passes
