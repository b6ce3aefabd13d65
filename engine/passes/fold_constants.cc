// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/fold_constants.h"

#include <algorithm>
#include <utility>

#include "engine/base/status_macros.h"

namespace octet::passes {
namespace {

bool AllInputsConstant(const ir::Graph& graph, const ir::Node& node) {
  return std::all_of(
      node.inputs.begin(), node.inputs.end(),
      [&](ir::ValueId id) { return graph.value(id).is_constant(); });
}

absl::StatusOr<std::optional<ir::GraphPatch>> FoldFirst(
    const ir::Graph& graph, const PassContext& context, bool dequantize) {
  for (const ir::Node& node : graph.nodes()) {
    if (std::holds_alternative<ir::Dequantize>(node.op) != dequantize) continue;
    if (!AllInputsConstant(graph, node)) continue;
    absl::StatusOr<std::vector<Tensor>> folded = context.evaluate(graph, node);
    if (absl::IsUnimplemented(folded.status())) continue;
    if (!folded.ok()) return folded.status();
    ir::GraphPatch patch(graph);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ir::Value& output = graph.value(node.outputs[i]);
      patch.Replace(node.outputs[i],
                    patch.AddConstant(output.name, std::move((*folded)[i]),
                                      output.type.quantization));
    }
    return patch;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::optional<ir::GraphPatch>> FoldConstants(
    const ir::Graph& graph, const PassContext& context) {
  return FoldFirst(graph, context, /*dequantize=*/false);
}

absl::StatusOr<std::optional<ir::GraphPatch>> FoldDequantizedConstants(
    const ir::Graph& graph, const PassContext& context) {
  return FoldFirst(graph, context, /*dequantize=*/true);
}

}  // namespace octet::passes
