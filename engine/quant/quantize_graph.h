// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_QUANTIZE_GRAPH_H_
#define OCTET_ENGINE_QUANT_QUANTIZE_GRAPH_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/ir/graph.h"
#include "engine/quant/quantization_sites.h"
#include "engine/quant/quantize_weights.h"
#include "engine/quant/scheme.h"

namespace octet::quant {

// The numbers of a quantized graph: what methods choose. (Methods that choose
// another width for a layer add it here.)
struct QuantizationParameters {
  std::vector<Scheme> schemes;  // by site; equal within a group
  // By node, the scale of each channel of its weights; empty, or missing at the
  // end: the least that holds them all.
  std::vector<std::vector<float>> weight_scales = {};
  // By node, the integers of its weights, shaped like these, for weight_scales;
  // empty, or missing at the end: the nearest.
  std::vector<std::vector<int8_t>> weight_integers = {};

  WeightRounding WeightsOf(size_t node) const {
    WeightRounding rounding;
    if (node < weight_scales.size()) rounding.scales = weight_scales[node];
    if (node < weight_integers.size()) {
      rounding.integers = weight_integers[node];
    }
    return rounding;
  }
};

// The weights and the bias of node `index`, a Conv, ConvTranspose or MatMul
// with constant ones that reads integers of scale `input_scale`.
// INVALID_ARGUMENT where one of them is NaN or infinite.
absl::StatusOr<QuantizedWeights> WeightsOfNode(
    const ir::Graph& graph, size_t index, float input_scale,
    const QuantizationParameters& parameters);

// By value of `graph`: the scheme of its integers, where it has any: that of
// the site, or, of a value that integers pass through, that of its group.
std::vector<std::optional<Scheme>> CarriedSchemes(
    const ir::Graph& graph, const QuantizationSites& sites,
    const std::vector<Scheme>& schemes);

// Rewrites a float graph with Quantize/Dequantize pairs: one behind each site,
// which every reader of the value then reads (outputs of the model stay as they
// were), and integer constants behind a Dequantize for the weights (s8 per
// channel) and biases (s32) of every Conv and MatMul whose data is quantized,
// and for W and R (s8 for each row of gates) of every LSTM, GRU and RNN.
//
// `sites` is ChooseSites(graph). The result means what the float graph does, up
// to the roundings it shows.
absl::StatusOr<ir::Graph> QuantizeGraph(
    const ir::Graph& graph, const QuantizationSites& sites,
    const QuantizationParameters& parameters);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_QUANTIZE_GRAPH_H_
