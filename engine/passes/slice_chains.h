// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PASSES_SLICE_CHAINS_H_
#define OCTET_ENGINE_PASSES_SLICE_CHAINS_H_

#include <optional>

#include "engine/passes/pass.h"

namespace octet::passes {

// Makes one Slice, and a Reshape where axes of 1 differ, of a chain of Reshape,
// Transpose and Slice that comes to no more (engine/ir/strided_view.h):
// ShuffleNet's split of channels becomes two Slices in steps of 2. Rows that
// the chain had put behind other axes are in front again.
absl::StatusOr<std::optional<ir::GraphPatch>> MergeSliceChains(
    const ir::Graph& graph, const PassContext& context);

}  // namespace octet::passes

#endif  // OCTET_ENGINE_PASSES_SLICE_CHAINS_H_
