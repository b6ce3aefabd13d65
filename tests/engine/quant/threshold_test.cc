// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/threshold.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::quant {
namespace {

using testing::Contains;
using testing::Each;
using testing::Field;

// A bell with a few values far out, as activations have them.
std::vector<float> HeavyTailed(int count, float outlier) {
  std::mt19937 random(7);
  std::normal_distribution<float> bell;
  std::vector<float> values(count);
  for (float& value : values) value = bell(random);
  for (int i = 0; i < 5; ++i) values[i] = outlier * (1 - 0.01f * i);
  return values;
}

std::vector<float> Rectified(std::vector<float> values) {
  for (float& value : values) value = std::max(value, 0.0f);
  return values;
}

Histogram Seen(const std::vector<float>& values) {
  Histogram histogram;
  EXPECT_TRUE(histogram.Observe(values).ok());
  return histogram;
}

// The mean squared error of really rounding each value.
double TrueError(const std::vector<float>& values, const Range& range,
                 Grid grid) {
  const Scheme scheme = SchemeFor(range, grid);
  double sum = 0;
  for (float value : values) {
    const double error =
        value - DequantizeValue(QuantizeValue(value, scheme), scheme);
    sum += error * error;
  }
  return sum / static_cast<double>(values.size());
}

class EachGridTest : public testing::TestWithParam<Grid> {};

TEST_P(EachGridTest, SquaredErrorIsThatOfRoundingEachValue) {
  const auto values = HeavyTailed(50000, 30);
  const Histogram histogram = Seen(values);
  for (float magnitude : {3.0f, 8.0f, 30.0f}) {
    const Range range{-magnitude, magnitude};
    const double expected = TrueError(values, range, GetParam());
    EXPECT_NEAR(SquaredError(histogram, range, GetParam()), expected,
                0.06 * expected)
        << magnitude;
  }
}

TEST_P(EachGridTest, MseFindsNearlyTheBestOfAllRanges) {
  for (const auto& values :
       {HeavyTailed(20000, 60), Rectified(HeavyTailed(20000, 25))}) {
    const Histogram histogram = Seen(values);
    double least = TrueError(values, *histogram.range(), GetParam());
    for (int i = 1; i <= 400; ++i) {
      const float share = static_cast<float>(i) / 400;
      const float magnitude = share * histogram.range()->max;
      const Range range{std::max(histogram.range()->min, -magnitude),
                        magnitude};
      least = std::min(least, TrueError(values, range, GetParam()));
    }
    const Range chosen = MseThreshold(histogram, GetParam());
    EXPECT_LE(TrueError(values, chosen, GetParam()), 1.1 * least);
  }
}

// The definition in double loops over values rather than bins: what share of
// the values each integer stands for, against what was seen.
TEST_P(EachGridTest, EntropyClipsATailAndKeepsAUniformWhole) {
  const Histogram tailed = Seen(HeavyTailed(200000, 80));
  const Range clipped = EntropyThreshold(tailed, GetParam());
  EXPECT_LT(clipped.max, 20);
  EXPECT_GT(clipped.max, 2);

  std::vector<float> even;
  for (int i = 0; i < 100000; ++i) even.push_back(static_cast<float>(i) / 1000);
  const Range kept = EntropyThreshold(Seen(even), GetParam());
  EXPECT_GT(kept.max, 90);
}

INSTANTIATE_TEST_SUITE_P(Grids, EachGridTest,
                         testing::Values(Grid::kAsymmetric, Grid::kSymmetric),
                         [](const auto& info) {
                           return info.param == Grid::kAsymmetric ? "Asymmetric"
                                                                  : "Symmetric";
                         });

TEST(PercentileThresholdTest, IsTheOneOfTheSortedValues) {
  for (double percent : {90.0, 99.0, 99.9}) {
    auto values = HeavyTailed(100000, 12);
    const Histogram histogram = Seen(values);
    const Range range = PercentileThreshold(histogram, percent);
    std::sort(values.begin(), values.end());
    const auto beyond = static_cast<size_t>(static_cast<double>(values.size()) *
                                            (100 - percent) / 200);
    EXPECT_NEAR(range.max, values[values.size() - 1 - beyond],
                1.01 * histogram.width());
    EXPECT_NEAR(range.min, values[beyond], 1.01 * histogram.width());
  }
}

TEST(PercentileThresholdTest, TakesAllFromTheOnlyTail) {
  const auto values = Rectified(HeavyTailed(100000, 12));
  const Histogram histogram = Seen(values);
  auto sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const Range range = PercentileThreshold(histogram, 99);
  EXPECT_EQ(range.min, 0);
  EXPECT_NEAR(range.max, sorted[99000 - 1], 1.01 * histogram.width());
}

TEST(PercentileThresholdTest, AllIsMinMax) {
  const Histogram histogram = Seen(HeavyTailed(1000, -12));
  EXPECT_EQ(PercentileThreshold(histogram, 100), *histogram.range());
}

TEST(CandidateThresholdsTest, StartWithMinMaxAndStayWithinIt) {
  const Histogram histogram = Seen(HeavyTailed(100000, 50));
  const auto candidates = CandidateThresholds(histogram, Grid::kAsymmetric);
  ASSERT_FALSE(candidates.empty());
  EXPECT_EQ(candidates[0].name, "min-max");
  EXPECT_EQ(candidates[0].range, *histogram.range());
  EXPECT_THAT(candidates, Contains(Field(&Threshold::name, "mse")));
  for (const Threshold& candidate : candidates) {
    EXPECT_GE(candidate.range.min, histogram.range()->min);
    EXPECT_LE(candidate.range.max, histogram.range()->max);
    EXPECT_LE(candidate.range.min, candidate.range.max);
  }
}

TEST(CandidateThresholdsTest, ThoseThatAgreeAreOne) {
  std::vector<float> even;
  for (int i = 0; i < 10000; ++i) even.push_back(static_cast<float>(i));
  for (const Threshold& candidate :
       CandidateThresholds(Seen(even), Grid::kAsymmetric)) {
    EXPECT_TRUE(candidate.name == "min-max" || candidate.range.max < 9900)
        << candidate.name;
  }
}

TEST(CandidateThresholdsTest, AConstantTensorHasOne) {
  EXPECT_EQ(CandidateThresholds(Seen({0, 0}), Grid::kAsymmetric).size(), 1u);
  EXPECT_EQ(CandidateThresholds(Seen({2, 2}), Grid::kAsymmetric).size(), 1u);
}

}  // namespace
}  // namespace octet::quant
