// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/import_window.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {

absl::Status ImportConv(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 3));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId weights, graph.Read(node, 1));
  const ir::Dims& w = graph.dims(weights);
  if (w.size() != graph.dims(x).size() || w.size() < 3 || ir::HasRows(w)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the input has dimensions ", ir::DimsToString(graph.dims(x)),
        ", the weights ", ir::DimsToString(w),
        "; expected [N, C, spatial...] and [M, C/group, kernel...]"));
  }
  std::vector<int64_t> kernel;
  for (size_t i = 2; i < w.size(); ++i) kernel.push_back(w[i].value);
  OCTET_ASSIGN_OR_RETURN(auto sliding,
                         ReadWindow(node, graph.dims(x), std::move(kernel)));
  ir::Conv op;
  op.window = std::move(sliding.window);
  OCTET_ASSIGN_OR_RETURN(op.groups, node.Int("group", 1));
  std::vector<ir::ValueId> inputs = {x, weights};
  if (node.HasInput(2)) {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId bias, graph.Read(node, 2));
    op.has_bias = true;
    inputs.push_back(bias);
  }
  return graph.Result(node, std::move(op), std::move(inputs));
}

absl::Status ImportBatchNorm(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(5, 5));
  std::vector<ir::ValueId> inputs(5);
  for (int i = 0; i < 5; ++i) {
    OCTET_ASSIGN_OR_RETURN(inputs[i], graph.Read(node, i));
  }
  ir::BatchNorm op;
  OCTET_ASSIGN_OR_RETURN(op.epsilon, node.Float("epsilon", 1e-5f));
  OCTET_ASSIGN_OR_RETURN(const int64_t training, node.Int("training_mode", 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t spatial, node.Int("spatial", 1));
  // Before opset 7 a flag, and not a number of outputs, said it.
  OCTET_ASSIGN_OR_RETURN(const int64_t is_test, node.Int("is_test", 1));
  if (training != 0 || spatial != 1 || is_test == 0) {
    return absl::UnimplementedError(absl::StrCat(
        "training_mode ", training, ", spatial ", spatial, ", is_test ",
        is_test, "; octet runs the inference form, one set a channel"));
  }
  node.Ignore("momentum");
  return graph.Result(node, op, std::move(inputs));
}

}  // namespace octet::onnx
