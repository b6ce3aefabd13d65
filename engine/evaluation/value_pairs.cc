// SPDX-License-Identifier: Apache-2.0
#include "engine/evaluation/value_pairs.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace octet::internal {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

bool IsRounding(const Node& node) {
  return std::holds_alternative<ir::Quantize>(node.op) ||
         std::holds_alternative<ir::Dequantize>(node.op);
}

// How well a value of the int8 graph stands for a float one: its integers
// before their float form, and both before what was not rounded yet.
enum Rank { kNone, kFloat, kDequantized, kIntegers };

Rank RankOf(const Graph& graph, ValueId id, bool aliased) {
  if (graph.type(id).quantization) {
    return graph.type(id).quantization->per_tensor() ? kIntegers : kNone;
  }
  if (graph.type(id).dtype != DType::kFloat32) return kNone;
  return aliased ? kDequantized : kFloat;
}

// By the name of a float value, the best one of the int8 graph.
class Candidates {
 public:
  explicit Candidates(const NamedGraph& rounded) : rounded_(rounded.graph) {
    for (const Node& node : rounded_.nodes()) {
      for (ValueId id : node.outputs) {
        const std::string& name = rounded_.value(id).name;
        const std::string origin = rounded.origins.Of(name);
        Offer(origin, id, RankOf(rounded_, id, origin != name));
      }
    }
  }

  std::optional<ValueId> Find(const std::string& name) const {
    const auto found = best_.find(name);
    if (found == best_.end()) return std::nullopt;
    return found->second.first;
  }

 private:
  void Offer(const std::string& name, ValueId id, Rank rank) {
    if (rank == kNone || rounded_.value(id).is_constant()) return;
    auto& best = best_[name];
    if (rank > best.second) best = {id, rank};
  }

  const Graph& rounded_;
  std::map<std::string, std::pair<ValueId, Rank>> best_;
};

// By the name of a node, what it computes: a node that moves elements has been
// given integers under another name.
std::map<std::string, const Node*> NodesByName(const Graph& graph) {
  std::map<std::string, const Node*> nodes;
  for (const Node& node : graph.nodes()) {
    if (!IsRounding(node) && !node.name.empty()) nodes[node.name] = &node;
  }
  return nodes;
}

}  // namespace

NameOrigins::NameOrigins(const ir::Graph& imported) {
  for (const ir::Value& value : imported.values()) names_.insert(value.name);
  for (const Node& node : imported.nodes()) {
    if (!IsRounding(node) || imported.value(node.inputs[0]).is_constant()) {
      continue;
    }
    // Nodes are in order, so the chain up to here is known.
    const std::string& source = imported.value(node.inputs[0]).name;
    const auto known = before_rounding_.find(source);
    before_rounding_[imported.value(node.outputs[0]).name] =
        known == before_rounding_.end() ? source : known->second;
  }
}

std::string NameOrigins::Of(const std::string& name) const {
  std::string origin = name;
  if (names_.count(name) == 0) {
    const size_t last = name.find_last_not_of("0123456789");
    if (last != std::string::npos && last + 1 < name.size() &&
        name[last] == '_' && names_.count(name.substr(0, last)) > 0) {
      origin = name.substr(0, last);
    }
  }
  const auto known = before_rounding_.find(origin);
  return known == before_rounding_.end() ? origin : known->second;
}

std::vector<ValuePair> PairValues(const NamedGraph& exact,
                                  const NamedGraph& rounded) {
  const Candidates candidates(rounded);
  const auto by_name = NodesByName(rounded.graph);
  std::vector<ValuePair> pairs;
  for (const Node& node : exact.graph.nodes()) {
    const auto namesake = by_name.find(node.name);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId id = node.outputs[i];
      if (exact.graph.type(id).dtype != DType::kFloat32) continue;
      const std::string& name = exact.graph.value(id).name;
      std::optional<ValueId> found = candidates.Find(name);
      if (!found) found = candidates.Find(exact.origins.Of(name));
      if (namesake != by_name.end() &&
          namesake->second->op.index() == node.op.index() &&
          i < namesake->second->outputs.size() &&
          rounded.graph.type(namesake->second->outputs[i]).quantization) {
        found = namesake->second->outputs[i];
      }
      if (!found ||
          rounded.graph.type(*found).dims != exact.graph.type(id).dims) {
        continue;
      }
      const bool taken = std::any_of(
          pairs.begin(), pairs.end(),
          [&](const ValuePair& pair) { return pair.rounded == *found; });
      if (!taken) pairs.push_back({id, *found});
    }
  }
  return pairs;
}

ir::Graph CutIntoLayers(const ir::Graph& rounded,
                        const std::vector<ValuePair>& pairs) {
  Graph cut = rounded;
  cut.mutable_nodes().clear();
  cut.mutable_outputs().clear();
  std::map<ValueId, ValueId> instead;
  for (const ValuePair& pair : pairs) {
    const std::string name = rounded.value(pair.rounded).name;
    const ir::TensorType type = rounded.type(pair.rounded);
    const ValueId fed = cut.AddValue({cut.FreshName(name + "_fed"),
                                      {DType::kFloat32, type.dims, {}},
                                      std::nullopt});
    cut.mutable_inputs().push_back(fed);
    cut.mutable_outputs().push_back(pair.rounded);
    instead[pair.rounded] =
        type.quantization
            ? cut.AddNode(absl::StrCat(name, "/fed"), ir::Quantize{}, {fed},
                          cut.FreshName(name + "_fed_rounded"), type)
            : fed;
  }
  for (const Node& node : rounded.nodes()) {
    Node moved = node;
    for (ValueId& id : moved.inputs) {
      const auto found = instead.find(id);
      if (found != instead.end()) id = found->second;
    }
    cut.AppendNode(std::move(moved));
  }
  // Constants keep their bytes; what nobody reads any more goes, but for the
  // inputs, which are fed all the same.
  return cut.Compacted();
}

std::string WithoutLayout(const std::string& name) {
  return std::string(absl::StripSuffix(name, "_layout"));
}

}  // namespace octet::internal
