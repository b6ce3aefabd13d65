// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/move_reshape_down.h"

#include <string>
#include <utility>
#include <vector>

namespace octet::passes {
namespace {

using ir::Graph;
using ir::GraphIndex;
using ir::GraphPatch;
using ir::Node;
using ir::ValueId;

// The axes of `dims` that have more than one element.
std::vector<int> LongAxes(const ir::Dims& dims) {
  std::vector<int> axes;
  for (int axis = 0; axis < static_cast<int>(dims.size()); ++axis) {
    if (dims[axis] != ir::Dim::Fixed(1)) axes.push_back(axis);
  }
  return axes;
}

// Whether `before` and `after` differ by axes of one element only.
bool OnlyUnitAxesDiffer(const ir::Dims& before, const ir::Dims& after) {
  const std::vector<int> a = LongAxes(before);
  const std::vector<int> b = LongAxes(after);
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (before[a[i]] != after[b[i]]) return false;
  }
  return true;
}

// A Reshape of what a Conv or MatMul computes, `value` its result.
const Node* ReshapeBehindProduct(const Graph& graph, const GraphIndex& index,
                                 ValueId value, const Node& reader) {
  const Node* reshape = index.Producer(value);
  if (reshape == nullptr || !std::holds_alternative<ir::Reshape>(reshape->op) ||
      index.SoleReader(value) != &reader ||
      graph.type(value).dtype != DType::kFloat32) {
    return nullptr;
  }
  const ValueId before = reshape->inputs[0];
  const Node* product = index.Producer(before);
  if (product == nullptr || index.SoleReader(before) != reshape) return nullptr;
  const bool is_product = std::holds_alternative<ir::Conv>(product->op) ||
                          std::holds_alternative<ir::MatMul>(product->op);
  const bool unit_axes =
      OnlyUnitAxesDiffer(graph.type(before).dims, graph.type(value).dims);
  return is_product && unit_axes ? reshape : nullptr;
}

// `constant`, which broadcasts to `after`, shaped to broadcast to `before`
// likewise: numbers along `channels`, an axis of `before`, and no other;
// nothing for another constant.
std::optional<Tensor> ShapedFor(const Tensor& constant, const ir::Dims& before,
                                const ir::Dims& after, int channels) {
  const int offset = static_cast<int>(after.size()) -
                     static_cast<int>(constant.shape().size());
  if (offset < 0) return std::nullopt;
  const std::vector<int> from = LongAxes(after);
  const std::vector<int> to = LongAxes(before);
  Shape shape(before.size(), 1);
  for (size_t i = 0; i < from.size(); ++i) {
    if (from[i] < offset || to[i] != channels) continue;
    shape[channels] = constant.shape()[from[i] - offset];
  }
  if (shape[channels] == 1 || shape[channels] != constant.size()) {
    return std::nullopt;
  }
  return constant.Reshaped(std::move(shape));
}

// `node` in front of `reshape`, with `inputs` beside what that reads.
GraphPatch Swapped(const Graph& graph, const Node& reshape, const Node& node,
                   GraphPatch patch, std::vector<ValueId> inputs) {
  const ir::Value& output = graph.value(node.outputs[0]);
  const ValueId first =
      patch.AddNode(node.name, node.op, std::move(inputs), output.name,
                    graph.type(reshape.inputs[0]));
  patch.Replace(node.outputs[0],
                patch.AddNode(reshape.name, reshape.op, {first}, output.name,
                              output.type));
  return patch;
}

std::optional<GraphPatch> SwapClamp(const Graph& graph, const GraphIndex& index,
                                    const Node& clamp) {
  const Node* reshape =
      ReshapeBehindProduct(graph, index, clamp.inputs[0], clamp);
  if (reshape == nullptr) return std::nullopt;
  return Swapped(graph, *reshape, clamp, GraphPatch(graph), reshape->inputs);
}

std::optional<GraphPatch> SwapAddition(const Graph& graph,
                                       const GraphIndex& index,
                                       const Node& add) {
  for (int side : {0, 1}) {
    const ir::Value& added = graph.value(add.inputs[1 - side]);
    const ir::Dims& after = graph.type(add.outputs[0]).dims;
    if (!added.is_constant() || graph.type(add.inputs[side]).dims != after) {
      continue;
    }
    const Node* reshape =
        ReshapeBehindProduct(graph, index, add.inputs[side], add);
    if (reshape == nullptr) continue;
    const ValueId before = reshape->inputs[0];
    const ir::Dims& dims = graph.type(before).dims;
    const bool conv =
        std::holds_alternative<ir::Conv>(index.Producer(before)->op);
    const int channels = conv ? 1 : static_cast<int>(dims.size()) - 1;
    std::optional<Tensor> constant =
        ShapedFor(*added.constant, dims, after, channels);
    if (!constant) continue;
    GraphPatch patch(graph);
    std::vector<ValueId> inputs(2, before);
    inputs[1 - side] = patch.AddConstant(added.name, *std::move(constant));
    return Swapped(graph, *reshape, add, std::move(patch), std::move(inputs));
  }
  return std::nullopt;
}

std::optional<GraphPatch> Swap(const Graph& graph, const GraphIndex& index,
                               const Node& node) {
  if (std::holds_alternative<ir::Clamp>(node.op)) {
    return SwapClamp(graph, index, node);
  }
  const auto* binary = std::get_if<ir::Binary>(&node.op);
  if (binary != nullptr && binary->kind == ir::BinaryKind::kAdd) {
    return SwapAddition(graph, index, node);
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::optional<GraphPatch>> MoveReshapeDown(
    const Graph& graph, const PassContext& /*context*/) {
  const GraphIndex index(graph);
  for (const Node& node : graph.nodes()) {
    if (std::optional<GraphPatch> patch = Swap(graph, index, node)) {
      return patch;
    }
  }
  return std::nullopt;
}

}  // namespace octet::passes
