// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_EXPORTER_H_
#define OCTET_ENGINE_ONNX_EXPORTER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/ir/graph.h"

namespace octet::onnx {

// Writes `graph` (channels first, as before lowering) as a serialized ONNX
// ModelProto of opset 17, IR version 8, with QuantizeLinear/DequantizeLinear
// nodes where the graph has Quantize/Dequantize; a Dequantize of a constant
// becomes a DequantizeLinear of an initializer. Fused bias, residual and
// activation come out as the plain ONNX nodes Conv/Gemm/MatMul, Add, Relu/Clip.
// Operators on integers become QLinear operators (of com.microsoft, too), move
// the integers, or stay float between DequantizeLinear and QuantizeLinear where
// there are none.
// Rows become the symbolic dimension "N". Names of inputs and outputs are kept.
// `metadata`, keys and values, goes into the model's metadata_props as it is.
// Deterministic: equal graphs and metadata give equal bytes.
// UNIMPLEMENTED for operators that only exist in plans, tables of bytes among
// them.
absl::StatusOr<std::string> ExportModel(
    const ir::Graph& graph,
    const std::vector<std::pair<std::string, std::string>>& metadata = {});

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_EXPORTER_H_
