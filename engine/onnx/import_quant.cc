// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/dynamic_quantization.h"
#include "engine/onnx/op_registry.h"
#include "engine/onnx/quantized_form.h"

// QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear.
namespace octet::onnx {
namespace {

absl::StatusOr<QuantizationInputs> ReadForm(const NodeReader& node) {
  QuantizationInputs inputs;
  OCTET_ASSIGN_OR_RETURN(inputs.axis, node.Int("axis", 1));
  OCTET_ASSIGN_OR_RETURN(inputs.block_size, node.Int("block_size", 0));
  return inputs;
}

}  // namespace

absl::Status ImportQuantizeLinear(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 3));
  const std::optional<NarrowType> narrow =
      node.HasInput(2) ? graph.Narrow(node.input(2)) : std::nullopt;
  if (narrow == NarrowType::kInt4 || narrow == NarrowType::kUInt4) {
    return absl::UnimplementedError(absl::StrCat("quantizes to 4 bits (input '",
                                                 node.input(2),
                                                 "'); octet runs 8 and 16"));
  }
  node.Ignore("saturate");  // of 8-bit floats
  OCTET_ASSIGN_OR_RETURN(const QuantizationInputs inputs, ReadForm(node));
  OCTET_ASSIGN_OR_RETURN(const int64_t output_dtype,
                         node.Int("output_dtype", 0));
  DType dtype = DType::kUInt8;
  if (output_dtype != 0) {
    OCTET_ASSIGN_OR_RETURN(dtype,
                           DTypeFromOnnx(static_cast<int32_t>(output_dtype)));
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  return ResultQuantizedTo(node, graph, x, inputs, dtype);
}

absl::Status ImportDequantizeLinear(const NodeReader& node,
                                    GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 3));
  OCTET_ASSIGN_OR_RETURN(const int64_t output_dtype,
                         node.Int("output_dtype", 0));
  if (output_dtype != 0) {
    OCTET_ASSIGN_OR_RETURN(const DType dtype,
                           DTypeFromOnnx(static_cast<int32_t>(output_dtype)));
    if (!IsFloat(dtype) || dtype == DType::kFloat64) {
      return absl::UnimplementedError(
          absl::StrCat("attribute 'output_dtype' is ", Name(dtype),
                       "; octet dequantizes to float32"));
    }
  }
  OCTET_ASSIGN_OR_RETURN(const QuantizationInputs inputs, ReadForm(node));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId real,
                         DequantizedInput(node, graph, 0, inputs));
  return graph.ResultIs(node, real);
}

absl::Status ImportDynamicQuantizeLinear(const NodeReader& node,
                                         GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(const DynamicallyQuantized q,
                         QuantizeDynamically(node, graph, x));
  OCTET_RETURN_IF_ERROR(graph.ResultIs(node, q.integers));
  OCTET_RETURN_IF_ERROR(graph.ResultIs(node, q.scale, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId zero_point,
                         CastTo(node, graph, q.zero_point, DType::kUInt8));
  return graph.ResultIs(node, zero_point, 2);
}

}  // namespace octet::onnx
