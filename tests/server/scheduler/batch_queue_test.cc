// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/batch_queue.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
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
  const auto before = [this](absl::Time deadline, int64_t enough) {
    return queue_.RowsBefore(RecordedTask("new", 1, deadline), enough);
  };
  EXPECT_EQ(before(absl::InfiniteFuture(), 100), 0);
  ASSERT_TRUE(Push("a", 2, In(1)).ok());
  ASSERT_TRUE(Push("b", 3, In(5)).ok());
  ASSERT_TRUE(Push("c", 1).ok());
  EXPECT_EQ(before(In(0), 100), 0);
  EXPECT_EQ(before(In(1), 100), 2);
  EXPECT_EQ(before(In(6), 100), 5);
  EXPECT_EQ(before(In(6), 1), 2);
  EXPECT_EQ(before(absl::InfiniteFuture(), 100), 6);
}

class UrgentTask : public RecordedTask {
 public:
  UrgentTask(std::string name, uint64_t level,
             absl::Time yields_after = absl::InfiniteFuture(),
             absl::Time deadline = absl::InfiniteFuture())
      : RecordedTask(std::move(name), 1, deadline) {
    SetUrgency(level, yields_after);
  }
};

class LeveledQueueTest : public BatchQueueTest {
 protected:
  LeveledQueueTest() : BatchQueueTest(Limits()) {}

  static QueueLimits Limits() {
    QueueLimits limits = {.max_batch_rows = 20, .max_queued_rows = 20};
    limits.max_level_tasks = 2;
    limits.max_tasks_of_level[3] = 1;
    limits.max_tasks_of_level[4] = std::nullopt;
    return limits;
  }

  absl::Status Push(std::shared_ptr<Task> task) {
    return queue_.Push(std::move(task), kNow);
  }

  std::vector<std::string> TakeExpired(absl::Time now) {
    std::vector<std::shared_ptr<Task>> expired;
    queue_.TakeExpired(now, &expired);
    return Names(expired);
  }
};

TEST_F(LeveledQueueTest, ALowerLevelGoesBeforeAnyDeadline) {
  ASSERT_TRUE(Push(std::make_shared<UrgentTask>("two", 2,
                                                absl::InfiniteFuture(), In(1)))
                  .ok());
  ASSERT_TRUE(Push(std::make_shared<UrgentTask>("one", 1)).ok());
  ASSERT_TRUE(Push(std::make_shared<UrgentTask>("one soon", 1,
                                                absl::InfiniteFuture(), In(2)))
                  .ok());
  EXPECT_THAT(TakeBatch(), ElementsAre("one soon", "one", "two"));
}

TEST_F(LeveledQueueTest, OnlyItsOwnLevelAndHigherOnesGoBeforeATask) {
  ASSERT_TRUE(Push(std::make_shared<UrgentTask>("one", 1)).ok());
  ASSERT_TRUE(Push(std::make_shared<UrgentTask>("two", 2)).ok());
  ASSERT_TRUE(Push(std::make_shared<UrgentTask>("two soon", 2,
                                                absl::InfiniteFuture(), In(1)))
                  .ok());
  ASSERT_TRUE(Push(std::make_shared<UrgentTask>("three", 3)).ok());
  const auto before = [this](uint64_t level, absl::Time deadline) {
    return queue_.RowsBefore(
        UrgentTask("new", level, absl::InfiniteFuture(), deadline), 100);
  };
  EXPECT_EQ(before(0, absl::InfiniteFuture()), 0);
  EXPECT_EQ(before(1, In(9)), 0);
  EXPECT_EQ(before(1, absl::InfiniteFuture()), 1);
  EXPECT_EQ(before(2, In(9)), 2);
  EXPECT_EQ(before(2, absl::InfiniteFuture()), 3);
  EXPECT_EQ(before(3, absl::InfiniteFuture()), 4);
}

TEST_F(LeveledQueueTest, TasksOfEveryLevelExpire) {
  for (const int level : {1, 2, 5}) {
    for (const int seconds : {1, 9}) {
      ASSERT_TRUE(Push(std::make_shared<UrgentTask>(
                           absl::StrCat(level, " in ", seconds), level,
                           absl::InfiniteFuture(), In(seconds)))
                      .ok());
    }
  }
  EXPECT_THAT(TakeExpired(In(1)), ElementsAre("1 in 1", "2 in 1", "5 in 1"));
  EXPECT_THAT(TakeBatch(), ElementsAre("1 in 9", "2 in 9", "5 in 9"));
}

TEST_F(LeveledQueueTest, ATaskThatYieldsGoesLastOfItsLevel) {
  const auto yields = std::make_shared<UrgentTask>("yields", 1, In(1));
  const auto gone = std::make_shared<UrgentTask>("gone", 4, In(1), In(3));
  ASSERT_TRUE(Push(yields).ok());
  ASSERT_TRUE(Push(gone).ok());
  ASSERT_TRUE(Push(std::make_shared<UrgentTask>("waits", 1)).ok());
  ASSERT_TRUE(Push(std::make_shared<UrgentTask>("other", 4)).ok());
  EXPECT_THAT(TakeExpired(In(1)), IsEmpty());
  EXPECT_EQ(queue_.depth().tasks, 4);
  // Its deadline holds still.
  EXPECT_THAT(TakeExpired(In(3)), ElementsAre("gone"));
  ASSERT_TRUE(
      Push(std::make_shared<UrgentTask>("late", 4, absl::InfiniteFuture()))
          .ok());
  EXPECT_THAT(TakeBatch(), ElementsAre("waits", "yields", "other", "late"));
  EXPECT_TRUE(queue_.empty());
}

TEST_F(LeveledQueueTest, ATaskThatYieldedCanBeTakenOut) {
  const auto yields = std::make_shared<UrgentTask>("yields", 1, In(1));
  ASSERT_TRUE(Push(yields).ok());
  EXPECT_THAT(TakeExpired(In(2)), IsEmpty());
  EXPECT_EQ(queue_.Take(*yields), yields);
  EXPECT_TRUE(queue_.empty());
}

TEST_F(LeveledQueueTest, LevelsHaveBoundsOfTheirOwn) {
  const auto push = [this](uint64_t level) {
    return Push(std::make_shared<UrgentTask>("t", level)).code();
  };
  EXPECT_EQ(push(1), absl::StatusCode::kOk);
  EXPECT_EQ(push(1), absl::StatusCode::kOk);
  EXPECT_EQ(push(1), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(push(2), absl::StatusCode::kOk);
  EXPECT_EQ(push(3), absl::StatusCode::kOk);
  EXPECT_EQ(push(3), absl::StatusCode::kResourceExhausted);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(push(4), absl::StatusCode::kOk);
  TakeBatch();
  EXPECT_EQ(push(3), absl::StatusCode::kOk);
}

}  // namespace
}  // namespace octet
