// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_QUANTIZE_GRAPH_H_
#define OCTET_ENGINE_QUANT_QUANTIZE_GRAPH_H_

#include <vector>

#include "absl/status/statusor.h"
#include "engine/ir/graph.h"
#include "engine/quant/quantization_sites.h"
#include "engine/quant/scheme.h"

namespace octet::quant {

// Rewrites a float graph with Quantize/Dequantize pairs: one behind each site,
// which every reader of the value then reads (outputs of the model stay as they
// were), and integer constants behind a Dequantize for the weights (s8 per
// channel) and biases (s32) of every Conv and MatMul whose data is quantized.
//
// `sites` is ChooseSites(graph); `schemes[i]` is for `sites.rounded[i]`;
// members of one group have equal ones. The result means what the float graph
// does, up to the roundings it shows.
absl::StatusOr<ir::Graph> QuantizeGraph(const ir::Graph& graph,
                                        const QuantizationSites& sites,
                                        const std::vector<Scheme>& schemes);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_QUANTIZE_GRAPH_H_
