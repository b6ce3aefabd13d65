// SPDX-License-Identifier: Apache-2.0
#include "engine/base/thread_pool.h"

#include <algorithm>
#include <chrono>

#include "engine/base/check.h"

namespace octet {
namespace {

using Clock = std::chrono::steady_clock;

// How long a thread looks out for something before it sleeps: several times
// what waking a sleeper costs.
constexpr auto kLookOut = std::chrono::microseconds(200);

thread_local bool in_parallel = false;

// Whether `condition()` came true within kLookOut, while `go_on()` was true.
template <typename Condition, typename GoOn>
bool LookOutFor(Condition condition, GoOn go_on) {
  constexpr int kLooksPerClock = 16;
  const Clock::time_point end = Clock::now() + kLookOut;
  do {
    for (int i = 0; i < kLooksPerClock; ++i) {
      if (condition()) return true;
      __builtin_ia32_pause();
    }
  } while (go_on() && Clock::now() < end);
  return condition();
}

bool InBurst(int64_t bursts) { return bursts % 2 == 1; }

}  // namespace

ThreadPool::Burst::Burst(ThreadPool* pool) : pool_(pool) {
  if (pool_->threads_ == 1) return;
  ++pool_->bursts_;
  pool_->WakeSleepers();
}

ThreadPool::Burst::~Burst() {
  if (pool_->threads_ > 1) ++pool_->bursts_;
}

ThreadPool::ThreadPool(int threads) : threads_(threads) {
  OCTET_CHECK(threads >= 1);
  workers_.reserve(threads - 1);
  for (int i = 1; i < threads; ++i) {
    workers_.emplace_back([this, i] { Work(i); });
  }
}

ThreadPool::~ThreadPool() {
  stopping_ = true;
  WakeSleepers();
  for (std::thread& worker : workers_) worker.join();
}

bool ThreadPool::InParallel() { return in_parallel; }

void ThreadPool::WakeSleepers() {
  // Whoever unlocks has the conditions of the sleepers evaluated.
  if (sleepers_ > 0) absl::MutexLock lock(&mutex_);
}

std::optional<int64_t> ThreadPool::AwaitLoop(int64_t seen) {
  auto called = [&] { return stopping_ || generation_ != seen; };
  while (true) {
    const int64_t burst = bursts_;
    auto goes_on = [&] { return bursts_ == burst; };
    if (InBurst(burst) && LookOutFor(called, goes_on)) break;
    auto wake = [&] { return called() || (!goes_on() && InBurst(bursts_)); };
    ++sleepers_;
    mutex_.LockWhen(absl::Condition(&wake));
    --sleepers_;
    mutex_.Unlock();
    if (called()) break;
  }
  if (stopping_) return std::nullopt;
  return generation_;
}

void ThreadPool::Work(int index) {
  in_parallel = true;
  int64_t seen = 0;
  while (const std::optional<int64_t> loop = AwaitLoop(seen)) {
    seen = *loop;
    (*body_)(index);
    if (--running_ == 0) WakeSleepers();
  }
}

void ThreadPool::ParallelRanges(
    int64_t items, absl::FunctionRef<void(int64_t, int64_t, int)> body) {
  if (items <= 0) return;
  const int64_t shares = std::min<int64_t>(threads_, items);
  auto share = [&](int thread) {
    if (thread >= shares) return;
    body(items * thread / shares, items * (thread + 1) / shares, thread);
  };
  const bool nested = in_parallel;
  in_parallel = true;
  if (shares == 1) {
    share(0);
    in_parallel = nested;
    return;
  }
  OCTET_CHECK(!nested);
  const Loop loop(share);
  body_ = &loop;
  running_ = threads_ - 1;
  ++generation_;
  WakeSleepers();
  share(0);
  in_parallel = nested;
  auto done = [this] { return running_ == 0; };
  if (LookOutFor(done, [] { return true; })) return;
  ++sleepers_;
  mutex_.LockWhen(absl::Condition(&done));
  --sleepers_;
  mutex_.Unlock();
}

void ThreadPool::ParallelRun(int64_t count,
                             absl::FunctionRef<void(int64_t)> body) {
  ParallelRanges(count, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) body(i);
  });
}

}  // namespace octet
