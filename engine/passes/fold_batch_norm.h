// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PASSES_FOLD_BATCH_NORM_H_
#define OCTET_ENGINE_PASSES_FOLD_BATCH_NORM_H_

#include "engine/passes/pass.h"

namespace octet::passes {

// Folds a BatchNorm into the weights and bias of the convolution before it:
// w' = w * g, b' = (b - mean) * g + beta, g = gamma / sqrt(variance + epsilon),
// computed in double and rounded once. Needs constant float parameters, and
// that nothing else reads the convolution's plain result.
absl::StatusOr<std::optional<ir::GraphPatch>> FoldBatchNorm(
    const ir::Graph& graph, const PassContext& context);

}  // namespace octet::passes

#endif  // OCTET_ENGINE_PASSES_FOLD_BATCH_NORM_H_
