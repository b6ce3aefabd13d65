// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PASSES_SPREAD_CONV_TRANSPOSE_H_
#define OCTET_ENGINE_PASSES_SPREAD_CONV_TRANSPOSE_H_

#include "engine/passes/pass.h"

namespace octet::passes {

// Of a lowered graph: a transposed convolution with constant weights becomes a
// convolution and operators that move elements, whatever its types, so that
// every backend's convolutions run it.
//
// Of stride s it is s convolutions of stride 1 for each axis, one for each
// phase of the output's positions: position o (counted with the pads in front)
// is reached by the taps k = o mod s, o mod s + s, ... from the elements o / s,
// o / s - 1, .... All phases are channels of one convolution, whose results are
// then put in their places.
absl::StatusOr<std::optional<ir::GraphPatch>> SpreadConvTranspose(
    const ir::Graph& graph, const PassContext& context);

}  // namespace octet::passes

#endif  // OCTET_ENGINE_PASSES_SPREAD_CONV_TRANSPOSE_H_
