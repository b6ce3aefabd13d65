// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PASSES_FUSE_INTO_PRODUCER_H_
#define OCTET_ENGINE_PASSES_FUSE_INTO_PRODUCER_H_

#include "engine/passes/pass.h"

// Fusions of a small operator into the one that computes its input, where
// nothing else reads that input.
namespace octet::passes {

// Conv or MatMul followed by the addition of one constant per channel: the
// constant becomes the bias.
absl::StatusOr<std::optional<ir::GraphPatch>> FuseBias(
    const ir::Graph& graph, const PassContext& context);

// Conv followed by the addition of another tensor of its shape: that tensor
// becomes the residual, and the addition's activation the convolution's.
absl::StatusOr<std::optional<ir::GraphPatch>> FuseResidualAdd(
    const ir::Graph& graph, const PassContext& context);

// Conv, MatMul or Binary followed by Clamp: it becomes the activation.
absl::StatusOr<std::optional<ir::GraphPatch>> FuseActivation(
    const ir::Graph& graph, const PassContext& context);

}  // namespace octet::passes

#endif  // OCTET_ENGINE_PASSES_FUSE_INTO_PRODUCER_H_
