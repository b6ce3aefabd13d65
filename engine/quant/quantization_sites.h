// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_QUANTIZATION_SITES_H_
#define OCTET_ENGINE_QUANT_QUANTIZATION_SITES_H_

#include <cstddef>
#include <vector>

#include "engine/ir/graph.h"

namespace octet::quant {

// Where an int8 plan of a float graph rounds: the values that get a
// Quantize/Dequantize pair.
struct QuantizationSites {
  // The values to observe and to round, in graph order.
  std::vector<ir::ValueId> rounded;
  // By value of the graph: the members of one group share one scale, because
  // the integers pass from one to the other unchanged (a Concat's inputs and
  // its result, a max pool's input and result). Values that stay float are
  // alone.
  std::vector<ir::ValueId> group;
};

// Chooses the sites of an optimized float graph (channels first, fused).
//
// Conv, ConvTranspose and MatMul with constant weights and average pools
// compute in integers, and so do the sums, differences and products whose
// result another integer operator reads; their data is rounded. Operators that
// only move elements pass integers on. What is a function of one such value,
// element by element (Sigmoid, x * sigmoid(x), max(x, 0.2 * x), ...), is
// rounded on both sides and not inside: it becomes one table. What only float
// operators or the caller read stays float.
QuantizationSites ChooseSites(const ir::Graph& graph);

// Whether `node` is a Conv or MatMul that has an integer form.
bool IsWeighted(const ir::Graph& graph, const ir::Node& node);

// Whether `node` is a ConvTranspose that has one: its weights and bias are
// rounded as those of a Conv, and nothing else is done to it.
bool IsWeightedTranspose(const ir::Graph& graph, const ir::Node& node);

// Whether `node` is an LSTM, GRU or RNN whose W and R are rounded; its inputs,
// its state and its bias are not.
bool IsWeightedRecurrent(const ir::Graph& graph, const ir::Node& node);

// How many sites have to go, from the first on, for the first `layers` Convs
// and MatMuls, and the functions right behind them, to compute in float: what
// the next layer reads is rounded.
size_t SitesOfFirstLayers(const ir::Graph& graph,
                          const QuantizationSites& sites, int layers);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_QUANTIZATION_SITES_H_
