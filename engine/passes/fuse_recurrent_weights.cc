// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "engine/ir/recurrent_inputs.h"
#include "engine/passes/fuse_integer.h"
#include "engine/passes/quantized_edges.h"

namespace octet::passes {
namespace {

using ir::Graph;
using ir::GraphIndex;
using ir::GraphPatch;
using ir::Node;
using ir::ValueId;

// The s8 constant behind input `input`, if it is as Recurrent takes it and
// `node` alone reads it.
std::optional<ValueId> BytesBehind(const Graph& graph, const GraphIndex& index,
                                   const Node& node, int input) {
  const ValueId floats = node.inputs[input];
  const std::optional<ValueId> id = IntegersBehind(graph, index, floats);
  if (!id || !graph.value(*id).is_constant() || index.IsOutput(floats) ||
      index.Readers(floats).size() != 1) {
    return std::nullopt;
  }
  if (!ir::AreByteWeights(graph.type(*id))) return std::nullopt;
  return id;
}

}  // namespace

absl::StatusOr<std::optional<GraphPatch>> FuseRecurrentWeights(
    const Graph& graph, const PassContext& /*context*/) {
  const GraphIndex index(graph);
  for (const Node& node : graph.nodes()) {
    if (!std::holds_alternative<ir::Recurrent>(node.op)) continue;
    const std::optional<ValueId> w = BytesBehind(graph, index, node, 1);
    const std::optional<ValueId> r = BytesBehind(graph, index, node, 2);
    if (!w || !r) continue;
    GraphPatch patch(graph);
    patch.Replace(node.inputs[1], *w);
    patch.Replace(node.inputs[2], *r);
    return patch;
  }
  return std::nullopt;
}

}  // namespace octet::passes
