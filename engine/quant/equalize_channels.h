// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_EQUALIZE_CHANNELS_H_
#define OCTET_ENGINE_QUANT_EQUALIZE_CHANNELS_H_

#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/ir/graph.h"
#include "engine/quant/calibrate.h"
#include "engine/quant/quantization_sites.h"

namespace octet::quant {

// Which tensors between layers are equalized: those that depthwise layers alone
// read, which costs their weights nothing, or all.
enum class EqualizedLayers { kNone, kDepthwise, kAll };

struct EqualizationScope {
  EqualizedLayers layers = EqualizedLayers::kNone;
  // Those between a normalization's scale and shift and the layers behind it.
  bool normalizations = false;

  auto operator<=>(const EqualizationScope&) const = default;
};

// A graph whose channels were given other units.
struct Equalization {
  ir::Graph graph;  // nodes and values keep their places
  int tensors = 0;  // groups whose channels were scaled
  // By value that was: what each of its channels (SiteChannelAxis()) was
  // divided by.
  std::map<ir::ValueId, std::vector<float>> divisors;
};

// Makes the channels of tensors between layers more alike in range, so that one
// scale suits them: channel c of a tensor is divided by s[c] <= 1, in the
// weights and the bias of the layer that computes it, and the layers that read
// it multiply their weights for it by s[c] (Nagel et al., "Data-Free
// Quantization Through Weight Equalization and Bias Correction", 2019, section
// 4.1, and Xiao et al., "SmoothQuant", 2023).
//
// s[c] = min(1, 2 r[c] / max r)^alpha, where r[c] is the largest magnitude of
// the channel in `statistics` and twice that leaves it headroom; of a few
// alphas, the one with the least error expected of the readers: of their data,
// by the size of their weights, and of their weights, by the size of their
// data. Per-channel scales take up what the layer before does; a depthwise
// reader has one weight scale per channel too, so that alpha is 1 there.
//
// A clamp behind the layer that computes the tensor, as of ReLU6, keeps its
// bounds. As no s[c] makes a channel larger than the largest is, what
// the samples showed is not clipped by it; the graph computes the same for all
// such values. A value beyond is clipped at most where its channel's range
// ends, as any range that is taken from samples does.
//
// Behind a normalization (gamma * x + beta by channel of the last axis, or
// gamma * x, what precedes it being any operator) gamma and beta are divided,
// which costs nothing, and channels may differ by orders of magnitude, so
// SmoothQuant's own scales are tried (section 4):
// s[c] = r[c]^alpha / w[c]^(1 - alpha), w[c] the largest weight that meets the
// channel, both in shares of the largest; the best alpha as above.
//
// Tensors may pass what channel_links.h says; those that anything else reads,
// or that the caller reads, stay as they are.
absl::StatusOr<Equalization> EqualizeChannels(
    const ir::Graph& graph, const QuantizationSites& sites,
    const std::vector<SiteStatistics>& statistics,
    const EqualizationScope& scope);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_EQUALIZE_CHANNELS_H_
