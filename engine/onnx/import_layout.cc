// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

// The four lists of Slice, as attributes (opset 1) or inputs (opset 10).
struct SliceLists {
  std::vector<int64_t> starts;
  std::vector<int64_t> ends;
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
  lists.ends = *std::move(ends);
  if (axes.has_value()) lists.axes = *std::move(axes);
  return absl::OkStatus();
}

absl::Status ReadSliceInputs(const NodeReader& node, const GraphBuilder& graph,
                             SliceLists& lists) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(3, 5));
  OCTET_ASSIGN_OR_RETURN(lists.starts, graph.RequireInts(node, 1, "starts"));
  OCTET_ASSIGN_OR_RETURN(lists.ends, graph.RequireInts(node, 2, "ends"));
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
  int64_t end = 0;
  int64_t step = 1;
};

// An axis that carries rows is taken whole or not at all. In a file exported
// for one row, the entries [0, 1) are the whole axis.
bool TakesAllRows(const AxisCut& cut, BatchMode mode) {
  return cut.start == 0 && cut.step == 1 &&
         (cut.end >= std::numeric_limits<int32_t>::max() ||
          (mode == BatchMode::kRowsForOne && cut.end == 1));
}

// Puts one axis of ONNX Slice-13 into `op`, negative positions counted from the
// back and all of them clamped to the axis.
absl::Status CutAxis(const AxisCut& cut, int axis, int64_t extent,
                     ir::Slice& op) {
  if (cut.step == 0 || cut.step < -kMaxElements || cut.step > kMaxElements) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the step on axis ", axis, " is ", cut.step,
        "; expected a number other than 0, of magnitude up to ", kMaxElements));
  }
  const auto from_front = [extent](int64_t position) {
    return position < 0 ? position + extent : position;
  };
  int64_t start = from_front(cut.start);
  int64_t end = from_front(cut.end);
  int64_t size = 0;
  if (cut.step > 0) {
    start = std::clamp<int64_t>(start, 0, extent);
    end = std::clamp<int64_t>(end, 0, extent);
    if (start < end) size = (end - start - 1) / cut.step + 1;
  } else {
    start = std::clamp<int64_t>(start, 0, extent - 1);
    end = std::clamp<int64_t>(end, -1, extent - 1);
    if (start > end) size = (start - end - 1) / -cut.step + 1;
  }
  if (size == 0) {
    return absl::UnimplementedError(absl::StrCat(
        "takes [", cut.start, ", ", cut.end, ") in steps of ", cut.step,
        " from axis ", axis, " of ", extent, " entries: nothing"));
  }
  op.starts[axis] = start;
  op.steps[axis] = cut.step;
  op.sizes[axis] = size;
  return absl::OkStatus();
}

// [begin..., end...] as attributes pads and value (before opset 11) or inputs.
struct PadLists {
  std::vector<int64_t> pads;
  std::vector<int64_t> axes;
  bool has_axes = false;
  float value = 0;
};

absl::Status ReadPadInputs(const NodeReader& node, GraphBuilder& graph,
                           PadLists& lists) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 4));
  OCTET_ASSIGN_OR_RETURN(lists.pads, graph.RequireInts(node, 1, "pads"));
  if (node.HasInput(2)) {
    OCTET_ASSIGN_OR_RETURN(Tensor value,
                           graph.RequireConstant(node, 2, "the value"));
    if (value.size() != 1 || value.dtype() != DType::kFloat32) {
      return absl::UnimplementedError(absl::StrCat(
          "the value (input '", node.input(2), "') is ", Name(value.dtype()),
          ShapeToString(value.shape()), "; octet runs one float32 number"));
    }
    lists.value = value.data<float>()[0];
  }
  if (node.HasInput(3)) {
    OCTET_ASSIGN_OR_RETURN(lists.axes, graph.RequireInts(node, 3, "axes"));
    lists.has_axes = true;
  }
  return absl::OkStatus();
}

absl::Status ReadPadAttributes(const NodeReader& node, PadLists& lists) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(auto pads, node.Ints("pads"));
  if (!pads.has_value()) {
    return absl::InvalidArgumentError("attribute 'pads' is missing");
  }
  lists.pads = *std::move(pads);
  OCTET_ASSIGN_OR_RETURN(lists.value, node.Float("value", 0));
  return absl::OkStatus();
}

absl::StatusOr<ir::Pad> MakePad(PadLists lists, size_t rank) {
  if (!lists.has_axes) {
    for (size_t i = 0; i < rank; ++i) lists.axes.push_back(i);
  }
  const size_t count = lists.axes.size();
  if (lists.pads.size() != 2 * count) {
    return absl::InvalidArgumentError(
        absl::StrCat("pads has ", lists.pads.size(), " entries for ", count,
                     " axes; expected two for each"));
  }
  ir::Pad op;
  op.begin.assign(rank, 0);
  op.end.assign(rank, 0);
  op.value = lists.value;
  for (size_t i = 0; i < count; ++i) {
    OCTET_ASSIGN_OR_RETURN(const int axis, NormalizedAxis(lists.axes[i], rank));
    op.begin[axis] = lists.pads[i];
    op.end[axis] = lists.pads[count + i];
    if (op.begin[axis] < 0 || op.end[axis] < 0) {
      return absl::UnimplementedError(
          absl::StrCat("pads of ", op.begin[axis], " and ", op.end[axis],
                       " on axis ", axis, "; octet runs pads >= 0"));
    }
  }
  return op;
}

}  // namespace

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
  return graph.Result(node, op, std::move(inputs));
}

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
  ir::Slice op;
  op.starts.assign(dims.size(), 0);
  op.steps.assign(dims.size(), 1);
  for (const ir::Dim& dim : dims) {
    op.sizes.push_back(dim.per_row ? 0 : dim.value);
  }
  for (size_t i = 0; i < lists.axes.size(); ++i) {
    OCTET_ASSIGN_OR_RETURN(const int axis,
                           NormalizedAxis(lists.axes[i], dims.size()));
    const AxisCut cut = {lists.starts[i], lists.ends[i], lists.steps[i]};
    if (!dims[axis].per_row) {
      OCTET_RETURN_IF_ERROR(CutAxis(cut, axis, dims[axis].value, op));
    } else if (!TakesAllRows(cut, graph.mode())) {
      return absl::UnimplementedError(
          absl::StrCat("cuts axis ", axis, ", which carries the rows"));
    }
  }
  return graph.Result(node, std::move(op), {x});
}

absl::Status ImportPad(const NodeReader& node, GraphBuilder& graph) {
  OCTET_ASSIGN_OR_RETURN(const std::string mode,
                         node.String("mode", "constant"));
  if (mode != "constant") {
    return absl::UnimplementedError(absl::StrCat("attribute 'mode' is '", mode,
                                                 "'; octet runs 'constant'"));
  }
  PadLists lists;
  OCTET_RETURN_IF_ERROR(node.opset() < 11 ? ReadPadAttributes(node, lists)
                                          : ReadPadInputs(node, graph, lists));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  const ir::TensorType& type = graph.type(x);
  if (type.dtype != DType::kFloat32 && !type.quantization.has_value()) {
    return absl::UnimplementedError(
        absl::StrCat("the input is ", ir::TypeToString(type),
                     "; octet runs this operator on float32"));
  }
  OCTET_ASSIGN_OR_RETURN(ir::Pad op,
                         MakePad(std::move(lists), type.dims.size()));
  return graph.Result(node, std::move(op), {x});
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
