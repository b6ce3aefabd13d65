// SPDX-License-Identifier: Apache-2.0
#include "engine/base/half_types.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace octet {
namespace {

constexpr int kPatterns = 1 << 16;

// What the 16 bits mean, from the definition of the format.
double Meaning(int bits, int exponent_bits) {
  const int fraction_bits = 15 - exponent_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  const int exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1);
  const int fraction = bits & ((1 << fraction_bits) - 1);
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0)
    return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp((1 << fraction_bits) + fraction,
                           exponent - bias - fraction_bits);
}

struct Format {
  const char* name;
  int exponent_bits;
  float (*widen)(uint16_t);
  uint16_t (*narrow)(float);
};

class HalfTypesTest : public testing::TestWithParam<Format> {};

TEST_P(HalfTypesTest, EveryPatternWidensExactlyAndComesBack) {
  for (int bits = 0; bits < kPatterns; ++bits) {
    const double want = Meaning(bits, GetParam().exponent_bits);
    const float wide = GetParam().widen(static_cast<uint16_t>(bits));
    if (std::isnan(want)) {
      EXPECT_TRUE(std::isnan(wide)) << bits;
      EXPECT_TRUE(std::isnan(GetParam().widen(GetParam().narrow(wide))));
      continue;
    }
    ASSERT_EQ(wide, want) << bits;
    ASSERT_EQ(std::signbit(wide), (bits & 0x8000) != 0) << bits;
    ASSERT_EQ(GetParam().narrow(wide), bits);
  }
}

TEST_P(HalfTypesTest, NarrowsToTheNearestAndFromTheMiddleToTheEvenOne) {
  const int infinity = ((1 << GetParam().exponent_bits) - 1)
                       << (15 - GetParam().exponent_bits);
  for (int bits = 0; bits + 1 < infinity; ++bits) {
    const double low = Meaning(bits, GetParam().exponent_bits);
    const double high = Meaning(bits + 1, GetParam().exponent_bits);
    const auto middle = static_cast<float>((low + high) / 2);
    if (middle != (low + high) / 2) continue;  // no float lies there
    const float below = std::nextafter(middle, 0.0f);
    const float above =
        std::nextafter(middle, std::numeric_limits<float>::infinity());
    ASSERT_EQ(GetParam().narrow(middle), bits % 2 == 0 ? bits : bits + 1);
    if (below >= low) {
      ASSERT_EQ(GetParam().narrow(below), bits);
    }
    if (above <= high) {
      ASSERT_EQ(GetParam().narrow(above), bits + 1);
    }
    ASSERT_EQ(GetParam().narrow(-below), 0x8000 | GetParam().narrow(below));
  }
}

TEST_P(HalfTypesTest, WhatIsBeyondTheRangeIsInfinite) {
  const int infinity = ((1 << GetParam().exponent_bits) - 1)
                       << (15 - GetParam().exponent_bits);
  const float largest = GetParam().widen(static_cast<uint16_t>(infinity - 1));
  EXPECT_EQ(GetParam().narrow(largest), infinity - 1);
  EXPECT_EQ(GetParam().narrow(std::numeric_limits<float>::max()), infinity);
  EXPECT_EQ(GetParam().narrow(-std::numeric_limits<float>::infinity()),
            0x8000 | infinity);
}

INSTANTIATE_TEST_SUITE_P(
    Formats, HalfTypesTest,
    testing::Values(Format{"half", 5, FloatFromHalf, HalfFromFloat},
                    Format{"bfloat16", 8, FloatFromBFloat16,
                           BFloat16FromFloat}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace octet
