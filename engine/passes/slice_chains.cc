// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/slice_chains.h"

#include <utility>

#include "engine/base/status_macros.h"
#include "engine/ir/infer_types.h"
#include "engine/ir/strided_view.h"

namespace octet::passes {

absl::StatusOr<std::optional<ir::GraphPatch>> MergeSliceChains(
    const ir::Graph& graph, const PassContext& /*context*/) {
  const ir::GraphIndex index(graph);
  for (const ir::Node& node : graph.nodes()) {
    if (!ir::MovesView(node.op)) continue;
    std::optional<ir::SliceOfValue> found =
        ir::FindSliceOfChain(graph, index, node);
    if (!found) continue;
    const ir::Value& output = graph.value(node.outputs[0]);
    OCTET_ASSIGN_OR_RETURN(
        ir::TensorType type,
        ir::InferType(found->slice, {graph.type(found->source)}));
    const bool same_dims = type.dims == output.type.dims;
    ir::GraphPatch patch(graph);
    ir::ValueId result = patch.AddNode(
        node.name, std::move(found->slice), {found->source},
        same_dims ? output.name : output.name + ".slice", std::move(type));
    if (!same_dims) {
      result = patch.AddNode(node.name, ir::Reshape{output.type.dims}, {result},
                             output.name, output.type);
    }
    patch.Replace(node.outputs[0], result);
    return patch;
  }
  return std::nullopt;
}

}  // namespace octet::passes
