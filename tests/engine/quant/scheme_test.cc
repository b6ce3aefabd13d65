// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/scheme.h"

#include <cmath>
#include <limits>

#include "engine/quant/observer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/not_finite.h"

namespace octet::quant {
namespace {

using testing::HasSubstr;

// The value that comes back after a round trip through integers.
float RoundTrip(float real, const Scheme& scheme) {
  return DequantizeValue(QuantizeValue(real, scheme), scheme);
}

// A tutorial multiplies by (2^31 - 1) / 255 and calls the result 8 bits; with
// real scales its example fits, and comes back within half a step.
TEST(SchemeTest, TutorialExampleFitsEightBitsAndComesBackWithinHalfAStep) {
  for (float range : {3.5f, 4.0f, 127.0f}) {
    const Scheme scheme = SymmetricS8(range);
    EXPECT_EQ(scheme.zero_point, 0);
    EXPECT_FLOAT_EQ(scheme.scale, range / 127);
    const int32_t q = QuantizeValue(3.5f, scheme);
    EXPECT_GE(q, -128);
    EXPECT_LE(q, 127);
    EXPECT_NEAR(DequantizeValue(q, scheme), 3.5f, scheme.scale / 2)
        << "range " << range;
  }
  EXPECT_EQ(QuantizeValue(3.5f, SymmetricS8(3.5f)), 127);
  EXPECT_EQ(QuantizeValue(3.5f, SymmetricS8(4.0f)), 111);
  EXPECT_EQ(QuantizeValue(3.5f, SymmetricS8(127.0f)), 4);
}

TEST(SchemeTest, AsymmetricCoversTheRangeWithExactZero) {
  const Scheme scheme = AsymmetricU8({-1.0f, 3.0f});
  EXPECT_EQ(scheme.dtype, DType::kUInt8);
  EXPECT_FLOAT_EQ(scheme.scale, 4.0f / 255);
  EXPECT_EQ(scheme.zero_point, 64);  // 63.75
  EXPECT_EQ(RoundTrip(0.0f, scheme), 0.0f);
  for (float real = -1.0f; real <= 3.0f; real += 0.01f) {
    // The rounded zero point costs the ends up to half a step more.
    EXPECT_NEAR(RoundTrip(real, scheme), real, scheme.scale) << real;
  }
}

TEST(SchemeTest, AsymmetricOfPositiveRangeStartsAtZero) {
  const Scheme scheme = AsymmetricU8({2.0f, 5.1f});
  EXPECT_FLOAT_EQ(scheme.scale, 5.1f / 255);
  EXPECT_EQ(scheme.zero_point, 0);
  EXPECT_EQ(QuantizeValue(5.1f, scheme), 255);
}

TEST(SchemeTest, AsymmetricOfNegativeRangeEndsAtZero) {
  const Scheme scheme = AsymmetricU8({-5.1f, -2.0f});
  EXPECT_FLOAT_EQ(scheme.scale, 5.1f / 255);
  EXPECT_EQ(scheme.zero_point, 255);
  EXPECT_EQ(QuantizeValue(-5.1f, scheme), 0);
  EXPECT_EQ(RoundTrip(0.0f, scheme), 0.0f);
}

TEST(SchemeTest, DegenerateRangesGiveUsableScales) {
  for (const Range& range :
       {Range{0, 0}, Range{1e-44f, 1e-44f}, Range{-1e-40f, 0}}) {
    for (const Scheme& scheme : {AsymmetricU8(range), Symmetric(range)}) {
      EXPECT_TRUE(std::isfinite(scheme.scale));
      EXPECT_TRUE(std::isfinite(1 / scheme.scale));
      EXPECT_GT(scheme.scale, 0);
      EXPECT_EQ(RoundTrip(0.0f, scheme), 0.0f);
    }
  }
}

TEST(SchemeTest, WidestRangeStaysFinite) {
  const float most = std::numeric_limits<float>::max();
  const Scheme scheme = AsymmetricU8({-most, most});
  EXPECT_TRUE(std::isfinite(scheme.scale));
  EXPECT_EQ(QuantizeValue(most, scheme), 255);
  EXPECT_EQ(QuantizeValue(-most, scheme), 0);
}

TEST(SchemeTest, SymmetricTakesUnsignedWhereNothingIsNegative) {
  const Scheme positive = Symmetric({0.0f, 5.1f});
  EXPECT_EQ(positive.dtype, DType::kUInt8);
  EXPECT_EQ(positive.zero_point, 0);
  EXPECT_FLOAT_EQ(positive.scale, 5.1f / 255);
  const Scheme both = Symmetric({-6.35f, 1.0f});
  EXPECT_EQ(both.dtype, DType::kInt8);
  EXPECT_EQ(both.zero_point, 0);
  EXPECT_FLOAT_EQ(both.scale, 6.35f / 127);
}

TEST(SchemeTest, RoundsHalvesToEvenAndClamps) {
  const Scheme u8{DType::kUInt8, 2.0f, 10};
  EXPECT_EQ(QuantizeValue(1.0f, u8), 10);  // 0.5
  EXPECT_EQ(QuantizeValue(3.0f, u8), 12);  // 1.5
  EXPECT_EQ(QuantizeValue(5.0f, u8), 12);  // 2.5
  EXPECT_EQ(QuantizeValue(-3.0f, u8), 8);  // -1.5
  EXPECT_EQ(QuantizeValue(-100.0f, u8), 0);
  EXPECT_EQ(QuantizeValue(1e30f, u8), 255);
  const Scheme s8{DType::kInt8, 1.0f, 0};
  EXPECT_EQ(QuantizeValue(-1000.0f, s8), -128);
  EXPECT_EQ(QuantizeValue(1000.0f, s8), 127);
}

TEST(MinMaxObserverTest, KeepsTheExtremesOfEverythingSeen) {
  MinMaxObserver observer;
  EXPECT_EQ(observer.range(), std::nullopt);
  EXPECT_TRUE(observer.Observe({}).ok());
  EXPECT_EQ(observer.range(), std::nullopt);
  EXPECT_TRUE(observer.Observe({2, 3}).ok());
  EXPECT_EQ(observer.range(), (Range{2, 3}));
  EXPECT_TRUE(observer.Observe({-1, 2.5f}).ok());
  EXPECT_EQ(observer.range(), (Range{-1, 3}));
}

TEST(MinMaxObserverTest, RefusesNanAndInfinityAndKeepsNothingOfThem) {
  for (float bad : {kNan, kInfinity, -kInfinity}) {
    MinMaxObserver observer;
    ASSERT_TRUE(observer.Observe({1, 2}).ok());
    const absl::Status status = observer.Observe({0, 100, bad, 5});
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(status.message(), HasSubstr("element 2"));
    EXPECT_EQ(observer.range(), (Range{1, 2}));
  }
}

TEST(MinMaxObserverTest, TakesFiniteValuesWhoseSumOverflows) {
  MinMaxObserver observer;
  const float big = std::numeric_limits<float>::max();
  EXPECT_TRUE(observer.Observe({big, big, -1}).ok());
  EXPECT_EQ(observer.range(), (Range{-1, big}));
}

}  // namespace
}  // namespace octet::quant
