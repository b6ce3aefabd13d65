// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/quantized_form.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"

namespace octet::onnx {
namespace {

using Kind = ir::BinaryKind;

absl::StatusOr<std::vector<int32_t>> ZeroPoints(const Tensor& tensor) {
  const auto widened = [](auto span) {
    return std::vector<int32_t>(span.begin(), span.end());
  };
  switch (tensor.dtype()) {
    case DType::kInt8:
      return widened(tensor.data<int8_t>());
    case DType::kUInt8:
      return widened(tensor.data<uint8_t>());
    case DType::kInt16:
      return widened(tensor.data<int16_t>());
    case DType::kUInt16:
      return widened(tensor.data<uint16_t>());
    case DType::kInt32:
      return widened(tensor.data<int32_t>());
    default:
      return absl::UnimplementedError(
          absl::StrCat("the zero point is ", Name(tensor.dtype()),
                       "; octet runs int8, uint8, int16, uint16 and int32"));
  }
}

absl::Status ExpectScales(const Tensor& tensor, const NodeReader& node,
                          int input) {
  if (tensor.dtype() != DType::kFloat32) {
    return absl::UnimplementedError(
        absl::StrCat("the scale (input '", node.input(input), "') is ",
                     Name(tensor.dtype()), "; octet runs float32"));
  }
  if (tensor.size() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the scale (input '", node.input(input), "') is empty"));
  }
  for (float scale : tensor.data<float>()) {
    if (!(scale > 0) || !std::isfinite(scale)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the scale (input '", node.input(input), "') has the entry ", scale,
          "; expected positive numbers"));
    }
  }
  return absl::OkStatus();
}

// Whether `tensor` is one number, or one for each entry of an axis.
bool IsFlat(const Tensor& tensor) {
  return tensor.size() == 1 || tensor.shape().size() == 1;
}

// The quantization of a tensor of dimensions `x`; nothing where it isn't one
// that an edge of the graph can have.
absl::StatusOr<std::optional<ir::Quantization>> ConstantQuantization(
    const NodeReader& node, const GraphBuilder& graph,
    const QuantizationInputs& inputs, const ir::Dims& x) {
  const std::optional<Tensor> scales = graph.Constant(node, inputs.scale);
  const bool has_zero_point = node.HasInput(inputs.zero_point);
  const std::optional<Tensor> zero_points =
      graph.Constant(node, inputs.zero_point);
  if (scales.has_value()) {
    OCTET_RETURN_IF_ERROR(ExpectScales(*scales, node, inputs.scale));
  }
  if (!scales.has_value() || has_zero_point != zero_points.has_value() ||
      inputs.block_size != 0 || !IsFlat(*scales)) {
    return std::nullopt;
  }
  ir::Quantization q;
  const auto data = scales->data<float>();
  q.scales.assign(data.begin(), data.end());
  q.zero_points.assign(q.scales.size(), 0);
  if (has_zero_point) {
    OCTET_ASSIGN_OR_RETURN(q.zero_points, ZeroPoints(*zero_points));
    // One for all channels.
    if (q.zero_points.size() == 1 && IsFlat(*zero_points)) {
      q.zero_points.assign(q.scales.size(), q.zero_points[0]);
    }
    if (q.zero_points.size() != q.scales.size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "got ", q.scales.size(), " scales and ", q.zero_points.size(),
          " zero points; expected equally many"));
    }
  }
  if (q.per_tensor()) return q;
  OCTET_ASSIGN_OR_RETURN(q.axis, NormalizedAxis(inputs.axis, x.size()));
  const auto channels = static_cast<int64_t>(q.scales.size());
  if (x[q.axis] != ir::Dim::Fixed(channels)) {
    return absl::InvalidArgumentError(
        absl::StrCat("got ", channels, " scales for axis ", q.axis, " of ",
                     ir::DimsToString(x), "; expected one for each entry"));
  }
  return q;
}

// How a tensor of dimensions `dims` is seen in blocks along `axis`.
struct ScaleBlocks {
  int axis = 0;
  int64_t padding = 0;  // entries that the last block lacks
  ir::Dims padded;
  ir::Dims split;   // [..., blocks, entries of one, ...]
  ir::Dims scales;  // [..., blocks, 1, ...]
};

absl::StatusOr<ScaleBlocks> SplitIntoScaleBlocks(
    const ir::Dims& dims, const ir::Dims& scales,
    const QuantizationInputs& inputs) {
  ScaleBlocks blocks;
  OCTET_ASSIGN_OR_RETURN(blocks.axis, NormalizedAxis(inputs.axis, dims.size()));
  const ir::Dim dim = dims[blocks.axis];
  const int64_t size = inputs.block_size;
  if (size < 1 || size > kMaxElements || dim.per_row) {
    return absl::InvalidArgumentError(absl::StrCat(
        "attribute 'block_size' is ", size, " for axis ", blocks.axis, " of ",
        ir::DimsToString(dims), "; expected a block of that axis"));
  }
  const int64_t count = (dim.value + size - 1) / size;
  ir::Dims expected = dims;
  expected[blocks.axis] = ir::Dim::Fixed(count);
  if (scales != expected) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the scale has dimensions ", ir::DimsToString(scales), "; expected ",
        ir::DimsToString(expected), ", one for each ", size,
        " entries of axis ", blocks.axis));
  }
  blocks.padding = count * size - dim.value;
  blocks.padded = dims;
  blocks.padded[blocks.axis] = ir::Dim::Fixed(count * size);
  const auto behind = [&](ir::Dims& to, int64_t entries) {
    to = expected;
    to.insert(to.begin() + blocks.axis + 1, ir::Dim::Fixed(entries));
  };
  behind(blocks.split, size);
  behind(blocks.scales, 1);
  return blocks;
}

absl::StatusOr<ir::ValueId> IntoScaleBlocks(const NodeReader& node,
                                            GraphBuilder& graph,
                                            const ScaleBlocks& blocks,
                                            ir::ValueId x) {
  if (blocks.padding > 0) {
    ir::Pad pad;
    pad.begin.assign(blocks.padded.size(), 0);
    pad.end = pad.begin;
    pad.end[blocks.axis] = blocks.padding;
    OCTET_ASSIGN_OR_RETURN(x, graph.Compute(node, std::move(pad), {x}));
  }
  return graph.Compute(node, ir::Reshape{blocks.split}, {x});
}

absl::StatusOr<ir::ValueId> OutOfScaleBlocks(const NodeReader& node,
                                             GraphBuilder& graph,
                                             const ScaleBlocks& blocks,
                                             ir::ValueId x) {
  OCTET_ASSIGN_OR_RETURN(x,
                         graph.Compute(node, ir::Reshape{blocks.padded}, {x}));
  if (blocks.padding == 0) return x;
  ir::Slice slice;
  slice.starts.assign(blocks.padded.size(), 0);
  slice.steps.assign(blocks.padded.size(), 1);
  for (const ir::Dim& dim : blocks.padded) {
    slice.sizes.push_back(dim.per_row ? 0 : dim.value);
  }
  slice.sizes[blocks.axis] -= blocks.padding;
  return graph.Compute(node, std::move(slice), {x});
}

// Scale and zero point as float32 values that broadcast to `x`, which is put
// into blocks where there are any.
struct RealScales {
  ir::ValueId x = 0;
  ir::ValueId scale = 0;
  std::optional<ir::ValueId> zero_point;
  std::optional<ScaleBlocks> blocks;
};

absl::StatusOr<RealScales> ReadRealScales(const NodeReader& node,
                                          GraphBuilder& graph, ir::ValueId x,
                                          const QuantizationInputs& inputs) {
  RealScales result;
  result.x = x;
  OCTET_ASSIGN_OR_RETURN(result.scale, graph.Read(node, inputs.scale));
  if (graph.type(result.scale).dtype != DType::kFloat32) {
    return absl::UnimplementedError(absl::StrCat(
        "the scale is ", ir::TypeToString(graph.type(result.scale)),
        "; octet runs float32"));
  }
  const ir::Dims dims = graph.dims(x);
  if (inputs.block_size != 0) {
    OCTET_ASSIGN_OR_RETURN(
        result.blocks,
        SplitIntoScaleBlocks(dims, graph.dims(result.scale), inputs));
    OCTET_ASSIGN_OR_RETURN(result.x,
                           IntoScaleBlocks(node, graph, *result.blocks, x));
  }
  const auto align = [&](ir::ValueId id) -> absl::StatusOr<ir::ValueId> {
    if (result.blocks.has_value()) {
      return graph.Compute(node, ir::Reshape{result.blocks->scales}, {id});
    }
    return AlongAxis(node, graph, id, dims.size(), inputs.axis);
  };
  OCTET_ASSIGN_OR_RETURN(result.scale, align(result.scale));
  if (!node.HasInput(inputs.zero_point)) return result;
  OCTET_ASSIGN_OR_RETURN(ir::ValueId zero_point,
                         ReadPlain(node, graph, inputs.zero_point));
  OCTET_ASSIGN_OR_RETURN(zero_point,
                         CastTo(node, graph, zero_point, DType::kFloat32));
  OCTET_ASSIGN_OR_RETURN(result.zero_point, align(zero_point));
  return result;
}

absl::Status ExpectQuantizable(DType dtype, bool to) {
  const bool runs = dtype == DType::kInt8 || dtype == DType::kUInt8 ||
                    dtype == DType::kInt16 || dtype == DType::kUInt16 ||
                    (dtype == DType::kInt32 && !to);
  if (runs) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(
      to ? "quantizes to " : "the input is ", Name(dtype),
      "; octet runs int8, uint8, int16 and uint16", to ? "" : ", and int32"));
}

absl::StatusOr<ir::ValueId> DequantizedByArithmetic(
    const NodeReader& node, GraphBuilder& graph, int data,
    const QuantizationInputs& inputs) {
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, ReadPlain(node, graph, data));
  OCTET_ASSIGN_OR_RETURN(x, CastTo(node, graph, x, DType::kFloat32));
  OCTET_ASSIGN_OR_RETURN(RealScales scales,
                         ReadRealScales(node, graph, x, inputs));
  x = scales.x;
  if (scales.zero_point.has_value()) {
    OCTET_ASSIGN_OR_RETURN(
        x, Arithmetic(node, graph, Kind::kSub, x, *scales.zero_point));
  }
  OCTET_ASSIGN_OR_RETURN(x,
                         Arithmetic(node, graph, Kind::kMul, x, scales.scale));
  if (!scales.blocks.has_value()) return x;
  return OutOfScaleBlocks(node, graph, *scales.blocks, x);
}

}  // namespace

absl::StatusOr<ir::ValueId> Scalar(const NodeReader& node, GraphBuilder& graph,
                                   float value) {
  return graph.AddConstant(node, Tensor::Of<float>({}, {value}));
}

absl::StatusOr<ir::ValueId> CastTo(const NodeReader& node, GraphBuilder& graph,
                                   ir::ValueId id, DType dtype) {
  return graph.Compute(node, ir::Cast{dtype}, {id});
}

absl::StatusOr<ir::ValueId> Arithmetic(const NodeReader& node,
                                       GraphBuilder& graph, Kind kind,
                                       ir::ValueId a, ir::ValueId b) {
  return graph.Compute(node, ir::Binary{kind, {}}, {a, b});
}

absl::StatusOr<ir::ValueId> AlongAxis(const NodeReader& node,
                                      GraphBuilder& graph, ir::ValueId id,
                                      size_t rank, int64_t axis) {
  const ir::Dims dims = graph.dims(id);
  const bool single =
      std::all_of(dims.begin(), dims.end(),
                  [](const ir::Dim& dim) { return dim == ir::Dim::Fixed(1); });
  if (single && !dims.empty()) {
    return graph.Compute(node, ir::Reshape{ir::Dims()}, {id});
  }
  if (dims.size() != 1) return id;
  OCTET_ASSIGN_OR_RETURN(const int index, NormalizedAxis(axis, rank));
  ir::Dims aligned(rank, ir::Dim::Fixed(1));
  aligned[index] = dims[0];
  if (aligned == dims) return id;
  return graph.Compute(node, ir::Reshape{std::move(aligned)}, {id});
}

absl::StatusOr<DType> DTypeOfInput(const NodeReader& node, GraphBuilder& graph,
                                   int i) {
  if (const std::optional<Tensor> constant = graph.Constant(node, i)) {
    return constant->dtype();
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId id, graph.Read(node, i));
  return graph.type(id).dtype;
}

absl::StatusOr<ir::ValueId> ReadPlain(const NodeReader& node,
                                      GraphBuilder& graph, int i) {
  OCTET_ASSIGN_OR_RETURN(ir::ValueId id, graph.Read(node, i));
  const ir::TensorType& type = graph.type(id);
  if (!type.quantization.has_value()) return id;
  return CastTo(node, graph, id, type.dtype);
}

absl::StatusOr<ir::ValueId> RoundTo(const NodeReader& node, GraphBuilder& graph,
                                    ir::ValueId x, ir::ValueId scale,
                                    std::optional<ir::ValueId> zero_point,
                                    DType dtype) {
  OCTET_RETURN_IF_ERROR(ExpectQuantizable(dtype, /*to=*/true));
  const bool is_signed = dtype == DType::kInt8 || dtype == DType::kInt16;
  const int bits = 8 * static_cast<int>(SizeOf(dtype));
  ir::Clamp clamp;
  clamp.range.lower = is_signed ? -std::ldexp(1.0f, bits - 1) : 0;
  clamp.range.upper = std::ldexp(1.0f, is_signed ? bits - 1 : bits) - 1;
  OCTET_ASSIGN_OR_RETURN(x, Arithmetic(node, graph, Kind::kDiv, x, scale));
  OCTET_ASSIGN_OR_RETURN(
      x, graph.Compute(node, ir::Unary{ir::UnaryKind::kRound, 0, 0}, {x}));
  if (zero_point.has_value()) {
    OCTET_ASSIGN_OR_RETURN(x,
                           Arithmetic(node, graph, Kind::kAdd, x, *zero_point));
  }
  OCTET_ASSIGN_OR_RETURN(x, graph.Compute(node, clamp, {x}));
  return CastTo(node, graph, x, dtype);
}

absl::StatusOr<ir::ValueId> DequantizedInput(const NodeReader& node,
                                             GraphBuilder& graph, int data,
                                             const QuantizationInputs& inputs) {
  ir::Dims dims;
  OCTET_ASSIGN_OR_RETURN(const DType dtype, DTypeOfInput(node, graph, data));
  OCTET_RETURN_IF_ERROR(ExpectQuantizable(dtype, /*to=*/false));
  if (const std::optional<Tensor> constant = graph.Constant(node, data)) {
    dims = ir::FixedDims(constant->shape());
  } else {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, data));
    dims = graph.dims(x);
  }
  if (node.HasInput(inputs.zero_point)) {
    OCTET_ASSIGN_OR_RETURN(const DType zero_point,
                           DTypeOfInput(node, graph, inputs.zero_point));
    if (zero_point != dtype) {
      return absl::InvalidArgumentError(
          absl::StrCat("the input is ", Name(dtype), ", the zero point ",
                       Name(zero_point), "; expected one type"));
    }
  }
  OCTET_ASSIGN_OR_RETURN(std::optional<ir::Quantization> q,
                         ConstantQuantization(node, graph, inputs, dims));
  if (q.has_value()) {
    auto x = graph.ReadQuantized(node, data, *q);
    if (x.ok()) return graph.Compute(node, ir::Dequantize{}, {*x});
    // What has another quantization already is read as plain integers.
    if (!absl::IsUnimplemented(x.status())) return x;
  }
  return DequantizedByArithmetic(node, graph, data, inputs);
}

absl::Status ResultQuantizedTo(const NodeReader& node, GraphBuilder& graph,
                               ir::ValueId real,
                               const QuantizationInputs& inputs, DType absent) {
  DType dtype = absent;
  if (node.HasInput(inputs.zero_point)) {
    OCTET_ASSIGN_OR_RETURN(dtype, DTypeOfInput(node, graph, inputs.zero_point));
  }
  OCTET_RETURN_IF_ERROR(ExpectQuantizable(dtype, /*to=*/true));
  if (graph.type(real).dtype != DType::kFloat32) {
    return absl::UnimplementedError(
        absl::StrCat("the input is ", ir::TypeToString(graph.type(real)),
                     "; octet runs float32"));
  }
  OCTET_ASSIGN_OR_RETURN(
      std::optional<ir::Quantization> q,
      ConstantQuantization(node, graph, inputs, graph.dims(real)));
  if (q.has_value()) {
    return graph.ResultQuantized(node, real, dtype, *std::move(q));
  }
  OCTET_ASSIGN_OR_RETURN(RealScales scales,
                         ReadRealScales(node, graph, real, inputs));
  OCTET_ASSIGN_OR_RETURN(
      ir::ValueId result,
      RoundTo(node, graph, scales.x, scales.scale, scales.zero_point, dtype));
  if (scales.blocks.has_value()) {
    OCTET_ASSIGN_OR_RETURN(
        result, OutOfScaleBlocks(node, graph, *scales.blocks, result));
  }
  return graph.ResultIs(node, result);
}

}  // namespace octet::onnx
