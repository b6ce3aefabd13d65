// SPDX-License-Identifier: Apache-2.0
//
// More load than the lanes can bear, played through on a clock that the tests
// turn: one lane, a row a millisecond.
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/scheduler/batch_scheduler.h"
#include "tests/server/scheduler/recorded_task.h"
#include "tests/testing/fake_clock.h"

namespace octet {
namespace {

constexpr absl::Duration kRow = absl::Milliseconds(1);

// Counts the rows that are done before their deadlines.
class TimedRunner : public BatchRunner {
 public:
  explicit TimedRunner(FakeClock* clock) : clock_(clock) {}

  void RunBatch(int, absl::Span<const std::shared_ptr<Task>> batch) override {
    int64_t rows = 0;
    for (const auto& task : batch) rows += task->rows();
    clock_->Advance(row_ * rows);
    ++batches_;
    for (const auto& task : batch) {
      if (clock_->Now() <= task->deadline()) in_time_ += task->rows();
    }
  }

  void SetRow(absl::Duration row) { row_ = row; }
  int64_t in_time() const { return in_time_; }
  int64_t batches() const { return batches_; }

 private:
  FakeClock* const clock_;
  absl::Duration row_ = kRow;
  int64_t in_time_ = 0;
  int64_t batches_ = 0;
};

class OverloadTest : public ::testing::Test {
 protected:
  OverloadTest()
      : runner_(&clock_),
        scheduler_(1, &clock_),
        queue_(scheduler_.AddQueue({}, &runner_)) {}

  ~OverloadTest() override {
    scheduler_.Stop();
    scheduler_.RemoveQueue(queue_);
  }

  absl::Status Offer(absl::Duration timeout) {
    return scheduler_.Enqueue(
        queue_, std::make_shared<RecordedTask>("t", 1, clock_.Now() + timeout));
  }

  // Tasks of `rate` rows a millisecond come in for `span`, each with the
  // timeout that `timeout` gives for its number.
  void Play(double rate, absl::Duration span,
            const std::function<absl::Duration(int64_t)>& timeout) {
    const absl::Time start = clock_.Now();
    int64_t sent = 0;
    while (clock_.Now() < start + span) {
      const double due =
          rate * absl::ToDoubleMilliseconds(clock_.Now() - start);
      for (; sent <= due; ++sent) {
        if (!Offer(timeout(sent)).ok()) ++refused_;
      }
      if (!scheduler_.RunOne(0)) clock_.Advance(kRow / 4);
    }
  }

  FakeClock clock_;
  TimedRunner runner_;
  BatchScheduler scheduler_;
  BatchScheduler::Queue* const queue_;
  int64_t refused_ = 0;
};

TEST_F(OverloadTest, FiveTimesTheLoadLosesNoCapacity) {
  constexpr int64_t kCapacity = 2000;
  Play(5, kCapacity * kRow, [](int64_t) { return absl::Milliseconds(60); });
  EXPECT_GE(runner_.in_time(), kCapacity * 95 / 100);
  EXPECT_GT(refused_, 3 * kCapacity);
}

TEST_F(OverloadTest, MixedDeadlinesLoseLittleCapacity) {
  constexpr int64_t kCapacity = 2000;
  Play(5, kCapacity * kRow, [](int64_t i) {
    return absl::Milliseconds(i % 3 == 0 ? 20 : i % 3 == 1 ? 60 : 300);
  });
  EXPECT_GE(runner_.in_time(), kCapacity * 90 / 100);
}

TEST_F(OverloadTest, LoadThatFitsIsNeverRefused) {
  constexpr int64_t kCapacity = 2000;
  Play(0.8, kCapacity * kRow, [](int64_t) { return absl::Milliseconds(60); });
  EXPECT_EQ(refused_, 0);
  EXPECT_GE(runner_.in_time(), kCapacity * 75 / 100);
}

TEST_F(OverloadTest, SlowSpellDoesNotShutTheDoor) {
  ASSERT_TRUE(Offer(absl::InfiniteDuration()).ok());
  runner_.SetRow(absl::Seconds(30));
  ASSERT_TRUE(scheduler_.RunOne(0));
  runner_.SetRow(kRow);
  // At the measured pace every task looks hopeless; they are tried anyhow, one
  // at a time, until the pace is known again.
  constexpr int64_t kCapacity = 2000;
  Play(5, kCapacity * kRow, [](int64_t) { return absl::Milliseconds(60); });
  EXPECT_GE(runner_.in_time(), kCapacity * 90 / 100);
}

}  // namespace
}  // namespace octet
