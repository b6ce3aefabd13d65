// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/observer.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace octet::quant {

absl::Status MinMaxObserver::Observe(absl::Span<const float> values) {
  if (values.empty()) return absl::OkStatus();
  Range seen{values[0], values[0]};
  // A sum that is not finite betrays any NaN or infinity without a test per
  // value; values that are finite may still overflow it, so look again then.
  float sum = 0;
  for (float value : values) {
    seen.min = value < seen.min ? value : seen.min;
    seen.max = value > seen.max ? value : seen.max;
    sum += value;
  }
  if (!std::isfinite(sum)) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (std::isfinite(values[i])) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "element ", i, " is ", values[i], "; expected finite values"));
    }
  }
  range_ = range_ ? Union(*range_, seen) : seen;
  return absl::OkStatus();
}

}  // namespace octet::quant
