// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_SCHEDULER_BATCH_SCHEDULER_H_
#define OCTET_SERVER_SCHEDULER_BATCH_SCHEDULER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/scheduler/batch_queue.h"
#include "server/scheduler/clock.h"
#include "server/scheduler/task.h"

namespace octet {

// Shares a fixed set of lanes between the queues of all models.
//
// Work-conserving: a free lane takes what waits, up to one batch, at once.
// Fair: among the queues with waiting tasks, the one that has used the least
// lane time is next; a queue that was idle starts level with the others, so
// idleness earns no credit, nor does waiting at QueueLimits::max_running.
// Expired tasks are dropped, never run.
//
// Under more load than the lanes can bear, what is answered is answered in
// time: a task that would wait too long for its deadline is refused when it
// comes, and one that has become too late to be done in time is dropped. What
// a row costs is measured, batch by batch.
//
// Thread-safe.
class BatchScheduler {
 public:
  // One model's queue; owned by the scheduler.
  class Queue;

  // `clock` must outlive the scheduler. `lanes` >= 1 is how many lanes share
  // the work (for RetryAfter() only; see LanePool for the threads).
  BatchScheduler(int lanes, const Clock* clock);

  // REQUIRES: no lane runs and every queue was removed.
  ~BatchScheduler();

  BatchScheduler(const BatchScheduler&) = delete;
  BatchScheduler& operator=(const BatchScheduler&) = delete;

  int lanes() const { return lanes_; }
  const Clock* clock() const { return clock_; }

  // Opens a queue whose batches go to `runner`, which must outlive it.
  Queue* AddQueue(const QueueLimits& limits, BatchRunner* runner);

  // REQUIRES: no task of `queue` waits or runs, none will be enqueued.
  void RemoveQueue(Queue* queue);

  // Takes `task` only if it returns OK; else the caller still has it, and
  // neither Drop() nor the runner is called for it.
  //   DEADLINE_EXCEEDED, UNAVAILABLE  as for Task::Drop()
  //   INVALID_ARGUMENT  as for BatchQueue::Push()
  //   RESOURCE_EXHAUSTED  likewise; or too much waits for its deadline
  absl::Status Enqueue(Queue* queue, std::shared_ptr<Task> task);

  // Drops `task` with CANCELLED, or DEADLINE_EXCEEDED if its deadline has
  // passed; does nothing when a lane has taken it or it was not enqueued.
  void Cancel(Queue* queue, const Task& task);

  // How long the work that waits in `queue` will take: when to retry after
  // RESOURCE_EXHAUSTED. Between 1 ms and 10 s.
  absl::Duration RetryAfter(Queue* queue) const;

  QueueDepth Depth(Queue* queue) const;

  // Takes the next batch, if there is one, and runs it on the calling thread
  // as lane `lane`. Returns whether anything was taken.
  bool RunOne(int lane);

  // RunOne() until Stop(); sleeps while nothing waits.
  void RunLane(int lane);

  // Ends RunLane() on every lane after its current batch, drops every waiting
  // task with UNAVAILABLE, and makes Enqueue() refuse.
  void Stop();

 private:
  // A batch on its way from a queue to its runner.
  struct Work {
    Queue* queue = nullptr;
    std::vector<std::shared_ptr<Task>> batch;
    std::vector<std::shared_ptr<Task>> expired;
    std::vector<std::shared_ptr<Task>> late;
    int64_t rows = 0;
    absl::Duration charged;  // lane time put on the queue's account in advance
  };

  bool TakeWorkLocked(Work* work) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Queue* NextQueueLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // How long a lane takes for a row of `queue`, over the lanes that it gets
  // beside `sharers` - 1 others.
  absl::Duration TimePerRowLocked(const Queue& queue, int64_t sharers) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status CheckDeadlineLocked(const Queue& queue, const Task& task,
                                   absl::Time now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Runs and drops what `work` holds, then empties it.
  void Perform(int lane, Work* work) ABSL_LOCKS_EXCLUDED(mutex_);
  bool RunOneWith(int lane, Work* work) ABSL_LOCKS_EXCLUDED(mutex_);

  const int lanes_;
  const Clock* const clock_;

  mutable absl::Mutex mutex_;
  absl::CondVar work_;  // signalled when a task waits or on Stop()
  std::vector<std::unique_ptr<Queue>> queues_ ABSL_GUARDED_BY(mutex_);
  // Lane time used by the queue chosen last, at that moment: where a queue
  // that was idle starts.
  absl::Duration level_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace octet

#endif  // OCTET_SERVER_SCHEDULER_BATCH_SCHEDULER_H_
