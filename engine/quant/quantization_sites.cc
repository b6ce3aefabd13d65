// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/quantization_sites.h"

#include <algorithm>
#include <numeric>
#include <optional>

namespace octet::quant {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

bool IsFloatConstant(const Graph& graph, ValueId id) {
  return graph.value(id).is_constant() &&
         graph.type(id).dtype == DType::kFloat32;
}

bool IsFloat(const Graph& graph, ValueId id) {
  const ir::Value& value = graph.value(id);
  return !value.is_constant() && value.type.dtype == DType::kFloat32;
}

// A sum, difference or product of two computed values. Where one is repeated
// along axes of the other, it is by its channels or as a whole.
bool IsBinaryOfData(const Graph& graph, const Node& node) {
  const auto* binary = std::get_if<ir::Binary>(&node.op);
  return binary != nullptr && binary->kind <= ir::BinaryKind::kMul &&
         IsFloat(graph, node.inputs[0]) && IsFloat(graph, node.inputs[1]) &&
         graph.type(node.inputs[0]).dims.size() ==
             graph.type(node.inputs[1]).dims.size();
}

bool IsPlainAdd(const Graph& graph, const Node& node) {
  return IsBinaryOfData(graph, node) &&
         std::get<ir::Binary>(node.op).kind == ir::BinaryKind::kAdd &&
         graph.type(node.inputs[0]).dims == graph.type(node.inputs[1]).dims;
}

// The inputs of a Conv or MatMul that carry data rather than weights.
std::vector<ValueId> DataInputs(const Node& node) {
  std::vector<ValueId> data = {node.inputs[0]};
  const auto* conv = std::get_if<ir::Conv>(&node.op);
  if (conv != nullptr && conv->has_residual) data.push_back(node.inputs.back());
  return data;
}

// The inputs whose elements `node` hands on as they are; none where it doesn't.
std::vector<ValueId> MovedInputs(const Graph& graph, const Node& node) {
  if (ir::MovesElements(node.op)) return node.inputs;
  if (std::holds_alternative<ir::Gather>(node.op) &&
      graph.value(node.inputs[1]).is_constant()) {
    return {node.inputs[0]};
  }
  return {};
}

// Whether `node` computes each element from one of each input.
bool IsElementwise(const Node& node) {
  if (const auto* unary = std::get_if<ir::Unary>(&node.op)) {
    return !ir::GivesBool(unary->kind);
  }
  const auto* binary = std::get_if<ir::Binary>(&node.op);
  if (binary != nullptr) return binary->kind <= ir::BinaryKind::kPrelu;
  return std::holds_alternative<ir::Clamp>(node.op);
}

// Chooses the values that some operator wants as integers.
class Wishes {
 public:
  explicit Wishes(const Graph& graph)
      : graph_(graph),
        wanted_(graph.values().size(), false),
        integer_(graph.values().size(), false),
        root_(graph.values().size()) {
    std::iota(root_.begin(), root_.end(), 0);
    for (const Node& node : graph.nodes()) {
      FindRoot(node);
      const ValueId root = root_[node.outputs[0]];
      integer_[node.outputs[0]] = ComputesIntegers(node) || integer_[root];
    }
  }

  // By value.
  std::vector<bool> Choose() {
    // What is wanted as integers starts a function of its own, and that may
    // make the functions behind it want others. Wishes only grow.
    do {
      changed_ = false;
      for (const Node& node : graph_.nodes()) FindRoot(node);
      for (size_t i = graph_.nodes().size(); i-- > 0;) Ask(graph_.nodes()[i]);
    } while (changed_);
    return wanted_;
  }

 private:
  // Whether an operator can give `node`'s result as integers, if it has some.
  bool ComputesIntegers(const Node& node) const {
    if (IsWeighted(graph_, node) || IsWeightedTranspose(graph_, node) ||
        ir::IsAveragePool(node.op)) {
      return true;
    }
    const std::vector<ValueId> from =
        IsBinaryOfData(graph_, node) ? node.inputs : MovedInputs(graph_, node);
    return !from.empty() &&
           std::all_of(from.begin(), from.end(),
                       [&](ValueId id) { return integer_[id]; });
  }

  // The one value that `node` is a function of, element by element, with
  // single numbers beside it: what becomes a table of bytes.
  std::optional<ValueId> FunctionOf(const Node& node) const {
    if (!IsElementwise(node)) return std::nullopt;
    std::optional<ValueId> root;
    for (ValueId id : node.inputs) {
      const ir::Value& value = graph_.value(id);
      if (value.is_constant() && value.constant->size() == 1) continue;
      if (value.is_constant() || (root && *root != root_[id])) {
        return std::nullopt;
      }
      root = root_[id];
    }
    if (!root || graph_.type(*root).dims != graph_.type(node.outputs[0]).dims) {
      return std::nullopt;
    }
    return root;
  }

  void FindRoot(const Node& node) {
    const ValueId result = node.outputs[0];
    root_[result] =
        wanted_[result] ? result : FunctionOf(node).value_or(result);
  }

  void Want(ValueId id) {
    if (!IsFloat(graph_, id) || wanted_[id]) return;
    wanted_[id] = true;
    changed_ = true;
  }

  // Wants what `node` reads, where it computes in integers.
  void Ask(const Node& node) {
    if (IsWeighted(graph_, node)) {
      for (ValueId id : DataInputs(node)) Want(id);
      return;
    }
    if (ir::IsAveragePool(node.op) || IsWeightedTranspose(graph_, node)) {
      return Want(node.inputs[0]);
    }
    if (!wanted_[node.outputs[0]]) return;
    for (ValueId id : MovedInputs(graph_, node)) Want(id);
    if (const std::optional<ValueId> root = FunctionOf(node)) {
      // What only floats give is as well rounded behind the function.
      if (integer_[*root]) Want(*root);
    } else if (IsPlainAdd(graph_, node) ||
               (IsBinaryOfData(graph_, node) && AreAtHand(node.inputs))) {
      for (ValueId id : node.inputs) Want(id);
    }
  }

  // Whether `ids` are integers at little cost.
  bool AreAtHand(const std::vector<ValueId>& ids) const {
    return std::all_of(ids.begin(), ids.end(), [&](ValueId id) {
      return wanted_[id] || integer_[root_[id]];
    });
  }

  const Graph& graph_;
  std::vector<bool> wanted_;
  std::vector<bool> integer_;
  std::vector<ValueId> root_;  // by value: what it is a function of
  bool changed_ = false;
};

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

bool IsReadByALayer(const Graph& graph, ValueId id) {
  return std::any_of(
      graph.nodes().begin(), graph.nodes().end(), [&](const Node& node) {
        return IsWeighted(graph, node) &&
               std::count(node.inputs.begin(), node.inputs.end(), id) > 0;
      });
}

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

bool IsWeightedTranspose(const Graph& graph, const Node& node) {
  const auto* conv = std::get_if<ir::ConvTranspose>(&node.op);
  return conv != nullptr && conv->groups == 1 &&
         IsFloat(graph, node.inputs[0]) &&
         std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                     [&](ValueId id) { return IsFloatConstant(graph, id); });
}

bool IsWeightedRecurrent(const Graph& graph, const Node& node) {
  return std::holds_alternative<ir::Recurrent>(node.op) &&
         IsFloatConstant(graph, node.inputs[1]) &&
         IsFloatConstant(graph, node.inputs[2]);
}

QuantizationSites ChooseSites(const Graph& graph) {
  const std::vector<bool> wanted = Wishes(graph).Choose();
  Groups groups(graph.values().size());
  std::vector<bool> moved(graph.values().size(), false);
  for (const Node& node : graph.nodes()) {
    const std::vector<ValueId> from = MovedInputs(graph, node);
    if (from.empty() || !wanted[node.outputs[0]]) continue;
    // A constant operand keeps the whole operator float.
    if (!std::all_of(from.begin(), from.end(),
                     [&](ValueId id) { return wanted[id]; })) {
      continue;
    }
    moved[node.outputs[0]] = true;
    for (ValueId id : from) groups.Join(id, node.outputs[0]);
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

size_t SitesOfFirstLayers(const Graph& graph, const QuantizationSites& sites,
                          int layers) {
  if (layers == 0) return 0;
  std::vector<bool> exact(graph.values().size(), false);
  for (ValueId id : graph.inputs()) exact[id] = true;
  for (const Node& node : graph.nodes()) {
    const bool last = IsWeighted(graph, node) && --layers == 0;
    if (last && IsReadByALayer(graph, node.outputs[0])) break;
    for (ValueId id : node.outputs) exact[id] = true;
    if (last) break;
  }
  const auto first = std::find_if(sites.rounded.begin(), sites.rounded.end(),
                                  [&](ValueId id) { return !exact[id]; });
  return first - sites.rounded.begin();
}

}  // namespace octet::quant
