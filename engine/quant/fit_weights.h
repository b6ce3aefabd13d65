// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_FIT_WEIGHTS_H_
#define OCTET_ENGINE_QUANT_FIT_WEIGHTS_H_

#include <vector>

#include "engine/ir/graph.h"
#include "engine/quant/calibrate.h"
#include "engine/quant/quantization_sites.h"

namespace octet::quant {

// By node, the weight scales with the least error expected of the results
// (LeastErrorScales()), as QuantizationParameters::weight_scales has them;
// nothing for nodes without weights to round. `statistics` by site.
std::vector<std::vector<float>> FittedWeightScales(
    const ir::Graph& graph, const QuantizationSites& sites,
    const std::vector<SiteStatistics>& statistics);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_FIT_WEIGHTS_H_
