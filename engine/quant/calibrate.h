// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_CALIBRATE_H_
#define OCTET_ENGINE_QUANT_CALIBRATE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/ir/graph.h"
#include "engine/quant/quantization_sites.h"
#include "engine/quant/scheme.h"

namespace octet::quant {

// Takes the values of site `site` (an index into QuantizationSites::rounded)
// for some samples.
using ActivationSink =
    std::function<absl::Status(size_t site, absl::Span<const float> values)>;

// Runs the float graph on the next calibration samples and hands the values of
// every site to `sink`. Returns how many samples it ran, 0 when there are no
// more. The facade supplies it, so that this folder knows no plan.
using ActivationSource =
    std::function<absl::StatusOr<int64_t>(const ActivationSink& sink)>;

// The range of each site over all samples of `source`, widened to that of its
// group. Memory: one observer per site, whatever the number of samples.
// INVALID_ARGUMENT names the value that is NaN or infinite; errors of `source`
// are passed on.
absl::StatusOr<std::vector<Range>> CalibrateMinMax(
    const ir::Graph& graph, const QuantizationSites& sites,
    const ActivationSource& source);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_CALIBRATE_H_
