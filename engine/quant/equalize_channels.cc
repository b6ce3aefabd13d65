// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/equalize_channels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "engine/base/check.h"
#include "engine/quant/channel_links.h"
#include "engine/quant/probe_builder.h"
#include "engine/quant/weight_channels.h"

namespace octet::quant {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

constexpr double kAlphas[] = {0, 0.25, 0.5, 0.75, 1};
// Behind a normalization 0 would even the weights alone.
constexpr double kSmoothingAlphas[] = {0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1};

// How far beyond what the samples show of a channel it may reach: a few samples
// see the largest of a tensor's values, but not that of each channel.
constexpr double kHeadroom = 2;

// The least s[c]: a channel that hardly shows anything says little about how
// far it reaches.
constexpr double kLeastScale = 1.0 / 64;

// What channels are divided by, by site.
using Scales = std::map<size_t, std::vector<double>>;

// One way to scale a group, and the largest magnitude it is left with.
struct Candidate {
  Scales scales;
  double largest = 0;
};

class Equalizer {
 public:
  Equalizer(const Graph& graph, const QuantizationSites& sites,
            const std::vector<SiteStatistics>& statistics,
            EqualizationScope scope)
      : source_(graph), sites_(sites), statistics_(statistics), scope_(scope) {
    site_of_.resize(graph.values().size());
    for (size_t i = 0; i < sites.rounded.size(); ++i) {
      site_of_[sites.rounded[i]] = i;
    }
    result_.graph = graph;
  }

  Equalization Run() {
    for (const ChannelLink& link :
         FindChannelLinks(source_, sites_, statistics_)) {
      if (IsInScope(link)) EqualizeLink(link);
    }
    return std::move(result_);
  }

 private:
  bool IsInScope(const ChannelLink& link) const {
    if (link.producers.empty() || !link.adders.empty()) return false;
    if (link.normalization) return scope_.normalizations;
    return scope_.layers == EqualizedLayers::kAll ||
           (scope_.layers == EqualizedLayers::kDepthwise &&
            OnlyDepthwiseReads(link));
  }

  std::vector<ChannelOrigin> OriginsOf(size_t site) const {
    std::vector<ChannelOrigin> origins;
    const size_t channels = statistics_[site].channels.maxs.size();
    for (size_t c = 0; c < channels; ++c) origins.push_back({site, c});
    return origins;
  }

  bool OnlyDepthwiseReads(const ChannelLink& link) const {
    return std::all_of(
        link.readers.begin(), link.readers.end(), [&](size_t reader) {
          const auto* conv = std::get_if<ir::Conv>(&source_.nodes()[reader].op);
          return conv != nullptr && conv->groups > 1 &&
                 source_.value(source_.nodes()[reader].inputs[1])
                         .constant->shape()[1] == 1;
        });
  }

  float Magnitude(const ChannelOrigin& origin) const {
    const ChannelStatistics& channels = statistics_[origin.site].channels;
    return std::max(std::abs(channels.mins[origin.channel]),
                    std::abs(channels.maxs[origin.channel]));
  }

  static double ScaleOf(const ChannelOrigin& origin, const Scales& scales) {
    return scales.at(origin.site)[origin.channel];
  }

  // The sites of `link` that its producers compute.
  std::vector<size_t> SitesOf(const ChannelLink& link) const {
    std::vector<size_t> sites;
    for (size_t producer : link.producers) {
      const auto site = site_of_[source_.nodes()[producer].outputs[0]];
      if (site && link.origins.contains(source_.nodes()[producer].outputs[0])) {
        sites.push_back(*site);
      }
    }
    return sites;
  }

  double LargestOf(const ChannelLink& link) const {
    double largest = 0;
    std::vector<size_t> sites = SitesOf(link);
    sites.insert(sites.end(), link.fixed.begin(), link.fixed.end());
    for (size_t site : sites) {
      for (const ChannelOrigin& origin : OriginsOf(site)) {
        largest = std::max<double>(largest, Magnitude(origin));
      }
    }
    return largest;
  }

  Candidate Evened(const ChannelLink& link, double largest,
                   double alpha) const {
    Candidate candidate{{}, largest};
    for (size_t site : link.fixed) {
      candidate.scales[site].assign(OriginsOf(site).size(), 1);
    }
    for (size_t site : SitesOf(link)) {
      for (const ChannelOrigin& origin : OriginsOf(site)) {
        const double share = kHeadroom * Magnitude(origin) / largest;
        candidate.scales[site].push_back(
            share == 0 || share >= 1
                ? 1
                : std::max(std::pow(share, alpha), kLeastScale));
      }
    }
    return candidate;
  }

  // The largest magnitude of the weights that each channel meets.
  std::vector<double> WeightPeaks(const ChannelLink& link,
                                  size_t channels) const {
    std::vector<double> peaks(channels, 0.0);
    for (size_t reader : link.readers) {
      const Node& node = source_.nodes()[reader];
      const Tensor& weights = *source_.value(node.inputs[1]).constant;
      const WeightChannels of(node.op, weights.shape());
      for (int64_t i = 0; i < weights.size(); ++i) {
        const size_t c = link.origins.at(node.inputs[0])[of.Input(i)].channel;
        peaks[c] =
            std::max<double>(peaks[c], std::abs(weights.data<float>()[i]));
      }
    }
    return peaks;
  }

  Candidate Smoothed(const ChannelLink& link, double largest,
                     double alpha) const {
    const size_t site = SitesOf(link)[0];
    const std::vector<ChannelOrigin> origins = OriginsOf(site);
    const std::vector<double> peaks = WeightPeaks(link, origins.size());
    const double peak = *std::max_element(peaks.begin(), peaks.end());
    Candidate candidate;
    for (const ChannelOrigin& origin : origins) {
      const double data =
          std::max<double>(Magnitude(origin) / largest, kLeastScale);
      const double weight =
          peak == 0 ? 1 : std::max(peaks[origin.channel] / peak, kLeastScale);
      const double scale = std::pow(data, alpha) / std::pow(weight, 1 - alpha);
      candidate.scales[site].push_back(scale);
      candidate.largest =
          std::max(candidate.largest, Magnitude(origin) / scale);
    }
    return candidate;
  }

  // In the order in which equals are preferred; as it is first.
  std::vector<Candidate> CandidatesFor(const ChannelLink& link,
                                       double largest) const {
    std::vector<Candidate> candidates;
    if (!link.normalization) {
      for (double alpha : kAlphas) {
        candidates.push_back(Evened(link, largest, alpha));
      }
      return candidates;
    }
    candidates.push_back(Evened(link, largest, 0));
    for (double alpha : kSmoothingAlphas) {
      candidates.push_back(Smoothed(link, largest, alpha));
    }
    return candidates;
  }

  // Whether no producer's clamp cuts channels that are as large as `largest`.
  bool ClampsLeaveRoom(const ChannelLink& link, double largest) const {
    if (link.normalization) return true;
    return std::all_of(
        link.producers.begin(), link.producers.end(), [&](size_t producer) {
          const ir::Activation& activation =
              ActivationOf(source_.nodes()[producer].op);
          return activation.upper >= largest &&
                 (activation.lower == 0 || -activation.lower >= largest);
        });
  }

  // The error variance expected of the results of a layer, in shares of their
  // energy: of its data's rounding and of its weights'.
  double ExpectedError(const Node& reader,
                       const std::vector<ChannelOrigin>& origins,
                       const Candidate& candidate) const {
    const Tensor& weights = *result_.graph.value(reader.inputs[1]).constant;
    const auto values = weights.data<float>();
    const WeightChannels channels(reader.op, weights.shape());
    std::vector<double> scales;
    std::vector<double> squares;
    for (const ChannelOrigin& origin : origins) {
      scales.push_back(ScaleOf(origin, candidate.scales));
      squares.push_back(
          statistics_[origin.site].channels.mean_squares[origin.channel]);
    }
    std::vector<double> peak(channels.outputs(), 0.0);
    std::vector<double> data(channels.outputs(), 0.0);
    double of_data = 0;
    double signal = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const int64_t in = channels.Input(static_cast<int64_t>(i));
      const int64_t out = channels.Output(static_cast<int64_t>(i));
      const double scaled = values[i] * scales[in];
      peak[out] = std::max(peak[out], std::abs(scaled));
      data[out] += squares[in] / (scales[in] * scales[in]);
      of_data += scaled * scaled;
      signal += static_cast<double>(values[i]) * values[i] * squares[in];
    }
    const double data_step = candidate.largest / 255;
    double of_weights = 0;
    for (size_t o = 0; o < peak.size(); ++o) {
      const double step = peak[o] / 127;
      of_weights += step * step * data[o];
    }
    // Rounding to a step has a twelfth of its square as variance.
    return (data_step * data_step * of_data + of_weights) / 12 /
           std::max(signal, std::numeric_limits<double>::min());
  }

  void EqualizeLink(const ChannelLink& link) {
    const double largest = LargestOf(link);
    if (largest == 0 || !ClampsLeaveRoom(link, largest)) return;
    double least = std::numeric_limits<double>::infinity();
    const std::vector<Candidate> candidates = CandidatesFor(link, largest);
    size_t best = 0;
    for (size_t k = 0; k < candidates.size(); ++k) {
      double error = 0;
      for (size_t reader : link.readers) {
        const Node& node = source_.nodes()[reader];
        error +=
            ExpectedError(node, link.origins.at(node.inputs[0]), candidates[k]);
      }
      if (error >= least) continue;
      least = error;
      best = k;
    }
    if (best == 0) return;
    const Scales& scales = candidates[best].scales;
    for (size_t producer : link.producers) {
      if (link.normalization) {
        ScaleConstants(producer, scales.begin()->second);
      } else {
        ScaleProducer(producer, link, scales);
      }
    }
    for (size_t reader : link.readers) ScaleReader(reader, link, scales);
    for (const auto& [value, origins] : link.origins) {
      std::vector<float>& divisors = result_.divisors[value];
      for (const ChannelOrigin& origin : origins) {
        divisors.push_back(static_cast<float>(ScaleOf(origin, scales)));
      }
    }
    ++result_.tensors;
  }

  // Divides what a sum or product of a normalization, or a LayerNorm, has for
  // each channel.
  void ScaleConstants(size_t index, const std::vector<double>& scales) {
    Node& node = result_.graph.mutable_nodes()[index];
    for (size_t slot = 0; slot < node.inputs.size(); ++slot) {
      if (!source_.value(source_.nodes()[index].inputs[slot]).is_constant()) {
        continue;
      }
      Replace(node, slot,
              [&](int64_t i, double value) { return value / scales[i]; });
    }
  }

  void ScaleProducer(size_t index, const ChannelLink& link,
                     const Scales& by_site) {
    Node& node = result_.graph.mutable_nodes()[index];
    const auto& origins = link.origins.at(node.outputs[0]);
    std::vector<double> scales;
    for (const ChannelOrigin& origin : origins) {
      scales.push_back(ScaleOf(origin, by_site));
    }
    const Tensor& weights = *result_.graph.value(node.inputs[1]).constant;
    const WeightChannels channels(node.op, weights.shape());
    Replace(node, 1, [&](int64_t i, double value) {
      return value / scales[channels.Output(i)];
    });
    if (!HasBias(node.op)) return;
    Replace(node, 2,
            [&](int64_t i, double value) { return value / scales[i]; });
  }

  void ScaleReader(size_t index, const ChannelLink& link,
                   const Scales& scales) {
    Node& node = result_.graph.mutable_nodes()[index];
    const auto& origins = link.origins.at(node.inputs[0]);
    const Tensor& weights = *result_.graph.value(node.inputs[1]).constant;
    const WeightChannels channels(node.op, weights.shape());
    Replace(node, 1, [&](int64_t i, double value) {
      return value * ScaleOf(origins[channels.Input(i)], scales);
    });
  }

  // Gives `node` a constant of its own for input `slot`.
  template <typename Change>
  void Replace(Node& node, size_t slot, Change change) {
    Graph& graph = result_.graph;
    const ir::Value& old = graph.value(node.inputs[slot]);
    const auto values = old.constant->data<float>();
    Tensor changed(DType::kFloat32, old.constant->shape());
    auto target = changed.mutable_data<float>();
    for (size_t i = 0; i < values.size(); ++i) {
      target[i] =
          static_cast<float>(change(static_cast<int64_t>(i), values[i]));
    }
    const std::string name = graph.FreshName(old.name + "_equalized");
    node.inputs[slot] = graph.AddConstant(name, std::move(changed));
  }

  const Graph& source_;
  const QuantizationSites& sites_;
  const std::vector<SiteStatistics>& statistics_;
  const EqualizationScope scope_;
  std::vector<std::optional<size_t>> site_of_;  // by value
  Equalization result_;
};

}  // namespace

absl::StatusOr<Equalization> EqualizeChannels(
    const Graph& graph, const QuantizationSites& sites,
    const std::vector<SiteStatistics>& statistics,
    const EqualizationScope& scope) {
  OCTET_CHECK(statistics.size() == sites.rounded.size());
  return Equalizer(graph, sites, statistics, scope).Run();
}

}  // namespace octet::quant
