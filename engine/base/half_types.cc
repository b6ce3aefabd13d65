// SPDX-License-Identifier: Apache-2.0
#include "engine/base/half_types.h"

#include <algorithm>
#include <cmath>

namespace octet {
namespace {

constexpr int kHalfFractionBits = 10;
constexpr int kHalfBias = 15;
constexpr int kHalfInfinity = 0x7c00;
constexpr int kHalfQuietNan = 0x7e00;

}  // namespace

uint16_t HalfFromFloat(float value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) return sign | kHalfQuietNan;
  const double magnitude = std::fabs(static_cast<double>(value));
  if (std::isinf(magnitude)) return sign | kHalfInfinity;
  if (magnitude == 0) return sign;
  // In units of the last place of the half that is nearest below; subnormal
  // halves all have the exponent of the least normal one.
  const int exponent = std::max(std::ilogb(magnitude), 1 - kHalfBias);
  const auto units = static_cast<int>(
      std::nearbyint(std::ldexp(magnitude, kHalfFractionBits - exponent)));
  // Adding the units to the exponent field lets a carry out of the fraction
  // raise the exponent, and makes the implied leading bit count itself.
  const int bits = ((exponent + kHalfBias - 1) << kHalfFractionBits) + units;
  return sign | static_cast<uint16_t>(std::min(bits, kHalfInfinity));
}

uint16_t BFloat16FromFloat(float value) {
  const uint32_t bits = internal::BitsOfFloat(value);
  // A NaN's payload must not round up to infinity.
  if (std::isnan(value)) return static_cast<uint16_t>((bits >> 16) | 0x40);
  const uint32_t last_bit_kept = (bits >> 16) & 1;
  return static_cast<uint16_t>((bits + 0x7fff + last_bit_kept) >> 16);
}

}  // namespace octet
