// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_EPILOGUE_VNNI256_H_
#define OCTET_ENGINE_SIMD_EPILOGUE_VNNI256_H_

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/byte_quads.h"
#include "engine/simd/epilogue_avx2.h"

// The steps from 32-bit sums to stored results where vectors have 256 bits:
// half a group of byte_quads.h at a time, 32 results in four vectors. Shared by
// the *_vnni256.h files and included by nothing else; in an unnamed namespace
// for the reason that epilogue_avx2.h gives.
namespace octet::simd::internal {
namespace {

constexpr int kHalfGroup = kQuadGroup / 2;

OCTET_SIMD_INLINE __m256i LoadHalf(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

// Ends what the compiler knows of `v`: see epilogue_avx512.h.
OCTET_SIMD_INLINE void KeepInRegister(__m256i& v) { __asm__("" : "+x"(v)); }

// Which of the 32 results element i of lane l of vector v is, and where in a
// group's constants the vector begins.
//
// Depthwise, half h: result 16 l + 4 v + i, position 16 v + 8 h. Packed lane by
// lane to bytes they are in order.
struct DepthwiseHalf {
  static constexpr int Position(int vector, int half) {
    return 16 * vector + 8 * half;
  }
  OCTET_SIMD_INLINE static __m256i ToMemory(__m256i bytes) { return bytes; }
  OCTET_SIMD_INLINE static __m256i FromMemory(__m256i bytes) { return bytes; }
  OCTET_SIMD_INLINE static void Sort(const __m256 (&v)[4], __m256 (&to)[4]) {
    to[0] = _mm256_permute2f128_ps(v[0], v[1], 0x20);
    to[1] = _mm256_permute2f128_ps(v[2], v[3], 0x20);
    to[2] = _mm256_permute2f128_ps(v[0], v[1], 0x31);
    to[3] = _mm256_permute2f128_ps(v[2], v[3], 0x31);
  }
};

// A pixel of a matrix product of width 32: result 16 (v / 2) + 8 l + 4 (v % 2)
// + i, for the vectors are the halves 0 of two, then their halves 1.
struct PixelOf32 {
  static constexpr int Position(int vector, int /*half*/) {
    return 16 * (vector % 2) + 8 * (vector / 2);
  }
  OCTET_SIMD_INLINE static __m256i ToMemory(__m256i bytes) {
    return _mm256_permute4x64_epi64(bytes, 0xD8);  // 0, 2, 1, 3
  }
  OCTET_SIMD_INLINE static __m256i FromMemory(__m256i bytes) {
    return ToMemory(bytes);
  }
  OCTET_SIMD_INLINE static void Sort(const __m256 (&v)[4], __m256 (&to)[4]) {
    to[0] = _mm256_permute2f128_ps(v[0], v[1], 0x20);
    to[1] = _mm256_permute2f128_ps(v[0], v[1], 0x31);
    to[2] = _mm256_permute2f128_ps(v[2], v[3], 0x20);
    to[3] = _mm256_permute2f128_ps(v[2], v[3], 0x31);
  }
};

// Two pixels of one of width 16: result 16 (v / 2) + 8 (v % 2) + 4 l + i.
struct PixelsOf16 {
  static constexpr int Position(int vector, int /*half*/) {
    return 8 * (vector % 2);
  }
  OCTET_SIMD_INLINE static __m256i ToMemory(__m256i bytes) {
    return _mm256_permutevar8x32_epi32(
        bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }
  OCTET_SIMD_INLINE static __m256i FromMemory(__m256i bytes) {
    return _mm256_permutevar8x32_epi32(
        bytes, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
  }
  OCTET_SIMD_INLINE static void Sort(const __m256 (&v)[4], __m256 (&to)[4]) {
    for (int i = 0; i < 4; ++i) to[i] = v[i];
  }
};

// From sums to memory. Order: one of the three.
template <typename Order>
class HalfFinish {
 public:
  explicit HalfFinish(const QuadOutput& out)
      : out_(out),
        rounder_(*out.spec),
        residual_multiplier_(_mm256_set1_ps(
            out.residual == nullptr ? 0.0F : out.residual->multiplier)) {
    if (out.residual == nullptr) return;
    const ByteType& type = out.residual->type;
    const bool is_signed = type.dtype == DType::kInt8;
    residual_flip_ = _mm256_set1_epi8(static_cast<char>(is_signed ? 128 : 0));
    residual_zero_ = _mm256_set1_epi32(type.zero_point + (is_signed ? 128 : 0));
  }

  // Pixels of a half group.
  int half_pixels() const { return out_.width == 16 ? 2 : 1; }

  // Stores half `half` (0, where the order asks for none) of a group, whose
  // first result lies `offset` elements behind the row's first: `pixels` of
  // half_pixels() exist.
  OCTET_SIMD_INLINE void Store(int half, int64_t offset, int pixels,
                               const __m256i (&acc)[4]) const {
    __m256 v[4];
    if (__builtin_expect(out_.residual != nullptr, 0)) {
      __m256 residual[4];
      ReadResidual(half, offset, pixels, residual);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        v[i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(acc[i]), Multiplier(i, half),
                               residual[i]);
      }
    } else {
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        v[i] = _mm256_mul_ps(_mm256_cvtepi32_ps(acc[i]), Multiplier(i, half));
      }
    }
    if (__builtin_expect(out_.spec->dtype == DType::kFloat32, 0)) {
      return StoreFloats(half, offset, pixels, v[0], v[1], v[2], v[3]);
    }
    const __m256i bytes = Order::ToMemory(
        rounder_.Pack(rounder_.Round(v[0], v[1]), rounder_.Round(v[2], v[3])));
    uint8_t* const p = out_.output + offset;
    if (__builtin_expect(IsWhole(half, pixels), 1)) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), bytes);
    } else {
      StorePart(p, half, pixels, bytes);
    }
  }

 private:
  OCTET_SIMD_INLINE __m256 Multiplier(int vector, int half) const {
    return _mm256_loadu_ps(out_.multiplier + Order::Position(vector, half));
  }

  // Of each pixel of a half.
  OCTET_SIMD_INLINE int Channels(int half) const {
    const int left = out_.channels - half * kHalfGroup;
    return out_.width != kQuadGroup ? out_.channels
           : left < kHalfGroup      ? left
                                    : kHalfGroup;
  }

  // Whether a half's results follow each other in memory.
  OCTET_SIMD_INLINE bool IsWhole(int half, int pixels) const {
    if (out_.width == 16) {
      return pixels == 2 && out_.channels == 16 && out_.stride == 16;
    }
    return pixels == 1 && Channels(half) == kHalfGroup;
  }

  __attribute__((noinline)) void StorePart(uint8_t* p, int half, int pixels,
                                           __m256i bytes) const {
    alignas(32) uint8_t copy[kHalfGroup];
    _mm256_store_si256(reinterpret_cast<__m256i*>(copy), bytes);
    const int channels = Channels(half);
    for (int i = 0; i < pixels && channels > 0; ++i) {
      memcpy(p + i * out_.stride, copy + 16 * i, channels);
    }
  }

  // By value, so that the sums themselves need no address.
  __attribute__((noinline)) void StoreFloats(int half, int64_t offset,
                                             int pixels, __m256 a, __m256 b,
                                             __m256 c, __m256 d) const {
    const __m256 lower = _mm256_set1_ps(out_.spec->lower);
    const __m256 upper = _mm256_set1_ps(out_.spec->upper);
    const __m256 v[4] = {a, b, c, d};
    __m256 sorted[4];
    Order::Sort(v, sorted);
    alignas(32) float copy[kHalfGroup];
    for (int i = 0; i < 4; ++i) {
      _mm256_store_ps(copy + 8 * i,
                      _mm256_min_ps(_mm256_max_ps(sorted[i], lower), upper));
    }
    const int channels = Channels(half);
    float* const p = reinterpret_cast<float*>(out_.output) + offset;
    for (int i = 0; i < pixels && channels > 0; ++i) {
      memcpy(p + i * out_.stride, copy + 16 * i, channels * sizeof(float));
    }
  }

  // Scaled, in the order of the sums.
  OCTET_SIMD_INLINE void ReadResidual(int half, int64_t offset, int pixels,
                                      __m256 (&v)[4]) const {
    const uint8_t* const p = out_.residual_data + offset;
    const __m256i bytes = Order::FromMemory(
        IsWhole(half, pixels) ? LoadHalf(p) : LoadPart(p, half, pixels));
    const __m256i flipped = _mm256_xor_si256(bytes, residual_flip_);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const int at = 4 * i;  // of the lane
      const __m256i spread = _mm256_broadcastsi128_si256(
          _mm_setr_epi32(at | kZeros, (at + 1) | kZeros, (at + 2) | kZeros,
                         (at + 3) | kZeros));
      const __m256i value = _mm256_sub_epi32(
          _mm256_shuffle_epi8(flipped, spread), residual_zero_);
      v[i] = _mm256_mul_ps(_mm256_cvtepi32_ps(value), residual_multiplier_);
    }
  }
  // The upper bytes of an element of a shuffle that become 0.
  static constexpr int kZeros = static_cast<int>(0x80808000);

  // Bytes that do not exist are 0.
  __attribute__((noinline)) __m256i LoadPart(const uint8_t* p, int half,
                                             int pixels) const {
    alignas(32) uint8_t copy[kHalfGroup] = {};
    const int channels = Channels(half);
    for (int i = 0; i < pixels && channels > 0; ++i) {
      memcpy(copy + 16 * i, p + i * out_.stride, channels);
    }
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(copy));
  }

  const QuadOutput out_;
  const ByteRounder rounder_;
  const __m256 residual_multiplier_;
  __m256i residual_flip_ = {};  // what is flipped of each byte
  __m256i residual_zero_ = {};
};

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_EPILOGUE_VNNI256_H_
