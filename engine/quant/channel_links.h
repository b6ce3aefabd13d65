// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_CHANNEL_LINKS_H_
#define OCTET_ENGINE_QUANT_CHANNEL_LINKS_H_

#include <cstddef>
#include <map>
#include <vector>

#include "engine/ir/graph.h"
#include "engine/quant/calibrate.h"
#include "engine/quant/quantization_sites.h"

namespace octet::quant {

// Where a channel of a value comes from.
struct ChannelOrigin {
  size_t site = 0;     // index in QuantizationSites::rounded
  size_t channel = 0;  // of that site
};

// The values of one group of sites whose channels only layers read, so that
// these can make up for what is done to them where they are computed.
struct ChannelLink {
  // Node indices of what can give its channels other units: weighted layers,
  // or, with `normalization`, a LayerNorm, or the product with a constant and
  // the sum with one that end it, or the product alone.
  std::vector<size_t> producers;
  bool normalization = false;
  // Sites among them whose units stay, for what computes them has none to
  // change: sums, pools, functions.
  std::vector<size_t> fixed;
  std::vector<size_t> readers;  // weighted layers, node indices
  // Convs that add the values to their result, node indices; with any, all
  // units stay.
  std::vector<size_t> adders;
  // By value, what each of its channels is.
  std::map<ir::ValueId, std::vector<ChannelOrigin>> origins;
};

// All links of `graph` that have a reader. Groups that anything else reads, or
// that the caller gives or gets, make none, nor do normalizations beside
// something else. Between producers and readers may be whatever takes channels
// on as they are: max pools, Concat, Slice, Pad and Resize of images, and,
// where channels are the last axis, Reshapes that keep it.
std::vector<ChannelLink> FindChannelLinks(
    const ir::Graph& graph, const QuantizationSites& sites,
    const std::vector<SiteStatistics>& statistics);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_CHANNEL_LINKS_H_
