// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_GRAPH_PATCH_H_
#define OCTET_ENGINE_IR_GRAPH_PATCH_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/ir/graph.h"

namespace octet::ir {

// A rewrite of one place of a graph, described but not yet done: new values and
// nodes, and which values take the place of which. A pass returns one; the
// driver applies it, checks the graph, and names the pass in what goes wrong.
class GraphPatch {
 public:
  // `graph` must outlive the patch and not change before Apply().
  explicit GraphPatch(const Graph& graph) : graph_(graph) {}

  // New values get the ids that Apply() gives them in the graph.
  ValueId AddConstant(const std::string& stem, Tensor tensor,
                      std::optional<Quantization> quantization = std::nullopt);
  // A node of one output. Its new value is named after `stem`.
  ValueId AddNode(std::string name, Op op, std::vector<ValueId> inputs,
                  const std::string& stem, TensorType output_type);

  // Everything that reads `from` (the outputs of the graph included) reads `to`
  // instead. An output keeps its name: where `from` is one, `to` takes its
  // name.
  void Replace(ValueId from, ValueId to) { replaced_.push_back({from, to}); }

  // Changes the type of a value in place.
  void Retype(ValueId id, TensorType type) {
    retyped_.push_back({id, std::move(type)});
  }

  // The patched graph, nodes sorted, dead ones removed.
  Graph Apply() const;

 private:
  ValueId NextId() const;
  std::string NameAfter(const std::string& stem) const;

  const Graph& graph_;
  std::vector<Value> values_;
  std::vector<Node> nodes_;
  std::vector<std::pair<ValueId, ValueId>> replaced_;
  std::vector<std::pair<ValueId, TensorType>> retyped_;
};

// Orders the nodes so that every value is computed before it is read, keeping
// the given order where it can. REQUIRES: no cycle.
void SortNodes(Graph& graph);

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_GRAPH_PATCH_H_
