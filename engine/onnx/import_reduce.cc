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
          {"ReduceL2", ir::ReduceKind::kL2},
          {"ReduceLogSum", ir::ReduceKind::kLogSum},
          {"ReduceLogSumExp", ir::ReduceKind::kLogSumExp}};
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
  if (axes.empty() && none_if_empty != 0) return graph.ResultIs(node, x);
  ir::Reduce op;
  op.kind = ReduceKindOf(node.op_type());
  op.keep_dims = keep_dims != 0;
  for (int64_t axis : axes) {
    OCTET_ASSIGN_OR_RETURN(const int index, NormalizedAxis(axis, rank));
    op.axes.push_back(index);
  }
  if (axes.empty()) {
    for (size_t i = 0; i < rank; ++i) op.axes.push_back(static_cast<int>(i));
  }
  return graph.Result(node, std::move(op), {x});
}

absl::Status ImportArgReduce(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t keep_dims, node.Int("keepdims", 1));
  OCTET_ASSIGN_OR_RETURN(const int64_t last_index,
                         node.Int("select_last_index", 0));
  ir::ArgReduce op;
  op.largest = node.op_type() == "ArgMax";
  op.keep_dims = keep_dims != 0;
  op.last_index = last_index != 0;
  OCTET_ASSIGN_OR_RETURN(op.axis, NormalizedAxis(axis, graph.dims(x).size()));
  return graph.Result(node, op, {x});
}

absl::Status ImportTopK(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.opset() < 10 ? node.ExpectInputs(1, 1)
                                          : node.ExpectInputs(2, 2));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", -1));
  OCTET_ASSIGN_OR_RETURN(const int64_t largest, node.Int("largest", 1));
  node.Ignore("sorted");  // always
  ir::TopK op;
  op.largest = largest != 0;
  OCTET_ASSIGN_OR_RETURN(op.axis, NormalizedAxis(axis, graph.dims(x).size()));
  if (node.opset() < 10) {
    OCTET_ASSIGN_OR_RETURN(op.k, node.Int("k", -1));
  } else {
    OCTET_ASSIGN_OR_RETURN(const auto k, graph.RequireInts(node, 1, "k"));
    if (k.size() != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("k has ", k.size(), " numbers; expected one"));
    }
    op.k = k[0];
  }
  return graph.Results(node, op, {x});
}

absl::Status ImportCumSum(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(const auto axis,
                         graph.RequireInts(node, 1, "the axis"));
  OCTET_ASSIGN_OR_RETURN(const int64_t exclusive, node.Int("exclusive", 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t reverse, node.Int("reverse", 0));
  if (axis.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the axis has ", axis.size(), " numbers; expected one"));
  }
  ir::CumSum op;
  op.exclusive = exclusive != 0;
  op.reverse = reverse != 0;
  OCTET_ASSIGN_OR_RETURN(op.axis,
                         NormalizedAxis(axis[0], graph.dims(x).size()));
  return graph.Result(node, op, {x});
}

}  // namespace octet::onnx
