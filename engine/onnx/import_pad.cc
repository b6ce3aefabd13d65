// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

// Pad and CenterCropPad: what is cut off becomes a Slice, the rest a Pad.
namespace octet::onnx {
namespace {

// How many entries to add at both ends of each axis; negative ones are cut.
struct PadCounts {
  std::vector<int64_t> begin;
  std::vector<int64_t> end;
};

absl::StatusOr<ir::PadMode> PadModeOf(const std::string& mode) {
  if (mode == "constant") return ir::PadMode::kConstant;
  if (mode == "reflect") return ir::PadMode::kReflect;
  if (mode == "edge") return ir::PadMode::kEdge;
  if (mode == "wrap") return ir::PadMode::kWrap;
  return absl::InvalidArgumentError(
      absl::StrCat("attribute 'mode' is '", mode,
                   "'; expected 'constant', 'reflect', 'edge' or 'wrap'"));
}

// The pads as an attribute (before opset 11) or an input, for the axes that an
// input may name.
absl::StatusOr<PadCounts> ReadPadCounts(const NodeReader& node,
                                        const GraphBuilder& graph,
                                        size_t rank) {
  std::vector<int64_t> pads;
  std::vector<int64_t> axes;
  if (node.opset() < 11) {
    OCTET_ASSIGN_OR_RETURN(auto attribute, node.Ints("pads"));
    if (!attribute.has_value()) {
      return absl::InvalidArgumentError("attribute 'pads' is missing");
    }
    pads = *std::move(attribute);
  } else {
    OCTET_ASSIGN_OR_RETURN(pads, graph.RequireInts(node, 1, "pads"));
  }
  if (node.opset() >= 18 && node.HasInput(3)) {
    OCTET_ASSIGN_OR_RETURN(axes, graph.RequireInts(node, 3, "axes"));
  } else {
    for (size_t i = 0; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  }
  const size_t count = axes.size();
  if (pads.size() != 2 * count) {
    return absl::InvalidArgumentError(
        absl::StrCat("pads has ", pads.size(), " entries for ", count,
                     " axes; expected two for each"));
  }
  PadCounts counts = {std::vector<int64_t>(rank), std::vector<int64_t>(rank)};
  std::vector<bool> seen(rank, false);
  for (size_t i = 0; i < count; ++i) {
    OCTET_ASSIGN_OR_RETURN(const int axis, NormalizedAxis(axes[i], rank));
    for (int64_t entry : {pads[i], pads[count + i]}) {
      if (entry >= -kMaxElements && entry <= kMaxElements && !seen[axis]) {
        continue;
      }
      return absl::InvalidArgumentError(absl::StrCat(
          "pads axis ", axis, " by ", entry, "; expected magnitudes up to ",
          kMaxElements, " and each axis once"));
    }
    seen[axis] = true;
    counts.begin[axis] = pads[i];
    counts.end[axis] = pads[count + i];
  }
  return counts;
}

// Cuts what `counts` says to cut, and leaves there what remains to be added.
absl::StatusOr<ir::ValueId> CutOff(const NodeReader& node, GraphBuilder& graph,
                                   ir::ValueId x, PadCounts& counts) {
  const ir::Dims dims = graph.dims(x);
  ir::Slice op;
  bool cuts = false;
  for (size_t i = 0; i < dims.size(); ++i) {
    const int64_t front = std::max<int64_t>(-counts.begin[i], 0);
    const int64_t back = std::max<int64_t>(-counts.end[i], 0);
    counts.begin[i] = std::max<int64_t>(counts.begin[i], 0);
    counts.end[i] = std::max<int64_t>(counts.end[i], 0);
    cuts = cuts || front > 0 || back > 0;
    const int64_t size = dims[i].value - front - back;
    const bool cuts_rows = dims[i].per_row && (front > 0 || back > 0);
    if (cuts_rows || size < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("cuts ", front, " and ", back, " entries off axis ", i,
                       " of ", ir::DimsToString(dims)));
    }
    op.starts.push_back(front);
    op.steps.push_back(1);
    op.sizes.push_back(dims[i].per_row ? 0 : size);
  }
  if (!cuts) return x;
  return graph.Compute(node, std::move(op), {x});
}

template <typename T>
std::optional<float> ExactFloat(const Tensor& tensor) {
  const T value = tensor.data<T>()[0];
  const auto real = static_cast<float>(value);
  // 2^24 bounds the integers that float32 has without gaps, so that the way
  // back cannot leave the range of T.
  if constexpr (std::is_integral_v<T>) {
    if (real > 16777216.0f || real < -16777216.0f) return std::nullopt;
    return real;
  } else {
    if (value == value && static_cast<T>(real) != value) return std::nullopt;
    return real;
  }
}

// The one element of `tensor` as a float32 that is the same number; nullopt
// where there is none.
std::optional<float> ExactFloat(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::kFloat32:
      return ExactFloat<float>(tensor);
    case DType::kFloat64:
      return ExactFloat<double>(tensor);
    case DType::kInt8:
      return ExactFloat<int8_t>(tensor);
    case DType::kUInt8:
      return ExactFloat<uint8_t>(tensor);
    case DType::kInt16:
      return ExactFloat<int16_t>(tensor);
    case DType::kUInt16:
      return ExactFloat<uint16_t>(tensor);
    case DType::kInt32:
      return ExactFloat<int32_t>(tensor);
    case DType::kUInt32:
      return ExactFloat<uint32_t>(tensor);
    case DType::kInt64:
      return ExactFloat<int64_t>(tensor);
    case DType::kUInt64:
      return ExactFloat<uint64_t>(tensor);
    case DType::kBool:
      return ExactFloat<bool>(tensor);
    case DType::kFloat16:
    case DType::kBFloat16:
      return std::nullopt;
  }
  return std::nullopt;
}

// Pads with a value that is computed, or that ir::Pad cannot hold: joins the
// data with copies of it.
absl::Status PadByConcat(const NodeReader& node, GraphBuilder& graph,
                         ir::ValueId x, const PadCounts& counts) {
  OCTET_ASSIGN_OR_RETURN(ir::ValueId value, graph.Read(node, 2));
  OCTET_ASSIGN_OR_RETURN(value, graph.Compute(node, ir::Reshape{}, {value}));
  for (size_t axis = 0; axis < counts.begin.size(); ++axis) {
    if (counts.begin[axis] == 0 && counts.end[axis] == 0) continue;
    ir::Dims dims = graph.dims(x);
    if (dims[axis].per_row) {
      return absl::UnimplementedError(
          absl::StrCat("pads axis ", axis, ", which carries the rows"));
    }
    std::vector<ir::ValueId> parts;
    if (counts.begin[axis] > 0) {
      dims[axis] = ir::Dim::Fixed(counts.begin[axis]);
      OCTET_ASSIGN_OR_RETURN(const ir::ValueId front,
                             graph.Compute(node, ir::Expand{dims}, {value}));
      parts.push_back(front);
    }
    parts.push_back(x);
    if (counts.end[axis] > 0) {
      dims[axis] = ir::Dim::Fixed(counts.end[axis]);
      OCTET_ASSIGN_OR_RETURN(const ir::ValueId back,
                             graph.Compute(node, ir::Expand{dims}, {value}));
      parts.push_back(back);
    }
    OCTET_ASSIGN_OR_RETURN(
        x, graph.Compute(node, ir::Concat{static_cast<int>(axis)}, parts));
  }
  return graph.ResultIs(node, x);
}

// The value to pad with as ir::Pad holds it, in real units; nullopt where it
// cannot be held there. `type` is the data's.
absl::StatusOr<std::optional<float>> PadValue(const NodeReader& node,
                                              const GraphBuilder& graph,
                                              const ir::TensorType& type) {
  std::optional<float> value = 0.0f;
  if (node.opset() < 11) {
    OCTET_ASSIGN_OR_RETURN(value, node.Float("value", 0));
  } else if (node.HasInput(2)) {
    const std::optional<Tensor> tensor = graph.Constant(node, 2);
    if (!tensor.has_value()) return std::nullopt;
    if (tensor->size() != 1 || tensor->dtype() != type.dtype) {
      return absl::InvalidArgumentError(
          absl::StrCat("the value (input '", node.input(2), "') is ",
                       Name(tensor->dtype()), ShapeToString(tensor->shape()),
                       "; expected one ", Name(type.dtype), " as the data is"));
    }
    value = ExactFloat(*tensor);
  }
  if (!type.quantization.has_value() || !value.has_value()) return value;
  // ONNX pads the integers.
  if (!type.quantization->per_tensor()) {
    return absl::UnimplementedError(absl::StrCat(
        "the input is ", ir::TypeToString(type), "; octet pads one scale"));
  }
  return (*value - static_cast<float>(type.quantization->zero_points[0])) *
         type.quantization->scales[0];
}

// Binds the node's output to `x` with what `counts` says cut off and added.
absl::Status PadTo(const NodeReader& node, GraphBuilder& graph, ir::ValueId x,
                   PadCounts counts, ir::Pad op) {
  OCTET_ASSIGN_OR_RETURN(x, CutOff(node, graph, x, counts));
  op.begin = std::move(counts.begin);
  op.end = std::move(counts.end);
  return graph.Result(node, std::move(op), {x});
}

}  // namespace

absl::Status ImportPad(const NodeReader& node, GraphBuilder& graph) {
  const bool old = node.opset() < 11;
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(old ? 1 : 2, old ? 1 : 4));
  OCTET_ASSIGN_OR_RETURN(const std::string mode,
                         node.String("mode", "constant"));
  ir::Pad op;
  OCTET_ASSIGN_OR_RETURN(op.mode, PadModeOf(mode));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  const ir::TensorType type = graph.type(x);
  OCTET_ASSIGN_OR_RETURN(PadCounts counts,
                         ReadPadCounts(node, graph, type.dims.size()));
  if (op.mode != ir::PadMode::kConstant) {
    node.Ignore("value");
    return PadTo(node, graph, x, std::move(counts), std::move(op));
  }
  OCTET_ASSIGN_OR_RETURN(const std::optional<float> value,
                         PadValue(node, graph, type));
  if (!value.has_value()) {
    OCTET_ASSIGN_OR_RETURN(x, CutOff(node, graph, x, counts));
    return PadByConcat(node, graph, x, counts);
  }
  op.value = *value;
  return PadTo(node, graph, x, std::move(counts), std::move(op));
}

absl::Status ImportCenterCropPad(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
  OCTET_ASSIGN_OR_RETURN(const auto target,
                         graph.RequireInts(node, 1, "the shape"));
  OCTET_ASSIGN_OR_RETURN(auto axes, node.Ints("axes"));
  OCTET_ASSIGN_OR_RETURN(const ir::ValueId x, graph.Read(node, 0));
  const ir::Dims dims = graph.dims(x);
  if (!axes.has_value()) {
    axes.emplace();
    for (size_t i = 0; i < dims.size(); ++i) axes->push_back(i);
  }
  if (axes->size() != target.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the shape has ", target.size(), " entries for ",
                     axes->size(), " axes; expected one for each"));
  }
  PadCounts counts = {std::vector<int64_t>(dims.size()),
                      std::vector<int64_t>(dims.size())};
  for (size_t i = 0; i < axes->size(); ++i) {
    OCTET_ASSIGN_OR_RETURN(const int axis,
                           NormalizedAxis((*axes)[i], dims.size()));
    const bool all_rows = dims[axis].is_rows() && target[i] == 1 &&
                          graph.mode() == BatchMode::kRowsForOne;
    if (all_rows) continue;
    if (dims[axis].per_row || target[i] < 0 || target[i] > kMaxElements) {
      return absl::InvalidArgumentError(absl::StrCat("axis ", axis, " of ",
                                                     ir::DimsToString(dims),
                                                     " becomes ", target[i]));
    }
    // The odd entry is cut or added behind.
    const int64_t missing = target[i] - dims[axis].value;
    counts.begin[axis] = missing / 2;
    counts.end[axis] = missing - missing / 2;
  }
  return PadTo(node, graph, x, std::move(counts), ir::Pad());
}

}  // namespace octet::onnx
