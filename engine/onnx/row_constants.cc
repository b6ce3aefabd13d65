// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/row_constants.h"

#include <algorithm>
#include <utility>

#include "engine/base/status_macros.h"

namespace octet::onnx {

absl::Status GiveConstantsRows(const NodeReader& node, GraphBuilder& graph,
                               std::vector<ir::ValueId>& inputs) {
  const bool has_rows =
      std::any_of(inputs.begin(), inputs.end(), [&graph](ir::ValueId id) {
        return !graph.dims(id).empty() && graph.dims(id)[0].is_rows();
      });
  if (graph.mode() != BatchMode::kRowsForOne || !has_rows) {
    return absl::OkStatus();
  }
  for (ir::ValueId& id : inputs) {
    ir::Dims dims = graph.dims(id);
    const bool for_one_row = graph.constant(id).has_value() && !dims.empty() &&
                             dims[0] == ir::Dim::Fixed(1);
    if (!for_one_row) continue;
    dims[0] = ir::Dim::Rows();
    OCTET_ASSIGN_OR_RETURN(
        id, graph.Compute(node, ir::Expand{std::move(dims)}, {id}));
  }
  return absl::OkStatus();
}

}  // namespace octet::onnx
