// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/infer_types.h"
#include "engine/ir/strided_view.h"

namespace octet::ir {
namespace {

// Rows on the leading axis and on no other. A multiple of the rows is as good:
// the entries of one row stay next to each other.
bool LeadsWithRows(const Dims& dims) {
  return !dims.empty() && dims[0].per_row && dims[0].value > 0 &&
         std::none_of(dims.begin() + 1, dims.end(),
                      [](const Dim& dim) { return dim.per_row; });
}

// Where Reshape, Transpose and Slice have put the rows behind other axes for a
// while: the node that did it, by the values that hold them so.
using Displaced = absl::flat_hash_map<ValueId, const Node*>;

absl::Status Mixes(const Node& node, const std::string& why) {
  return absl::FailedPreconditionError(absl::StrCat(
      "node '", node.name, "' (", OpName(node.op), ") mixes rows: ", why));
}

absl::Status CheckInputs(const Graph& graph) {
  for (ValueId id : graph.inputs()) {
    const Value& input = graph.value(id);
    if (!LeadsWithRows(input.type.dims) || !input.type.dims[0].is_rows()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "input '", input.name, "' has dimensions ",
          DimsToString(input.type.dims), "; its leading axis is no rows axis"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckOutputs(const Graph& graph,
                          const std::vector<bool>& depends) {
  for (ValueId id : graph.outputs()) {
    const Value& output = graph.value(id);
    if (!depends[id] || !LeadsWithRows(output.type.dims) ||
        !output.type.dims[0].is_rows()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "output '", output.name, "' has dimensions ",
          DimsToString(output.type.dims), "; expected one entry for each row"));
    }
  }
  return absl::OkStatus();
}

// `reader` needs rows in front, where `node` has not left them.
absl::Status MixesFor(const Graph& graph, const Node& node,
                      const Node& reader) {
  return Mixes(node,
               absl::StrCat("its result has dimensions ",
                            DimsToString(graph.type(node.outputs[0]).dims),
                            ", and node '", reader.name, "' works on it so"));
}

// A node that moves elements may put rows elsewhere if what comes of it in the
// end is a Slice of something that leads with them, which a pass makes of it.
absl::Status CheckMove(const Graph& graph, const GraphIndex& index,
                       const Node& node, Displaced& displaced) {
  const auto before = displaced.find(node.inputs[0]);
  const bool was_displaced = before != displaced.end();
  if (!LeadsWithRows(graph.type(node.outputs[0]).dims)) {
    displaced[node.outputs[0]] = was_displaced ? before->second : &node;
    return absl::OkStatus();
  }
  if (was_displaced && !FindSliceOfChain(graph, index, node)) {
    return MixesFor(graph, *before->second, node);
  }
  return absl::OkStatus();
}

absl::Status CheckNode(const Graph& graph, const GraphIndex& index,
                       const Node& node, Displaced& displaced) {
  if (MovesView(node.op)) return CheckMove(graph, index, node, displaced);
  std::vector<TensorType> types;
  for (ValueId id : node.inputs) {
    const auto moved = displaced.find(id);
    if (moved != displaced.end()) return MixesFor(graph, *moved->second, node);
    types.push_back(graph.type(id));
  }
  if (MixesRows(node.op, types)) {
    return Mixes(node, "it works along the leading axis");
  }
  for (ValueId id : node.outputs) {
    if (!LeadsWithRows(graph.type(id).dims)) {
      return Mixes(node, absl::StrCat("its result has dimensions ",
                                      DimsToString(graph.type(id).dims)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRowsIndependent(const Graph& graph) {
  OCTET_RETURN_IF_ERROR(CheckInputs(graph));
  std::vector<bool> depends(graph.values().size(), false);
  for (ValueId id : graph.inputs()) depends[id] = true;
  const GraphIndex index(graph);
  Displaced displaced;
  for (const Node& node : graph.nodes()) {
    // What has rows without reading any (a constant expanded to them) must
    // have them in front, too: others reshape it and join it to the data.
    const bool touches_rows =
        std::any_of(node.inputs.begin(), node.inputs.end(),
                    [&](ValueId id) { return depends[id]; }) ||
        std::any_of(node.outputs.begin(), node.outputs.end(),
                    [&](ValueId id) { return HasRows(graph.type(id).dims); });
    if (!touches_rows) continue;
    OCTET_RETURN_IF_ERROR(CheckNode(graph, index, node, displaced));
    for (ValueId id : node.outputs) depends[id] = true;
  }
  return CheckOutputs(graph, depends);
}

}  // namespace octet::ir
