// SPDX-License-Identifier: Apache-2.0
#include "engine/report/wording.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace octet::report {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(WordingTest, DecibelsKnowTheirLimits) {
  EXPECT_EQ(Decibels(29.24), "29.2 dB");
  EXPECT_EQ(Decibels(kInfinity), "exact");
  EXPECT_EQ(Decibels(-kInfinity), "none");
  EXPECT_EQ(Decibels(std::nan("")), "none");
  EXPECT_EQ(DecibelsRange({29, 28.9, 29.5}), "28.9 to 29.5 dB");
  EXPECT_EQ(DecibelsRange({29, 28.9, kInfinity}), "at least 28.9 dB");
  EXPECT_EQ(DecibelsRange({kInfinity, kInfinity, kInfinity}), "exact");
}

TEST(WordingTest, SharesKeepTheDigitsThatSaySomething) {
  EXPECT_EQ(Percent(0.987), "98.7 %");
  EXPECT_EQ(PercentRange({0.987, 0.978, 0.993}), "97.8 to 99.3 %");
  EXPECT_EQ(Points(-0.015), "-1.5 points");
  EXPECT_EQ(PointsRange({0, -0.004, 0.01}), "-0.4 to +1.0 points");
  EXPECT_EQ(SmallShare(0), "none");
  EXPECT_EQ(SmallShare(1e-7), "< 0.001 %");
  EXPECT_EQ(SmallShare(0.00031), "0.031 %");
  EXPECT_EQ(SmallShare(0.25), "25.0 %");
}

TEST(WordingTest, NumbersAreShort) {
  EXPECT_EQ(Bytes(512), "512 B");
  EXPECT_EQ(Bytes(3460000), "3.46 MB");
  EXPECT_EQ(Milliseconds(0.3012), "0.301 ms");
  EXPECT_EQ(Times(2.414), "2.41 times");
  EXPECT_EQ(Count(1234567), "1,234,567");
  EXPECT_EQ(Count(999), "999");
}

TEST(PrintableTest, ReplacesWhatIsNoTextAndKeepsTheRest) {
  EXPECT_EQ(Printable("conv\xffx"), "conv\xef\xbf\xbdx");
  EXPECT_EQ(Printable("a\nb\x1b[31m"), "a b [31m");
  EXPECT_EQ(Printable("Schicht \xc3\xa4"), "Schicht \xc3\xa4");
}

}  // namespace
}  // namespace octet::report
