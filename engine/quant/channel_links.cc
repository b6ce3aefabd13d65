// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/channel_links.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/quant/probe_builder.h"

namespace octet::quant {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

class LinkFinder {
 public:
  LinkFinder(const Graph& graph, const QuantizationSites& sites,
             const std::vector<SiteStatistics>& statistics)
      : source_(graph), index_(graph), sites_(sites), statistics_(statistics) {
    site_of_.resize(graph.values().size());
    for (size_t i = 0; i < sites.rounded.size(); ++i) {
      site_of_[sites.rounded[i]] = i;
    }
  }

  std::vector<ChannelLink> Run() const {
    std::vector<ChannelLink> links;
    for (auto& [group, link] : FindLinks()) {
      if (!link || link->readers.empty()) continue;
      links.push_back(*link);
    }
    return links;
  }

 private:
  // By group of rounded values: nothing where something stands in the way.
  std::map<ValueId, std::optional<ChannelLink>> FindLinks() const {
    std::map<ValueId, std::optional<ChannelLink>> links;
    for (ValueId id : sites_.rounded) links[sites_.group[id]] = ChannelLink{};
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
        ChannelLink* link = LinkOf(node.inputs[slot], links);
        if (link == nullptr) continue;
        const bool readable = slot == 0 && ReadsChannels(node, *link);
        if (readable) {
          link->readers.push_back(i);
        } else if (AddsChannels(node, slot, *link)) {
          link->adders.push_back(i);
        } else {
          bar(node.inputs[slot]);
        }
      }
      for (ValueId id : node.outputs) {
        ChannelLink* link = LinkOf(id, links);
        if (link == nullptr) continue;
        if (!AddProducer(i, id, *link)) bar(id);
      }
    }
    return links;
  }

  ChannelLink* LinkOf(
      ValueId id, std::map<ValueId, std::optional<ChannelLink>>& links) const {
    if (source_.value(id).is_constant()) return nullptr;
    const auto found = links.find(sites_.group[id]);
    if (found == links.end() || !found->second) return nullptr;
    return &*found->second;
  }

  // Whether `node` takes channels of a group on as they are.
  bool AddPassing(const Node& node,
                  std::map<ValueId, std::optional<ChannelLink>>& links) const {
    if (!PassesChannelsOn(node)) return false;
    ChannelLink* link = LinkOf(node.outputs[0], links);
    if (link == nullptr) return false;
    std::vector<ChannelOrigin> origins;
    for (ValueId id : node.inputs) {
      const auto known = link->origins.find(id);
      if (known == link->origins.end()) return false;
      origins.insert(origins.end(), known->second.begin(), known->second.end());
    }
    if (const auto* slice = std::get_if<ir::Slice>(&node.op)) {
      origins =
          Taken(origins, *slice, SiteChannelAxis(source_, node.inputs[0]));
    }
    if (!HasChannels(node.outputs[0], origins.size())) return false;
    link->origins[node.outputs[0]] = std::move(origins);
    return true;
  }

  static std::vector<ChannelOrigin> Taken(
      const std::vector<ChannelOrigin>& origins, const ir::Slice& slice,
      int axis) {
    std::vector<ChannelOrigin> taken;
    for (int64_t i = 0; i < slice.sizes[axis]; ++i) {
      taken.push_back(origins[slice.starts[axis] + i * slice.steps[axis]]);
    }
    return taken;
  }

  bool HasChannels(ValueId id, size_t count) const {
    return source_.type(id).dims[SiteChannelAxis(source_, id)] ==
           ir::Dim::Fixed(static_cast<int64_t>(count));
  }

  bool PassesChannelsOn(const Node& node) const {
    if (node.inputs.empty()) return false;
    if (std::holds_alternative<ir::Reshape>(node.op)) {
      return KeepsLastChannels(node);
    }
    const int axis = SiteChannelAxis(source_, node.inputs[0]);
    if (SiteChannelAxis(source_, node.outputs[0]) != axis) return false;
    if (const auto* concat = std::get_if<ir::Concat>(&node.op)) {
      return concat->axis == axis &&
             std::all_of(node.inputs.begin(), node.inputs.end(),
                         [&](ValueId id) {
                           return SiteChannelAxis(source_, id) == axis;
                         });
    }
    if (const auto* pad = std::get_if<ir::Pad>(&node.op)) {
      return ir::MovesElements(node.op) && pad->begin[axis] == 0 &&
             pad->end[axis] == 0;
    }
    // Another scale takes other channels, though they may be as many.
    const auto* resize = std::get_if<ir::Resize>(&node.op);
    if (resize != nullptr && resize->scales[axis] != 1) return false;
    const bool image = std::holds_alternative<ir::Pool>(node.op) ||
                       std::holds_alternative<ir::GlobalPool>(node.op) ||
                       std::holds_alternative<ir::Resize>(node.op);
    return std::holds_alternative<ir::Slice>(node.op) ||
           (image && axis == 1 && ir::MovesElements(node.op));
  }

  // Whether `node` is a layer whose weights see the channels that the origins
  // of its data count.
  bool ReadsChannels(const Node& node, const ChannelLink& link) const {
    const auto known = link.origins.find(node.inputs[0]);
    if (!IsWeighted(source_, node) || known == link.origins.end()) return false;
    const auto* conv = std::get_if<ir::Conv>(&node.op);
    const auto last =
        static_cast<int>(source_.type(node.inputs[0]).dims.size()) - 1;
    const int axis = conv != nullptr ? 1 : last;
    return SiteChannelAxis(source_, node.inputs[0]) == axis &&
           source_.type(node.inputs[0]).dims[axis] ==
               ir::Dim::Fixed(static_cast<int64_t>(known->second.size()));
  }

  // Whether `slot` is the residual that `node` adds to its result's channels.
  bool AddsChannels(const Node& node, size_t slot,
                    const ChannelLink& link) const {
    const auto* conv = std::get_if<ir::Conv>(&node.op);
    const auto known = link.origins.find(node.inputs[slot]);
    return conv != nullptr && conv->has_residual &&
           slot + 1 == node.inputs.size() && IsWeighted(source_, node) &&
           known != link.origins.end() &&
           SiteChannelAxis(source_, node.inputs[slot]) == 1 &&
           HasChannels(node.inputs[slot], known->second.size());
  }

  // Whether `node` gives the rows of a matrix another shape.
  bool KeepsLastChannels(const Node& node) const {
    const ir::Dims& before = source_.type(node.inputs[0]).dims;
    const ir::Dims& after = source_.type(node.outputs[0]).dims;
    if (before.empty() || after.empty()) return false;
    const auto is_last = [&](ValueId id) {
      return SiteChannelAxis(source_, id) + 1 ==
             static_cast<int>(source_.type(id).dims.size());
    };
    return before.back() == after.back() && !before.back().per_row &&
           is_last(node.inputs[0]) && is_last(node.outputs[0]);
  }

  // The constant of a sum or product with one number for each index of the last
  // axis of its result; -1 where there is none.
  int ChannelConstant(const Node& node, ir::BinaryKind kind) const {
    const auto* binary = std::get_if<ir::Binary>(&node.op);
    if (binary == nullptr || binary->kind != kind ||
        !binary->activation.is_identity()) {
      return -1;
    }
    const ir::Dims& dims = source_.type(node.outputs[0]).dims;
    for (int slot : {0, 1}) {
      const ir::Value& value = source_.value(node.inputs[slot]);
      if (!value.is_constant() || dims.empty()) continue;
      const Shape& shape = value.constant->shape();
      if (!shape.empty() && shape.back() == value.constant->size() &&
          ir::Dim::Fixed(shape.back()) == dims.back() &&
          source_.type(node.inputs[1 - slot]).dims == dims) {
        return slot;
      }
    }
    return -1;
  }

  // The product that the sum `node` adds a constant to, where nothing else
  // reads it.
  std::optional<size_t> ProductBefore(const Node& node) const {
    const int slot = ChannelConstant(node, ir::BinaryKind::kAdd);
    if (slot < 0) return std::nullopt;
    const Node* product = index_.Producer(node.inputs[1 - slot]);
    if (product == nullptr || index_.SoleReader(product->outputs[0]) != &node ||
        ChannelConstant(*product, ir::BinaryKind::kMul) < 0) {
      return std::nullopt;
    }
    return product - source_.nodes().data();
  }

  // Whether `node` is a whole normalization over the last axis with constants
  // of its own for scale and bias.
  bool IsScaledLayerNorm(const Node& node) const {
    const auto* norm = std::get_if<ir::LayerNorm>(&node.op);
    if (norm == nullptr || !norm->has_scale) return false;
    const auto last =
        static_cast<int>(source_.type(node.outputs[0]).dims.size()) - 1;
    return norm->axis == last &&
           std::all_of(
               node.inputs.begin() + 1, node.inputs.end(),
               [&](ValueId id) { return source_.value(id).is_constant(); });
  }

  // Takes a normalization, or the end of one: gamma * x + beta, or gamma * x.
  bool AddNormalization(size_t index, ValueId id, ChannelLink& link) const {
    const Node& node = source_.nodes()[index];
    const auto last = static_cast<int>(source_.type(id).dims.size()) - 1;
    if (!site_of_[id] || SiteChannelAxis(source_, id) != last) return false;
    const std::optional<size_t> product = ProductBefore(node);
    if (!product && ChannelConstant(node, ir::BinaryKind::kMul) < 0 &&
        !IsScaledLayerNorm(node)) {
      return false;
    }
    if (product) link.producers.push_back(*product);
    link.producers.push_back(index);
    link.normalization = true;
    link.origins[id] = OriginsOf(*site_of_[id]);
    return true;
  }

  std::vector<ChannelOrigin> OriginsOf(size_t site) const {
    std::vector<ChannelOrigin> origins;
    const size_t channels = statistics_[site].channels.maxs.size();
    for (size_t c = 0; c < channels; ++c) origins.push_back({site, c});
    return origins;
  }

  bool AddProducer(size_t index, ValueId id, ChannelLink& link) const {
    const Node& node = source_.nodes()[index];
    // Only the first: scales of both kinds in one group are not worth it.
    if (link.origins.empty() && AddNormalization(index, id, link)) return true;
    if (link.normalization || !site_of_[id]) return false;
    const std::vector<ChannelOrigin> origins = OriginsOf(*site_of_[id]);
    if (!HasChannels(id, origins.size())) return false;
    if (CanScaleResult(node)) {
      link.producers.push_back(index);
    } else {
      link.fixed.push_back(*site_of_[id]);
    }
    link.origins[id] = origins;
    return true;
  }

  bool CanScaleResult(const Node& node) const {
    if (!IsWeighted(source_, node)) return false;
    const auto* conv = std::get_if<ir::Conv>(&node.op);
    if (conv != nullptr && conv->has_residual) return false;
    // A clamp with a bound between the channels' values and zero would cut
    // more off a channel that is made larger.
    const ir::Activation& activation = ActivationOf(node.op);
    return activation.lower <= 0 && activation.upper >= 0;
  }

  const Graph& source_;
  const ir::GraphIndex index_;
  const QuantizationSites& sites_;
  const std::vector<SiteStatistics>& statistics_;
  std::vector<std::optional<size_t>> site_of_;  // by value
};

}  // namespace

std::vector<ChannelLink> FindChannelLinks(
    const Graph& graph, const QuantizationSites& sites,
    const std::vector<SiteStatistics>& statistics) {
  return LinkFinder(graph, sites, statistics).Run();
}

}  // namespace octet::quant
