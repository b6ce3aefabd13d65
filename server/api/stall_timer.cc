// SPDX-License-Identifier: Apache-2.0
#include "server/api/stall_timer.h"

#include <grpcpp/alarm.h>

#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace octet {

struct StallTimer::State {
  explicit State(absl::Duration wanted) : patience(wanted) {}

  const absl::Duration patience;
  absl::Mutex mutex;
  std::function<void()> on_stall ABSL_GUARDED_BY(mutex);  // null: stopped
  absl::Time last ABSL_GUARDED_BY(mutex);
  std::unique_ptr<grpc::Alarm> alarm ABSL_GUARDED_BY(mutex);
};

StallTimer::StallTimer(absl::Duration patience)
    : state_(std::make_shared<State>(patience)) {}

StallTimer::~StallTimer() { Stop(); }

void StallTimer::Start(std::function<void()> on_stall) {
  {
    absl::MutexLock lock(&state_->mutex);
    state_->on_stall = std::move(on_stall);
    state_->last = absl::Now();
  }
  Schedule(state_, state_->patience);
}

void StallTimer::Touch() {
  absl::MutexLock lock(&state_->mutex);
  state_->last = absl::Now();
}

void StallTimer::Stop() {
  std::unique_ptr<grpc::Alarm> alarm;  // destroyed after the lock
  std::function<void()> on_stall;
  absl::MutexLock lock(&state_->mutex);
  on_stall = std::move(state_->on_stall);
  state_->on_stall = nullptr;
  alarm = std::move(state_->alarm);
}

void StallTimer::Schedule(const std::shared_ptr<State>& state,
                          absl::Duration delay) {
  // A new alarm each time: this may run inside of the old one's callback.
  auto alarm = std::make_unique<grpc::Alarm>();
  grpc::Alarm* const set = alarm.get();
  {
    absl::MutexLock lock(&state->mutex);
    if (state->on_stall == nullptr) return;
    std::swap(state->alarm, alarm);
    set->Set(absl::ToChronoTime(absl::Now() + delay), [state](bool expired) {
      if (!expired) return;
      std::function<void()> stalled;
      absl::Duration left;
      {
        absl::MutexLock callback_lock(&state->mutex);
        left = state->last + state->patience - absl::Now();
        if (left <= absl::ZeroDuration()) {
          stalled = std::exchange(state->on_stall, nullptr);
        }
      }
      if (stalled != nullptr) {
        stalled();
      } else {
        Schedule(state, left);
      }
    });
  }
}

}  // namespace octet
