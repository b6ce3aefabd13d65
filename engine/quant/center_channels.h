// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_CENTER_CHANNELS_H_
#define OCTET_ENGINE_QUANT_CENTER_CHANNELS_H_

#include <map>
#include <vector>

#include "engine/ir/graph.h"
#include "engine/quant/calibrate.h"
#include "engine/quant/quantization_sites.h"

namespace octet::quant {

// A graph whose channels were moved.
struct Centering {
  ir::Graph graph;  // nodes and values keep their places
  int tensors = 0;  // groups whose channels were moved
  // By value that was: what was taken from each of its channels
  // (SiteChannelAxis()).
  std::map<ir::ValueId, std::vector<float>> offsets;
};

// Moves the channels of tensors between layers to lie around zero, so that one
// scale has to span the widest of them rather than all of them from the lowest
// value to the highest (channel-wise shifting of Wei et al., "Outlier
// Suppression+", 2023, section 4.1): channel c of a tensor gets
// (min[c] + max[c]) / 2 of `statistics` taken from it, in the bias of the layer
// that computes it, and the layers that read it, or add it to their result,
// give it back in theirs. Biases are 32 bits wide, and the weights' own
// rounding errors then meet smaller means.
//
// Tensors behind a clamp stay, for its bounds would have to move with each
// channel, and so does what a layer pads with zeros before it reads it. Beside
// these a group may have tensors that have no bias to move them by; groups that
// would not become narrower stay. Of normalizations, those that add a constant
// for each channel are moved by it.
Centering CenterChannels(const ir::Graph& graph, const QuantizationSites& sites,
                         const std::vector<SiteStatistics>& statistics);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_CENTER_CHANNELS_H_
