// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_BASE_THREAD_POOL_H_
#define OCTET_ENGINE_BASE_THREAD_POOL_H_

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"

namespace octet {

// The threads of one lane: a fixed team that runs one parallel loop at a time.
// The calling thread takes part, so a pool of one has no thread of its own and
// runs everything inline. Workers sleep between loops.
//
// Thread-compatible: one ParallelRun() at a time, never from inside a loop.
class ThreadPool {
 public:
  // REQUIRES: threads >= 1.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Calls body(i) once for each i in [0, count), each on some thread of the
  // team, and returns when all are done. Index i is run by thread
  // i * threads / count or thereabouts: equal shares, no stealing.
  void ParallelRun(int64_t count, absl::FunctionRef<void(int64_t)> body);

  // Splits [0, items) into at most threads() ranges and calls
  // body(begin, end, thread) for each that is not empty; `thread` is unique
  // within the call and in [0, threads()).
  void ParallelRanges(
      int64_t items,
      absl::FunctionRef<void(int64_t begin, int64_t end, int thread)> body);

  // True while the calling thread runs a loop body of any pool.
  static bool InParallel();

 private:
  void Work(int index);

  const int threads_;
  absl::Mutex mutex_;
  int64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // The loop being run: body(thread). Set while running_ > 0.
  const absl::FunctionRef<void(int)>* body_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::vector<std::thread> workers_;  // constant after construction
};

}  // namespace octet

#endif  // OCTET_ENGINE_BASE_THREAD_POOL_H_
