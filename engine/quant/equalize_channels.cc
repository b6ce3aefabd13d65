// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/equalize_channels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "engine/base/check.h"
#include "engine/quant/probe_builder.h"
#include "engine/quant/weight_channels.h"

namespace octet::quant {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

constexpr double kAlphas[] = {0, 0.25, 0.5, 0.75, 1};

// How far beyond what the samples show of a channel it may reach: a few samples
// see the largest of a tensor's values, but not that of each channel.
constexpr double kHeadroom = 2;

// The least s[c]: a channel that hardly shows anything says little about how
// far it reaches.
constexpr double kLeastScale = 1.0 / 64;

// Where a channel comes from.
struct Origin {
  size_t site = 0;
  size_t channel = 0;
};

// The values of one group that can be scaled by channel.
struct Link {
  std::vector<size_t> producers;  // node indices
  std::vector<size_t> readers;
  std::map<ValueId, std::vector<Origin>> origins;  // by channel
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
    std::map<ValueId, std::optional<Link>> links = FindLinks();
    for (const auto& [group, link] : links) {
      if (!link || link->producers.empty() || link->readers.empty()) continue;
      if (scope_ == EqualizationScope::kAll || OnlyDepthwiseReads(*link)) {
        EqualizeLink(*link);
      }
    }
    return std::move(result_);
  }

 private:
  // By group of rounded values: nothing where something stands in the way.
  std::map<ValueId, std::optional<Link>> FindLinks() const {
    std::map<ValueId, std::optional<Link>> links;
    for (ValueId id : sites_.rounded) links[sites_.group[id]] = Link{};
    const auto bar = [&](ValueId id) {
      const auto found = links.find(sites_.group[id]);
      if (found != links.end()) found->second.reset();
    };
    for (ValueId id : source_.inputs()) bar(id);
    for (ValueId id : source_.outputs()) bar(id);
    for (size_t i = 0; i < source_.nodes().size(); ++i) {
      const Node& node = source_.nodes()[i];
      if (AddPassing(node, links)) continue;
      for (size_t slot = 0; slot < node.inputs.size(); ++slot) {
        Link* link = LinkOf(node.inputs[slot], links);
        if (link == nullptr) continue;
        const bool readable = IsWeighted(source_, node) && slot == 0 &&
                              link->origins.contains(node.inputs[0]);
        if (readable) link->readers.push_back(i);
        if (!readable) bar(node.inputs[slot]);
      }
      for (ValueId id : node.outputs) {
        Link* link = LinkOf(id, links);
        if (link == nullptr) continue;
        if (!AddProducer(i, id, *link)) bar(id);
      }
    }
    return links;
  }

  Link* LinkOf(ValueId id,
               std::map<ValueId, std::optional<Link>>& links) const {
    if (source_.value(id).is_constant()) return nullptr;
    const auto found = links.find(sites_.group[id]);
    if (found == links.end() || !found->second) return nullptr;
    return &*found->second;
  }

  // Whether `node` takes channels of a group on as they are.
  bool AddPassing(const Node& node,
                  std::map<ValueId, std::optional<Link>>& links) const {
    const auto* pool = std::get_if<ir::Pool>(&node.op);
    const auto* concat = std::get_if<ir::Concat>(&node.op);
    const bool max_pool = pool != nullptr && pool->kind == ir::PoolKind::kMax;
    if (!max_pool && (concat == nullptr || concat->axis != 1)) return false;
    Link* link = LinkOf(node.outputs[0], links);
    if (link == nullptr) return false;
    std::vector<Origin> origins;
    for (ValueId id : node.inputs) {
      const auto known = link->origins.find(id);
      if (known == link->origins.end()) return false;
      origins.insert(origins.end(), known->second.begin(), known->second.end());
    }
    link->origins[node.outputs[0]] = std::move(origins);
    return true;
  }

  bool AddProducer(size_t index, ValueId id, Link& link) const {
    const Node& node = source_.nodes()[index];
    if (!IsWeighted(source_, node) || !site_of_[id]) return false;
    const auto* conv = std::get_if<ir::Conv>(&node.op);
    if (conv != nullptr && conv->has_residual) return false;
    // A clamp with a bound between the channels' values and zero would cut
    // more off a channel that is made larger.
    const ir::Activation& activation = ActivationOf(node.op);
    if (activation.lower > 0 || activation.upper < 0) return false;
    const size_t channels = statistics_[*site_of_[id]].channels.maxs.size();
    std::vector<Origin> origins;
    for (size_t c = 0; c < channels; ++c) origins.push_back({*site_of_[id], c});
    link.producers.push_back(index);
    link.origins[id] = std::move(origins);
    return true;
  }

  bool OnlyDepthwiseReads(const Link& link) const {
    return std::all_of(
        link.readers.begin(), link.readers.end(), [&](size_t reader) {
          const auto* conv = std::get_if<ir::Conv>(&source_.nodes()[reader].op);
          return conv != nullptr && conv->groups > 1 &&
                 source_.value(source_.nodes()[reader].inputs[1])
                         .constant->shape()[1] == 1;
        });
  }

  float Magnitude(const Origin& origin) const {
    const ChannelStatistics& channels = statistics_[origin.site].channels;
    return std::max(std::abs(channels.mins[origin.channel]),
                    std::abs(channels.maxs[origin.channel]));
  }

  double ScaleOf(const Origin& origin, double largest, double alpha) const {
    const double share = kHeadroom * Magnitude(origin) / largest;
    if (share == 0 || share >= 1) return 1;
    return std::max(std::pow(share, alpha), kLeastScale);
  }

  double LargestOf(const Link& link) const {
    double largest = 0;
    for (size_t producer : link.producers) {
      for (const Origin& origin :
           link.origins.at(source_.nodes()[producer].outputs[0])) {
        largest = std::max<double>(largest, Magnitude(origin));
      }
    }
    return largest;
  }

  // Whether no producer's clamp cuts channels that are as large as `largest`.
  bool ClampsLeaveRoom(const Link& link, double largest) const {
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
  double ExpectedError(const Node& reader, const std::vector<Origin>& origins,
                       double largest, double alpha) const {
    const Tensor& weights = *result_.graph.value(reader.inputs[1]).constant;
    const auto values = weights.data<float>();
    const WeightChannels channels(reader.op, weights.shape());
    std::vector<double> scales;
    std::vector<double> squares;
    for (const Origin& origin : origins) {
      scales.push_back(ScaleOf(origin, largest, alpha));
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
    const double data_step = largest / 255;
    double of_weights = 0;
    for (size_t o = 0; o < peak.size(); ++o) {
      const double step = peak[o] / 127;
      of_weights += step * step * data[o];
    }
    // Rounding to a step has a twelfth of its square as variance.
    return (data_step * data_step * of_data + of_weights) / 12 /
           std::max(signal, std::numeric_limits<double>::min());
  }

  void EqualizeLink(const Link& link) {
    const double largest = LargestOf(link);
    if (largest == 0 || !ClampsLeaveRoom(link, largest)) return;
    double least = std::numeric_limits<double>::infinity();
    double best = 0;
    for (double alpha : kAlphas) {
      double error = 0;
      for (size_t reader : link.readers) {
        const Node& node = source_.nodes()[reader];
        error += ExpectedError(node, link.origins.at(node.inputs[0]), largest,
                               alpha);
      }
      if (error >= least) continue;
      least = error;
      best = alpha;
    }
    if (best == 0) return;
    for (size_t producer : link.producers) {
      ScaleProducer(producer, link, largest, best);
    }
    for (size_t reader : link.readers) {
      ScaleReader(reader, link, largest, best);
    }
    ++result_.tensors;
  }

  void ScaleProducer(size_t index, const Link& link, double largest,
                     double alpha) {
    Node& node = result_.graph.mutable_nodes()[index];
    const auto& origins = link.origins.at(node.outputs[0]);
    std::vector<double> scales;
    for (const Origin& origin : origins) {
      scales.push_back(ScaleOf(origin, largest, alpha));
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

  void ScaleReader(size_t index, const Link& link, double largest,
                   double alpha) {
    Node& node = result_.graph.mutable_nodes()[index];
    const auto& origins = link.origins.at(node.inputs[0]);
    const Tensor& weights = *result_.graph.value(node.inputs[1]).constant;
    const WeightChannels channels(node.op, weights.shape());
    Replace(node, 1, [&](int64_t i, double value) {
      return value * ScaleOf(origins[channels.Input(i)], largest, alpha);
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
    const std::vector<SiteStatistics>& statistics, EqualizationScope scope) {
  OCTET_CHECK(statistics.size() == sites.rounded.size());
  return Equalizer(graph, sites, statistics, scope).Run();
}

}  // namespace octet::quant
