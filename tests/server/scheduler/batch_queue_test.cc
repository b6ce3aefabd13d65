// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/batch_queue.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/scheduler/recorded_task.h"

namespace octet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

absl::Time In(int seconds) { return kNow + absl::Seconds(seconds); }

std::vector<std::string> Names(
    const std::vector<std::shared_ptr<Task>>& tasks) {
  std::vector<std::string> names;
  for (const auto& task : tasks) {
    names.push_back(static_cast<const RecordedTask&>(*task).name());
  }
  return names;
}

class BatchQueueTest : public ::testing::Test {
 protected:
  explicit BatchQueueTest(QueueLimits limits = {.max_batch_rows = 4,
                                                .max_queued_rows = 10,
                                                .max_queued_bytes = 100})
      : queue_(limits) {}

  absl::Status Push(const std::string& name, int64_t rows = 1,
                    absl::Time deadline = absl::InfiniteFuture(),
                    int64_t bytes = 0) {
    return queue_.Push(
        std::make_shared<RecordedTask>(name, rows, deadline, bytes), kNow);
  }

  std::vector<std::string> TakeBatch() {
    std::vector<std::shared_ptr<Task>> batch;
    queue_.TakeBatch({In(0), absl::ZeroDuration()}, &batch);
    return Names(batch);
  }

  BatchQueue queue_;
};

TEST_F(BatchQueueTest, ReleasesEarliestDeadlineFirstThenFirstCome) {
  ASSERT_TRUE(Push("none1").ok());
  ASSERT_TRUE(Push("late", 1, In(9)).ok());
  ASSERT_TRUE(Push("none2").ok());
  ASSERT_TRUE(Push("soon", 1, In(1)).ok());
  EXPECT_THAT(TakeBatch(), ElementsAre("soon", "late", "none1", "none2"));
  EXPECT_TRUE(queue_.empty());
}

TEST_F(BatchQueueTest, FillsABatchUpToItsRows) {
  ASSERT_TRUE(Push("a", 2).ok());
  ASSERT_TRUE(Push("b", 2).ok());
  ASSERT_TRUE(Push("c", 1).ok());
  EXPECT_THAT(TakeBatch(), ElementsAre("a", "b"));
  EXPECT_THAT(TakeBatch(), ElementsAre("c"));
  EXPECT_THAT(TakeBatch(), IsEmpty());
}

TEST_F(BatchQueueTest, LaterTaskDoesNotOvertakeOneThatDoesNotFit) {
  ASSERT_TRUE(Push("a", 3).ok());
  ASSERT_TRUE(Push("b", 2).ok());
  ASSERT_TRUE(Push("c", 1).ok());
  EXPECT_THAT(TakeBatch(), ElementsAre("a"));
  EXPECT_THAT(TakeBatch(), ElementsAre("b", "c"));
}

TEST_F(BatchQueueTest, TaskLargerThanABatchIsABatchOfItsOwn) {
  ASSERT_TRUE(Push("large", 9).ok());
  ASSERT_TRUE(Push("small", 1).ok());
  EXPECT_THAT(TakeBatch(), ElementsAre("large"));
}

TEST_F(BatchQueueTest, RefusesWhenRowsAreFullAndSaysSo) {
  ASSERT_TRUE(Push("a", 8).ok());
  const absl::Status status = Push("b", 3);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("8 rows wait, 3 more do not fit the limit of 10"));
  EXPECT_TRUE(Push("c", 2).ok());
  EXPECT_EQ(queue_.depth().rows, 10);
  EXPECT_EQ(queue_.depth().tasks, 2);
}

TEST_F(BatchQueueTest, RefusesWhenBytesAreFull) {
  ASSERT_TRUE(Push("a", 1, absl::InfiniteFuture(), 60).ok());
  const absl::Status status = Push("b", 1, absl::InfiniteFuture(), 41);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Push("c", 1, absl::InfiniteFuture(), 40).ok());
  EXPECT_EQ(queue_.depth().bytes, 100);
}

TEST_F(BatchQueueTest, RefusesForGoodWhatCanNeverFit) {
  EXPECT_EQ(Push("rows", 11).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Push("bytes", 1, absl::InfiniteFuture(), 101).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(queue_.empty());
}

TEST_F(BatchQueueTest, RoomIsFreeAgainOnceTasksLeave) {
  ASSERT_TRUE(Push("a", 10, absl::InfiniteFuture(), 100).ok());
  EXPECT_THAT(TakeBatch(), ElementsAre("a"));
  EXPECT_EQ(queue_.depth().rows, 0);
  EXPECT_EQ(queue_.depth().bytes, 0);
  EXPECT_TRUE(Push("b", 10, absl::InfiniteFuture(), 100).ok());
}

TEST_F(BatchQueueTest, ExpiredTasksComeOutApart) {
  ASSERT_TRUE(Push("at", 1, In(1)).ok());
  ASSERT_TRUE(Push("after", 1, In(2)).ok());
  std::vector<std::shared_ptr<Task>> expired;
  queue_.TakeExpired(In(1), &expired);
  EXPECT_THAT(Names(expired), ElementsAre("at"));
  EXPECT_THAT(TakeBatch(), ElementsAre("after"));
}

TEST_F(BatchQueueTest, TakesOutTheOneThatIsNamed) {
  auto first = std::make_shared<RecordedTask>("first", 1, In(5));
  auto second = std::make_shared<RecordedTask>("second", 1, In(5));
  ASSERT_TRUE(queue_.Push(first, kNow).ok());
  ASSERT_TRUE(queue_.Push(second, kNow).ok());
  EXPECT_EQ(queue_.Take(*first), first);
  EXPECT_EQ(queue_.Take(*first), nullptr);
  EXPECT_THAT(TakeBatch(), ElementsAre("second"));
}

TEST_F(BatchQueueTest, BatchIsNoLargerThanItsDeadlinesAllow) {
  ASSERT_TRUE(Push("a", 1, In(3)).ok());
  ASSERT_TRUE(Push("b", 1, In(4)).ok());
  ASSERT_TRUE(Push("c", 1, In(5)).ok());
  ASSERT_TRUE(Push("d", 1, In(6)).ok());
  const Pace pace = {In(0), absl::Seconds(1.5)};
  std::vector<std::shared_ptr<Task>> batch;
  EXPECT_EQ(queue_.TakeBatch(pace, &batch), 2);
  EXPECT_THAT(Names(batch), ElementsAre("a", "b"));
  // At least one, also where it will be late.
  batch.clear();
  EXPECT_EQ(queue_.TakeBatch({In(4), absl::Seconds(9)}, &batch), 1);
  EXPECT_THAT(Names(batch), ElementsAre("c"));
}

TEST_F(BatchQueueTest, TakesTheLateOnesOutButNeverTheLast) {
  ASSERT_TRUE(Push("a", 1, In(1)).ok());
  ASSERT_TRUE(Push("b", 3, In(5)).ok());
  ASSERT_TRUE(Push("c", 1, In(9)).ok());
  std::vector<std::shared_ptr<Task>> late;
  queue_.TakeLate({In(0), absl::Seconds(1)}, &late);
  EXPECT_THAT(Names(late), IsEmpty());
  queue_.TakeLate({In(0), absl::Seconds(2)}, &late);
  EXPECT_THAT(Names(late), ElementsAre("a", "b"));
  queue_.TakeLate({In(0), absl::Seconds(100)}, &late);
  EXPECT_EQ(late.size(), 2u);
  EXPECT_THAT(TakeBatch(), ElementsAre("c"));
}

TEST_F(BatchQueueTest, CountsTheRowsThatGoBefore) {
  EXPECT_EQ(queue_.RowsBefore(absl::InfiniteFuture(), 100), 0);
  ASSERT_TRUE(Push("a", 2, In(1)).ok());
  ASSERT_TRUE(Push("b", 3, In(5)).ok());
  ASSERT_TRUE(Push("c", 1).ok());
  EXPECT_EQ(queue_.RowsBefore(In(0), 100), 0);
  EXPECT_EQ(queue_.RowsBefore(In(1), 100), 2);
  EXPECT_EQ(queue_.RowsBefore(In(6), 100), 5);
  EXPECT_EQ(queue_.RowsBefore(In(6), 1), 2);
  EXPECT_EQ(queue_.RowsBefore(absl::InfiniteFuture(), 100), 6);
}

}  // namespace
}  // namespace octet
