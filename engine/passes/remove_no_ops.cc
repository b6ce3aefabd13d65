// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/remove_no_ops.h"

#include <algorithm>
#include <utility>

namespace octet::passes {
namespace {

using ir::Graph;
using ir::GraphPatch;
using ir::Node;

bool AllZero(const std::vector<int64_t>& values) {
  return std::all_of(values.begin(), values.end(),
                     [](int64_t value) { return value == 0; });
}

// Whether `node` hands its one input on unchanged.
bool IsNoOp(const Graph& graph, const Node& node) {
  const ir::TensorType& input = graph.type(node.inputs[0]);
  const ir::TensorType& output = graph.type(node.outputs[0]);
  const bool same_type = input == output;
  if (std::holds_alternative<ir::Reshape>(node.op) ||
      std::holds_alternative<ir::Slice>(node.op) ||
      std::holds_alternative<ir::Expand>(node.op) ||
      std::holds_alternative<ir::Cast>(node.op) ||
      std::holds_alternative<ir::Requantize>(node.op)) {
    if (const auto* slice = std::get_if<ir::Slice>(&node.op)) {
      const auto& steps = slice->steps;
      if (std::any_of(steps.begin(), steps.end(),
                      [](int64_t step) { return step != 1; })) {
        return false;
      }
    }
    return same_type;
  }
  if (const auto* clamp = std::get_if<ir::Clamp>(&node.op)) {
    return clamp->range.is_identity();
  }
  if (const auto* pad = std::get_if<ir::Pad>(&node.op)) {
    return AllZero(pad->begin) && AllZero(pad->end);
  }
  if (std::holds_alternative<ir::Concat>(node.op)) {
    return node.inputs.size() == 1;
  }
  if (const auto* transpose = std::get_if<ir::Transpose>(&node.op)) {
    return std::is_sorted(transpose->perm.begin(), transpose->perm.end());
  }
  return false;
}

bool IsOne(const ir::Dim& dim) { return !dim.per_row && dim.value == 1; }

// Whether the axes that have more than one element stay in order.
bool MovesOnlyUnitAxes(const ir::Transpose& transpose, const ir::Dims& dims) {
  int last = -1;
  for (int axis : transpose.perm) {
    if (IsOne(dims[axis])) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

std::vector<int> Compose(const std::vector<int>& first,
                         const std::vector<int>& second) {
  std::vector<int> result;
  for (int axis : second) result.push_back(first[axis]);
  return result;
}

// The Reshape or Transpose that does what `node` does after `before`, from
// `before`'s input; nothing where they don't join.
std::optional<ir::Op> Join(const Graph& graph, const Node& before,
                           const Node& node) {
  if (std::holds_alternative<ir::Reshape>(before.op) &&
      std::holds_alternative<ir::Reshape>(node.op)) {
    return ir::Reshape{graph.type(node.outputs[0]).dims};
  }
  const auto* first = std::get_if<ir::Transpose>(&before.op);
  const auto* second = std::get_if<ir::Transpose>(&node.op);
  if (first == nullptr || second == nullptr) return std::nullopt;
  return ir::Transpose{Compose(first->perm, second->perm)};
}

std::optional<ir::Op> Simplify(const Graph& graph, const Node& node) {
  const auto* transpose = std::get_if<ir::Transpose>(&node.op);
  if (transpose == nullptr) return std::nullopt;
  // Channels of a per-channel edge are found by their axis; leave it alone.
  const ir::TensorType& input = graph.type(node.inputs[0]);
  if (input.quantization && !input.quantization->per_tensor()) {
    return std::nullopt;
  }
  if (!MovesOnlyUnitAxes(*transpose, input.dims)) return std::nullopt;
  return ir::Reshape{graph.type(node.outputs[0]).dims};
}

GraphPatch Rewrite(const Graph& graph, const Node& node, ir::Op op,
                   ir::ValueId input) {
  const ir::Value& output = graph.value(node.outputs[0]);
  GraphPatch patch(graph);
  patch.Replace(node.outputs[0],
                patch.AddNode(node.name, std::move(op), {input}, output.name,
                              output.type));
  return patch;
}

}  // namespace

absl::StatusOr<std::optional<GraphPatch>> RemoveNoOps(
    const Graph& graph, const PassContext& /*context*/) {
  const ir::GraphIndex index(graph);
  for (const Node& node : graph.nodes()) {
    if (IsNoOp(graph, node)) {
      // An input or a constant can't take an output's name; the copy stays.
      const bool bare = index.Producer(node.inputs[0]) == nullptr;
      const bool twice = index.IsOutput(node.inputs[0]);
      if (index.IsOutput(node.outputs[0]) && (bare || twice)) continue;
      GraphPatch patch(graph);
      patch.Replace(node.outputs[0], node.inputs[0]);
      return patch;
    }
    if (std::optional<ir::Op> op = Simplify(graph, node)) {
      return Rewrite(graph, node, *std::move(op), node.inputs[0]);
    }
    const Node* before =
        node.inputs.empty() ? nullptr : index.Producer(node.inputs[0]);
    if (before == nullptr) continue;
    if (std::optional<ir::Op> op = Join(graph, *before, node)) {
      return Rewrite(graph, node, *std::move(op), before->inputs[0]);
    }
  }
  return std::nullopt;
}

}  // namespace octet::passes
