// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PASSES_FUSE_INTEGER_H_
#define OCTET_ENGINE_PASSES_FUSE_INTEGER_H_

#include "engine/passes/pass.h"

// Rewrites that turn Dequantize -> float operator -> Quantize into integers.
// The arithmetic they rely on is in engine/ir/README.md.
namespace octet::passes {

// Conv and MatMul with dequantized data, weights (8 bits; less the zero point
// they fit s8) and residual. Where all readers quantize the result alike the
// integer operator rounds to that; else it gives float32.
absl::StatusOr<std::optional<ir::GraphPatch>> FuseIntegerConvAndMatMul(
    const ir::Graph& graph, const PassContext& context);

// Sums, differences and products of two dequantized tensors that somebody
// quantizes, and average pools of one.
absl::StatusOr<std::optional<ir::GraphPatch>> FuseIntegerArithmeticAndPool(
    const ir::Graph& graph, const PassContext& context);

// LSTM, GRU and RNN whose W and R are both dequantized s8 constants, zero
// points 0, one scale or one for each row of gates, take them as they are.
absl::StatusOr<std::optional<ir::GraphPatch>> FuseRecurrentWeights(
    const ir::Graph& graph, const PassContext& context);

// Elementwise operators between one Dequantize and a Quantize become one table
// of 256 bytes, all roundings on the way included: Sigmoid, x * sigmoid(x),
// LeakyRelu, Gelu in any spelling, with single numbers as other operands. The
// table holds what plain loops compute.
absl::StatusOr<std::optional<ir::GraphPatch>> FoldByteFunctions(
    const ir::Graph& graph, const PassContext& context);
// The same where nobody quantizes the result: a table of 256 floats.
absl::StatusOr<std::optional<ir::GraphPatch>> FoldByteFunctionsToFloats(
    const ir::Graph& graph, const PassContext& context);

// An operator that only moves elements (max pool, reshape, transpose, slice,
// pad, concat of equally quantized tensors, clamp at zero) works on the
// integers just as well: the Dequantize goes behind it. A Concat whose result
// is quantized takes its inputs requantized to that.
absl::StatusOr<std::optional<ir::GraphPatch>> MoveDequantizeDown(
    const ir::Graph& graph, const PassContext& context);

// Quantize of a Dequantize: nothing where both agree, else one Requantize.
absl::StatusOr<std::optional<ir::GraphPatch>> CancelDequantizeQuantize(
    const ir::Graph& graph, const PassContext& context);

}  // namespace octet::passes

#endif  // OCTET_ENGINE_PASSES_FUSE_INTEGER_H_
