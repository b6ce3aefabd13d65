// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PASSES_RECOGNIZE_H_
#define OCTET_ENGINE_PASSES_RECOGNIZE_H_

#include <optional>

#include "absl/status/statusor.h"
#include "engine/passes/pass.h"

// Operators that exporters write as many small ones, put together again. Each
// looks for the formula, whatever the order of its operands.
namespace octet::passes {

// x * sigmoid(a x) -> Swish, x * tanh(softplus(x)) -> Mish, and
// x * clamp(x + 3, 0, 6) / 6 -> HardSwish.
absl::StatusOr<std::optional<ir::GraphPatch>> RecognizeGatedActivation(
    const ir::Graph& graph, const PassContext& context);

// x / 2 * (1 + erf(x / sqrt 2)) and
// x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) -> Gelu.
absl::StatusOr<std::optional<ir::GraphPatch>> RecognizeGelu(
    const ir::Graph& graph, const PassContext& context);

// (x - mean) / sqrt(variance + epsilon) * scale + bias over the last axis, and
// x * s + (bias - mean * s) with s = scale / sqrt(variance + epsilon), ->
// LayerNorm.
absl::StatusOr<std::optional<ir::GraphPatch>> RecognizeLayerNorm(
    const ir::Graph& graph, const PassContext& context);

// The mean over all places of a picture, which layers alone read, ->
// GlobalPool: an operator that has an integer form. Where anything else reads
// it, it may be a part of a normalization, and stays.
absl::StatusOr<std::optional<ir::GraphPatch>> RecognizeGlobalPool(
    const ir::Graph& graph, const PassContext& context);

// float(i == [0, 1, 2, ...]) * weights -> Gather: a row of the weights for each
// integer, zeros for one that has none. Before anything is quantized: the table
// stays exact.
absl::StatusOr<std::optional<ir::GraphPatch>> RecognizeOneHotProduct(
    const ir::Graph& graph, const PassContext& context);

// softmax(scale * q k^T + mask) v -> Attention.
absl::StatusOr<std::optional<ir::GraphPatch>> RecognizeAttention(
    const ir::Graph& graph, const PassContext& context);

// The transposes that split heads and join them again go into the Attention
// between them.
absl::StatusOr<std::optional<ir::GraphPatch>> AbsorbHeadTransposes(
    const ir::Graph& graph, const PassContext& context);

}  // namespace octet::passes

#endif  // OCTET_ENGINE_PASSES_RECOGNIZE_H_
