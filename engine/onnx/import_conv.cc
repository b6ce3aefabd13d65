// SPDX-License-Identifier: Apache-2.0
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/float_operators.h"
#include "engine/onnx/import_window.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {

absl::StatusOr<ir::Conv> ReadConv(const NodeReader& node, const ir::Dims& x,
                                  const ir::Dims& w) {
  if (w.size() != x.size() || w.size() < 3 || ir::HasRows(w)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the input has dimensions ", ir::DimsToString(x), ", the weights ",
        ir::DimsToString(w),
        "; expected [N, C, spatial...] and [M, C/group, kernel...]"));
  }
  std::vector<int64_t> kernel;
  for (size_t i = 2; i < w.size(); ++i) kernel.push_back(w[i].value);
  OCTET_ASSIGN_OR_RETURN(auto sliding, ReadWindow(node, x, std::move(kernel)));
  ir::Conv op;
  op.window = std::move(sliding.window);
  OCTET_ASSIGN_OR_RETURN(op.groups, node.Int("group", 1));
  return op;
}

absl::StatusOr<ir::Pool> ReadPool(const NodeReader& node, ir::PoolKind kind,
                                  const ir::Dims& x) {
  if (!node.HasAttribute("kernel_shape")) {
    return absl::InvalidArgumentError("attribute 'kernel_shape' is missing");
  }
  OCTET_ASSIGN_OR_RETURN(auto sliding, ReadWindow(node, x, {}));
  ir::Pool op;
  op.kind = kind;
  op.window = std::move(sliding.window);
  OCTET_ASSIGN_OR_RETURN(const int64_t ceil_mode, node.Int("ceil_mode", 0));
  op.ceil_mode = ceil_mode != 0 && !sliding.auto_padded;
  if (kind == ir::PoolKind::kAverage) {
    OCTET_ASSIGN_OR_RETURN(const int64_t include,
                           node.Int("count_include_pad", 0));
    op.count_include_pad = include != 0;
  }
  return op;
}

absl::Status ImportConv(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 3));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId weights, graph.Read(node, 1));
  OCTET_ASSIGN_OR_RETURN(ir::Conv op,
                         ReadConv(node, graph.dims(x), graph.dims(weights)));
  std::vector<ir::ValueId> inputs = {x, weights};
  if (node.HasInput(2)) {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId bias, graph.Read(node, 2));
    op.has_bias = true;
    inputs.push_back(bias);
  }
  return graph.Result(node, std::move(op), std::move(inputs));
}

}  // namespace octet::onnx
