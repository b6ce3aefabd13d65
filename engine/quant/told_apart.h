// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_TOLD_APART_H_
#define OCTET_ENGINE_QUANT_TOLD_APART_H_

#include <cstddef>
#include <vector>

#include "engine/ir/graph.h"
#include "engine/quant/quantization_sites.h"
#include "engine/quant/scheme.h"

// Ranges that know the function behind them. A SiLU makes nearly 0 of all that
// is far below 0, a sigmoid nearly 1 of all that is far above: integers spent
// on telling such values apart are lost to the others, and a convolution in
// front of a SiLU may give values from -110 to 18.
namespace octet::quant {

// ranges[i] is what the integers of sites.rounded[i] are to span. Shortens, at
// both ends, those of values of which nothing is made but functions, element by
// element (of one node or several), whose results are rounded too: to where a
// result is within a quarter of its step of all that it is beyond. Values that
// share their scale with others stay as they are.
std::vector<Range> ToldApart(const ir::Graph& graph,
                             const QuantizationSites& sites,
                             const std::vector<Range>& ranges);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_TOLD_APART_H_
