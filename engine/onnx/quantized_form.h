// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_QUANTIZED_FORM_H_
#define OCTET_ENGINE_ONNX_QUANTIZED_FORM_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "engine/onnx/graph_builder.h"
#include "engine/onnx/node_reader.h"

// From integers to the reals they stand for and back, as ONNX's quantized
// operators have it: where scale and zero point are constants, the graph's
// Dequantize and Quantize, which the integer passes understand; else, and in
// blocks, the arithmetic of them written out.
namespace octet::onnx {

// Which inputs of a node say how integers stand for reals, and along which axis
// scales of one axis run: real = scale * (q - zero_point).
struct QuantizationInputs {
  int scale = 1;
  int zero_point = 2;      // may be left out by the file: 0
  int64_t axis = 0;        // negative: from the back
  int64_t block_size = 0;  // entries of the axis that share a scale; 0: all
};

// The float32 values that input `data` of `node` stands for.
absl::StatusOr<ir::ValueId> DequantizedInput(const NodeReader& node,
                                             GraphBuilder& graph, int data,
                                             const QuantizationInputs& inputs);

// Binds output 0 to `real` (float32), quantized; to `absent` where the file has
// no zero point whose type says what to.
absl::Status ResultQuantizedTo(const NodeReader& node, GraphBuilder& graph,
                               ir::ValueId real,
                               const QuantizationInputs& inputs, DType absent);

// Input `i` as plain integers, whatever they stand for.
absl::StatusOr<ir::ValueId> ReadPlain(const NodeReader& node,
                                      GraphBuilder& graph, int i);

// The type of the elements of input `i`.
absl::StatusOr<DType> DTypeOfInput(const NodeReader& node, GraphBuilder& graph,
                                   int i);

// A scalar float32 constant.
absl::StatusOr<ir::ValueId> Scalar(const NodeReader& node, GraphBuilder& graph,
                                   float value);

absl::StatusOr<ir::ValueId> CastTo(const NodeReader& node, GraphBuilder& graph,
                                   ir::ValueId id, DType dtype);

absl::StatusOr<ir::ValueId> Arithmetic(const NodeReader& node,
                                       GraphBuilder& graph, ir::BinaryKind kind,
                                       ir::ValueId a, ir::ValueId b);

// `id`, of one element or one axis, so that it broadcasts to tensors of `rank`
// axes along `axis`. What has more axes is left as it is.
absl::StatusOr<ir::ValueId> AlongAxis(const NodeReader& node,
                                      GraphBuilder& graph, ir::ValueId id,
                                      size_t rank, int64_t axis);

// clamp(round_half_even(x / scale) + zero_point) as plain integers of `dtype`,
// 8 or 16 bits. `scale` and `zero_point` (absent: 0) are float32 and broadcast.
absl::StatusOr<ir::ValueId> RoundTo(const NodeReader& node, GraphBuilder& graph,
                                    ir::ValueId x, ir::ValueId scale,
                                    std::optional<ir::ValueId> zero_point,
                                    DType dtype);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_QUANTIZED_FORM_H_
