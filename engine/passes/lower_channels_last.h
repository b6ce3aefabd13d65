// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PASSES_LOWER_CHANNELS_LAST_H_
#define OCTET_ENGINE_PASSES_LOWER_CHANNELS_LAST_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/ir/graph.h"

namespace octet::passes {

// The graph in the form that plans are made of: convolutions and pools work
// on channels-last tensors, their weights are [O, kernel..., I/groups],
// constant matrices of MatMul are transposed to [N, K], and explicit Transpose
// nodes stand where the layout changes (at the inputs and outputs of the graph,
// and around operators that need the ONNX order, such as Reshape). Elementwise
// operators, Concat, Slice, Pad, Softmax and Reduce follow the layout of their
// data. Pure layout: values do not change.
//
// `watched` values become further outputs, behind the graph's own, in
// whichever layout they are computed in; a model input keeps its own.
absl::StatusOr<ir::Graph> LowerChannelsLast(
    const ir::Graph& graph, absl::Span<const ir::ValueId> watched = {});

}  // namespace octet::passes

#endif  // OCTET_ENGINE_PASSES_LOWER_CHANNELS_LAST_H_
