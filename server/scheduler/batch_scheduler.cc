// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/batch_scheduler.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/base/check.h"
#include "server/scheduler/batch_queue.h"
#include "server/scheduler/clock.h"
#include "server/scheduler/task.h"

namespace octet {
namespace {

constexpr absl::Duration kShortestRetry = absl::Milliseconds(1);
constexpr absl::Duration kLongestRetry = absl::Seconds(10);

// Weight of the newest batch in the running mean of the cost of a row.
constexpr double kCostWeight = 0.125;

// The share of the time to a task's deadline that its wait and computation may
// be expected to take: what is admitted must not miss it by a whisker.
constexpr double kAdmittedShare = 0.75;

// More than any queue holds.
constexpr double kMostRows = 1e12;

absl::Status Expired() {
  return absl::DeadlineExceededError(
      "the deadline passed while the request waited");
}

absl::Status TooLate() {
  return absl::DeadlineExceededError(
      "the deadline would pass before the answer: others went first");
}

absl::Status Stopped() {
  return absl::UnavailableError("the server is shutting down");
}

void DropAll(std::vector<std::shared_ptr<Task>>* tasks, absl::Status reason) {
  for (const std::shared_ptr<Task>& task : *tasks) task->Drop(reason);
  tasks->clear();
}

}  // namespace

// Guarded by the scheduler's mutex.
class BatchScheduler::Queue {
 public:
  Queue(const QueueLimits& limits, BatchRunner* runner)
      : waiting(limits), runner(runner) {}

  BatchQueue waiting;
  BatchRunner* const runner;
  int running = 0;  // batches on lanes
  int64_t running_rows = 0;
  absl::Duration used;          // lane time, for fairness
  absl::Duration cost_per_row;  // running mean

  bool busy() const { return !waiting.empty() || running > 0; }
  // Whether it may be given another lane.
  bool open() const { return running < waiting.limits().max_running; }
};

BatchScheduler::BatchScheduler(int lanes, const Clock* clock)
    : lanes_(lanes), clock_(clock) {
  OCTET_CHECK(lanes >= 1);
}

BatchScheduler::~BatchScheduler() {
  absl::MutexLock lock(&mutex_);
  OCTET_CHECK(queues_.empty());
}

BatchScheduler::Queue* BatchScheduler::AddQueue(const QueueLimits& limits,
                                                BatchRunner* runner) {
  OCTET_CHECK(limits.max_running >= 1);
  auto queue = std::make_unique<Queue>(limits, runner);
  Queue* const added = queue.get();
  absl::MutexLock lock(&mutex_);
  queues_.push_back(std::move(queue));
  return added;
}

void BatchScheduler::RemoveQueue(Queue* queue) {
  std::unique_ptr<Queue> removed;
  absl::MutexLock lock(&mutex_);
  OCTET_CHECK(queue->waiting.empty() && queue->running == 0);
  const auto position =
      std::find_if(queues_.begin(), queues_.end(),
                   [&](const auto& other) { return other.get() == queue; });
  OCTET_CHECK(position != queues_.end());
  removed = std::move(*position);
  queues_.erase(position);
}

absl::Status BatchScheduler::Enqueue(Queue* queue, std::shared_ptr<Task> task) {
  std::vector<std::shared_ptr<Task>> expired;
  absl::Status status;
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) return Stopped();
    const absl::Time now = clock_->Now();
    if (task->deadline() <= now) {
      return absl::DeadlineExceededError(
          "the deadline had passed when the request arrived");
    }
    BatchQueue& waiting = queue->waiting;
    // What nobody waits for any more must not keep a live request out.
    waiting.TakeExpired(now, &expired);
    if (!queue->busy()) queue->used = std::max(queue->used, level_);
    status = CheckDeadlineLocked(*queue, *task, now);
    if (status.ok()) status = waiting.Push(std::move(task), now);
    if (status.ok()) work_.Signal();
  }
  DropAll(&expired, Expired());
  return status;
}

absl::Duration BatchScheduler::TimePerRowLocked(const Queue& queue,
                                                int64_t sharers) const {
  const absl::Duration shared = queue.cost_per_row * sharers / lanes_;
  return std::max(shared,
                  queue.cost_per_row / queue.waiting.limits().max_running);
}

absl::Status BatchScheduler::CheckDeadlineLocked(const Queue& queue,
                                                 const Task& task,
                                                 absl::Time now) const {
  // Where nothing waits or runs a task is always taken: only running something
  // tells that the pace has changed.
  if (task.deadline() == absl::InfiniteFuture() || !queue.busy() ||
      queue.cost_per_row == absl::ZeroDuration()) {
    return absl::OkStatus();
  }
  const auto sharers =
      std::count_if(queues_.begin(), queues_.end(),
                    [](const auto& other) { return other->busy(); });
  const absl::Duration per_row = TimePerRowLocked(queue, sharers);
  const absl::Duration left = (task.deadline() - now) * kAdmittedShare;
  // What the others may take, so that the task's own rows are still in time.
  const absl::Duration others = left - queue.cost_per_row * task.rows();
  const auto fitting = static_cast<int64_t>(std::min(
      absl::FDivDuration(std::max(others, absl::ZeroDuration()), per_row),
      kMostRows));
  const int64_t before =
      queue.running_rows + queue.waiting.RowsBefore(task, fitting + 1);
  if (before <= fitting) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the queue is too long for the request's deadline: ",
      queue.waiting.depth().rows, " rows wait and take about ",
      absl::FormatDuration(absl::Trunc(per_row * queue.waiting.depth().rows,
                                       absl::Microseconds(1))),
      ", the deadline is in ",
      absl::FormatDuration(
          absl::Trunc(task.deadline() - now, absl::Microseconds(1))),
      "; retry later"));
}

void BatchScheduler::Cancel(Queue* queue, const Task& task) {
  std::shared_ptr<Task> taken;
  bool expired = false;
  {
    absl::MutexLock lock(&mutex_);
    taken = queue->waiting.Take(task);
    expired = taken != nullptr && taken->deadline() <= clock_->Now();
  }
  if (taken == nullptr) return;
  // A caller whose deadline passes cancels as well; that is not its choice.
  taken->Drop(expired
                  ? Expired()
                  : absl::CancelledError("the caller cancelled the request"));
}

absl::Duration BatchScheduler::RetryAfter(Queue* queue) const {
  absl::MutexLock lock(&mutex_);
  const int64_t rows = queue->waiting.depth().rows;
  return std::clamp(TimePerRowLocked(*queue, 1) * rows, kShortestRetry,
                    kLongestRetry);
}

QueueDepth BatchScheduler::Depth(Queue* queue) const {
  absl::MutexLock lock(&mutex_);
  return queue->waiting.depth();
}

BatchScheduler::Queue* BatchScheduler::NextQueueLocked() {
  Queue* next = nullptr;
  for (const std::unique_ptr<Queue>& queue : queues_) {
    if (queue->waiting.empty() || !queue->open()) continue;
    if (next == nullptr || queue->used < next->used) next = queue.get();
  }
  return next;
}

bool BatchScheduler::TakeWorkLocked(Work* work) {
  const absl::Time now = clock_->Now();
  for (const std::unique_ptr<Queue>& queue : queues_) {
    queue->waiting.TakeExpired(now, &work->expired);
  }
  Queue* const queue = NextQueueLocked();
  if (queue == nullptr) return !work->expired.empty();
  level_ = std::max(level_, queue->used);
  const Pace pace = {now, queue->cost_per_row};
  queue->waiting.TakeLate(pace, &work->late);
  work->queue = queue;
  work->rows = queue->waiting.TakeBatch(pace, &work->batch);
  // Charged in advance, or a second lane would find the queue as poor as
  // before and take from it again.
  work->charged = queue->cost_per_row * work->rows;
  queue->used += work->charged;
  queue->running += 1;
  queue->running_rows += work->rows;
  return true;
}

void BatchScheduler::Perform(int lane, Work* work) {
  DropAll(&work->expired, Expired());
  DropAll(&work->late, TooLate());
  if (work->queue == nullptr) return;
  const absl::Time start = clock_->Now();
  work->queue->runner->RunBatch(lane, work->batch);
  const absl::Duration spent =
      std::max(clock_->Now() - start, absl::ZeroDuration());
  {
    absl::MutexLock lock(&mutex_);
    Queue& queue = *work->queue;
    queue.used += spent - work->charged;
    // Lanes that it might not have are no credit for later.
    if (!queue.open()) queue.used = std::max(queue.used, level_);
    const absl::Duration cost = spent / work->rows;
    queue.cost_per_row =
        queue.cost_per_row == absl::ZeroDuration()
            ? cost
            : queue.cost_per_row * (1 - kCostWeight) + cost * kCostWeight;
    queue.running -= 1;
    queue.running_rows -= work->rows;
  }
  work->queue = nullptr;
  // The last task of a queue may own what removes the queue, so this comes
  // after the last use of it, and without the lock.
  work->batch.clear();
}

bool BatchScheduler::RunOneWith(int lane, Work* work) {
  {
    absl::MutexLock lock(&mutex_);
    if (!TakeWorkLocked(work)) return false;
  }
  Perform(lane, work);
  return true;
}

bool BatchScheduler::RunOne(int lane) {
  Work work;
  return RunOneWith(lane, &work);
}

void BatchScheduler::RunLane(int lane) {
  Work work;  // its vectors are reused from batch to batch
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      while (!stopped_ && !TakeWorkLocked(&work)) work_.Wait(&mutex_);
      if (stopped_) return;
    }
    Perform(lane, &work);
  }
}

void BatchScheduler::Stop() {
  std::vector<std::shared_ptr<Task>> dropped;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    for (const std::unique_ptr<Queue>& queue : queues_) {
      queue->waiting.TakeAll(&dropped);
    }
    work_.SignalAll();
  }
  DropAll(&dropped, Stopped());
}

}  // namespace octet
