// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/fit_weights.h"

#include "engine/quant/quantize_weights.h"
#include "engine/quant/weight_channels.h"

namespace octet::quant {
namespace {

// For LeastErrorScales(): weights count by the mean square of what they
// multiply.
std::vector<float> Importance(const ir::Node& node, const Tensor& weights,
                              const std::vector<double>& mean_squares) {
  const WeightChannels channels(node.op, weights.shape());
  std::vector<float> importance(weights.size());
  for (int64_t i = 0; i < weights.size(); ++i) {
    importance[i] = static_cast<float>(mean_squares[channels.Input(i)]);
  }
  return importance;
}

}  // namespace

std::vector<std::vector<float>> FittedWeightScales(
    const ir::Graph& graph, const QuantizationSites& sites,
    const std::vector<SiteStatistics>& statistics) {
  std::vector<const SiteStatistics*> of_value(graph.values().size());
  for (size_t i = 0; i < statistics.size(); ++i) {
    of_value[sites.rounded[i]] = &statistics[i];
  }
  std::vector<std::vector<float>> scales(graph.nodes().size());
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.nodes()[i];
    if (!IsWeighted(graph, node)) continue;
    const Tensor& weights = *graph.value(node.inputs[1]).constant;
    // Where the data was moved on its way, all of it counts the same.
    const auto* known = of_value[node.inputs[0]];
    const std::vector<float> importance =
        known == nullptr
            ? std::vector<float>(weights.size(), 1.0f)
            : Importance(node, weights, known->channels.mean_squares);
    scales[i] =
        LeastErrorScales(weights, WeightChannelAxis(node.op), importance);
  }
  return scales;
}

}  // namespace octet::quant
