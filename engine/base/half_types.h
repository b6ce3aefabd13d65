// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_BASE_HALF_TYPES_H_
#define OCTET_ENGINE_BASE_HALF_TYPES_H_

#include <cstdint>
#include <cstring>

// Conversions between float32 and the 16-bit element types, which are carried
// as their bits. From 16 bits to 32 is exact; to 16 bits rounds to nearest,
// ties to even, subnormals included; beyond the range is infinity; NaN stays
// NaN.
namespace octet {

// IEEE 754 binary16, DType::kFloat16: 1 sign, 5 exponent, 10 fraction bits.
uint16_t HalfFromFloat(float value);
inline float FloatFromHalf(uint16_t bits);

// The upper half of a float32, DType::kBFloat16.
uint16_t BFloat16FromFloat(float value);
inline float FloatFromBFloat16(uint16_t bits);

namespace internal {

inline float FloatOfBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

inline uint32_t BitsOfFloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

}  // namespace internal

// Without a branch, so that loops over it become vector code.
inline float FloatFromHalf(uint16_t bits) {
  constexpr uint32_t kLeastNormal = uint32_t{1} << 23;    // as shifted below
  constexpr uint32_t kInfinity = uint32_t{0x1f} << 23;    // as shifted below
  constexpr uint32_t kRebias = uint32_t{127 - 15} << 23;  // of the exponent
  const uint32_t magnitude = (bits & uint32_t{0x7fff}) << 13;
  const uint32_t normal = magnitude + kRebias;
  // A subnormal counts units of the least normal's last place: as fraction of
  // that number it is exact, and so is taking the number off again.
  const float least = internal::FloatOfBits(kLeastNormal + kRebias);
  const uint32_t subnormal = internal::BitsOfFloat(
      internal::FloatOfBits(magnitude + kLeastNormal + kRebias) - least);
  uint32_t wide = magnitude < kLeastNormal ? subnormal : normal;
  wide = magnitude >= kInfinity ? normal + kRebias : wide;
  return internal::FloatOfBits(wide | (bits & uint32_t{0x8000}) << 16);
}

inline float FloatFromBFloat16(uint16_t bits) {
  return internal::FloatOfBits(uint32_t{bits} << 16);
}

}  // namespace octet

#endif  // OCTET_ENGINE_BASE_HALF_TYPES_H_
