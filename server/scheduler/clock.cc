// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/clock.h"

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace octet {
namespace {

class RealClock : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace

const Clock* Clock::Real() {
  static const RealClock* const clock = new RealClock;
  return clock;
}

}  // namespace octet
