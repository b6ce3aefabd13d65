// SPDX-License-Identifier: Apache-2.0
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"
#include "engine/onnx/row_constants.h"

// Operators that put the elements of their input into another order.
namespace octet::onnx {
namespace {

// [N, C, H, W] and a block of b * b, both of it known.
struct Blocks {
  ir::Dim n, c, h, w;
  int64_t b = 1;
};

absl::StatusOr<Blocks> ReadBlocks(const NodeReader& node,
                                  const ir::Dims& dims) {
  OCTET_ASSIGN_OR_RETURN(const int64_t b, node.Int("blocksize", 0));
  if (b < 1 || b > kMaxElements) {
    return absl::InvalidArgumentError(absl::StrCat(
        "attribute 'blocksize' is ", b, "; expected 1 to ", kMaxElements));
  }
  if (dims.size() != 4 || dims[1].per_row || dims[2].per_row ||
      dims[3].per_row) {
    return absl::InvalidArgumentError(absl::StrCat("the input has dimensions ",
                                                   ir::DimsToString(dims),
                                                   "; expected [N, C, H, W]"));
  }
  return Blocks{dims[0], dims[1], dims[2], dims[3], b};
}

absl::Status DoesNotDivide(const Blocks& x) {
  return absl::InvalidArgumentError(
      absl::StrCat("blocks of ", x.b, " by ", x.b, " do not divide ",
                   ir::DimsToString({x.n, x.c, x.h, x.w})));
}

// Reshape, Transpose, Reshape.
absl::Status Rearrange(const NodeReader& node, GraphBuilder& graph,
                       ir::ValueId x, ir::Dims apart, std::vector<int> perm,
                       ir::Dims result) {
  OCTET_ASSIGN_OR_RETURN(
      x, graph.Compute(node, ir::Reshape{std::move(apart)}, {x}));
  OCTET_ASSIGN_OR_RETURN(
      x, graph.Compute(node, ir::Transpose{std::move(perm)}, {x}));
  return graph.Result(node, ir::Reshape{std::move(result)}, {x});
}

// 1 where two axes change places, at the front.
ir::Transpose SwapLeadingAxes(size_t rank) {
  ir::Transpose op;
  op.perm.resize(rank);
  std::iota(op.perm.begin(), op.perm.end(), 0);
  std::swap(op.perm[0], op.perm[1]);
  return op;
}

// Where each of [batch, time] comes from when the first lens[batch] entries are
// reversed: [batch, time, 1] for GatherNd.
absl::StatusOr<ir::ValueId> ReversedPositions(const NodeReader& node,
                                              GraphBuilder& graph,
                                              const ir::Dim& batch,
                                              int64_t time) {
  OCTET_RETURN_IF_ERROR(graph.Charge(time * sizeof(int64_t)));
  Tensor steps(DType::kInt64, {1, time});
  const auto data = steps.mutable_data<int64_t>();
  std::iota(data.begin(), data.end(), 0);
  OCTET_ASSIGN_OR_RETURN(ir::ValueId position,
                         graph.AddConstant(node, std::move(steps)));
  OCTET_ASSIGN_OR_RETURN(const ir::ValueId one,
                         graph.AddConstant(node, Tensor::Of<int64_t>({}, {1})));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId lens, graph.Read(node, 1));
  const ir::Dims given = graph.dims(lens);
  const bool for_one_row = graph.mode() == BatchMode::kRowsForOne &&
                           batch.is_rows() &&
                           given == ir::Dims{ir::Dim::Fixed(1)};
  if (given != ir::Dims{batch} && !for_one_row) {
    return absl::InvalidArgumentError(
        absl::StrCat("sequence_lens has dimensions ", ir::DimsToString(given),
                     "; expected ", ir::DimsToString({batch})));
  }
  OCTET_ASSIGN_OR_RETURN(
      lens,
      graph.Compute(node, ir::Reshape{{given[0], ir::Dim::Fixed(1)}}, {lens}));
  OCTET_ASSIGN_OR_RETURN(
      const ir::ValueId inside,
      graph.Compute(node, ir::Binary{ir::BinaryKind::kLess, {}},
                    {position, lens}));
  OCTET_ASSIGN_OR_RETURN(
      ir::ValueId mirrored,
      graph.Compute(node, ir::Binary{ir::BinaryKind::kSub, {}}, {lens, one}));
  OCTET_ASSIGN_OR_RETURN(
      mirrored, graph.Compute(node, ir::Binary{ir::BinaryKind::kSub, {}},
                              {mirrored, position}));
  OCTET_ASSIGN_OR_RETURN(
      position, graph.Compute(node, ir::Where{}, {inside, mirrored, position}));
  OCTET_ASSIGN_OR_RETURN(
      position, graph.Compute(node,
                              ir::Reshape{{given[0], ir::Dim::Fixed(time),
                                           ir::Dim::Fixed(1)}},
                              {position}));
  if (!for_one_row) return position;
  return graph.Compute(
      node, ir::Expand{{batch, ir::Dim::Fixed(time), ir::Dim::Fixed(1)}},
      {position});
}

}  // namespace

absl::Status ImportDepthToSpace(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(const std::string mode, node.String("mode", "DCR"));
  if (mode != "DCR" && mode != "CRD") {
    return absl::InvalidArgumentError(absl::StrCat(
        "attribute 'mode' is '", mode, "'; expected 'DCR' or 'CRD'"));
  }
  OCTET_ASSIGN_OR_RETURN(const ir::ValueId id, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(const Blocks x, ReadBlocks(node, graph.dims(id)));
  if (x.c.value % (x.b * x.b) != 0) return DoesNotDivide(x);
  const ir::Dim b = ir::Dim::Fixed(x.b);
  const ir::Dim c = ir::Dim::Fixed(x.c.value / (x.b * x.b));
  const ir::Dims result = {x.n, c, ir::Dim::Fixed(x.h.value * x.b),
                           ir::Dim::Fixed(x.w.value * x.b)};
  if (mode == "DCR") {
    return Rearrange(node, graph, id, {x.n, b, b, c, x.h, x.w},
                     {0, 3, 4, 1, 5, 2}, result);
  }
  return Rearrange(node, graph, id, {x.n, c, b, b, x.h, x.w},
                   {0, 1, 4, 2, 5, 3}, result);
}

absl::Status ImportSpaceToDepth(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(const ir::ValueId id, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(const Blocks x, ReadBlocks(node, graph.dims(id)));
  if (x.h.value % x.b != 0 || x.w.value % x.b != 0) return DoesNotDivide(x);
  const ir::Dim b = ir::Dim::Fixed(x.b);
  const ir::Dim h = ir::Dim::Fixed(x.h.value / x.b);
  const ir::Dim w = ir::Dim::Fixed(x.w.value / x.b);
  // A block no larger than the image, or no elements at all: cannot overflow.
  const int64_t area = x.h.value == 0 || x.w.value == 0 ? 0 : x.b * x.b;
  if (area > 0 && x.c.value > kMaxElements / area) return DoesNotDivide(x);
  return Rearrange(node, graph, id, {x.n, x.c, h, b, w, b}, {0, 3, 5, 1, 2, 4},
                   {x.n, ir::Dim::Fixed(x.c.value * area), h, w});
}

absl::Status ImportReverseSequence(const NodeReader& node,
                                   GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
  OCTET_ASSIGN_OR_RETURN(const int64_t batch_axis, node.Int("batch_axis", 1));
  OCTET_ASSIGN_OR_RETURN(const int64_t time_axis, node.Int("time_axis", 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  const size_t rank = graph.dims(x).size();
  const bool batch_first = batch_axis == 0 && time_axis == 1;
  if ((!batch_first && !(batch_axis == 1 && time_axis == 0)) || rank < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("batch_axis is ", batch_axis, " and time_axis ", time_axis,
                     " for dimensions ", ir::DimsToString(graph.dims(x)),
                     "; expected axes 0 and 1 in either order"));
  }
  if (!batch_first) {
    OCTET_ASSIGN_OR_RETURN(x, graph.Compute(node, SwapLeadingAxes(rank), {x}));
  }
  const ir::Dim time = graph.dims(x)[1];
  if (time.per_row) {
    return absl::UnimplementedError("reverses the axis that carries the rows");
  }
  OCTET_ASSIGN_OR_RETURN(
      const ir::ValueId positions,
      ReversedPositions(node, graph, graph.dims(x)[0], time.value));
  if (batch_first) return graph.Result(node, ir::GatherNd{1}, {x, positions});
  OCTET_ASSIGN_OR_RETURN(x,
                         graph.Compute(node, ir::GatherNd{1}, {x, positions}));
  return graph.Result(node, SwapLeadingAxes(rank), {x});
}

}  // namespace octet::onnx
