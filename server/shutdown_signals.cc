// SPDX-License-Identifier: Apache-2.0
#include "server/shutdown_signals.h"

#include <pthread.h>
#include <signal.h>

#include <functional>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace octet {
namespace {

sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

ShutdownSignals::ShutdownSignals(std::function<void(int)> on_signal)
    : on_signal_(std::move(on_signal)) {
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  thread_ = std::thread([this] { Listen(); });
}

ShutdownSignals::~ShutdownSignals() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  // To this thread alone, so that sigwait() returns.
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
}

void ShutdownSignals::Listen() {
  const sigset_t signals = Signals();
  while (true) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    int count = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      count = ++count_;
    }
    on_signal_(count);
  }
}

bool ShutdownSignals::Await(int count, absl::Duration limit) {
  absl::MutexLock lock(&mutex_);
  const auto come = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return count_ >= count;
  };
  return mutex_.AwaitWithTimeout(absl::Condition(&come), limit);
}

}  // namespace octet
