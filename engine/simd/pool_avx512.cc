// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>

#include "engine/simd/epilogue_avx512.h"
#include "engine/simd/kernels_avx512.h"

namespace octet::simd::internal::avx512 {
namespace {

constexpr int64_t kBlock = 64;  // channels

// Bytes fit a 16-bit sum so many times.
constexpr int kShortSums = 256;

// Sums of bytes of 64 channels, each 0 to 255: in 16 bits, emptied into 32-bit
// ones in position order in time.
struct ByteSums {
  __m512i narrow[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
  __m512i wide[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(),
                     _mm512_setzero_si512(), _mm512_setzero_si512()};
  int left = kShortSums;

  OCTET_SIMD_INLINE void Empty() {
    const __m512i none = _mm512_setzero_si512();
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      wide[2 * i] =
          _mm512_add_epi32(wide[2 * i], _mm512_unpacklo_epi16(narrow[i], none));
      wide[2 * i + 1] = _mm512_add_epi32(
          wide[2 * i + 1], _mm512_unpackhi_epi16(narrow[i], none));
      narrow[i] = none;
    }
    left = kShortSums;
  }
  OCTET_SIMD_INLINE void Add(__m512i bytes) {
    const __m512i none = _mm512_setzero_si512();
    narrow[0] = _mm512_add_epi16(narrow[0], _mm512_unpacklo_epi8(bytes, none));
    narrow[1] = _mm512_add_epi16(narrow[1], _mm512_unpackhi_epi8(bytes, none));
    if (--left == 0) Empty();
  }
};

}  // namespace

void MaxPool(const PoolWindow& window, uint8_t* dst) {
  const bool is_signed = window.type.dtype == DType::kInt8;
  for (int64_t c = 0; c < window.channels; c += kBlock) {
    const __mmask64 mask = FirstBytes(window.channels - c);
    __m512i best = is_signed ? _mm512_set1_epi8(-128) : _mm512_setzero_si512();
    for (int64_t y = 0; y < window.rows; ++y) {
      const uint8_t* p = window.first + y * window.row_stride + c;
      for (int64_t x = 0; x < window.columns; ++x) {
        const __m512i v =
            _mm512_maskz_loadu_epi8(mask, p + x * window.column_stride);
        best = is_signed ? _mm512_max_epi8(best, v) : _mm512_max_epu8(best, v);
      }
    }
    _mm512_mask_storeu_epi8(dst + c, mask, best);
  }
}

void AveragePool(const PoolWindow& window, const AverageOutput& out) {
  // Signed bytes and their zero point plus 128.
  const bool is_signed = window.type.dtype == DType::kInt8;
  const __m512i flip = _mm512_set1_epi8(is_signed ? -128 : 0);
  const int64_t zero = window.type.zero_point + (is_signed ? 128 : 0);
  const auto zeros = static_cast<int32_t>(zero * window.rows * window.columns);
  const __m512 multiplier = _mm512_set1_ps(out.multiplier);
  const __m512 count = _mm512_set1_ps(out.count);
  const QuadRounder rounder(*out.spec);
  for (int64_t c = 0; c < window.channels; c += kBlock) {
    const __mmask64 mask = FirstBytes(window.channels - c);
    ByteSums sums;
    for (int64_t y = 0; y < window.rows; ++y) {
      const uint8_t* p = window.first + y * window.row_stride + c;
      for (int64_t x = 0; x < window.columns; ++x) {
        sums.Add(_mm512_xor_si512(
            _mm512_maskz_loadu_epi8(mask, p + x * window.column_stride), flip));
      }
    }
    sums.Empty();
    __m512 v[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const __m512i sum =
          _mm512_sub_epi32(sums.wide[i], _mm512_set1_epi32(zeros));
      v[i] = _mm512_div_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), multiplier),
                           count);
    }
    if (out.spec->dtype != DType::kFloat32) {
      _mm512_mask_storeu_epi8(static_cast<uint8_t*>(out.out) + c, mask,
                              rounder.Pack(v));
      continue;
    }
    __m512 sorted[4];
    GroupOrder<1>::Sort(v, sorted);
    for (int i = 0; i < 4; ++i) {
      const __m512 bounded = _mm512_min_ps(
          _mm512_max_ps(sorted[i], _mm512_set1_ps(out.spec->lower)),
          _mm512_set1_ps(out.spec->upper));
      _mm512_mask_storeu_ps(static_cast<float*>(out.out) + c + 16 * i,
                            static_cast<__mmask16>(mask >> (16 * i)), bounded);
    }
  }
}

}  // namespace octet::simd::internal::avx512
