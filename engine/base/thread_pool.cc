// SPDX-License-Identifier: Apache-2.0
#include "engine/base/thread_pool.h"

#include <algorithm>

#include "engine/base/check.h"

namespace octet {
namespace {

thread_local bool in_parallel = false;

}  // namespace

ThreadPool::ThreadPool(int threads) : threads_(threads) {
  OCTET_CHECK(threads >= 1);
  workers_.reserve(threads - 1);
  for (int i = 1; i < threads; ++i) {
    workers_.emplace_back([this, i] { Work(i); });
  }
}

ThreadPool::~ThreadPool() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& worker : workers_) worker.join();
}

bool ThreadPool::InParallel() { return in_parallel; }

void ThreadPool::Work(int index) {
  in_parallel = true;
  int64_t seen = 0;
  while (true) {
    const absl::FunctionRef<void(int)>* body;
    {
      absl::MutexLock lock(&mutex_);
      auto wake = [this, seen]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stopping_ || generation_ != seen;
      };
      mutex_.Await(absl::Condition(&wake));
      if (stopping_) return;
      seen = generation_;
      body = body_;
    }
    (*body)(index);
    absl::MutexLock lock(&mutex_);
    --running_;
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
  const absl::FunctionRef<void(int)> reference(share);
  {
    absl::MutexLock lock(&mutex_);
    body_ = &reference;
    running_ = threads_ - 1;
    ++generation_;
  }
  share(0);
  in_parallel = nested;
  absl::MutexLock lock(&mutex_);
  auto done = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return running_ == 0;
  };
  mutex_.Await(absl::Condition(&done));
  body_ = nullptr;
}

void ThreadPool::ParallelRun(int64_t count,
                             absl::FunctionRef<void(int64_t)> body) {
  ParallelRanges(count, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) body(i);
  });
}

}  // namespace octet
