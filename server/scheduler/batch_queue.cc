// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/batch_queue.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/scheduler/task.h"

namespace octet {

BatchQueue::Key BatchQueue::KeyOf(const Task& task) {
  const absl::Time time = task.yielded_
                              ? task.deadline()
                              : std::min(task.deadline(), task.yields_after());
  return Key(task.level(), task.yielded_, time, task.sequence_);
}

absl::Status BatchQueue::CheckLevel(uint64_t level) const {
  const auto own = limits_.max_tasks_of_level.find(level);
  const std::optional<int64_t> most = own == limits_.max_tasks_of_level.end()
                                          ? limits_.max_level_tasks
                                          : own->second;
  if (!most) return absl::OkStatus();
  const auto waiting = level_tasks_.find(level);
  if (waiting == level_tasks_.end() || waiting->second < *most) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "the queue is full: ", waiting->second,
      " requests wait at priority level ", level, ", the model's limit is ",
      *most, " (max_queue_size); retry later"));
}

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
  if (absl::Status status = CheckLevel(task->level()); !status.ok()) {
    return status;
  }
  task->enqueued_ = now;
  task->sequence_ = next_sequence_++;
  Insert(std::move(task));
  return absl::OkStatus();
}

void BatchQueue::TakeExpired(absl::Time now,
                             std::vector<std::shared_ptr<Task>>* expired) {
  auto position = tasks_.begin();
  while (position != tasks_.end()) {
    const Key key = position->first;
    const auto& [level, yielded, time, sequence] = key;
    if (time > now) {
      // Nor are the others of this level due, on this side of yielding.
      position = tasks_.upper_bound(Key(level, yielded, absl::InfiniteFuture(),
                                        std::numeric_limits<uint64_t>::max()));
      continue;
    }
    std::shared_ptr<Task> task = Remove(position);
    if (task->deadline() <= now) {
      expired->push_back(std::move(task));
    } else {
      task->yielded_ = true;
      Insert(std::move(task));
    }
    position = tasks_.lower_bound(key);
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

int64_t BatchQueue::RowsBefore(const Task& task, int64_t enough) const {
  const Key last(task.level(), false,
                 std::min(task.deadline(), task.yields_after()),
                 std::numeric_limits<uint64_t>::max());
  if (tasks_.empty() || tasks_.rbegin()->first <= last) return depth_.rows;
  int64_t rows = 0;
  for (const auto& [key, waiting] : tasks_) {
    if (key > last || rows >= enough) break;
    rows += waiting->rows();
  }
  return rows;
}

void BatchQueue::TakeAll(std::vector<std::shared_ptr<Task>>* all) {
  while (!tasks_.empty()) all->push_back(Remove(tasks_.begin()));
}

std::shared_ptr<Task> BatchQueue::Take(const Task& task) {
  const auto position = tasks_.find(KeyOf(task));
  if (position == tasks_.end() || position->second.get() != &task) {
    return nullptr;
  }
  return Remove(position);
}

void BatchQueue::Insert(std::shared_ptr<Task> task) {
  depth_.tasks += 1;
  depth_.rows += task->rows();
  depth_.bytes += task->bytes();
  if (counts_levels_) level_tasks_[task->level()] += 1;
  const Key key = KeyOf(*task);
  tasks_.emplace(key, std::move(task));
}

std::shared_ptr<Task> BatchQueue::Remove(Tasks::iterator position) {
  std::shared_ptr<Task> task = std::move(position->second);
  tasks_.erase(position);
  depth_.tasks -= 1;
  depth_.rows -= task->rows();
  depth_.bytes -= task->bytes();
  if (counts_levels_) {
    const auto level = level_tasks_.find(task->level());
    level->second -= 1;
    if (level->second == 0) level_tasks_.erase(level);
  }
  return task;
}

}  // namespace octet
