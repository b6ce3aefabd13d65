// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/batch_queue.h"

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

int64_t BatchQueue::TakeBatch(std::vector<std::shared_ptr<Task>>* batch) {
  int64_t rows = 0;
  while (!tasks_.empty()) {
    const auto first = tasks_.begin();
    // Stopping at the first task that does not fit keeps the order: a later
    // one that does must not overtake it.
    if (rows > 0 && rows + first->second->rows() > limits_.max_batch_rows) {
      break;
    }
    rows += first->second->rows();
    batch->push_back(Remove(first));
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
