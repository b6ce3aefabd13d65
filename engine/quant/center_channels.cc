// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/center_channels.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "engine/base/check.h"
#include "engine/quant/bias_correction.h"
#include "engine/quant/channel_links.h"
#include "engine/quant/probe_builder.h"
#include "engine/quant/weight_channels.h"

namespace octet::quant {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

// What is taken from channels, by site.
using Offsets = std::map<size_t, std::vector<float>>;

bool IsZero(int64_t pad) { return pad == 0; }

class Centerer {
 public:
  Centerer(const Graph& graph, const QuantizationSites& sites,
           const std::vector<SiteStatistics>& statistics)
      : source_(graph), index_(graph), sites_(sites), statistics_(statistics) {
    result_.graph = graph;
  }

  Centering Run() {
    for (const ChannelLink& link :
         FindChannelLinks(source_, sites_, statistics_)) {
      if (KeepsOffsets(link)) CenterLink(link);
    }
    std::vector<RoundedLayer> layers;
    std::vector<std::vector<double>> shifts;
    for (auto& [node, shift] : shifts_) {
      layers.push_back({node, static_cast<int64_t>(shift.size())});
      shifts.push_back(std::move(shift));
    }
    result_.graph = CorrectBiases(result_.graph, layers, shifts);
    return std::move(result_);
  }

 private:
  // Whether every reader sees what was taken from a channel at all places.
  bool KeepsOffsets(const ChannelLink& link) const {
    for (const auto& [value, origins] : link.origins) {
      const Node* node = index_.Producer(value);
      if (std::holds_alternative<ir::Pad>(node->op)) return false;
    }
    return std::none_of(
        link.readers.begin(), link.readers.end(), [&](size_t reader) {
          const auto* conv = std::get_if<ir::Conv>(&source_.nodes()[reader].op);
          return conv != nullptr && !IsUnpadded(conv->window);
        });
  }

  static bool IsUnpadded(const ir::Window& window) {
    return std::all_of(window.pads_begin.begin(), window.pads_begin.end(),
                       IsZero) &&
           std::all_of(window.pads_end.begin(), window.pads_end.end(), IsZero);
  }

  // The input of a normalization's last node that is added to each channel; -1
  // where there is none.
  int AddedConstant(const Node& node) const {
    if (const auto* norm = std::get_if<ir::LayerNorm>(&node.op)) {
      return norm->has_bias ? 2 : -1;
    }
    const auto* binary = std::get_if<ir::Binary>(&node.op);
    if (binary == nullptr || binary->kind != ir::BinaryKind::kAdd) return -1;
    return source_.value(node.inputs[0]).is_constant() ? 0 : 1;
  }

  bool CanMoveResult(const ChannelLink& link, const Node& node) const {
    if (link.normalization) return AddedConstant(node) >= 0;
    return IsWeighted(source_, node) && ActivationOf(node.op).is_identity();
  }

  // The middle of each channel of `site`; zeros where it has to stay.
  std::vector<float> OffsetsOf(const ChannelLink& link, size_t site) const {
    const ChannelStatistics& channels = statistics_[site].channels;
    std::vector<float> offsets(channels.maxs.size(), 0.0f);
    if (!CanMoveResult(link, *index_.Producer(sites_.rounded[site]))) {
      return offsets;
    }
    for (size_t c = 0; c < offsets.size(); ++c) {
      offsets[c] = channels.mins[c] / 2 + channels.maxs[c] / 2;
    }
    return offsets;
  }

  // From the least value to the largest, zero among them.
  double Width(const Offsets& taken) const {
    double least = 0;
    double most = 0;
    for (const auto& [site, offsets] : taken) {
      const ChannelStatistics& channels = statistics_[site].channels;
      for (size_t c = 0; c < offsets.size(); ++c) {
        least = std::min<double>(least, channels.mins[c] - offsets[c]);
        most = std::max<double>(most, channels.maxs[c] - offsets[c]);
      }
    }
    return most - least;
  }

  void CenterLink(const ChannelLink& link) {
    std::set<size_t> sites;
    for (const auto& [value, origins] : link.origins) {
      for (const ChannelOrigin& origin : origins) sites.insert(origin.site);
    }
    Offsets offsets;
    Offsets none;
    for (size_t site : sites) {
      offsets[site] = OffsetsOf(link, site);
      none[site].assign(offsets[site].size(), 0.0f);
    }
    if (!(Width(offsets) < Width(none))) return;
    for (const auto& [value, origins] : link.origins) {
      std::vector<float>& of_value = result_.offsets[value];
      for (const ChannelOrigin& origin : origins) {
        of_value.push_back(offsets.at(origin.site)[origin.channel]);
      }
    }
    for (size_t site : sites) MoveResult(link, site, offsets.at(site));
    for (size_t reader : link.readers) {
      const Node& node = source_.nodes()[reader];
      GiveBack(reader, result_.offsets.at(node.inputs[0]));
    }
    for (size_t adder : link.adders) {
      const Node& node = source_.nodes()[adder];
      Shift(adder, result_.offsets.at(node.inputs.back()), 1);
    }
    ++result_.tensors;
  }

  // Adds `sign` times `amounts` to the bias of layer `index`.
  void Shift(size_t index, const std::vector<float>& amounts, double sign) {
    std::vector<double>& shift = shifts_[index];
    shift.resize(amounts.size(), 0.0);
    for (size_t c = 0; c < amounts.size(); ++c) shift[c] += sign * amounts[c];
  }

  void MoveResult(const ChannelLink& link, size_t site,
                  const std::vector<float>& offsets) {
    const Node* node = index_.Producer(sites_.rounded[site]);
    if (!CanMoveResult(link, *node)) return;
    const size_t index = node - source_.nodes().data();
    if (link.normalization) {
      SubtractFromConstant(index, AddedConstant(*node), offsets);
    } else {
      Shift(index, offsets, -1);
    }
  }

  // What layer `index` lacks where its data had `offsets` taken from it.
  void GiveBack(size_t index, const std::vector<float>& offsets) {
    const Node& node = source_.nodes()[index];
    const Tensor& weights = *source_.value(node.inputs[1]).constant;
    const WeightChannels channels(node.op, weights.shape());
    std::vector<double>& shift = shifts_[index];
    shift.resize(channels.outputs(), 0.0);
    const auto values = weights.data<float>();
    for (int64_t i = 0; i < weights.size(); ++i) {
      shift[channels.Output(i)] +=
          static_cast<double>(values[i]) * offsets[channels.Input(i)];
    }
  }

  // Gives node `index` a constant of its own for input `slot`.
  void SubtractFromConstant(size_t index, int slot,
                            const std::vector<float>& offsets) {
    Graph& graph = result_.graph;
    Node& node = graph.mutable_nodes()[index];
    const ir::Value& old = graph.value(node.inputs[slot]);
    Tensor moved =
        Tensor::Of<float>(old.constant->shape(), old.constant->data<float>());
    auto values = moved.mutable_data<float>();
    OCTET_CHECK(values.size() == offsets.size());
    for (size_t c = 0; c < offsets.size(); ++c) values[c] -= offsets[c];
    const std::string name = graph.FreshName(old.name + "_centered");
    node.inputs[slot] = graph.AddConstant(name, std::move(moved));
  }

  const Graph& source_;
  const ir::GraphIndex index_;
  const QuantizationSites& sites_;
  const std::vector<SiteStatistics>& statistics_;
  std::map<size_t, std::vector<double>> shifts_;  // of biases, by node
  Centering result_;
};

}  // namespace

Centering CenterChannels(const Graph& graph, const QuantizationSites& sites,
                         const std::vector<SiteStatistics>& statistics) {
  OCTET_CHECK(statistics.size() == sites.rounded.size());
  return Centerer(graph, sites, statistics).Run();
}

}  // namespace octet::quant
