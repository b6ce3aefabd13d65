// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

struct QuantizationInputs {
  ir::Quantization quantization;
  std::optional<DType> dtype;  // the zero points', where they are given
};

absl::StatusOr<std::vector<int32_t>> ZeroPoints(const Tensor& tensor) {
  const auto widened = [](auto span) {
    return std::vector<int32_t>(span.begin(), span.end());
  };
  switch (tensor.dtype()) {
    case DType::kInt8:
      return widened(tensor.data<int8_t>());
    case DType::kUInt8:
      return widened(tensor.data<uint8_t>());
    case DType::kInt32:
      return widened(tensor.data<int32_t>());
    default:
      return absl::UnimplementedError(
          absl::StrCat("the zero point is ", Name(tensor.dtype()),
                       "; octet runs int8, uint8 and int32"));
  }
}

absl::Status ExpectScales(const Tensor& tensor, const NodeReader& node) {
  if (tensor.dtype() != DType::kFloat32) {
    return absl::UnimplementedError(
        absl::StrCat("the scale (input '", node.input(1), "') is ",
                     Name(tensor.dtype()), "; octet runs float32"));
  }
  if (tensor.shape().size() > 1 || tensor.size() == 0) {
    return absl::UnimplementedError(
        absl::StrCat("the scale (input '", node.input(1), "') has the shape ",
                     ShapeToString(tensor.shape()),
                     "; octet runs one scale, or one for each channel"));
  }
  for (float scale : tensor.data<float>()) {
    if (!(scale > 0) || !std::isfinite(scale)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the scale (input '", node.input(1), "') has the entry ",
                       scale, "; expected positive numbers"));
    }
  }
  return absl::OkStatus();
}

// Reads scale, zero point and axis of a node whose data input has dimensions
// `x`; one scale for each entry of the axis means per channel.
absl::StatusOr<QuantizationInputs> ReadQuantization(const NodeReader& node,
                                                    const GraphBuilder& graph,
                                                    const ir::Dims& x) {
  OCTET_ASSIGN_OR_RETURN(const int64_t block_size, node.Int("block_size", 0));
  if (block_size != 0) {
    return absl::UnimplementedError(
        absl::StrCat("attribute 'block_size' is ", block_size,
                     "; octet runs per tensor and per channel"));
  }
  OCTET_ASSIGN_OR_RETURN(Tensor scales,
                         graph.RequireConstant(node, 1, "the scale"));
  OCTET_RETURN_IF_ERROR(ExpectScales(scales, node));
  QuantizationInputs result;
  ir::Quantization& q = result.quantization;
  const auto data = scales.data<float>();
  q.scales.assign(data.begin(), data.end());
  q.zero_points.assign(q.scales.size(), 0);
  if (node.HasInput(2)) {
    OCTET_ASSIGN_OR_RETURN(Tensor zero_points,
                           graph.RequireConstant(node, 2, "the zero point"));
    OCTET_ASSIGN_OR_RETURN(q.zero_points, ZeroPoints(zero_points));
    if (q.zero_points.size() != q.scales.size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "got ", q.scales.size(), " scales and ", q.zero_points.size(),
          " zero points; expected equally many"));
    }
    result.dtype = zero_points.dtype();
  }
  OCTET_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 1));
  if (q.per_tensor()) return result;
  OCTET_ASSIGN_OR_RETURN(q.axis, NormalizedAxis(axis, x.size()));
  const auto channels = static_cast<int64_t>(q.scales.size());
  if (x[q.axis] != ir::Dim::Fixed(channels)) {
    return absl::InvalidArgumentError(
        absl::StrCat("got ", channels, " scales for axis ", q.axis, " of ",
                     ir::DimsToString(x), "; expected one for each entry"));
  }
  return result;
}

}  // namespace

absl::Status ImportQuantizeLinear(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 3));
  node.Ignore("saturate");  // of 8-bit floats
  OCTET_ASSIGN_OR_RETURN(const int64_t output_dtype,
                         node.Int("output_dtype", 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(auto inputs,
                         ReadQuantization(node, graph, graph.dims(x)));
  DType dtype = inputs.dtype.value_or(DType::kUInt8);
  if (output_dtype != 0 && !inputs.dtype.has_value()) {
    OCTET_ASSIGN_OR_RETURN(dtype,
                           DTypeFromOnnx(static_cast<int32_t>(output_dtype)));
  }
  if (dtype != DType::kInt8 && dtype != DType::kUInt8) {
    return absl::UnimplementedError(absl::StrCat(
        "quantizes to ", Name(dtype), "; octet runs int8 and uint8"));
  }
  return graph.ResultQuantized(node, x, dtype, std::move(inputs.quantization));
}

absl::Status ImportDequantizeLinear(const NodeReader& node,
                                    GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 3));
  ir::Dims dims;
  DType dtype;
  if (const std::optional<Tensor> constant = graph.Constant(node, 0)) {
    dims = ir::FixedDims(constant->shape());
    dtype = constant->dtype();
  } else {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
    dims = graph.dims(x);
    dtype = graph.type(x).dtype;
  }
  OCTET_ASSIGN_OR_RETURN(auto inputs, ReadQuantization(node, graph, dims));
  if (inputs.dtype.value_or(dtype) != dtype) {
    return absl::InvalidArgumentError(
        absl::StrCat("the input is ", Name(dtype), ", the zero point ",
                     Name(*inputs.dtype), "; expected one type"));
  }
  if (dtype != DType::kInt8 && dtype != DType::kUInt8 &&
      dtype != DType::kInt32) {
    return absl::UnimplementedError(absl::StrCat(
        "the input is ", Name(dtype), "; octet runs int8, uint8 and int32"));
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x,
                         graph.ReadQuantized(node, 0, inputs.quantization));
  return graph.Result(node, ir::Dequantize{}, {x});
}

}  // namespace octet::onnx
