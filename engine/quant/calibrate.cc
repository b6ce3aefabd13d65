// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/calibrate.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/quant/observer.h"

namespace octet::quant {

absl::StatusOr<std::vector<Range>> CalibrateMinMax(
    const ir::Graph& graph, const QuantizationSites& sites,
    const ActivationSource& source) {
  std::vector<MinMaxObserver> observers(sites.rounded.size());
  const ActivationSink sink = [&](size_t site, absl::Span<const float> values) {
    absl::Status observed = observers[site].Observe(values);
    if (observed.ok()) return observed;
    return absl::Status(
        observed.code(),
        absl::StrCat("value ", graph.value(sites.rounded[site]).name, ": ",
                     observed.message()));
  };
  for (int64_t samples = 1; samples > 0;) {
    OCTET_ASSIGN_OR_RETURN(samples, source(sink));
  }
  std::vector<std::optional<Range>> of_group(graph.values().size());
  for (size_t i = 0; i < observers.size(); ++i) {
    if (!observers[i].range()) {
      return absl::InvalidArgumentError(
          "no calibration samples; expected at least one");
    }
    std::optional<Range>& group = of_group[sites.group[sites.rounded[i]]];
    group =
        group ? Union(*group, *observers[i].range()) : *observers[i].range();
  }
  std::vector<Range> ranges;
  for (ir::ValueId id : sites.rounded) {
    ranges.push_back(*of_group[sites.group[id]]);
  }
  return ranges;
}

}  // namespace octet::quant
