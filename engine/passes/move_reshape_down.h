// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PASSES_MOVE_RESHAPE_DOWN_H_
#define OCTET_ENGINE_PASSES_MOVE_RESHAPE_DOWN_H_

#include <optional>

#include "engine/passes/pass.h"

namespace octet::passes {

// A Conv or MatMul, a Reshape that only adds or drops axes of one element, and
// behind it the addition of one constant per channel, or a Clamp: the last two
// change places, so that the operator can take the bias or the activation.
// Convolutions along one axis come so from TensorFlow (Unsqueeze, Conv,
// Squeeze, Add), and so do matrices. Nothing else may read what lies between.
absl::StatusOr<std::optional<ir::GraphPatch>> MoveReshapeDown(
    const ir::Graph& graph, const PassContext& context);

}  // namespace octet::passes

#endif  // OCTET_ENGINE_PASSES_MOVE_RESHAPE_DOWN_H_
