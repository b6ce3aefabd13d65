// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/observer.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace octet::quant {

absl::Status MinMaxObserver::Observe(absl::Span<const float> values) {
  if (values.empty()) return absl::OkStatus();
  // Lanes of their own, for the compiler to put side by side.
  constexpr size_t kLanes = 16;
  float least[kLanes];
  float most[kLanes];
  float not_finite[kLanes] = {};
  for (size_t l = 0; l < kLanes; ++l) least[l] = most[l] = values[0];
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (size_t l = 0; l < kLanes; ++l) {
      const float value = values[i + l];
      least[l] = value < least[l] ? value : least[l];
      most[l] = value > most[l] ? value : most[l];
      not_finite[l] += value - value;  // 0, or NaN for ever
    }
  }
  for (; i < values.size(); ++i) {
    least[0] = std::min(least[0], values[i]);
    most[0] = std::max(most[0], values[i]);
    not_finite[0] += values[i] - values[i];
  }
  Range seen{values[0], values[0]};
  float sum = 0;
  for (size_t l = 0; l < kLanes; ++l) {
    seen = Union(seen, {least[l], most[l]});
    sum += not_finite[l];
  }
  if (sum != 0) {
    for (size_t e = 0; e < values.size(); ++e) {
      if (std::isfinite(values[e])) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "element ", e, " is ", values[e], "; expected finite values"));
    }
  }
  range_ = range_ ? Union(*range_, seen) : seen;
  return absl::OkStatus();
}

absl::Status MovingAverageObserver::Observe(absl::Span<const float> values) {
  MinMaxObserver now;
  absl::Status observed = now.Observe(values);
  if (!observed.ok() || !now.range()) return observed;
  const double share = seen_ ? share_ : 1.0;
  min_ += share * (now.range()->min - min_);
  max_ += share * (now.range()->max - max_);
  seen_ = true;
  return absl::OkStatus();
}

std::optional<Range> MovingAverageObserver::range() const {
  if (!seen_) return std::nullopt;
  return Range{static_cast<float>(min_), static_cast<float>(max_)};
}

}  // namespace octet::quant
