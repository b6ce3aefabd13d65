// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/quantization_sites.h"

#include <algorithm>
#include <numeric>

namespace octet::quant {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

bool IsFloatConstant(const Graph& graph, ValueId id) {
  return graph.value(id).is_constant() &&
         graph.type(id).dtype == DType::kFloat32;
}

bool IsPlainAdd(const Graph& graph, const Node& node) {
  const auto* binary = std::get_if<ir::Binary>(&node.op);
  return binary != nullptr && binary->kind == ir::BinaryKind::kAdd &&
         graph.type(node.inputs[0]).dims == graph.type(node.inputs[1]).dims &&
         !graph.value(node.inputs[0]).is_constant() &&
         !graph.value(node.inputs[1]).is_constant();
}

// The inputs of a Conv or MatMul that carry data rather than weights.
std::vector<ValueId> DataInputs(const Node& node) {
  std::vector<ValueId> data = {node.inputs[0]};
  const auto* conv = std::get_if<ir::Conv>(&node.op);
  if (conv != nullptr && conv->has_residual) data.push_back(node.inputs.back());
  return data;
}

// Values that some operator wants as integers, found from the end backwards.
std::vector<bool> WantedAsIntegers(const Graph& graph) {
  std::vector<bool> wanted(graph.values().size(), false);
  for (size_t i = graph.nodes().size(); i-- > 0;) {
    const Node& node = graph.nodes()[i];
    const bool result_wanted = wanted[node.outputs[0]];
    if (IsWeighted(graph, node)) {
      for (ValueId id : DataInputs(node)) wanted[id] = true;
    } else if (ir::IsAveragePool(node.op) ||
               (result_wanted &&
                (ir::MovesElements(node.op) || IsPlainAdd(graph, node)))) {
      for (ValueId id : node.inputs) wanted[id] = true;
    }
  }
  for (size_t id = 0; id < wanted.size(); ++id) {
    const ir::Value& value = graph.values()[id];
    if (value.is_constant() || value.type.dtype != DType::kFloat32) {
      wanted[id] = false;
    }
  }
  return wanted;
}

// Union-find over value ids; a group is named after its first member.
class Groups {
 public:
  explicit Groups(size_t count) : parent_(count) {
    std::iota(parent_.begin(), parent_.end(), 0);
  }
  ValueId Find(ValueId id) const {
    while (parent_[id] != id) id = parent_[id];
    return id;
  }
  void Join(ValueId a, ValueId b) {
    const ValueId first = std::min(Find(a), Find(b));
    const ValueId second = std::max(Find(a), Find(b));
    parent_[second] = first;
  }

 private:
  std::vector<ValueId> parent_;
};

}  // namespace

bool IsWeighted(const Graph& graph, const Node& node) {
  const bool conv = std::holds_alternative<ir::Conv>(node.op);
  const auto* matmul = std::get_if<ir::MatMul>(&node.op);
  if (!conv && matmul == nullptr) return false;
  if (!IsFloatConstant(graph, node.inputs[1])) return false;
  if (graph.value(node.inputs[0]).is_constant()) return false;
  if (matmul != nullptr && graph.type(node.inputs[1]).dims.size() != 2) {
    return false;
  }
  const bool has_bias =
      conv ? std::get<ir::Conv>(node.op).has_bias : matmul->has_bias;
  return !has_bias || IsFloatConstant(graph, node.inputs[2]);
}

QuantizationSites ChooseSites(const Graph& graph) {
  const std::vector<bool> wanted = WantedAsIntegers(graph);
  Groups groups(graph.values().size());
  std::vector<bool> moved(graph.values().size(), false);
  for (const Node& node : graph.nodes()) {
    if (!ir::MovesElements(node.op) || !wanted[node.outputs[0]]) continue;
    // A constant operand keeps the whole operator float.
    if (!std::all_of(node.inputs.begin(), node.inputs.end(),
                     [&](ValueId id) { return wanted[id]; })) {
      continue;
    }
    moved[node.outputs[0]] = true;
    for (ValueId id : node.inputs) groups.Join(id, node.outputs[0]);
  }
  QuantizationSites sites;
  for (size_t i = 0; i < graph.values().size(); ++i) {
    const auto id = static_cast<ValueId>(i);
    sites.group.push_back(groups.Find(id));
  }
  for (ValueId id : graph.inputs()) {
    if (wanted[id]) sites.rounded.push_back(id);
  }
  for (const Node& node : graph.nodes()) {
    for (ValueId id : node.outputs) {
      if (wanted[id] && !moved[id]) sites.rounded.push_back(id);
    }
  }
  return sites;
}

}  // namespace octet::quant
