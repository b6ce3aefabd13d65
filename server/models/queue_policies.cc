// SPDX-License-Identifier: Apache-2.0
#include "server/models/queue_policies.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "absl/time/time.h"
#include "proto/model_config.pb.h"
#include "server/scheduler/batch_queue.h"

namespace octet {

QueuePolicies::Policy QueuePolicies::Read(
    const inference::ModelQueuePolicy& config) {
  Policy policy;
  // In the configuration 0 means no timeout and no bound.
  if (config.default_timeout_microseconds() > 0) {
    policy.timeout = absl::Microseconds(static_cast<int64_t>(
        std::min<uint64_t>(config.default_timeout_microseconds(),
                           std::numeric_limits<int64_t>::max())));
  }
  policy.callers_may_shorten = config.allow_timeout_override();
  policy.yields = config.timeout_action() == inference::ModelQueuePolicy::DELAY;
  if (config.max_queue_size() > 0) policy.max_tasks = config.max_queue_size();
  return policy;
}

QueuePolicies::QueuePolicies(const inference::ModelDynamicBatching& config)
    : levels_(config.priority_levels()),
      default_level_(config.default_priority_level()) {
  if (config.has_default_queue_policy()) {
    default_policy_ = Read(config.default_queue_policy());
  }
  for (const auto& [level, policy] : config.priority_queue_policy()) {
    policies_[level] = Read(policy);
  }
}

WaitingRule QueuePolicies::RuleFor(
    uint64_t priority, std::optional<absl::Duration> timeout) const {
  WaitingRule rule;
  if (levels_ > 0) {
    rule.level =
        priority >= 1 && priority <= levels_ ? priority : default_level_;
  }
  const auto own = policies_.find(rule.level);
  const Policy& policy = own == policies_.end() ? default_policy_ : own->second;
  rule.timeout = policy.timeout;
  rule.yields = policy.yields;
  if (timeout && policy.callers_may_shorten) {
    rule.timeout = std::min(*timeout, rule.timeout.value_or(*timeout));
  }
  return rule;
}

void QueuePolicies::Limit(QueueLimits* limits) const {
  limits->max_level_tasks = default_policy_.max_tasks;
  for (const auto& [level, policy] : policies_) {
    limits->max_tasks_of_level[level] = policy.max_tasks;
  }
}

}  // namespace octet
