// SPDX-License-Identifier: Apache-2.0
#include "engine/sample_errors.h"

#include <cmath>
#include <vector>

#include "engine/base/tensor.h"
#include "gtest/gtest.h"

namespace octet::internal {
namespace {

// Samples whose answers are 1 and off by `errors[i]`.
SampleErrors Off(const std::vector<float>& errors) {
  SampleErrors result;
  for (float error : errors) {
    OutputError sample;
    sample.Add(Tensor::Of<float>({1}, {1.0f}),
               Tensor::Of<float>({1}, {1.0f + error}));
    result.Add(sample);
  }
  return result;
}

Gain GainOf(const SampleErrors& before, const SampleErrors& after) {
  return after.Over(before);
}

TEST(SampleErrorsTest, EachSampleCountsTheSame) {
  // 20 and 40 dB, 39.79 above the floor. Of the sum of squares the first has 99
  // hundredths.
  EXPECT_NEAR(Off({0.1f, 0.01f}).Decibels()[1], 39.79, 0.01);
  EXPECT_NEAR(Off({0.1f, 0.01f}).TotalDecibels(), 22.97, 0.01);
  EXPECT_NEAR(Off({0.1f, 0.01f}).Of({1}).TotalDecibels(), 40, 0.01);
  const Gain gain = GainOf(Off({0.1f, 0.01f, 0.01f, 0.01f}),
                           Off({0.2f, 0.005f, 0.005f, 0.005f}));
  // A loss of 6 dB against three gains of as much, less what the floor takes.
  EXPECT_GT(gain.db, 1);
  EXPECT_LT(gain.db, 3.1);
}

TEST(SampleErrorsTest, WhatWasExactDecidesNothing) {
  // The second sample gets a thousand times worse, and stays 60 dB better than
  // the first.
  const Gain gain = GainOf(Off({0.1f, 1e-7f}), Off({0.09f, 1e-4f}));
  EXPECT_GT(gain.db, 0.4);
  EXPECT_EQ(GainOf(Off({0, 0}), Off({0, 0})).db, 0);
  EXPECT_TRUE(std::isfinite(GainOf(Off({0, 0.1f}), Off({0, 0})).db));
  EXPECT_EQ(GainOf(Off({0, 0.1f}), Off({0, 0})).total_standard_error_db, 0);
}

TEST(SampleErrorsTest, TheStandardErrorIsThatOfTheMeanOfGains) {
  EXPECT_EQ(GainOf(Off({0.1f}), Off({0.2f})).standard_error_db, 0);
  EXPECT_NEAR(GainOf(Off({0.1f, 0.1f, 0.1f}), Off({0.2f, 0.2f, 0.2f})).db,
              -20 * std::log10(2.0), 1e-4);
  EXPECT_NEAR(GainOf(Off({0.1f, 0.1f, 0.1f}), Off({0.2f, 0.2f, 0.2f}))
                  .standard_error_db,
              0, 1e-4);
  // Gains of about 0 and 20 dB: the mean is 10, the deviation 14, of the mean
  // 10.
  const Gain gain = GainOf(Off({0.1f, 0.1f}), Off({0.1f, 0.01f}));
  EXPECT_NEAR(gain.db, 10, 0.2);
  EXPECT_NEAR(gain.standard_error_db, 10, 0.2);
}

TEST(SampleErrorsTest, TheTotalTellsOfSamplesThatAreRuined) {
  // Three of four are halved, one is ten times as large: 0.03 + 0.01 -> 1.0075.
  const SampleErrors before = Off({0.1f, 0.1f, 0.1f, 0.1f});
  const SampleErrors after = Off({0.05f, 0.05f, 0.05f, 1.0f});
  EXPECT_NEAR(after.TotalDecibels() - before.TotalDecibels(),
              10 * std::log10(0.04 / 1.0075), 1e-3);
  // It is one sample's doing.
  EXPECT_NEAR(
      GainOf(before, after).total_standard_error_db,
      10 / std::log(10.0) * std::sqrt(3 * 0.2475 * 0.2475 + 0.7426 * 0.7426),
      1e-2);
  EXPECT_NEAR(
      GainOf(Off({0.1f, 0.2f}), Off({0.2f, 0.4f})).total_standard_error_db, 0,
      1e-4);
}

}  // namespace
}  // namespace octet::internal
