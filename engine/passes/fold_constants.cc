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

// What expands (Expand, a Pad, a Gather of a few entries over and over) costs
// less as a step than in memory. The limits leave Dequantize through, whose
// results are four times as large.
bool Expands(const ir::Graph& graph, const ir::Node& node) {
  constexpr int64_t kFreeBytes = int64_t{1} << 20;
  const auto bytes = [&graph](const std::vector<ir::ValueId>& ids) {
    int64_t sum = 0;
    for (ir::ValueId id : ids) {
      const ir::TensorType& type = graph.type(id);
      if (ir::HasRows(type.dims)) continue;
      sum += ElementCount(ir::ConcreteShape(type.dims)) *
             static_cast<int64_t>(SizeOf(type.dtype));
    }
    return sum;
  };
  const int64_t result = bytes(node.outputs);
  return result > kFreeBytes && result / 8 > bytes(node.inputs);
}

absl::StatusOr<std::optional<ir::GraphPatch>> FoldFirst(
    const ir::Graph& graph, const PassContext& context, bool dequantize) {
  for (const ir::Node& node : graph.nodes()) {
    if (std::holds_alternative<ir::Dequantize>(node.op) != dequantize) continue;
    if (!AllInputsConstant(graph, node) || Expands(graph, node)) continue;
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
