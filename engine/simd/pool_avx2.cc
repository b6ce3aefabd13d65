// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>

#include "engine/simd/epilogue_avx2.h"
#include "engine/simd/kernels_avx2.h"

namespace octet::simd::internal::avx2 {
namespace {

constexpr int64_t kBlock = 16;
// Differences lie in [-255, 255]: so many fit a 16-bit sum.
constexpr int kShortSums = 128;

// 16-bit sums, emptied into 32-bit ones in position order in time.
struct Sums {
  __m256i narrow = _mm256_setzero_si256();
  __m256i wide[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  int left = kShortSums;

  OCTET_SIMD_INLINE void Empty() {
    const __m256i none = _mm256_setzero_si256();
    wide[0] = _mm256_add_epi32(
        wide[0], _mm256_srai_epi32(_mm256_unpacklo_epi16(none, narrow), 16));
    wide[1] = _mm256_add_epi32(
        wide[1], _mm256_srai_epi32(_mm256_unpackhi_epi16(none, narrow), 16));
    narrow = none;
    left = kShortSums;
  }
  OCTET_SIMD_INLINE void Add(__m256i v) {
    narrow = _mm256_add_epi16(narrow, v);
    if (--left == 0) Empty();
  }
};

}  // namespace

void MaxPool(const PoolWindow& window, uint8_t* dst) {
  const bool is_signed = window.type.dtype == DType::kInt8;
  for (int64_t c = 0; c < window.channels; c += kBlock) {
    const int64_t left = window.channels - c;
    const int n = static_cast<int>(left < kBlock ? left : kBlock);
    __m128i best = is_signed ? _mm_set1_epi8(-128) : _mm_setzero_si128();
    for (int64_t y = 0; y < window.rows; ++y) {
      const uint8_t* p = window.first + y * window.row_stride + c;
      for (int64_t x = 0; x < window.columns; ++x) {
        const __m128i v = LoadBytes(p + x * window.column_stride, n);
        best = is_signed ? _mm_max_epi8(best, v) : _mm_max_epu8(best, v);
      }
    }
    StoreBytes(dst + c, best, n);
  }
}

void AveragePool(const PoolWindow& window, const AverageOutput& out) {
  const bool is_signed = window.type.dtype == DType::kInt8;
  const __m256i zero =
      _mm256_set1_epi16(static_cast<int16_t>(window.type.zero_point));
  const __m256 multiplier = _mm256_set1_ps(out.multiplier);
  const __m256 count = _mm256_set1_ps(out.count);
  PanelOutput panel;
  panel.spec = out.spec;
  panel.output = out.out;
  panel.stride = kBlock;
  for (int64_t c = 0; c < window.channels; c += kBlock) {
    const int64_t left = window.channels - c;
    panel.channels = static_cast<int>(left < kBlock ? left : kBlock);
    Sums sums;
    for (int64_t y = 0; y < window.rows; ++y) {
      const uint8_t* p = window.first + y * window.row_stride + c;
      for (int64_t x = 0; x < window.columns; ++x) {
        sums.Add(_mm256_sub_epi16(
            WidenBytes(LoadBytes(p + x * window.column_stride, panel.channels),
                       is_signed),
            zero));
      }
    }
    sums.Empty();
    const auto average = [&](int, __m256(&v)[2])
        __attribute__((always_inline)) {
#pragma GCC unroll 2
      for (int j = 0; j < 2; ++j) {
        v[j] = _mm256_div_ps(
            _mm256_mul_ps(_mm256_cvtepi32_ps(sums.wide[j]), multiplier), count);
      }
    };
    StoreTile<1, 2>(panel, c / kBlock, average);
  }
}

}  // namespace octet::simd::internal::avx2
