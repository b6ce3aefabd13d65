// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/ir/graph.h"

namespace octet::ir {
namespace {

std::string Names(const Graph& graph, const std::vector<ValueId>& ids) {
  return absl::StrJoin(ids, ", ", [&](std::string* out, ValueId id) {
    absl::StrAppend(out, "%", graph.value(id).name);
  });
}

}  // namespace

std::string DumpGraph(const Graph& graph) {
  std::string text;
  for (ValueId id : graph.inputs()) {
    absl::StrAppend(&text, "input %", graph.value(id).name, ": ",
                    TypeToString(graph.type(id)), "\n");
  }
  for (const Value& value : graph.values()) {
    if (!value.is_constant()) continue;
    absl::StrAppend(&text, "constant %", value.name, ": ",
                    TypeToString(value.type), "\n");
  }
  for (const Node& node : graph.nodes()) {
    absl::StrAppend(&text, Names(graph, node.outputs), " = ", OpName(node.op),
                    OpAttributes(node.op), "(", Names(graph, node.inputs), ")");
    for (ValueId id : node.outputs) {
      absl::StrAppend(&text, " : ", TypeToString(graph.type(id)));
    }
    absl::StrAppend(&text, "\n");
  }
  absl::StrAppend(&text, "return ", Names(graph, graph.outputs()), "\n");
  return text;
}

}  // namespace octet::ir
