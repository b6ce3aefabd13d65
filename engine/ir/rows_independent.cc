// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/ir/infer_types.h"

namespace octet::ir {
namespace {

// Rows on the leading axis and on no other. A multiple of the rows is as good:
// the entries of one row stay next to each other.
bool LeadsWithRows(const Dims& dims) {
  return !dims.empty() && dims[0].per_row && dims[0].value > 0 &&
         std::none_of(dims.begin() + 1, dims.end(),
                      [](const Dim& dim) { return dim.per_row; });
}

absl::Status Mixes(const Node& node, const std::string& why) {
  return absl::FailedPreconditionError(absl::StrCat(
      "node '", node.name, "' (", OpName(node.op), ") mixes rows: ", why));
}

}  // namespace

absl::Status CheckRowsIndependent(const Graph& graph) {
  std::vector<bool> depends(graph.values().size(), false);
  for (ValueId id : graph.inputs()) {
    depends[id] = true;
    const Value& input = graph.value(id);
    if (!LeadsWithRows(input.type.dims) || !input.type.dims[0].is_rows()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "input '", input.name, "' has dimensions ",
          DimsToString(input.type.dims), "; its leading axis is no rows axis"));
    }
  }
  for (const Node& node : graph.nodes()) {
    // What has rows without reading any (a constant expanded to them) must
    // have them in front, too: others reshape it and join it to the data.
    const bool touches_rows =
        std::any_of(node.inputs.begin(), node.inputs.end(),
                    [&](ValueId id) { return depends[id]; }) ||
        std::any_of(node.outputs.begin(), node.outputs.end(),
                    [&](ValueId id) { return HasRows(graph.type(id).dims); });
    if (!touches_rows) continue;
    std::vector<TensorType> types;
    for (ValueId id : node.inputs) types.push_back(graph.type(id));
    if (MixesRows(node.op, types)) {
      return Mixes(node, "it works along the leading axis");
    }
    for (ValueId id : node.outputs) {
      depends[id] = true;
      if (!LeadsWithRows(graph.type(id).dims)) {
        return Mixes(node, absl::StrCat("its result has dimensions ",
                                        DimsToString(graph.type(id).dims)));
      }
    }
  }
  for (ValueId id : graph.outputs()) {
    const Value& output = graph.value(id);
    if (!depends[id] || !output.type.dims[0].is_rows()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "output '", output.name, "' has dimensions ",
          DimsToString(output.type.dims), "; expected one entry for each row"));
    }
  }
  return absl::OkStatus();
}

}  // namespace octet::ir
