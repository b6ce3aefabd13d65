// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PASSES_FOLD_CONSTANTS_H_
#define OCTET_ENGINE_PASSES_FOLD_CONSTANTS_H_

#include "engine/passes/pass.h"

namespace octet::passes {

// Replaces a node whose inputs are all constants by its value. Leaves
// Dequantize alone: its integers may still become the weights of an integer
// operator.
absl::StatusOr<std::optional<ir::GraphPatch>> FoldConstants(
    const ir::Graph& graph, const PassContext& context);

// FoldConstants() for Dequantize: what is left when no integer operator took
// the integers.
absl::StatusOr<std::optional<ir::GraphPatch>> FoldDequantizedConstants(
    const ir::Graph& graph, const PassContext& context);

}  // namespace octet::passes

#endif  // OCTET_ENGINE_PASSES_FOLD_CONSTANTS_H_
