// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/batch_scheduler.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/scheduler/lane_pool.h"
#include "tests/server/scheduler/recorded_task.h"
#include "tests/testing/fake_clock.h"

namespace octet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Remembers what it ran, batch by batch, and lets each row take its time.
class RecordingRunner : public BatchRunner {
 public:
  RecordingRunner(FakeClock* clock, absl::Duration per_row)
      : clock_(clock), per_row_(per_row) {}

  void RunBatch(int, absl::Span<const std::shared_ptr<Task>> batch) override {
    std::vector<std::string> names;
    for (const auto& task : batch) {
      names.push_back(static_cast<const RecordedTask&>(*task).name());
      rows_ += task->rows();
      clock_->Advance(per_row_ * task->rows());
    }
    batches_.push_back(names);
    if (during_) during_();
  }

  void SetDuring(std::function<void()> during) { during_ = during; }
  const std::vector<std::vector<std::string>>& batches() const {
    return batches_;
  }
  int64_t rows() const { return rows_; }

 private:
  FakeClock* const clock_;
  const absl::Duration per_row_;
  std::function<void()> during_;
  std::vector<std::vector<std::string>> batches_;
  int64_t rows_ = 0;
};

class BatchSchedulerTest : public ::testing::Test {
 protected:
  BatchSchedulerTest() : scheduler_(2, &clock_) {}

  ~BatchSchedulerTest() override {
    scheduler_.Stop();
    for (const auto& [queue, runner] : runners_) scheduler_.RemoveQueue(queue);
  }

  BatchScheduler::Queue* AddQueue(
      QueueLimits limits = {}, absl::Duration per_row = absl::Milliseconds(1)) {
    auto runner = std::make_unique<RecordingRunner>(&clock_, per_row);
    BatchScheduler::Queue* queue = scheduler_.AddQueue(limits, runner.get());
    runners_[queue] = std::move(runner);
    return queue;
  }

  std::shared_ptr<RecordedTask> Add(
      BatchScheduler::Queue* queue, const std::string& name, int64_t rows = 1,
      absl::Duration timeout = absl::InfiniteDuration()) {
    auto task =
        std::make_shared<RecordedTask>(name, rows, clock_.Now() + timeout);
    const absl::Status status = scheduler_.Enqueue(queue, task);
    EXPECT_TRUE(status.ok()) << status;
    return task;
  }

  RecordingRunner& runner(BatchScheduler::Queue* queue) {
    return *runners_[queue];
  }

  FakeClock clock_;
  BatchScheduler scheduler_;
  std::map<BatchScheduler::Queue*, std::unique_ptr<RecordingRunner>> runners_;
};

TEST_F(BatchSchedulerTest, FreeLaneTakesUnderfullBatchAtOnce) {
  auto* queue = AddQueue({.max_batch_rows = 8});
  Add(queue, "a");
  EXPECT_TRUE(scheduler_.RunOne(0));
  EXPECT_THAT(runner(queue).batches(), ElementsAre(ElementsAre("a")));
  EXPECT_FALSE(scheduler_.RunOne(0));
}

TEST_F(BatchSchedulerTest, WhatArrivesDuringABatchMakesTheNextOne) {
  auto* queue = AddQueue({.max_batch_rows = 8});
  Add(queue, "a");
  runner(queue).SetDuring([&] {
    if (runner(queue).batches().size() > 1) return;
    Add(queue, "b");
    Add(queue, "c");
  });
  EXPECT_TRUE(scheduler_.RunOne(0));
  EXPECT_TRUE(scheduler_.RunOne(0));
  EXPECT_THAT(runner(queue).batches(),
              ElementsAre(ElementsAre("a"), ElementsAre("b", "c")));
}

TEST_F(BatchSchedulerTest, ExpiredTaskIsDroppedAndNeverRun) {
  auto* queue = AddQueue();
  auto soon = Add(queue, "soon", 1, absl::Seconds(1));
  auto late = Add(queue, "late", 1, absl::Seconds(3));
  clock_.Advance(absl::Seconds(2));
  EXPECT_TRUE(scheduler_.RunOne(0));
  ASSERT_TRUE(soon->dropped().has_value());
  EXPECT_EQ(soon->dropped()->code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(late->dropped().has_value());
  EXPECT_THAT(runner(queue).batches(), ElementsAre(ElementsAre("late")));
}

TEST_F(BatchSchedulerTest, RefusesTaskWhoseDeadlineHasPassed) {
  auto* queue = AddQueue();
  auto task = std::make_shared<RecordedTask>("x", 1, clock_.Now());
  EXPECT_EQ(scheduler_.Enqueue(queue, task).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(task->dropped().has_value());
  EXPECT_FALSE(scheduler_.RunOne(0));
}

TEST_F(BatchSchedulerTest, ExpiredTasksDoNotKeepLiveOnesOut) {
  auto* queue = AddQueue({.max_queued_rows = 2});
  auto dead = Add(queue, "dead", 2, absl::Seconds(1));
  clock_.Advance(absl::Seconds(2));
  Add(queue, "live", 2);
  ASSERT_TRUE(dead->dropped().has_value());
  EXPECT_EQ(dead->dropped()->code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(BatchSchedulerTest, FullQueueRefusesAtOnceWithATimeToRetryAfter) {
  auto* queue = AddQueue({.max_batch_rows = 4, .max_queued_rows = 8},
                         absl::Milliseconds(10));
  Add(queue, "first", 4);
  EXPECT_TRUE(scheduler_.RunOne(0));  // the scheduler learns 10 ms a row
  Add(queue, "a", 4);
  Add(queue, "b", 4);
  auto refused = std::make_shared<RecordedTask>("c");
  EXPECT_EQ(scheduler_.Enqueue(queue, refused).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(refused->dropped().has_value());
  // 8 rows of 10 ms on two lanes.
  EXPECT_EQ(scheduler_.RetryAfter(queue), absl::Milliseconds(40));
}

TEST_F(BatchSchedulerTest, CancelledTaskIsDroppedAndNeverRun) {
  auto* queue = AddQueue();
  auto task = Add(queue, "gone");
  scheduler_.Cancel(queue, *task);
  ASSERT_TRUE(task->dropped().has_value());
  EXPECT_EQ(task->dropped()->code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(scheduler_.RunOne(0));
  EXPECT_EQ(scheduler_.Depth(queue).rows, 0);
}

TEST_F(BatchSchedulerTest, CancelAfterTheDeadlineIsTheDeadlinesDoing) {
  auto* queue = AddQueue();
  auto task = Add(queue, "late", 1, absl::Seconds(1));
  clock_.Advance(absl::Seconds(2));
  scheduler_.Cancel(queue, *task);
  ASSERT_TRUE(task->dropped().has_value());
  EXPECT_EQ(task->dropped()->code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(BatchSchedulerTest, CancelAfterTheLaneTookItChangesNothing) {
  auto* queue = AddQueue();
  auto task = Add(queue, "running");
  runner(queue).SetDuring([&] { scheduler_.Cancel(queue, *task); });
  EXPECT_TRUE(scheduler_.RunOne(0));
  EXPECT_FALSE(task->dropped().has_value());
}

TEST_F(BatchSchedulerTest, ModelsShareLaneTimeNotRequests) {
  // One model's rows cost nine times the other's; both always have work.
  auto* slow = AddQueue({.max_batch_rows = 1}, absl::Milliseconds(9));
  auto* fast = AddQueue({.max_batch_rows = 1}, absl::Milliseconds(1));
  const absl::Time start = clock_.Now();
  while (clock_.Now() < start + absl::Seconds(1)) {
    if (scheduler_.Depth(slow).rows == 0) Add(slow, "s");
    if (scheduler_.Depth(fast).rows == 0) Add(fast, "f");
    ASSERT_TRUE(scheduler_.RunOne(0));
  }
  const double slow_ms = runner(slow).rows() * 9.0;
  const double fast_ms = runner(fast).rows() * 1.0;
  EXPECT_NEAR(slow_ms / (slow_ms + fast_ms), 0.5, 0.02);
}

TEST_F(BatchSchedulerTest, IdleModelEarnsNoCredit) {
  auto* busy = AddQueue({.max_batch_rows = 1}, absl::Milliseconds(10));
  auto* idle = AddQueue({.max_batch_rows = 1}, absl::Milliseconds(10));
  for (int i = 0; i < 100; ++i) {
    Add(busy, "b");
    ASSERT_TRUE(scheduler_.RunOne(0));
  }
  for (int i = 0; i < 20; ++i) {
    Add(busy, "b");
    Add(idle, "i");
  }
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(scheduler_.RunOne(0));
  // With credit for its idle second, the newcomer would run all 20.
  EXPECT_NEAR(runner(idle).rows(), 10, 1);
}

TEST_F(BatchSchedulerTest, SecondLaneTakesFromTheOtherModel) {
  auto* first = AddQueue({.max_batch_rows = 1});
  auto* second = AddQueue({.max_batch_rows = 1});
  for (auto* queue : {first, second}) {
    Add(queue, "learn");
    ASSERT_TRUE(scheduler_.RunOne(0));
  }
  Add(first, "a");
  Add(first, "b");
  Add(second, "c");
  bool nested = false;
  auto while_running = [&] {
    if (nested) return;
    nested = true;
    EXPECT_TRUE(scheduler_.RunOne(1));
  };
  runner(first).SetDuring(while_running);
  runner(second).SetDuring(while_running);
  ASSERT_TRUE(scheduler_.RunOne(0));
  // Two lanes at work, and neither model has both.
  EXPECT_EQ(runner(first).rows(), 2);
  EXPECT_EQ(runner(second).rows(), 2);
}

TEST_F(BatchSchedulerTest, AQueueGetsNoMoreLanesThanItsLimit) {
  auto* limited = AddQueue({.max_batch_rows = 1, .max_running = 1});
  auto* other = AddQueue({.max_batch_rows = 1});
  Add(limited, "a");
  Add(limited, "b");
  bool nested = false;
  runner(limited).SetDuring([&] {
    if (std::exchange(nested, true)) return;
    EXPECT_FALSE(scheduler_.RunOne(1));
    Add(other, "c");
    EXPECT_TRUE(scheduler_.RunOne(1));
    EXPECT_FALSE(scheduler_.RunOne(1));
  });
  ASSERT_TRUE(scheduler_.RunOne(0));
  EXPECT_THAT(runner(limited).batches(), ElementsAre(ElementsAre("a")));
  EXPECT_THAT(runner(other).batches(), ElementsAre(ElementsAre("c")));
  ASSERT_TRUE(scheduler_.RunOne(0));
  EXPECT_THAT(runner(limited).batches(),
              ElementsAre(ElementsAre("a"), ElementsAre("b")));
}

TEST_F(BatchSchedulerTest, AQueueAtItsLimitEarnsNoCredit) {
  auto* limited = AddQueue({.max_batch_rows = 1, .max_running = 1});
  auto* other = AddQueue({.max_batch_rows = 1});
  for (auto* queue : {limited, other}) {
    Add(queue, "learn");
    ASSERT_TRUE(scheduler_.RunOne(0));
  }
  // While it computes for a long time the other one has two lanes.
  bool nested = false;
  runner(limited).SetDuring([&] {
    if (std::exchange(nested, true)) return;
    bool second = false;
    runner(other).SetDuring([&] {
      if (std::exchange(second, true)) return;
      EXPECT_TRUE(scheduler_.RunOne(2));
    });
    for (int i = 0; i < 100; ++i) {
      second = false;
      Add(other, "o");
      Add(other, "o");
      ASSERT_TRUE(scheduler_.RunOne(1));
    }
    runner(other).SetDuring({});
    for (int i = 0; i < 20; ++i) Add(other, "o");
  });
  for (int i = 0; i < 21; ++i) Add(limited, "l");
  ASSERT_TRUE(scheduler_.RunOne(0));
  const int64_t before = runner(limited).rows();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(scheduler_.RunOne(0));
  EXPECT_NEAR(runner(limited).rows() - before, 10, 1);
}

TEST_F(BatchSchedulerTest, TimeToRetryAfterCountsTheLanesOfTheQueue) {
  auto* queue =
      AddQueue({.max_batch_rows = 4, .max_running = 1}, absl::Milliseconds(10));
  Add(queue, "first", 4);
  EXPECT_TRUE(scheduler_.RunOne(0));  // the scheduler learns 10 ms a row
  Add(queue, "a", 4);
  // On one of the two lanes.
  EXPECT_EQ(scheduler_.RetryAfter(queue), absl::Milliseconds(40));
}

TEST_F(BatchSchedulerTest, StopDropsWhatWaitsAndRefusesMore) {
  auto* queue = AddQueue();
  auto waiting = Add(queue, "waiting");
  scheduler_.Stop();
  ASSERT_TRUE(waiting->dropped().has_value());
  EXPECT_EQ(waiting->dropped()->code(), absl::StatusCode::kUnavailable);
  auto task = std::make_shared<RecordedTask>("x");
  EXPECT_EQ(scheduler_.Enqueue(queue, task).code(),
            absl::StatusCode::kUnavailable);
  EXPECT_THAT(runner(queue).batches(), IsEmpty());
}

// Counts rows on several threads.
class CountingRunner : public BatchRunner {
 public:
  explicit CountingRunner(absl::BlockingCounter* done) : done_(done) {}
  void RunBatch(int, absl::Span<const std::shared_ptr<Task>> batch) override {
    for (size_t i = 0; i < batch.size(); ++i) done_->DecrementCount();
  }

 private:
  absl::BlockingCounter* const done_;
};

TEST(LanePoolTest, LanesRunEverythingThatManyThreadsEnqueue) {
  constexpr int kThreads = 4;
  constexpr int kTasks = 500;
  BatchScheduler scheduler(3, Clock::Real());
  absl::BlockingCounter done(kThreads * kTasks);
  CountingRunner runner(&done);
  auto* queue = scheduler.AddQueue(
      {.max_batch_rows = 8, .max_queued_rows = kThreads * kTasks}, &runner);
  {
    LanePool lanes(&scheduler);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kTasks; ++i) {
          EXPECT_TRUE(
              scheduler.Enqueue(queue, std::make_shared<RecordedTask>("t"))
                  .ok());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    done.Wait();
  }
  scheduler.RemoveQueue(queue);
}

// Computes slowly, and remembers how many threads did so at a time.
class CrowdedRunner : public BatchRunner {
 public:
  explicit CrowdedRunner(absl::BlockingCounter* done) : done_(done) {}
  void RunBatch(int, absl::Span<const std::shared_ptr<Task>> batch) override {
    {
      absl::MutexLock lock(&mutex_);
      most_ = std::max(most_, ++running_);
    }
    absl::SleepFor(absl::Milliseconds(1));
    {
      absl::MutexLock lock(&mutex_);
      --running_;
    }
    for (size_t i = 0; i < batch.size(); ++i) done_->DecrementCount();
  }
  int most() const {
    absl::MutexLock lock(&mutex_);
    return most_;
  }

 private:
  absl::BlockingCounter* const done_;
  mutable absl::Mutex mutex_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  int most_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(LanePoolTest, LimitedQueuesAreServedToTheEndBesideEachOther) {
  constexpr int kTasks = 100;
  BatchScheduler scheduler(4, Clock::Real());
  absl::BlockingCounter done(2 * kTasks);
  CrowdedRunner one(&done);
  CrowdedRunner two(&done);
  QueueLimits limits = {.max_batch_rows = 1, .max_running = 1};
  auto* first = scheduler.AddQueue(limits, &one);
  limits.max_running = 2;
  auto* second = scheduler.AddQueue(limits, &two);
  {
    LanePool lanes(&scheduler);
    for (int i = 0; i < kTasks; ++i) {
      for (auto* queue : {first, second}) {
        EXPECT_TRUE(
            scheduler.Enqueue(queue, std::make_shared<RecordedTask>("t")).ok());
      }
    }
    done.Wait();
  }
  EXPECT_EQ(one.most(), 1);
  EXPECT_EQ(two.most(), 2);
  scheduler.RemoveQueue(first);
  scheduler.RemoveQueue(second);
}

}  // namespace
}  // namespace octet
