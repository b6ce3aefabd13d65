// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_SCHEDULER_LANE_POOL_H_
#define OCTET_SERVER_SCHEDULER_LANE_POOL_H_

#include <thread>
#include <vector>

#include "server/scheduler/batch_scheduler.h"

namespace octet {

// The threads behind a scheduler's lanes, one each.
//
// Immutable after construction.
class LanePool {
 public:
  // Starts scheduler->lanes() threads; `scheduler` must outlive the pool.
  explicit LanePool(BatchScheduler* scheduler);

  // Stops the scheduler and waits for the batches that run.
  ~LanePool();

  LanePool(const LanePool&) = delete;
  LanePool& operator=(const LanePool&) = delete;

 private:
  BatchScheduler* const scheduler_;
  std::vector<std::thread> threads_;
};

}  // namespace octet

#endif  // OCTET_SERVER_SCHEDULER_LANE_POOL_H_
