// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_SCHEDULER_TASK_H_
#define OCTET_SERVER_SCHEDULER_TASK_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace octet {

// One request as the scheduler sees it: so many rows, wanted by a deadline, at
// a level of priority.
//
// A task that Enqueue() took is given back exactly once: to its queue's
// BatchRunner, or to Drop(). Neither happens under a lock.
class Task {
 public:
  virtual ~Task() = default;

  // The task leaves the queue without having been run.
  //   DEADLINE_EXCEEDED  its deadline passed first
  //   CANCELLED          BatchScheduler::Cancel()
  //   UNAVAILABLE        the scheduler stops
  virtual void Drop(absl::Status reason) = 0;

  // Rows of the batch that the task takes up; at least 1.
  int64_t rows() const { return rows_; }

  // Memory that the task keeps while it waits.
  int64_t bytes() const { return bytes_; }

  absl::Time deadline() const { return deadline_; }

  // Tasks of a lower level go first, whatever the deadlines.
  uint64_t level() const { return level_; }

  // Once this has passed the task lets all others of its level go first.
  absl::Time yields_after() const { return yields_after_; }

  // When Enqueue() took the task.
  absl::Time enqueued() const { return enqueued_; }

 protected:
  // REQUIRES: called before Enqueue().
  void SetDemand(int64_t rows, int64_t bytes, absl::Time deadline) {
    rows_ = rows;
    bytes_ = bytes;
    deadline_ = deadline;
  }

  // Without it the level is 0, and the task does not yield. REQUIRES: called
  // before Enqueue().
  void SetUrgency(uint64_t level, absl::Time yields_after) {
    level_ = level;
    yields_after_ = yields_after;
  }

 private:
  friend class BatchQueue;

  int64_t rows_ = 1;
  int64_t bytes_ = 0;
  absl::Time deadline_ = absl::InfiniteFuture();
  uint64_t level_ = 0;
  absl::Time yields_after_ = absl::InfiniteFuture();
  absl::Time enqueued_;
  // Place in the queue among equal deadlines; unique within a queue.
  uint64_t sequence_ = 0;
  bool yielded_ = false;
};

// Does the work of one queue's tasks.
class BatchRunner {
 public:
  virtual ~BatchRunner() = default;

  // Runs `batch`, on lane number `lane`, and completes every task of it. Never
  // called twice at a time for the same lane.
  virtual void RunBatch(int lane,
                        absl::Span<const std::shared_ptr<Task>> batch) = 0;
};

}  // namespace octet

#endif  // OCTET_SERVER_SCHEDULER_TASK_H_
