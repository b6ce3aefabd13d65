// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_LEARNED_ROUNDING_H_
#define OCTET_ENGINE_QUANT_LEARNED_ROUNDING_H_

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/ir/graph.h"
#include "engine/quant/input_moments.h"
#include "engine/quant/quantization_sites.h"
#include "engine/quant/quantize_graph.h"

// Rounding each weight to the nearest integer is best for the weight, not for
// the layer's result: where two inputs vary together, what one weight is
// rounded up the other should be rounded down. Learned rounding picks the
// integers of each output channel, one after another, so that the error of the
// result over the calibration samples is small: each makes up for those before
// it (Frantar et al., "GPTQ", 2022, section 3.3; in the form of Chen et al.,
// "The Geometry of LLM Quantization: GPTQ as Babai's Nearest Plane Algorithm",
// 2025).
namespace octet::quant {

// The layers, by index of their node, ascending, whose data is rounded and
// whose weights are not the reals that the nearest integers stand for.
// `weight_scales` is as QuantizationParameters has them. INVALID_ARGUMENT where
// a weight is not finite.
absl::StatusOr<std::vector<size_t>> LayersThatRound(
    const ir::Graph& graph, const QuantizationSites& sites,
    const std::vector<std::vector<float>>& weight_scales);

// What becomes of the mean of a layer's result.
enum class ResultMean { kKept, kCorrectedByBias };

// Chooses the integers of the weights in `parameters` of the nodes that have
// `moments`, which is by node: for the scales that they have there or get by
// QuantizeWeights(), which are filled in. The error of a mean that is corrected
// later does not count. Blocks whose moments are zero or not finite are rounded
// to nearest. REQUIRES: what these nodes read is rounded.
absl::Status LearnRounding(const ir::Graph& graph,
                           const QuantizationSites& sites,
                           const std::vector<InputMoments>& moments,
                           ResultMean mean, QuantizationParameters& parameters);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_LEARNED_ROUNDING_H_
