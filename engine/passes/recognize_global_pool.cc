// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "engine/ir/infer_types.h"
#include "engine/passes/recognize.h"

namespace octet::passes {
namespace {

using ir::Graph;
using ir::GraphIndex;
using ir::GraphPatch;
using ir::Node;
using ir::ValueId;

// Below, the mean over the last axis is a normalization's.
constexpr size_t kPictureRank = 4;

// Whether `reduce` is the mean over all places of pictures [N, C, spatial...].
bool IsMeanOverPlaces(const ir::Reduce& reduce, const ir::TensorType& x) {
  if (reduce.kind != ir::ReduceKind::kMean || x.dtype != DType::kFloat32 ||
      x.dims.size() < kPictureRank || reduce.axes.size() != x.dims.size() - 2) {
    return false;
  }
  std::vector<int> axes = reduce.axes;
  std::sort(axes.begin(), axes.end());
  for (size_t i = 0; i < axes.size(); ++i) {
    const ir::Dim& dim = x.dims[i + 2];
    if (axes[i] != static_cast<int>(i) + 2 || dim.per_row || dim.value < 1) {
      return false;
    }
  }
  return true;
}

// Whether layers alone read `id`, as their data, as it is or reshaped.
bool LayersAloneRead(const GraphIndex& index, ValueId id) {
  const auto& readers = index.Readers(id);
  return !readers.empty() && !index.IsOutput(id) &&
         std::all_of(readers.begin(), readers.end(), [&](const Node* reader) {
           if (std::holds_alternative<ir::Reshape>(reader->op)) {
             return LayersAloneRead(index, reader->outputs[0]);
           }
           return (std::holds_alternative<ir::Conv>(reader->op) ||
                   std::holds_alternative<ir::MatMul>(reader->op)) &&
                  std::count(reader->inputs.begin(), reader->inputs.end(),
                             id) == 1 &&
                  reader->inputs[0] == id;
         });
}

}  // namespace

absl::StatusOr<std::optional<GraphPatch>> RecognizeGlobalPool(
    const Graph& graph, const PassContext& /*context*/) {
  const GraphIndex index(graph);
  for (const Node& node : graph.nodes()) {
    const auto* reduce = std::get_if<ir::Reduce>(&node.op);
    if (reduce == nullptr) continue;
    const ir::TensorType& x = graph.type(node.inputs[0]);
    if (!IsMeanOverPlaces(*reduce, x) ||
        !LayersAloneRead(index, node.outputs[0])) {
      continue;
    }
    const ir::GlobalPool pool;
    const auto pooled = ir::InferType(pool, {&x, 1});
    if (!pooled.ok()) continue;  // more axes than a pool has, rows elsewhere
    GraphPatch patch(graph);
    const std::string& stem = graph.value(node.outputs[0]).name;
    ValueId result =
        patch.AddNode(node.name, pool, {node.inputs[0]}, stem, *pooled);
    if (!reduce->keep_dims) {
      const ir::TensorType& type = graph.type(node.outputs[0]);
      result = patch.AddNode(node.name, ir::Reshape{type.dims}, {result}, stem,
                             type);
    }
    patch.Replace(node.outputs[0], result);
    return patch;
  }
  return std::nullopt;
}

}  // namespace octet::passes
