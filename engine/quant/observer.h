// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_OBSERVER_H_
#define OCTET_ENGINE_QUANT_OBSERVER_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/quant/scheme.h"

// Watch one tensor over all calibration samples in memory that does not depend
// on how many there are; histogram.h has one more. All are thread-compatible,
// and answer INVALID_ARGUMENT, keeping nothing of `values`, where one of these
// is NaN or infinite.
namespace octet::quant {

// Keeps the smallest and the largest value ever seen.
class MinMaxObserver {
 public:
  absl::Status Observe(absl::Span<const float> values);

  // Nothing before the first value.
  const std::optional<Range>& range() const { return range_; }

 private:
  std::optional<Range> range_;
};

// The range of a typical sample rather than that of the worst: each call's ends
// move the average by `share` of their distance from it, after the first, which
// it starts with. (Jacob et al. 2018, section 3, average so while they train.)
class MovingAverageObserver {
 public:
  // REQUIRES: 0 < share <= 1.
  explicit MovingAverageObserver(double share = 0.05) : share_(share) {}

  absl::Status Observe(absl::Span<const float> values);

  std::optional<Range> range() const;

 private:
  double share_;
  bool seen_ = false;
  double min_ = 0;
  double max_ = 0;
};

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_OBSERVER_H_
