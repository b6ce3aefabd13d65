// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_SCHEDULER_BATCH_QUEUE_H_
#define OCTET_SERVER_SCHEDULER_BATCH_QUEUE_H_

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/scheduler/task.h"

namespace octet {

struct QueueLimits {
  // The most rows that one batch holds. A task with more rows is a batch of
  // its own. 1 for work that cannot be batched.
  int64_t max_batch_rows = 8;
  // The most batches that are computed at a time; 1 or more.
  int max_running = std::numeric_limits<int>::max();
  // The most rows that wait. Raising it trades latency for fewer refusals.
  int64_t max_queued_rows = 1024;
  // The most memory that waiting tasks keep.
  int64_t max_queued_bytes = int64_t{256} << 20;
  // The most tasks that wait at a level of priority, and at those levels that
  // have a bound of their own; absent: as many as fit.
  std::optional<int64_t> max_level_tasks = std::nullopt;
  std::map<uint64_t, std::optional<int64_t>> max_tasks_of_level = {};
};

// What waits in a queue.
struct QueueDepth {
  int64_t tasks = 0;
  int64_t rows = 0;
  int64_t bytes = 0;
};

// How fast a model's rows are computed; the cost is 0 while nothing is known.
struct Pace {
  absl::Time now;
  absl::Duration cost_per_row;  // on one lane

  // When `rows` rows that start now are done.
  absl::Time DoneAt(int64_t rows) const { return now + cost_per_row * rows; }
};

// The waiting tasks of one model: lowest level first; within a level those that
// have not yielded, the earliest deadline (or time to yield) first, then first
// come first served.
//
// Thread-compatible; BatchScheduler guards it. Never calls a task.
class BatchQueue {
 public:
  explicit BatchQueue(const QueueLimits& limits)
      : limits_(limits),
        counts_levels_(limits.max_level_tasks ||
                       !limits.max_tasks_of_level.empty()) {}

  // Takes `task` in only if it returns OK.
  //   INVALID_ARGUMENT    the task alone exceeds a limit; retrying cannot help
  //   RESOURCE_EXHAUSTED  the queue is full; a retry may succeed
  absl::Status Push(std::shared_ptr<Task> task, absl::Time now);

  // Moves the tasks whose deadline is `now` or earlier to `expired`, and those
  // that yield by now behind the others of their level.
  void TakeExpired(absl::Time now, std::vector<std::shared_ptr<Task>>* expired);

  // Moves the most urgent tasks to `late` that could not be done in time if
  // they started now, but never the last one: only running something tells
  // that the pace has changed.
  void TakeLate(const Pace& pace, std::vector<std::shared_ptr<Task>>* late);

  // Moves the most urgent tasks that fit one batch to `batch`; at least one
  // where the queue is not empty, and no more than are done before the first
  // of their deadlines. Returns their rows.
  int64_t TakeBatch(const Pace& pace,
                    std::vector<std::shared_ptr<Task>>* batch);

  // The rows of the tasks that would go before `task`, which does not wait here
  // yet; counted no further than `enough`.
  int64_t RowsBefore(const Task& task, int64_t enough) const;

  // Moves everything to `all`.
  void TakeAll(std::vector<std::shared_ptr<Task>>* all);

  // Takes `task` out; null where it does not wait here.
  std::shared_ptr<Task> Take(const Task& task);

  const QueueDepth& depth() const { return depth_; }
  const QueueLimits& limits() const { return limits_; }
  bool empty() const { return tasks_.empty(); }

 private:
  // Level, whether it has yielded, when it expires or yields, order of arrival.
  using Key = std::tuple<uint64_t, bool, absl::Time, uint64_t>;
  using Tasks = absl::btree_map<Key, std::shared_ptr<Task>>;

  static Key KeyOf(const Task& task);
  absl::Status CheckLevel(uint64_t level) const;
  void Insert(std::shared_ptr<Task> task);
  std::shared_ptr<Task> Remove(Tasks::iterator position);

  const QueueLimits limits_;
  const bool counts_levels_;
  Tasks tasks_;
  QueueDepth depth_;
  // Tasks by level, of those levels where some wait; for bounded ones only.
  absl::btree_map<uint64_t, int64_t> level_tasks_;
  uint64_t next_sequence_ = 1;
};

}  // namespace octet

#endif  // OCTET_SERVER_SCHEDULER_BATCH_QUEUE_H_
