// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_BIAS_CORRECTION_H_
#define OCTET_ENGINE_QUANT_BIAS_CORRECTION_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/ir/graph.h"
#include "engine/quant/quantization_sites.h"
#include "engine/quant/scheme.h"

// Rounding the weights and the data of a layer shifts the mean of its result by
// E[W x - Wq xq], a constant per channel that its bias can take up (Nagel et
// al., "Data-Free Quantization Through Weight Equalization and Bias
// Correction", 2019, section 4.2; the mean is measured on calibration samples
// here, layer by layer, each with its float input rounded).
namespace octet::quant {

// One Conv or MatMul that will compute in integers.
struct RoundedLayer {
  size_t node = 0;        // index of the layer in the graph's nodes
  ir::ValueId error = 0;  // W x - Wq xq
  int64_t channels = 0;
};

// A float graph in which each rounded layer has twins: one that applies its
// weights to its input, one that applies the rounded weights to the rounded
// input, and their difference.
struct TwinnedGraph {
  ir::Graph graph;  // ids of the original stay valid
  std::vector<RoundedLayer> layers;
};

// Adds the twins. `schemes` is as for QuantizeGraph().
absl::StatusOr<TwinnedGraph> AddErrorTwins(const ir::Graph& graph,
                                           const QuantizationSites& sites,
                                           const std::vector<Scheme>& schemes);

// The mean of one tensor per channel, over all it is shown; channels are the
// last axis. Thread-compatible.
class ChannelMean {
 public:
  explicit ChannelMean(int64_t channels) : sums_(channels, 0.0) {}

  // REQUIRES: values.size() is a multiple of the channels.
  void Add(absl::Span<const float> values);
  // Zeros before the first value.
  std::vector<double> Means() const;

 private:
  std::vector<double> sums_;
  int64_t count_ = 0;  // of values per channel
};

// `graph` with means[i] added to the bias of layers[i], which gets one where it
// has none.
ir::Graph CorrectBiases(const ir::Graph& graph,
                        const std::vector<RoundedLayer>& layers,
                        const std::vector<std::vector<double>>& means);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_BIAS_CORRECTION_H_
