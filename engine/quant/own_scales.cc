// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/own_scales.h"

#include <algorithm>
#include <utility>

#include "engine/ir/op.h"

namespace octet::quant {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

// Of what the integers span: zero is always among it.
double SpanOf(const Range& range) {
  return static_cast<double>(std::max(range.max, 0.0f)) -
         std::min(range.min, 0.0f);
}

}  // namespace

std::vector<ConcatInput> SharedConcatInputs(const Graph& graph) {
  const ir::GraphIndex index(graph);
  std::vector<ConcatInput> shared;
  for (size_t n = 0; n < graph.nodes().size(); ++n) {
    const Node& node = graph.nodes()[n];
    if (!std::holds_alternative<ir::Concat>(node.op)) continue;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      const ir::Value& value = graph.value(id);
      if (value.is_constant() || value.type.dtype != DType::kFloat32) continue;
      const Node* producer = index.Producer(id);
      const bool moved = producer != nullptr && ir::MovesElements(producer->op);
      if (moved || index.SoleReader(id) == nullptr) shared.push_back({n, i});
    }
  }
  return shared;
}

Graph WithOwnScales(const Graph& graph, const std::vector<ConcatInput>& inputs,
                    std::vector<ValueId>* results) {
  Graph result = graph;
  std::vector<Node> nodes;
  auto next = inputs.begin();
  for (size_t n = 0; n < graph.nodes().size(); ++n) {
    Node node = graph.nodes()[n];
    for (; next != inputs.end() && next->node == n; ++next) {
      const ValueId before = node.inputs[next->input];
      ir::Value value = result.value(before);
      value.name = result.FreshName(value.name + "_own_scale");
      const ValueId behind = result.AddValue(std::move(value));
      nodes.push_back(
          {result.value(behind).name, ir::Clamp{}, {before}, {behind}});
      node.inputs[next->input] = behind;
      if (results != nullptr) results->push_back(behind);
    }
    nodes.push_back(std::move(node));
  }
  result.mutable_nodes() = std::move(nodes);
  return result;
}

bool AreWorthOwnScales(const Range& before, const Range& behind) {
  const double a = SpanOf(before);
  const double b = SpanOf(behind);
  return std::max(a, b) > kWorthOwnScale * std::min(a, b);
}

}  // namespace octet::quant
