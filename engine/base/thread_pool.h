// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_BASE_THREAD_POOL_H_
#define OCTET_ENGINE_BASE_THREAD_POOL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"

namespace octet {

// The threads of one lane: a fixed team that runs one parallel loop at a time.
// The calling thread takes part, so a pool of one has no thread of its own and
// runs everything inline.
//
// Workers sleep between loops, which costs tens of microseconds for each loop.
// While a Burst is alive they look out for the next loop instead, for at most
// 200 us after the last one.
//
// Thread-compatible: one ParallelRun() at a time, never from inside a loop.
class ThreadPool {
 public:
  // REQUIRES: threads >= 1.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Says that loops will follow each other closely: the steps of one run of a
  // plan. Does nothing for a pool of one. One at a time.
  class Burst {
   public:
    // Wakes the workers. `pool` must outlive this.
    explicit Burst(ThreadPool* pool);
    ~Burst();
    Burst(const Burst&) = delete;
    Burst& operator=(const Burst&) = delete;

   private:
    ThreadPool* const pool_;
  };

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
  using Loop = absl::FunctionRef<void(int)>;  // body(thread)

  void Work(int index);
  // Blocks until there is a loop after number `seen`, and returns its number;
  // nothing when the pool is being destroyed.
  std::optional<int64_t> AwaitLoop(int64_t seen);
  // Changes a condition that sleepers wait for, and wakes those it concerns.
  void WakeSleepers();

  const int threads_;
  // The loop being run. Written before the `generation_` that announces it,
  // read after it; not written again until `running_` is 0.
  const Loop* body_ = nullptr;
  std::atomic<int64_t> generation_ = 0;  // number of the newest loop
  std::atomic<int> running_ = 0;         // workers that have not finished it
  std::atomic<int64_t> bursts_ = 0;      // begun and ended: odd during one
  std::atomic<bool> stopping_ = false;
  // Threads asleep, or about to be, on conditions over the numbers above. A
  // thread counts itself before it looks at its condition for the last time;
  // who changes a condition looks at the count afterwards. All of it is
  // sequentially consistent, so one of the two sees the other.
  std::atomic<int> sleepers_ = 0;
  absl::Mutex mutex_;                 // guards nothing but the sleep itself
  std::vector<std::thread> workers_;  // constant after construction
};

}  // namespace octet

#endif  // OCTET_ENGINE_BASE_THREAD_POOL_H_
