// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PASSES_QUANTIZED_EDGES_H_
#define OCTET_ENGINE_PASSES_QUANTIZED_EDGES_H_

#include <optional>
#include <vector>

#include "engine/ir/graph.h"
#include "engine/ir/graph_patch.h"

// Questions that the integer passes ask about the Dequantize and Quantize nodes
// around an operator.
namespace octet::passes {

// The integers behind a float value: the input of the Dequantize that computes
// it; nothing where another node does.
std::optional<ir::ValueId> IntegersBehind(const ir::Graph& graph,
                                          const ir::GraphIndex& index,
                                          ir::ValueId id);

// IntegersBehind() for 8-bit per-tensor activations (constants excluded).
std::optional<ir::ValueId> ActivationBehind(const ir::Graph& graph,
                                            const ir::GraphIndex& index,
                                            ir::ValueId id);

// The Quantize nodes that read `id`, if they are its only readers and all
// quantize to the same 8-bit per-tensor type; else empty.
std::vector<const ir::Node*> EqualQuantizers(const ir::Graph& graph,
                                             const ir::GraphIndex& index,
                                             ir::ValueId id);

// Adds to `patch` the integer form of `node`: `op` on `inputs`, giving what its
// quantizers ask for, or float32 where they differ or there is none.
void ReplaceByInteger(const ir::Graph& graph, const ir::GraphIndex& index,
                      const ir::Node& node, ir::Op op,
                      std::vector<ir::ValueId> inputs, ir::GraphPatch& patch);

}  // namespace octet::passes

#endif  // OCTET_ENGINE_PASSES_QUANTIZED_EDGES_H_
