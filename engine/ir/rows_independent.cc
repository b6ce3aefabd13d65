// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <optional>
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

// The axis on which entry i is of row i alone: the only one that carries rows.
// (As the leading one it may carry a multiple of them.)
std::optional<int> RowsAxis(const Dims& dims) {
  if (LeadsWithRows(dims)) return 0;
  std::optional<int> found;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (!dims[i].per_row) continue;
    if (found || !dims[i].is_rows()) return std::nullopt;
    found = static_cast<int>(i);
  }
  return found;
}

// Where Reshape and Transpose have left the rows on no axis of their own for a
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

// The product of the dimensions in front of `axis`, of which none carries rows;
// nothing beyond int64.
std::optional<int64_t> OuterSize(const Dims& dims, int axis) {
  int64_t product = 1;
  for (int i = 0; i < axis; ++i) {
    if (__builtin_mul_overflow(product, dims[i].value, &product)) {
      return std::nullopt;
    }
  }
  return product;
}

// Whether `node`, one that moves elements, leaves row i of its input on entry i
// of the axis that carries the rows of its result.
bool MovesRowsAsAWhole(const Graph& graph, const Node& node) {
  const Dims& from = graph.type(node.inputs[0]).dims;
  const Dims& to = graph.type(node.outputs[0]).dims;
  const std::optional<int> before = RowsAxis(from);
  const std::optional<int> after = RowsAxis(to);
  if (!before || !after) return false;
  if (!std::holds_alternative<Reshape>(node.op)) return true;
  const std::optional<int64_t> outer = OuterSize(from, *before);
  return outer.has_value() && outer == OuterSize(to, *after);
}

// A node that moves elements may take rows apart if what comes of it in the
// end is a Slice of something that leads with them, which a pass makes of it.
absl::Status CheckMove(const Graph& graph, const GraphIndex& index,
                       const Node& node, Displaced& displaced) {
  const auto before = displaced.find(node.inputs[0]);
  const bool was_displaced = before != displaced.end();
  if (!was_displaced && MovesRowsAsAWhole(graph, node)) {
    return absl::OkStatus();
  }
  if (!was_displaced && !LeadsWithRows(graph.type(node.inputs[0]).dims) &&
      LeadsWithRows(graph.type(node.outputs[0]).dims)) {
    return Mixes(
        node, absl::StrCat(
                  "it makes ", DimsToString(graph.type(node.outputs[0]).dims),
                  " of ", DimsToString(graph.type(node.inputs[0]).dims)));
  }
  if (!LeadsWithRows(graph.type(node.outputs[0]).dims)) {
    displaced[node.outputs[0]] = was_displaced ? before->second : &node;
    return absl::OkStatus();
  }
  if (was_displaced && !FindSliceOfChain(graph, index, node)) {
    return MixesFor(graph, *before->second, node);
  }
  return absl::OkStatus();
}

// What Expand makes of constants is the same for each row.
bool RepeatsConstants(const Graph& graph, const Node& node) {
  return std::holds_alternative<Expand>(node.op) &&
         !HasRows(graph.type(node.inputs[0]).dims) &&
         RowsAxis(graph.type(node.outputs[0]).dims).has_value();
}

// For a node some of whose inputs have the rows on an axis of their own behind
// others: whether they all have them on the same.
absl::Status CheckRowsBehind(const Graph& graph, const GraphIndex& index,
                             const Node& node,
                             const std::vector<TensorType>& types) {
  // Operators without axes align their inputs by the last one.
  const bool from_the_end = AxisUseOf(node.op) == AxisUse::kNone;
  std::optional<int> rows;
  std::optional<int> place;
  for (size_t i = 0; i < types.size(); ++i) {
    if (!HasRows(types[i].dims)) continue;
    const std::optional<int> axis = RowsAxis(types[i].dims);
    if (!axis) return Mixes(node, "rows lie on several of its axes");
    const int here =
        from_the_end ? *axis - static_cast<int>(types[i].dims.size()) : *axis;
    if (place && *place != here) {
      return Mixes(node, "its inputs have rows on different axes");
    }
    place = here;
    rows = std::max(rows.value_or(0), *axis);
  }
  for (ValueId id : node.outputs) {
    if (!RowsAxis(graph.type(id).dims)) {
      return Mixes(node, absl::StrCat("its result has dimensions ",
                                      DimsToString(graph.type(id).dims)));
    }
  }
  if (!MixesRows(node.op, types, *rows)) return absl::OkStatus();
  for (ValueId id : node.inputs) {
    const Node* producer = index.Producer(id);
    if (producer != nullptr && HasRows(graph.type(id).dims)) {
      return MixesFor(graph, *producer, node);
    }
  }
  return Mixes(node, absl::StrCat("rows are on its axis ", *rows));
}

absl::Status CheckNode(const Graph& graph, const GraphIndex& index,
                       const Node& node, Displaced& displaced) {
  if (RepeatsConstants(graph, node)) return absl::OkStatus();
  if (MovesView(node.op)) return CheckMove(graph, index, node, displaced);
  std::vector<TensorType> types;
  for (ValueId id : node.inputs) {
    const auto moved = displaced.find(id);
    if (moved != displaced.end()) return MixesFor(graph, *moved->second, node);
    types.push_back(graph.type(id));
  }
  const bool behind =
      std::any_of(types.begin(), types.end(), [](const TensorType& type) {
        return HasRows(type.dims) && !LeadsWithRows(type.dims);
      });
  if (behind) return CheckRowsBehind(graph, index, node, types);
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
    // have them on one axis, too: others reshape it and join it to the data.
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
