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

// The axis that carries the rows, if it is one: of k * rows entries, k of each
// row, next to each other.
std::optional<int> RowsAxis(const Dims& dims) {
  std::optional<int> found;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (!dims[i].per_row) continue;
    if (found || dims[i].value <= 0) return std::nullopt;
    found = static_cast<int>(i);
  }
  return found;
}

// Where the rows of values lie, as far as dimensions do not tell.
struct Placement {
  // Values whose rows Reshape and Transpose have left on no axis of their own
  // for a while: the node that did it.
  absl::flat_hash_map<ValueId, const Node*> displaced;
  // Values whose rows axis holds all rows several times over: how many times.
  // ([steps, rows, 6] as [steps * rows, 6]: `steps`.) Else they are in order.
  absl::flat_hash_map<ValueId, int64_t> repeats;

  int64_t RepeatsOf(ValueId id) const {
    const auto found = repeats.find(id);
    return found == repeats.end() ? 1 : found->second;
  }
  void SetRepeats(ValueId id, int64_t count) {
    if (count != 1) repeats[id] = count;
  }
};

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

// How often all rows lie behind each other on the axis that carries those of
// `node`'s result, where `node`, which moves elements, leaves each row of its
// input on entries of its own; else nothing.
std::optional<int64_t> RepeatsOfMoved(const Graph& graph, const Node& node,
                                      const Placement& placement) {
  const Dims& from = graph.type(node.inputs[0]).dims;
  const Dims& to = graph.type(node.outputs[0]).dims;
  const std::optional<int> before = RowsAxis(from);
  const std::optional<int> after = RowsAxis(to);
  if (!before || !after) return std::nullopt;
  const int64_t repeats = placement.RepeatsOf(node.inputs[0]);
  if (!std::holds_alternative<Reshape>(node.op)) {
    if (from[*before] != to[*after]) return std::nullopt;
    return repeats;
  }
  std::optional<int64_t> outer = OuterSize(from, *before);
  const std::optional<int64_t> front = OuterSize(to, *after);
  if (!outer || !front || *front == 0 ||
      __builtin_mul_overflow(*outer, repeats, &*outer) ||
      *outer % *front != 0) {
    return std::nullopt;
  }
  const int64_t result = *outer / *front;
  if (result == 0 || to[*after].value % result != 0) return std::nullopt;
  return result;
}

// A node that moves elements may take rows apart if what comes of it in the
// end is a Slice of something that leads with them, which a pass makes of it.
absl::Status CheckMove(const Graph& graph, const GraphIndex& index,
                       const Node& node, Placement& placement) {
  const Dims& from = graph.type(node.inputs[0]).dims;
  const Dims& to = graph.type(node.outputs[0]).dims;
  const auto before = placement.displaced.find(node.inputs[0]);
  const bool was_displaced = before != placement.displaced.end();
  if (!was_displaced) {
    const auto repeats = RepeatsOfMoved(graph, node, placement);
    if (repeats) {
      placement.SetRepeats(node.outputs[0], *repeats);
      return absl::OkStatus();
    }
    const bool in_order =
        LeadsWithRows(from) && placement.RepeatsOf(node.inputs[0]) == 1;
    if (!in_order && LeadsWithRows(to)) {
      return Mixes(node, absl::StrCat("it makes ", DimsToString(to), " of ",
                                      DimsToString(from)));
    }
  }
  if (!LeadsWithRows(to)) {
    placement.displaced[node.outputs[0]] =
        was_displaced ? before->second : &node;
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

// The rows of all inputs must be in one order, which that of the results is.
absl::Status CheckOrder(const Graph& graph, const Node& node,
                        Placement& placement) {
  std::optional<int64_t> repeats;
  for (ValueId id : node.inputs) {
    if (!HasRows(graph.type(id).dims)) continue;
    const int64_t here = placement.RepeatsOf(id);
    if (repeats && *repeats != here) {
      return Mixes(node, "its inputs have rows in different orders");
    }
    repeats = here;
  }
  for (ValueId id : node.outputs) {
    const Dims& dims = graph.type(id).dims;
    const std::optional<int> axis = RowsAxis(dims);
    if (axis && dims[*axis].value % repeats.value_or(1) != 0) {
      return Mixes(
          node, absl::StrCat("its result has dimensions ", DimsToString(dims)));
    }
    placement.SetRepeats(id, repeats.value_or(1));
  }
  return absl::OkStatus();
}

absl::Status CheckNode(const Graph& graph, const GraphIndex& index,
                       const Node& node, Placement& placement) {
  if (RepeatsConstants(graph, node)) return absl::OkStatus();
  if (MovesView(node.op)) return CheckMove(graph, index, node, placement);
  std::vector<TensorType> types;
  for (ValueId id : node.inputs) {
    const auto moved = placement.displaced.find(id);
    if (moved != placement.displaced.end()) {
      return MixesFor(graph, *moved->second, node);
    }
    types.push_back(graph.type(id));
  }
  OCTET_RETURN_IF_ERROR(CheckOrder(graph, node, placement));
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
  Placement placement;
  for (const Node& node : graph.nodes()) {
    // What has rows without reading any (a constant expanded to them) must
    // have them on one axis, too: others reshape it and join it to the data.
    const bool touches_rows =
        std::any_of(node.inputs.begin(), node.inputs.end(),
                    [&](ValueId id) { return depends[id]; }) ||
        std::any_of(node.outputs.begin(), node.outputs.end(),
                    [&](ValueId id) { return HasRows(graph.type(id).dims); });
    if (!touches_rows) continue;
    OCTET_RETURN_IF_ERROR(CheckNode(graph, index, node, placement));
    for (ValueId id : node.outputs) depends[id] = true;
  }
  return CheckOutputs(graph, depends);
}

}  // namespace octet::ir
