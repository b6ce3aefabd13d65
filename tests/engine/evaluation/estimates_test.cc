// SPDX-License-Identifier: Apache-2.0
#include "engine/evaluation/estimates.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace octet::internal {
namespace {

// Figures of other people's tables are printed with four digits.
constexpr double kPrinted = 5e-5;

TEST(ShareTest, IsWilsonsInterval) {
  const Estimate eight = Share(8, 10);
  EXPECT_DOUBLE_EQ(eight.value, 0.8);
  EXPECT_NEAR(eight.low, 0.4902, kPrinted);
  EXPECT_NEAR(eight.high, 0.9433, kPrinted);
  const Estimate none = Share(0, 10);
  EXPECT_EQ(none.low, 0);
  EXPECT_NEAR(none.high, 0.2775, kPrinted);
  EXPECT_EQ(Share(10, 10).high, 1);
}

TEST(PairedDifferenceTest, IsAgrestiAndMinsInterval) {
  // By hand: cells 3.5 and 1.5 of 102.
  const Estimate change = PairedDifference(3, 1, 100);
  EXPECT_DOUBLE_EQ(change.value, 0.02);
  EXPECT_NEAR(change.low, -0.0232, kPrinted);
  EXPECT_NEAR(change.high, 0.0624, kPrinted);
}

TEST(PairedDifferenceTest, AnswersThatAreAllEqualStillLeaveDoubt) {
  const Estimate change = PairedDifference(0, 0, 50);
  EXPECT_EQ(change.value, 0);
  EXPECT_LT(change.low, 0);
  EXPECT_GT(change.high, 0);
}

TEST(ErrorSumsTest, TellsDecibelsAndCosine) {
  ErrorSums sums;
  sums.Add(std::vector<float>{3, 4}, std::vector<float>{3, 3.5f});
  EXPECT_NEAR(sums.SqnrDb(), 20, 1e-9);  // 25 against 0.25
  EXPECT_NEAR(sums.Cosine(), 23 / (5 * std::sqrt(21.25)), 1e-9);
}

TEST(ErrorSumsTest, EqualElementsMakeNoNoiseWhateverTheyAre) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values = {1, kInfinity, std::nanf("")};
  ErrorSums sums;
  sums.Add(values, values);
  EXPECT_EQ(sums.SqnrDb(), std::numeric_limits<double>::infinity());
  sums.Add(std::vector<float>{1}, std::vector<float>{kInfinity});
  EXPECT_EQ(sums.SqnrDb(), -std::numeric_limits<double>::infinity());
}

TEST(BootstrapTest, CoversTheMeanAsTheNormalTheoryDoes) {
  // 0 and 1 in turn: the mean of 400 has a standard error of 0.025.
  const Estimate mean = Bootstrap(400, [](absl::Span<const size_t> drawn) {
    double sum = 0;
    for (size_t index : drawn) sum += static_cast<double>(index % 2);
    return sum / static_cast<double>(drawn.size());
  });
  EXPECT_DOUBLE_EQ(mean.value, 0.5);
  EXPECT_NEAR(mean.low, 0.5 - 1.96 * 0.025, 0.01);
  EXPECT_NEAR(mean.high, 0.5 + 1.96 * 0.025, 0.01);
}

TEST(BootstrapTest, GivesTheSameIntervalEveryTime) {
  const auto figure = [](absl::Span<const size_t> drawn) {
    return static_cast<double>(drawn[0]);
  };
  const Estimate once = Bootstrap(1000, figure);
  const Estimate again = Bootstrap(1000, figure);
  EXPECT_EQ(once.low, again.low);
  EXPECT_EQ(once.high, again.high);
}

}  // namespace
}  // namespace octet::internal
