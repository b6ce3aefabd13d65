// SPDX-License-Identifier: Apache-2.0
#include "server/models/model_turns.h"

#include <functional>
#include <string>
#include <utility>

#include "absl/synchronization/mutex.h"

namespace octet {

void ModelTurns::DoLong(const std::string& model, std::function<void()> work) {
  Do(model, {true, std::move(work)});
}

void ModelTurns::DoShort(const std::string& model, std::function<void()> work) {
  Do(model, {false, std::move(work)});
}

void ModelTurns::Do(const std::string& model, Work work) {
  {
    absl::MutexLock lock(&mutex_);
    const auto [turn, idle] = waiting_.try_emplace(model);
    if (!idle) {
      turn->second.push_back(std::move(work));
      return;
    }
  }
  if (work.is_long) {
    worker_.Do(
        [this, model, work = std::move(work)] { Continue(model, work); });
  } else {
    Continue(model, std::move(work));
  }
}

void ModelTurns::Continue(const std::string& model, Work work) {
  while (true) {
    work.run();
    {
      absl::MutexLock lock(&mutex_);
      const auto turn = waiting_.find(model);
      if (turn->second.empty()) {
        waiting_.erase(turn);
        return;
      }
      work = std::move(turn->second.front());
      turn->second.pop_front();
    }
    if (work.is_long) {
      worker_.Do(
          [this, model, next = std::move(work)] { Continue(model, next); });
      return;
    }
  }
}

void ModelTurns::AwaitIdle() {
  absl::MutexLock lock(&mutex_);
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return waiting_.empty();
  };
  mutex_.Await(absl::Condition(&idle));
}

}  // namespace octet
