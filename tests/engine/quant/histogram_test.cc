// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/histogram.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet::quant {
namespace {

using testing::HasSubstr;

std::vector<float> Values(int count, uint32_t seed, float low, float high) {
  const Tensor tensor = RandomFloats({count}, seed, low, high);
  const auto values = tensor.data<float>();
  return {values.begin(), values.end()};
}

// How many values are in another bin than the histogram says, found by sorting
// each value into the bins anew.
int64_t Misplaced(const Histogram& histogram,
                  const std::vector<std::vector<float>>& shown) {
  std::vector<int64_t> expected(Histogram::kBins);
  for (const auto& values : shown) {
    for (float value : values) {
      if (value == 0) continue;
      const double bin = (value - histogram.low()) / histogram.width();
      EXPECT_GE(bin, 0);
      EXPECT_LT(bin, Histogram::kBins);
      ++expected[static_cast<size_t>(bin)];
    }
  }
  int64_t misplaced = 0;
  for (int i = 0; i < Histogram::kBins; ++i) {
    misplaced += std::abs(expected[i] - histogram.counts()[i]);
  }
  return misplaced / 2;
}

TEST(HistogramTest, CountsEveryValueInItsBin) {
  const auto values = Values(100000, 1, -3, 5);
  Histogram histogram;
  ASSERT_TRUE(histogram.Observe(values).ok());
  EXPECT_EQ(histogram.total(), 100000);
  // Rounding may move a value on an edge to the neighbour.
  EXPECT_LE(Misplaced(histogram, {values}), 20);
}

TEST(HistogramTest, DoublesWhatItCoversAndKeepsEveryCount) {
  const auto small = Values(20000, 2, -0.01f, 0.01f);
  const auto above = Values(20000, 3, 0, 40);
  const auto below = Values(20000, 4, -300, 0);
  Histogram histogram;
  for (const auto* values : {&small, &above, &below}) {
    ASSERT_TRUE(histogram.Observe(*values).ok());
  }
  const int64_t counted = std::accumulate(histogram.counts().begin(),
                                          histogram.counts().end(), int64_t{0});
  EXPECT_EQ(counted + histogram.zeros(), 60000);
  EXPECT_LE(histogram.low(), -299);
  EXPECT_GE(histogram.high(), 39);
  // Never coarser than a quarter of the bins for what was seen.
  EXPECT_LE(histogram.width() * Histogram::kBins / 4,
            histogram.range()->max - histogram.range()->min);
  EXPECT_LE(Misplaced(histogram, {small, above, below}), 30);
}

TEST(HistogramTest, KeepsTheExactExtremes) {
  Histogram histogram;
  ASSERT_TRUE(histogram.Observe({0.5f, -1.25f}).ok());
  ASSERT_TRUE(histogram.Observe({7.5f}).ok());
  EXPECT_EQ(*histogram.range(), (Range{-1.25f, 7.5f}));
}

TEST(HistogramTest, CountsExactZerosAside) {
  Histogram histogram;
  ASSERT_TRUE(histogram.Observe({0.0f, -0.0f, 1.0f, 0.0f}).ok());
  EXPECT_EQ(histogram.zeros(), 3);
  EXPECT_EQ(histogram.total(), 4);
}

TEST(HistogramTest, OneValueOverAndOverIsFine) {
  for (float value : {0.0f, 1e-38f, -5.0f, 3e38f}) {
    Histogram histogram;
    ASSERT_TRUE(histogram.Observe({value, value}).ok());
    ASSERT_TRUE(histogram.Observe({value}).ok());
    EXPECT_EQ(*histogram.range(), (Range{value, value}));
    EXPECT_TRUE(std::isfinite(histogram.high())) << value;
  }
}

TEST(HistogramTest, MergedIsWhatSeeingBothGives) {
  const auto a = Values(5000, 5, 0, 1);
  const auto b = Values(5000, 6, -9, 2);
  Histogram first;
  Histogram second;
  ASSERT_TRUE(first.Observe(a).ok());
  ASSERT_TRUE(second.Observe(b).ok());
  first.Merge(second);
  EXPECT_EQ(first.total(), 10000);
  EXPECT_EQ(first.range()->min, second.range()->min);
  EXPECT_EQ(first.range()->max, second.range()->max);
  // A merged bin may fall on the wrong side of an edge; counts up to any point
  // are off by two bins' worth at most.
  int64_t so_far = 0;
  for (int i = 0; i < Histogram::kBins; ++i) {
    so_far += first.counts()[i];
    const double edge = first.low() + first.width() * (i + 1);
    int64_t expected = 0;
    for (float value : a) expected += value < edge && value != 0;
    for (float value : b) expected += value < edge && value != 0;
    ASSERT_NEAR(so_far, expected, 80) << "at " << edge;
  }
}

TEST(HistogramTest, ShareBeyondCountsBothTails) {
  Histogram histogram;
  std::vector<float> values;
  for (int i = 0; i <= 1000; ++i) values.push_back(static_cast<float>(i) - 500);
  ASSERT_TRUE(histogram.Observe(values).ok());
  EXPECT_EQ(histogram.ShareBeyond(*histogram.range()), 0);
  EXPECT_NEAR(histogram.ShareBeyond({-400.4f, 499.4f}), 101.0 / 1001, 2e-3);
}

TEST(HistogramTest, NanIsRefusedAndNothingKept) {
  Histogram histogram;
  ASSERT_TRUE(histogram.Observe({1.0f}).ok());
  const auto status =
      histogram.Observe({2.0f, std::numeric_limits<float>::infinity()});
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(status.message(), HasSubstr("element 1"));
  EXPECT_EQ(histogram.total(), 1);
}

}  // namespace
}  // namespace octet::quant
