// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/observer.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::quant {
namespace {

TEST(MinMaxObserverTest, KeepsTheExtremesOfAllCalls) {
  MinMaxObserver observer;
  EXPECT_FALSE(observer.range());
  ASSERT_TRUE(observer.Observe({3, -1}).ok());
  ASSERT_TRUE(observer.Observe({}).ok());
  ASSERT_TRUE(observer.Observe({2, 5}).ok());
  EXPECT_EQ(*observer.range(), (Range{-1, 5}));
}

TEST(MovingAverageObserverTest, StartsWithTheFirstAndMovesByItsShare) {
  MovingAverageObserver observer(0.25);
  EXPECT_FALSE(observer.range());
  ASSERT_TRUE(observer.Observe({-4, 8}).ok());
  EXPECT_EQ(*observer.range(), (Range{-4, 8}));
  ASSERT_TRUE(observer.Observe({0, 16}).ok());
  EXPECT_EQ(*observer.range(), (Range{-3, 10}));
}

TEST(MovingAverageObserverTest, OneWildSampleHardlyMovesIt) {
  MovingAverageObserver observer;
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(observer.Observe({0, 1}).ok());
  ASSERT_TRUE(observer.Observe({0, 11}).ok());
  EXPECT_NEAR(observer.range()->max, 1.5, 1e-6);
}

TEST(ObserversTest, RefuseWhatIsNotFiniteAndKeepNothingOfIt) {
  MinMaxObserver extremes;
  MovingAverageObserver average;
  ASSERT_TRUE(extremes.Observe({1}).ok());
  ASSERT_TRUE(average.Observe({1}).ok());
  const float bad[] = {100, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_TRUE(absl::IsInvalidArgument(extremes.Observe(bad)));
  EXPECT_TRUE(absl::IsInvalidArgument(average.Observe(bad)));
  EXPECT_EQ(*extremes.range(), (Range{1, 1}));
  EXPECT_EQ(*average.range(), (Range{1, 1}));
}

}  // namespace
}  // namespace octet::quant
