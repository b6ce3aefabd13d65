// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_QUEUE_POLICIES_H_
#define OCTET_SERVER_MODELS_QUEUE_POLICIES_H_

#include <cstdint>
#include <map>
#include <optional>

#include "absl/time/time.h"
#include "proto/model_config.pb.h"
#include "server/scheduler/batch_queue.h"

namespace octet {

// How one request waits.
struct WaitingRule {
  uint64_t level = 0;  // of the scheduler: a lower one goes first
  // How long it waits, from its arrival on; absent: until its deadline.
  std::optional<absl::Duration> timeout;
  // What happens then: it lets the others of its level go first (true), or is
  // dropped with DEADLINE_EXCEEDED.
  bool yields = false;
};

// What a model's dynamic_batching says of waiting: levels of priority, and
// queue policies. Immutable.
class QueuePolicies {
 public:
  // REQUIRES: `config` was checked, see model_configuration.h.
  explicit QueuePolicies(const inference::ModelDynamicBatching& config);

  // The rule for a request with those parameters. `priority` is a level from 1,
  // the highest, on; 0 and levels that the model does not have mean its
  // default; a model without levels treats all alike. A `timeout` holds where
  // the policy lets callers override its own, and can only shorten that one;
  // without any policy it always holds.
  WaitingRule RuleFor(uint64_t priority,
                      std::optional<absl::Duration> timeout) const;

  // Adds the policies' bounds.
  void Limit(QueueLimits* limits) const;

 private:
  struct Policy {
    std::optional<absl::Duration> timeout;
    bool callers_may_shorten = true;
    bool yields = false;
    std::optional<int64_t> max_tasks;
  };

  static Policy Read(const inference::ModelQueuePolicy& config);

  uint64_t levels_ = 0;
  uint64_t default_level_ = 0;
  Policy default_policy_;
  std::map<uint64_t, Policy> policies_;  // of levels that have their own
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_QUEUE_POLICIES_H_
