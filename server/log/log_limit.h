// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_LOG_LOG_LIMIT_H_
#define OCTET_SERVER_LOG_LOG_LIMIT_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace octet {

// Keeps what callers can repeat at will from filling the log: one line in
// `interval` and no more. Thread-safe.
class LogLimit {
 public:
  explicit LogLimit(absl::Duration interval) : interval_(interval) {}

  // Whether the line may be written.
  bool Take() { return TakeAt(absl::Now()); }

  bool TakeAt(absl::Time now) {
    absl::MutexLock lock(&mutex_);
    // A clock that was set back must not silence the log.
    if (now >= last_ && now - last_ < interval_) return false;
    last_ = now;
    return true;
  }

 private:
  const absl::Duration interval_;
  absl::Mutex mutex_;
  absl::Time last_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace octet

#endif  // OCTET_SERVER_LOG_LOG_LIMIT_H_
