// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_BIAS_CORRECTION_H_
#define OCTET_ENGINE_QUANT_BIAS_CORRECTION_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/ir/graph.h"
#include "engine/quant/calibrate.h"
#include "engine/quant/quantization_sites.h"
#include "engine/quant/quantize_graph.h"

// Rounding the weights and the data of a layer shifts the mean of its result by
// E[W x - Wq xq], a constant per channel that its bias can take up (Nagel et
// al., "Data-Free Quantization Through Weight Equalization and Bias
// Correction", 2019, section 4.2). BiasCorrector measures that mean on
// calibration samples; AnalyticShifts() computes the part that the weights have
// in it, (W - Wq) E[x].
namespace octet::quant {

// One Conv or MatMul that will compute in integers.
struct RoundedLayer {
  size_t node = 0;  // index of the layer in the graph's nodes
  int64_t channels = 0;
};

// What x and xq are while a layer is measured.
enum class Upstream {
  // What the float model computes, and the same rounded.
  kFloat,
  // What the float model computes, and what the quantized one does, the layers
  // before already corrected.
  kRounded,
};

// Measures the shifts of all layers of a graph while it sees samples one after
// another.
//
// With Upstream::kRounded, the float and the quantized model run side by side.
// Each layer of the latter adds its correction so far, this sample's shift in
// it, before the next layer reads its result; so one pass corrects layer after
// layer on a corrected upstream, however deep the model is. A correction is an
// average of shifts in which sample t, counted over all passes, weighs as
// (t + 1)(t + 2)(t + 3): what was measured on an upstream that has changed
// since is soon forgotten, and all layers end with corrections that belong
// together.
//
// Thread-compatible.
class BiasCorrector {
 public:
  // `parameters` is as for QuantizeGraph().
  static absl::StatusOr<BiasCorrector> Create(
      const ir::Graph& graph, const QuantizationSites& sites,
      const QuantizationParameters& parameters, Upstream upstream);

  // What to run; watched are the shifts. Its inputs are the model's and behind
  // them those whose values for the next sample Input() tells.
  const WatchedGraph& watched() const { return watched_; }
  // `index` counts the inputs behind the model's.
  absl::Span<const float> Input(size_t index) const;

  // Takes all samples of `source`, which runs watched(): one pass.
  absl::Status Observe(const ActivationSource& source);

  const std::vector<RoundedLayer>& layers() const { return layers_; }
  // What to add to the bias of each layer, by channel; zeros before the first
  // pass.
  std::vector<std::vector<double>> Shifts() const;

 private:
  friend class CorrectionBuilder;
  struct Running {
    std::vector<float> kept;   // what the graph adds its share of a shift to
    std::vector<float> share;  // as many times the same number
    std::vector<double> correction;
  };

  // Sets what the next sample's graph is to keep and to add.
  void Prepare(double share);
  void Take(size_t layer, absl::Span<const float> shift);

  WatchedGraph watched_;
  std::vector<RoundedLayer> layers_;
  std::vector<Running> running_;  // by layer
  Upstream upstream_ = Upstream::kFloat;
  int64_t seen_ = 0;  // samples, of all passes
};

// What to add to the biases of `layers`, by channel.
struct LayerShifts {
  std::vector<RoundedLayer> layers;
  std::vector<std::vector<double>> shifts;
};

// The shifts that rounding the weights alone causes: of output channel c,
//   sum over input channels k of E[x_k] * sum over taps of (W - Wq)[c, k],
// in a grouped Conv over those that c reads. Every tap counts as if it always
// saw the mean: what padding takes off at the borders is neglected, as are the
// rounding and the clipping of the data, which BiasCorrector measures too.
//
// `input_means` is SiteObserver::LayerInputMeans() of this graph or of one that
// computes the same; `parameters` is as for QuantizeGraph(). INVALID_ARGUMENT
// where a weight is not finite. Runs nothing.
absl::StatusOr<LayerShifts> AnalyticShifts(
    const ir::Graph& graph, const QuantizationSites& sites,
    const QuantizationParameters& parameters,
    const std::vector<std::vector<double>>& input_means);

// `graph` with shifts[i] added to the bias of layers[i], which gets one where
// it has none. Nodes keep their places.
ir::Graph CorrectBiases(const ir::Graph& graph,
                        const std::vector<RoundedLayer>& layers,
                        const std::vector<std::vector<double>>& shifts);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_BIAS_CORRECTION_H_
