// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/batch_queue.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/scheduler/task.h"

namespace octet {

absl::Status BatchQueue::Push(std::shared_ptr<Task> task, absl::Time now) {
  if (task->rows() > limits_.max_queued_rows) {
    return absl::InvalidArgumentError(
        absl::StrCat("the request has ", task->rows(),
                     " rows, more than the queue can ever hold (",
                     limits_.max_queued_rows, "): send fewer rows at a time"));
  }
  if (task->bytes() > limits_.max_queued_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the request keeps ", task->bytes(),
                     " bytes, more than the queue can ever hold (",
                     limits_.max_queued_bytes, "): send fewer rows at a time"));
  }
  if (depth_.rows + task->rows() > limits_.max_queued_rows) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the queue is full: ", depth_.rows, " rows wait, ",
                     task->rows(), " more do not fit the limit of ",
                     limits_.max_queued_rows, " rows; retry later"));
  }
  if (depth_.bytes + task->bytes() > limits_.max_queued_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the queue is full: ", depth_.bytes, " bytes wait, ",
                     task->bytes(), " more do not fit the limit of ",
                     limits_.max_queued_bytes, " bytes; retry later"));
  }
  task->enqueued_ = now;
  task->sequence_ = next_sequence_++;
  depth_.tasks += 1;
  depth_.rows += task->rows();
  depth_.bytes += task->bytes();
  const Key key(task->deadline(), task->sequence_);
  tasks_.emplace(key, std::move(task));
  return absl::OkStatus();
}

void BatchQueue::TakeExpired(absl::Time now,
                             std::vector<std::shared_ptr<Task>>* expired) {
  while (!tasks_.empty() && tasks_.begin()->second->deadline() <= now) {
    expired->push_back(Remove(tasks_.begin()));
  }
}

void BatchQueue::TakeLate(const Pace& pace,
                          std::vector<std::shared_ptr<Task>>* late) {
  while (depth_.tasks > 1) {
    const auto first = tasks_.begin();
    if (pace.DoneAt(first->second->rows()) <= first->second->deadline()) break;
    late->push_back(Remove(first));
  }
}

int64_t BatchQueue::TakeBatch(const Pace& pace,
                              std::vector<std::shared_ptr<Task>>* batch) {
  int64_t rows = 0;
  absl::Time due = absl::InfiniteFuture();
  while (!tasks_.empty()) {
    const auto first = tasks_.begin();
    const int64_t more = rows + first->second->rows();
    due = std::min(due, first->second->deadline());
    // Stopping at the first task that does not fit keeps the order: a later
    // one that does must not overtake it.
    if (rows > 0 &&
        (more > limits_.max_batch_rows || pace.DoneAt(more) > due)) {
      break;
    }
    rows = more;
    batch->push_back(Remove(first));
  }
  return rows;
}

int64_t BatchQueue::RowsBefore(absl::Time deadline, int64_t enough) const {
  if (tasks_.empty() || tasks_.rbegin()->first.first <= deadline) {
    return depth_.rows;
  }
  int64_t rows = 0;
  for (const auto& [key, task] : tasks_) {
    if (key.first > deadline || rows >= enough) break;
    rows += task->rows();
  }
  return rows;
}

void BatchQueue::TakeAll(std::vector<std::shared_ptr<Task>>* all) {
  while (!tasks_.empty()) all->push_back(Remove(tasks_.begin()));
}

std::shared_ptr<Task> BatchQueue::Take(const Task& task) {
  const auto position = tasks_.find(Key(task.deadline(), task.sequence_));
  if (position == tasks_.end() || position->second.get() != &task) {
    return nullptr;
  }
  return Remove(position);
}

std::shared_ptr<Task> BatchQueue::Remove(Tasks::iterator position) {
  std::shared_ptr<Task> task = std::move(position->second);
  tasks_.erase(position);
  depth_.tasks -= 1;
  depth_.rows -= task->rows();
  depth_.bytes -= task->bytes();
  return task;
}

}  // namespace octet
