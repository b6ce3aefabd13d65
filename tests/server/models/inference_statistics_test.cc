// SPDX-License-Identifier: Apache-2.0
#include "server/models/inference_statistics.h"

#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace octet {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

RunTimes Times(int scale) {
  return {absl::Microseconds(scale), absl::Microseconds(10 * scale),
          absl::Microseconds(2 * scale)};
}

TEST(InferenceStatisticsTest, CountsRequestsWithTheirPhases) {
  InferenceStatistics statistics(4);
  statistics.CountRequest(true, absl::Milliseconds(3),
                          {absl::Milliseconds(1), Times(1)}, kNow);
  statistics.CountRequest(true, absl::Milliseconds(5),
                          {absl::Milliseconds(2), Times(3)},
                          kNow + absl::Seconds(1));
  // Phases of failed requests mean nothing.
  statistics.CountRequest(false, absl::Milliseconds(7),
                          {absl::Milliseconds(7), Times(7)},
                          kNow - absl::Seconds(1));
  const InferenceTotals totals = statistics.Read();
  EXPECT_EQ(totals.success.count, 2u);
  EXPECT_EQ(totals.success.duration, absl::Milliseconds(8));
  EXPECT_EQ(totals.fail.count, 1u);
  EXPECT_EQ(totals.fail.duration, absl::Milliseconds(7));
  EXPECT_EQ(totals.queue.count, 2u);
  EXPECT_EQ(totals.queue.duration, absl::Milliseconds(3));
  EXPECT_EQ(totals.phases.compute.count, 2u);
  EXPECT_EQ(totals.phases.compute.duration, absl::Microseconds(40));
  EXPECT_EQ(totals.phases.scatter.duration, absl::Microseconds(8));
  EXPECT_EQ(totals.last_answer, kNow + absl::Seconds(1));
}

TEST(InferenceStatisticsTest, CountsBatchesByTheirRows) {
  InferenceStatistics statistics(4);
  statistics.CountBatch(1, Times(1));
  statistics.CountBatch(1, Times(1));
  statistics.CountBatch(4, Times(2));
  // Computed as 4 + 4 + 1.
  statistics.CountBatch(9, Times(6));
  const InferenceTotals totals = statistics.Read();
  EXPECT_EQ(totals.rows, 15u);
  EXPECT_EQ(totals.batches, 6u);
  ASSERT_EQ(totals.by_rows.size(), 2u);
  EXPECT_EQ(totals.by_rows.at(1).gather.count, 2u);
  EXPECT_EQ(totals.by_rows.at(1).gather.duration, absl::Microseconds(2));
  EXPECT_EQ(totals.by_rows.at(4).compute.count, 4u);
  EXPECT_EQ(totals.by_rows.at(4).compute.duration, absl::Microseconds(80));
}

TEST(InferenceStatisticsTest, AClockThatIsSetBackCountsNoNegativeTime) {
  InferenceStatistics statistics(1);
  statistics.CountRequest(true, -absl::Seconds(1), {-absl::Seconds(1), {}},
                          kNow);
  EXPECT_EQ(statistics.Read().success.duration, absl::ZeroDuration());
  EXPECT_EQ(statistics.Read().queue.duration, absl::ZeroDuration());
}

TEST(InferenceStatisticsTest, ManyThreadsCountTogether) {
  InferenceStatistics statistics(2);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        statistics.CountBatch(2, Times(1));
        statistics.CountRequest(true, absl::Microseconds(1), {}, kNow);
        statistics.Read();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const InferenceTotals totals = statistics.Read();
  EXPECT_EQ(totals.rows, 8000u);
  EXPECT_EQ(totals.success.count, 4000u);
  EXPECT_EQ(totals.by_rows.at(2).gather.count, 4000u);
}

}  // namespace
}  // namespace octet
