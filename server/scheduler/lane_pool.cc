// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/lane_pool.h"

#include <pthread.h>

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/scheduler/batch_scheduler.h"

namespace octet {

LanePool::LanePool(BatchScheduler* scheduler) : scheduler_(scheduler) {
  threads_.reserve(scheduler_->lanes());
  for (int lane = 0; lane < scheduler_->lanes(); ++lane) {
    threads_.emplace_back([this, lane] { scheduler_->RunLane(lane); });
    const std::string name = absl::StrCat("lane-", lane);
    pthread_setname_np(threads_.back().native_handle(), name.c_str());
  }
}

LanePool::~LanePool() {
  scheduler_->Stop();
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace octet
