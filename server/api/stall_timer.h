// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_STALL_TIMER_H_
#define OCTET_SERVER_API_STALL_TIMER_H_

#include <functional>
#include <memory>

#include "absl/time/time.h"

namespace octet {

// Tells when nothing has happened for a while.
//
// Thread-safe, except that Start() comes first.
class StallTimer {
 public:
  explicit StallTimer(absl::Duration patience);
  ~StallTimer();
  StallTimer(const StallTimer&) = delete;
  StallTimer& operator=(const StallTimer&) = delete;

  // From now on `on_stall` is called once, on a thread of gRPC and under no
  // lock, when no Touch() came for `patience`. A call that is under way when
  // the timer is stopped or destroyed may end later.
  // REQUIRES: called at most once.
  void Start(std::function<void()> on_stall);

  // Something has happened.
  void Touch();

  // Nothing is waited for any more.
  void Stop();

 private:
  struct State;
  static void Schedule(const std::shared_ptr<State>& state,
                       absl::Duration delay);

  const std::shared_ptr<State> state_;
};

}  // namespace octet

#endif  // OCTET_SERVER_API_STALL_TIMER_H_
