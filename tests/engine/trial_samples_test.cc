// SPDX-License-Identifier: Apache-2.0
#include "engine/trial_samples.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::internal {
namespace {

using testing::ElementsAre;

TEST(TrialSamplesTest, EveryFourthIsHeldOut) {
  const TrialSamples samples(20);
  EXPECT_EQ(samples.all().size(), 20u);
  EXPECT_THAT(samples.fit(),
              ElementsAre(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18));
  EXPECT_EQ(samples.trials(), samples.all());
  EXPECT_THAT(samples.held_out(), ElementsAre(3, 7, 11, 15, 19));
}

TEST(TrialSamplesTest, FewDoBoth) {
  const TrialSamples samples(3);
  EXPECT_THAT(samples.fit(), ElementsAre(0, 1, 2));
  EXPECT_THAT(samples.trials(), ElementsAre(0, 1, 2));
  EXPECT_THAT(samples.held_out(), ElementsAre(0, 1, 2));
}

TEST(TrialSamplesTest, OfManyAFewDozenAreSpreadOverAll) {
  const TrialSamples samples(10'000);
  EXPECT_EQ(samples.fit().size(), 48u);
  EXPECT_EQ(samples.held_out().size(), 32u);
  ASSERT_EQ(samples.trials().size(), 80u);
  EXPECT_GT(samples.trials().back(), 9'600);
  for (size_t i : samples.held_out()) {
    EXPECT_EQ(samples.trials()[i] % 4, 3);
  }
}

}  // namespace
}  // namespace octet::internal
