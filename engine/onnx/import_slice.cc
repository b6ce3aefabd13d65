// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

// Slice and Split.
namespace octet::onnx {
namespace {

// The four lists of Slice, as attributes (opset 1) or inputs (opset 10).
struct SliceLists {
  std::vector<int64_t> starts;
  ir::Dims ends;  // may hold rows
  std::vector<int64_t> axes;
  std::vector<int64_t> steps;
};

absl::Status ReadSliceAttributes(const NodeReader& node, SliceLists& lists) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(auto starts, node.Ints("starts"));
  OCTET_ASSIGN_OR_RETURN(auto ends, node.Ints("ends"));
  OCTET_ASSIGN_OR_RETURN(auto axes, node.Ints("axes"));
  if (!starts.has_value() || !ends.has_value()) {
    return absl::InvalidArgumentError(
        "attribute 'starts' or 'ends' is missing");
  }
  lists.starts = *std::move(starts);
  lists.ends = ir::FixedDims(*ends);
  if (axes.has_value()) lists.axes = *std::move(axes);
  return absl::OkStatus();
}

absl::Status ReadSliceInputs(const NodeReader& node, const GraphBuilder& graph,
                             SliceLists& lists) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(3, 5));
  OCTET_ASSIGN_OR_RETURN(lists.starts, graph.RequireInts(node, 1, "starts"));
  OCTET_ASSIGN_OR_RETURN(lists.ends, graph.RequireDims(node, 2, "ends"));
  if (node.HasInput(3)) {
    OCTET_ASSIGN_OR_RETURN(lists.axes, graph.RequireInts(node, 3, "axes"));
  }
  if (node.HasInput(4)) {
    OCTET_ASSIGN_OR_RETURN(lists.steps, graph.RequireInts(node, 4, "steps"));
  }
  return absl::OkStatus();
}

// Fills in the defaults and checks that the lists go together.
absl::Status CompleteSliceLists(bool has_axes, SliceLists& lists) {
  const size_t count = lists.starts.size();
  if (!has_axes) {
    for (size_t i = 0; i < count; ++i) {
      lists.axes.push_back(static_cast<int64_t>(i));
    }
  }
  if (lists.steps.empty()) lists.steps.assign(count, 1);
  if (lists.ends.size() != count || lists.axes.size() != count ||
      lists.steps.size() != count) {
    return absl::InvalidArgumentError(
        absl::StrCat("starts, ends, axes and steps have ", count, ", ",
                     lists.ends.size(), ", ", lists.axes.size(), " and ",
                     lists.steps.size(), " entries; expected equally many"));
  }
  return absl::OkStatus();
}

struct AxisCut {
  int64_t start = 0;
  ir::Dim end;
  int64_t step = 1;
};

// Puts one axis of ONNX Slice-13 into `op`, negative positions counted from the
// back and all of them clamped to the axis.
absl::Status CutAxis(const AxisCut& cut, int axis, int64_t extent,
                     ir::Slice& op) {
  if (cut.step == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the step on axis ", axis, " is 0"));
  }
  // No axis is longer, so a larger step takes the same.
  const int64_t step =
      std::clamp<int64_t>(cut.step, -kMaxElements, kMaxElements);
  const auto from_front = [extent](int64_t position) {
    return position < 0 ? position + extent : position;
  };
  int64_t start = from_front(cut.start);
  int64_t end = from_front(cut.end.value);
  int64_t size = 0;
  if (extent == 0) {
    start = 0;
  } else if (step > 0) {
    start = std::clamp<int64_t>(start, 0, extent);
    end = std::clamp<int64_t>(end, 0, extent);
    if (start < end) size = (end - start - 1) / step + 1;
  } else {
    start = std::clamp<int64_t>(start, 0, extent - 1);
    end = std::clamp<int64_t>(end, -1, extent - 1);
    if (start > end) size = (start - end - 1) / -step + 1;
  }
  op.starts[axis] = start;
  op.steps[axis] = step;
  op.sizes[axis] = size;
  return absl::OkStatus();
}

// The most entries that axis `axis` of `dims` can have: an end from there on is
// the end of the axis. tf2onnx writes 1,000,000,000, others the largest int32
// or int64.
int64_t MostEntries(const ir::Dims& dims, int axis) {
  int64_t others = 1;
  for (int i = 0; i < static_cast<int>(dims.size()); ++i) {
    if (i == axis || dims[i].value <= 1) continue;
    others *= std::min(dims[i].value, kMaxElements / others);
  }
  return kMaxElements / others;
}

// An axis that carries rows is taken whole or not at all. In a file exported
// for one row, whatever takes its one entry takes the whole axis.
absl::StatusOr<bool> TakesAllRows(const AxisCut& cut, const ir::Dims& dims,
                                  int axis, BatchMode mode) {
  const ir::Dim& dim = dims[axis];
  if (mode != BatchMode::kRowsForOne || !dim.is_rows() || cut.end.per_row) {
    const bool to_the_end = cut.end.per_row
                                ? cut.end.value >= dim.value
                                : cut.end.value >= MostEntries(dims, axis);
    return cut.start == 0 && cut.step == 1 && to_the_end;
  }
  ir::Slice op = {{0}, {1}, {0}};
  OCTET_RETURN_IF_ERROR(CutAxis(cut, 0, 1, op));
  return op.sizes[0] == 1;
}

// Takes all of `dims`.
ir::Slice WholeSlice(const ir::Dims& dims) {
  ir::Slice op;
  op.starts.assign(dims.size(), 0);
  op.steps.assign(dims.size(), 1);
  for (const ir::Dim& dim : dims) {
    op.sizes.push_back(dim.per_row ? 0 : dim.value);
  }
  return op;
}

// The lengths of Split's outputs: an attribute before opset 13, then an input,
// or as many equal ones as there are outputs. From opset 18 on the last may be
// shorter.
absl::StatusOr<std::vector<int64_t>> SplitSizes(const NodeReader& node,
                                                const GraphBuilder& graph,
                                                int64_t extent) {
  if (node.opset() >= 13 && node.HasInput(1)) {
    return graph.RequireInts(node, 1, "split");
  }
  OCTET_ASSIGN_OR_RETURN(auto attribute, node.Ints("split"));
  if (attribute.has_value()) return *std::move(attribute);
  OCTET_ASSIGN_OR_RETURN(const int64_t count,
                         node.Int("num_outputs", node.output_count()));
  if (count != node.output_count() ||
      (node.opset() < 18 && extent % count != 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("splits ", extent, " entries into ", count,
                     " equal parts for ", node.output_count(), " outputs"));
  }
  const int64_t part = extent / count + (extent % count == 0 ? 0 : 1);
  std::vector<int64_t> sizes(count, part);
  sizes.back() = extent - part * (count - 1);
  return sizes;
}

absl::Status ExpectSplit(const std::vector<int64_t>& sizes, int64_t extent,
                         int outputs) {
  int64_t left = extent;
  bool fits = static_cast<int64_t>(sizes.size()) == outputs;
  for (int64_t size : sizes) {
    fits = fits && size >= 0 && size <= left;
    if (fits) left -= size;
  }
  if (fits && left == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "splits ", extent, " entries into [", absl::StrJoin(sizes, ", "),
      "] for ", outputs, " outputs; expected parts that add up"));
}

}  // namespace

absl::Status ImportSlice(const NodeReader& node, GraphBuilder& graph) {
  SliceLists lists;
  bool has_axes = false;
  if (node.opset() < 10) {
    OCTET_RETURN_IF_ERROR(ReadSliceAttributes(node, lists));
    has_axes = node.HasAttribute("axes");
  } else {
    OCTET_RETURN_IF_ERROR(ReadSliceInputs(node, graph, lists));
    has_axes = node.HasInput(3);
  }
  OCTET_RETURN_IF_ERROR(CompleteSliceLists(has_axes, lists));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  const ir::Dims dims = graph.dims(x);
  ir::Slice op = WholeSlice(dims);
  std::vector<bool> cut_already(dims.size(), false);
  for (size_t i = 0; i < lists.axes.size(); ++i) {
    OCTET_ASSIGN_OR_RETURN(const int axis,
                           NormalizedAxis(lists.axes[i], dims.size()));
    if (cut_already[axis]) {
      return absl::InvalidArgumentError(
          absl::StrCat("axis ", lists.axes[i], " is given twice"));
    }
    cut_already[axis] = true;
    const AxisCut cut = {lists.starts[i], lists.ends[i], lists.steps[i]};
    if (!dims[axis].per_row && !cut.end.per_row) {
      OCTET_RETURN_IF_ERROR(CutAxis(cut, axis, dims[axis].value, op));
      continue;
    }
    bool whole = false;
    if (dims[axis].per_row) {
      OCTET_ASSIGN_OR_RETURN(whole,
                             TakesAllRows(cut, dims, axis, graph.mode()));
    }
    if (!whole) {
      return absl::UnimplementedError(
          absl::StrCat("cuts axis ", axis, " of ", ir::DimsToString(dims),
                       dims[axis].per_row ? ", which carries the rows"
                                          : " by the number of rows"));
    }
  }
  return graph.Result(node, std::move(op), {x});
}

absl::Status ImportSplit(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, node.opset() < 13 ? 1 : 2));
  OCTET_ASSIGN_OR_RETURN(const int64_t signed_axis, node.Int("axis", 0));
  OCTET_ASSIGN_OR_RETURN(const ir::ValueId x, graph.Read(node, 0));
  const ir::Dims dims = graph.dims(x);
  OCTET_ASSIGN_OR_RETURN(const int axis,
                         NormalizedAxis(signed_axis, dims.size()));
  const int64_t extent = dims[axis].value;
  OCTET_ASSIGN_OR_RETURN(const std::vector<int64_t> sizes,
                         SplitSizes(node, graph, extent));
  OCTET_RETURN_IF_ERROR(ExpectSplit(sizes, extent, node.output_count()));
  if (sizes.size() == 1) return graph.ResultIs(node, x);
  if (dims[axis].per_row) {
    return absl::UnimplementedError(
        absl::StrCat("splits axis ", axis, ", which carries the rows"));
  }
  ir::Slice op = WholeSlice(dims);
  int64_t start = 0;
  for (int i = 0; i < node.output_count(); ++i) {
    op.starts[axis] = start;
    op.sizes[axis] = sizes[i];
    start += sizes[i];
    OCTET_ASSIGN_OR_RETURN(const ir::ValueId part,
                           graph.Compute(node, op, {x}));
    OCTET_RETURN_IF_ERROR(graph.ResultIs(node, part, i));
  }
  return absl::OkStatus();
}

}  // namespace octet::onnx
