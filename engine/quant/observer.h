// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_OBSERVER_H_
#define OCTET_ENGINE_QUANT_OBSERVER_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/quant/scheme.h"

namespace octet::quant {

// Watches one tensor over all calibration samples and keeps the smallest and
// the largest value ever seen. Memory: a few bytes, whatever it is shown.
// Thread-compatible.
class MinMaxObserver {
 public:
  // INVALID_ARGUMENT, with nothing kept of `values`, where one is NaN or
  // infinite.
  absl::Status Observe(absl::Span<const float> values);

  // Nothing before the first value.
  const std::optional<Range>& range() const { return range_; }

 private:
  std::optional<Range> range_;
};

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_OBSERVER_H_
