// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

// Before opset 13 all axes from `axis` on are taken together: x as a matrix.
ir::Dims AsMatrix(const ir::Dims& dims, int axis) {
  ir::Dims matrix(2, ir::Dim::Fixed(1));
  for (size_t i = 0; i < dims.size(); ++i) {
    ir::Dim& dim = matrix[static_cast<int>(i) < axis ? 0 : 1];
    dim.value *= dims[i].value;
    dim.per_row = dim.per_row || dims[i].per_row;
  }
  return matrix;
}

// 1 where the (first) largest entry along `axis` is, else 0.
absl::StatusOr<ir::ValueId> MarkLargest(const NodeReader& node,
                                        GraphBuilder& graph, ir::ValueId x,
                                        int axis) {
  const ir::TensorType type = graph.type(x);
  const ir::Dim length = type.dims[axis];
  if (length.per_row) {
    return absl::UnimplementedError(absl::StrCat(
        "works along axis ", axis, " of ", ir::DimsToString(type.dims),
        ", whose length is not known"));
  }
  Shape shape(type.dims.size() - axis, 1);
  shape[0] = length.value;
  OCTET_RETURN_IF_ERROR(graph.Charge(length.value * sizeof(int64_t)));
  Tensor counted(DType::kInt64, shape);
  const auto entries = counted.mutable_data<int64_t>();
  std::iota(entries.begin(), entries.end(), 0);
  OCTET_ASSIGN_OR_RETURN(const ir::ValueId indices,
                         graph.AddConstant(node, std::move(counted)));
  ir::ArgReduce best;
  best.axis = axis;
  OCTET_ASSIGN_OR_RETURN(const ir::ValueId at, graph.Compute(node, best, {x}));
  OCTET_ASSIGN_OR_RETURN(
      const ir::ValueId is_best,
      graph.Compute(node, ir::Binary{ir::BinaryKind::kEqual, {}},
                    {at, indices}));
  return graph.Compute(node, ir::Cast{type.dtype}, {is_best});
}

}  // namespace

absl::Status ImportSoftmax(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  const size_t rank = graph.dims(x).size();
  const bool coerces_to_matrix = node.opset() < 13;
  OCTET_ASSIGN_OR_RETURN(const int64_t axis,
                         node.Int("axis", coerces_to_matrix ? 1 : -1));
  ir::Softmax op;
  op.log = node.op_type() == "LogSoftmax";
  OCTET_ASSIGN_OR_RETURN(op.axis, NormalizedAxis(axis, rank));
  // Where the axes behind have one entry each, both forms are the same.
  const ir::Dims& dims = graph.dims(x);
  op.through_last_axis =
      coerces_to_matrix &&
      std::any_of(dims.begin() + op.axis + 1, dims.end(),
                  [](const ir::Dim& dim) { return dim != ir::Dim::Fixed(1); });
  return graph.Result(node, op, {x});
}

absl::Status ImportHardmax(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  const ir::Dims dims = graph.dims(x);
  const bool coerces_to_matrix = node.opset() < 13;
  OCTET_ASSIGN_OR_RETURN(const int64_t attribute,
                         node.Int("axis", coerces_to_matrix ? 1 : -1));
  OCTET_ASSIGN_OR_RETURN(int axis, NormalizedAxis(attribute, dims.size()));
  if (coerces_to_matrix) {
    OCTET_ASSIGN_OR_RETURN(
        x, graph.Compute(node, ir::Reshape{AsMatrix(dims, axis)}, {x}));
    axis = 1;
  }
  OCTET_ASSIGN_OR_RETURN(const ir::ValueId y,
                         MarkLargest(node, graph, x, axis));
  if (!coerces_to_matrix) return graph.ResultIs(node, y);
  return graph.Result(node, ir::Reshape{dims}, {y});
}

}  // namespace octet::onnx
