// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/kernels_avx2.h"

namespace octet::simd::internal::avx2 {
namespace {

constexpr int64_t kLanes = ByteScaling::kLanes;

// engine/base/half_types.h says why, for one number.
inline __m256 Widen8(const uint8_t* halves) {
  const __m256i bits = _mm256_cvtepu16_epi32(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(halves)));
  const __m256i magnitude =
      _mm256_slli_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(0x7fff)), 13);
  const __m256i rebias = _mm256_set1_epi32((127 - 15) << 23);
  const __m256i least = _mm256_set1_epi32(1 << 23);
  const __m256i normal = _mm256_add_epi32(magnitude, rebias);
  const __m256i offset = _mm256_add_epi32(least, rebias);
  const __m256 subnormal =
      _mm256_sub_ps(_mm256_castsi256_ps(_mm256_add_epi32(magnitude, offset)),
                    _mm256_castsi256_ps(offset));
  const __m256i is_subnormal = _mm256_cmpgt_epi32(least, magnitude);
  const __m256i is_infinite =
      _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32((0x1f << 23) - 1));
  const __m256i more =
      _mm256_add_epi32(normal, _mm256_and_si256(is_infinite, rebias));
  const __m256i sign =
      _mm256_slli_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(0x8000)), 16);
  const __m256 value = _mm256_blendv_ps(_mm256_castsi256_ps(more), subnormal,
                                        _mm256_castsi256_ps(is_subnormal));
  return _mm256_or_ps(value, _mm256_castsi256_ps(sign));
}

}  // namespace

void WidenHalves(const void* src, int64_t n, float* dst) {
  const auto* halves = static_cast<const uint8_t*>(src);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(dst + i, Widen8(halves + 2 * i));
  }
  if (i == n) return;
  uint8_t in[16] = {};
  float out[8];
  memcpy(in, halves + 2 * i, 2 * (n - i));
  _mm256_storeu_ps(out, Widen8(in));
  memcpy(dst + i, out, (n - i) * sizeof(float));
}

int64_t ScaleBytes(const ByteScaling& task, const uint8_t* src, int64_t n,
                   uint8_t* dst) {
  const __m256 m0 = _mm256_loadu_ps(task.multiplier);
  const __m256 m1 = _mm256_loadu_ps(task.multiplier + 8);
  const __m256 a0 = _mm256_loadu_ps(task.addend);
  const __m256 a1 = _mm256_loadu_ps(task.addend + 8);
  const __m128i order =
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(task.order));
  int64_t i = 0;
  for (; i + kLanes <= n; i += task.step) {
    const __m128i bytes = _mm_shuffle_epi8(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(src + i)), order);
    const __m256 x0 = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
    const __m256 x1 =
        _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)));
    const __m256i words = _mm256_permute4x64_epi64(
        _mm256_packs_epi32(_mm256_cvtps_epi32(_mm256_fmadd_ps(x0, m0, a0)),
                           _mm256_cvtps_epi32(_mm256_fmadd_ps(x1, m1, a1))),
        0xd8);
    const __m128i low = _mm256_castsi256_si128(words);
    const __m128i high = _mm256_extracti128_si256(words, 1);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + i),
                     task.is_signed ? _mm_packs_epi16(low, high)
                                    : _mm_packus_epi16(low, high));
  }
  return i;
}

}  // namespace octet::simd::internal::avx2
