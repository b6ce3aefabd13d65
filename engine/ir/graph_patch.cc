// SPDX-License-Identifier: Apache-2.0
#include "engine/ir/graph_patch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace octet::ir {

ValueId GraphPatch::NextId() const {
  return static_cast<ValueId>(graph_.values().size() + values_.size());
}

std::string GraphPatch::NameAfter(const std::string& stem) const {
  std::string name = graph_.FreshName(stem);
  auto taken = [&](const Value& value) { return value.name == name; };
  for (int i = 1; std::any_of(values_.begin(), values_.end(), taken); ++i) {
    name = graph_.FreshName(absl::StrCat(stem, "_", i));
  }
  return name;
}

ValueId GraphPatch::AddConstant(const std::string& stem, Tensor tensor,
                                std::optional<Quantization> quantization) {
  const ValueId id = NextId();
  TensorType type{tensor.dtype(), FixedDims(tensor.shape()),
                  std::move(quantization)};
  values_.push_back({NameAfter(stem), std::move(type), std::move(tensor)});
  return id;
}

ValueId GraphPatch::AddNode(std::string name, Op op,
                            std::vector<ValueId> inputs,
                            const std::string& stem, TensorType output_type) {
  const ValueId id = NextId();
  values_.push_back({NameAfter(stem), std::move(output_type), std::nullopt});
  nodes_.push_back({std::move(name), std::move(op), std::move(inputs), {id}});
  return id;
}

Graph GraphPatch::Apply() const {
  Graph graph = graph_;
  const auto old_nodes = static_cast<int64_t>(graph.nodes().size());
  for (const Value& value : values_) graph.AddValue(value);
  for (const auto& [id, type] : retyped_) graph.mutable_value(id).type = type;
  // The new nodes are left alone: they may read the very value they replace.
  for (const auto& [from, to] : replaced_) {
    auto& nodes = graph.mutable_nodes();
    for (int64_t i = 0; i < old_nodes; ++i) {
      std::replace(nodes[i].inputs.begin(), nodes[i].inputs.end(), from, to);
    }
    auto& outputs = graph.mutable_outputs();
    const auto output = std::find(outputs.begin(), outputs.end(), from);
    if (output == outputs.end()) continue;
    const bool is_input =
        std::count(graph.inputs().begin(), graph.inputs().end(), to) > 0;
    const bool is_output = std::count(outputs.begin(), outputs.end(), to) > 0;
    OCTET_CHECK(!is_input && !is_output);
    std::replace(outputs.begin(), outputs.end(), from, to);
    std::swap(graph.mutable_value(from).name, graph.mutable_value(to).name);
  }
  for (const Node& node : nodes_) graph.AppendNode(node);
  SortNodes(graph);
  return graph.Compacted();
}

void SortNodes(Graph& graph) {
  std::vector<bool> ready(graph.values().size(), false);
  for (size_t i = 0; i < ready.size(); ++i) {
    ready[i] = graph.values()[i].is_constant();
  }
  for (ValueId id : graph.inputs()) ready[id] = true;
  std::vector<Node> waiting = std::move(graph.mutable_nodes());
  std::vector<Node> sorted;
  sorted.reserve(waiting.size());
  while (!waiting.empty()) {
    std::vector<Node> later;
    for (Node& node : waiting) {
      const bool can_run = std::all_of(node.inputs.begin(), node.inputs.end(),
                                       [&](ValueId id) { return ready[id]; });
      if (!can_run) {
        later.push_back(std::move(node));
        continue;
      }
      for (ValueId id : node.outputs) ready[id] = true;
      sorted.push_back(std::move(node));
    }
    OCTET_CHECK(later.size() < waiting.size());
    waiting = std::move(later);
  }
  graph.mutable_nodes() = std::move(sorted);
}

}  // namespace octet::ir
