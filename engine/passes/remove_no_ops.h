// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PASSES_REMOVE_NO_OPS_H_
#define OCTET_ENGINE_PASSES_REMOVE_NO_OPS_H_

#include "engine/passes/pass.h"

namespace octet::passes {

// Removes nodes that change nothing (a Reshape to the same dimensions, a
// Transpose that moves no axis, a Pad by zero, a Clamp without limits, ...),
// turns a Transpose that only moves axes of one element into a Reshape, and
// joins a Reshape with the Reshape before it, a Transpose with the Transpose
// before it.
absl::StatusOr<std::optional<ir::GraphPatch>> RemoveNoOps(
    const ir::Graph& graph, const PassContext& context);

}  // namespace octet::passes

#endif  // OCTET_ENGINE_PASSES_REMOVE_NO_OPS_H_
