// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_SCHEDULER_CLOCK_H_
#define OCTET_SERVER_SCHEDULER_CLOCK_H_

#include "absl/time/time.h"

namespace octet {

// Where the server gets its time from, so that tests can turn the hands.
//
// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  virtual absl::Time Now() const = 0;

  // The machine's clock; lives as long as the process.
  static const Clock* Real();
};

}  // namespace octet

#endif  // OCTET_SERVER_SCHEDULER_CLOCK_H_
