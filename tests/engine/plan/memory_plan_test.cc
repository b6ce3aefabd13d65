// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/memory_plan.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::plan {
namespace {

size_t Aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

bool LiveTogether(const BufferLife& a, const BufferLife& b) {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

void ExpectValid(const std::vector<BufferLife>& buffers,
                 const MemoryPlan& plan) {
  ASSERT_EQ(plan.offsets.size(), buffers.size());
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_EQ(plan.offsets[i] % 64, 0u);
    EXPECT_LE(plan.offsets[i] + buffers[i].bytes, plan.arena_bytes);
    for (size_t j = 0; j < i; ++j) {
      if (!LiveTogether(buffers[i], buffers[j])) continue;
      const bool apart =
          plan.offsets[i] + buffers[i].bytes <= plan.offsets[j] ||
          plan.offsets[j] + buffers[j].bytes <= plan.offsets[i];
      EXPECT_TRUE(apart || buffers[i].bytes == 0 || buffers[j].bytes == 0)
          << "buffers " << j << " and " << i << " share bytes";
    }
  }
}

TEST(MemoryPlanTest, BuffersThatLiveTogetherNeverOverlap) {
  std::mt19937 random(42);
  const auto pick = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<BufferLife> buffers(pick(0, 40));
    for (BufferLife& buffer : buffers) {
      buffer.bytes = pick(0, 9) == 0 ? 0 : pick(1, 5000);
      buffer.first_step = pick(-1, 20);
      buffer.last_step = buffer.first_step + pick(0, 8);
    }
    ExpectValid(buffers, PlanMemory(buffers));
  }
}

TEST(MemoryPlanTest, ArenaHoldsTheMostThatIsAliveAtOnce) {
  // No plan is smaller than its fullest step; this one reaches it.
  const std::vector<BufferLife> chain = {
      {1000, 0, 1}, {2000, 1, 2}, {1000, 2, 3}, {2000, 3, 4}};
  const MemoryPlan plan = PlanMemory(chain);
  ExpectValid(chain, plan);
  EXPECT_EQ(plan.arena_bytes, Aligned(1000) + Aligned(2000));
}

TEST(MemoryPlanTest, BuffersThatNeverMeetShareOnePlace) {
  const MemoryPlan plan = PlanMemory({{640, 0, 1}, {640, 2, 3}, {64, 4, 4}});
  EXPECT_THAT(plan.offsets, testing::Each(0u));
  EXPECT_EQ(plan.arena_bytes, 640u);
}

TEST(MemoryPlanTest, LivesThatTouchInOneStepAreApart) {
  const MemoryPlan plan = PlanMemory({{64, 0, 1}, {64, 1, 2}});
  EXPECT_NE(plan.offsets[0], plan.offsets[1]);
  EXPECT_EQ(plan.arena_bytes, 128u);
}

TEST(MemoryPlanTest, NothingNeedsNothing) {
  EXPECT_EQ(PlanMemory({}).arena_bytes, 0u);
  EXPECT_EQ(PlanMemory({{0, 0, 0}}).arena_bytes, 0u);
}

}  // namespace
}  // namespace octet::plan
