// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

ir::ReduceKind ReduceKindOf(const std::string& op_type) {
  static const auto& kinds =
      *new absl::flat_hash_map<absl::string_view, ir::ReduceKind>{
          {"ReduceSum", ir::ReduceKind::kSum},
          {"ReduceMean", ir::ReduceKind::kMean},
          {"ReduceMax", ir::ReduceKind::kMax},
          {"ReduceMin", ir::ReduceKind::kMin},
          {"ReduceProd", ir::ReduceKind::kProd},
          {"ReduceSumSquare", ir::ReduceKind::kSumSquare},
          {"ReduceL1", ir::ReduceKind::kL1},
          {"ReduceL2", ir::ReduceKind::kL2}};
  return kinds.at(op_type);
}

// From opset 18 on (13 for ReduceSum) the axes are an input.
absl::StatusOr<std::vector<int64_t>> ReadReduceAxes(const NodeReader& node,
                                                    const GraphBuilder& graph) {
  const int64_t since = node.op_type() == "ReduceSum" ? 13 : 18;
  std::vector<int64_t> axes;
  if (node.opset() < since) {
    OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
    OCTET_ASSIGN_OR_RETURN(auto attribute, node.Ints("axes"));
    if (attribute.has_value()) axes = *std::move(attribute);
    return axes;
  }
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 2));
  if (node.HasInput(1)) return graph.RequireInts(node, 1, "axes");
  return axes;
}

}  // namespace

absl::Status ImportReduce(const NodeReader& node, GraphBuilder& graph) {
  OCTET_ASSIGN_OR_RETURN(auto axes, ReadReduceAxes(node, graph));
  OCTET_ASSIGN_OR_RETURN(const int64_t keep_dims, node.Int("keepdims", 1));
  OCTET_ASSIGN_OR_RETURN(const int64_t none_if_empty,
                         node.Int("noop_with_empty_axes", 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  const size_t rank = graph.dims(x).size();
  const DType dtype = graph.type(x).dtype;
  if (dtype != DType::kFloat32 && !graph.type(x).quantization.has_value()) {
    return absl::UnimplementedError(
        absl::StrCat("the input is ", ir::TypeToString(graph.type(x)),
                     "; octet runs this operator on float32"));
  }
  ir::Reduce op;
  op.kind = ReduceKindOf(node.op_type());
  op.keep_dims = keep_dims != 0;
  for (int64_t axis : axes) {
    OCTET_ASSIGN_OR_RETURN(const int index, NormalizedAxis(axis, rank));
    op.axes.push_back(index);
  }
  if (axes.empty() && none_if_empty == 0) {
    for (size_t i = 0; i < rank; ++i) op.axes.push_back(static_cast<int>(i));
  }
  return graph.Result(node, std::move(op), {x});
}

}  // namespace octet::onnx
