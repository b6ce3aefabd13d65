// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_SERVER_SCHEDULER_RECORDED_TASK_H_
#define OCTET_TESTS_SERVER_SCHEDULER_RECORDED_TASK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/scheduler/task.h"

namespace octet {

// A task with a name that remembers how it ended.
class RecordedTask : public Task {
 public:
  explicit RecordedTask(std::string name, int64_t rows = 1,
                        absl::Time deadline = absl::InfiniteFuture(),
                        int64_t bytes = 0)
      : name_(std::move(name)) {
    SetDemand(rows, bytes, deadline);
  }

  void Drop(absl::Status reason) override { dropped_ = std::move(reason); }

  const std::string& name() const { return name_; }
  const std::optional<absl::Status>& dropped() const { return dropped_; }

 private:
  const std::string name_;
  std::optional<absl::Status> dropped_;
};

}  // namespace octet

#endif  // OCTET_TESTS_SERVER_SCHEDULER_RECORDED_TASK_H_
