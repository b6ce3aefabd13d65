// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"
#include "engine/onnx/row_constants.h"

namespace octet::onnx {

absl::Status ImportIdentity(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  if (std::optional<Tensor> constant = graph.Constant(node, 0)) {
    return graph.ResultConstant(node, *std::move(constant));
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  return graph.ResultIs(node, x);
}

absl::Status ImportConcat(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, node.input_count()));
  OCTET_RETURN_IF_ERROR(
      node.ExpectInputs(node.input_count(), node.input_count()));
  std::vector<ir::ValueId> inputs;
  for (int i = 0; i < node.input_count(); ++i) {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId id, graph.Read(node, i));
    inputs.push_back(id);
  }
  if (!node.HasAttribute("axis")) {
    return absl::InvalidArgumentError("attribute 'axis' is missing");
  }
  OCTET_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 0));
  ir::Concat op;
  OCTET_ASSIGN_OR_RETURN(op.axis,
                         NormalizedAxis(axis, graph.dims(inputs[0]).size()));
  if (op.axis != 0) {
    OCTET_RETURN_IF_ERROR(GiveConstantsRows(node, graph, inputs));
  }
  return graph.Result(node, op, std::move(inputs));
}

absl::Status ImportTranspose(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(auto perm, node.Ints("perm"));
  const int rank = static_cast<int>(graph.dims(x).size());
  ir::Transpose op;
  if (!perm.has_value()) {
    for (int i = rank - 1; i >= 0; --i) op.perm.push_back(i);
  } else {
    for (int64_t axis : *perm) {
      OCTET_ASSIGN_OR_RETURN(const int from, NormalizedAxis(axis, rank));
      op.perm.push_back(from);
    }
  }
  return graph.Result(node, std::move(op), {x});
}

}  // namespace octet::onnx
