// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/epilogue_avx2.h"
#include "engine/simd/kernels_avx2.h"

namespace octet::simd::internal::avx2 {
namespace {

// 6 pixels x 2 vectors of sums, 2 vectors of weights, an input and a product:
// the 16 registers. Each multiplication comes with one addition, so four
// vector units are full at 4 instructions a cycle.
constexpr int kTilePixels = 6;

OCTET_SIMD_INLINE __m256i BroadcastPair(const int16_t* p) {
  int32_t pair;
  memcpy(&pair, p, sizeof(pair));
  return _mm256_set1_epi32(pair);
}

OCTET_SIMD_INLINE __m256i LoadWeights(const int16_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
OCTET_SIMD_INLINE __m256i LoadWeights(const int8_t* p) {
  return _mm256_cvtepi8_epi16(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

template <int MR, int NV, typename W>
OCTET_SIMD_INLINE void Accumulate(const GemmBlock& b, int64_t pixel, const W* w,
                                  __m256i (&acc)[MR][NV]) {
#pragma GCC unroll 8
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < NV; ++j) {
      acc[i][j] = _mm256_loadu_si256(
          reinterpret_cast<const __m256i*>(b.out.bias + 8 * j));
    }
  }
  const int32_t* offset = b.pixel_offset + pixel;
  for (int r = 0; r < b.runs; ++r) {
    const int16_t* run = b.rows + b.run_offset[r];
    const int16_t* x[MR];
#pragma GCC unroll 8
    for (int i = 0; i < MR; ++i) x[i] = run + offset[i];
    for (int64_t k = 0; k < b.run_pairs; ++k) {
      __m256i weights[NV];
#pragma GCC unroll 2
      for (int j = 0; j < NV; ++j) weights[j] = LoadWeights(w + 16 * j);
      w += 16 * NV;
#pragma GCC unroll 8
      for (int i = 0; i < MR; ++i) {
        const __m256i pair = BroadcastPair(x[i] + 2 * k);
#pragma GCC unroll 2
        for (int j = 0; j < NV; ++j) {
          acc[i][j] =
              _mm256_add_epi32(acc[i][j], _mm256_madd_epi16(pair, weights[j]));
        }
      }
    }
  }
}

template <int MR, int NV, typename W>
__attribute__((noinline)) void Tile(const GemmBlock& b, int64_t pixel,
                                    const W* weights) {
  __m256i acc[MR][NV];
  Accumulate<MR, NV>(b, pixel, weights, acc);
  FinishTile<MR, NV>(b.out, pixel, acc);
}

template <int NV, typename W>
void Panel(const GemmBlock& b, const W* weights) {
  int64_t pixel = 0;
  for (; pixel + kTilePixels <= b.pixels; pixel += kTilePixels) {
    Tile<kTilePixels, NV>(b, pixel, weights);
  }
  switch (b.pixels - pixel) {
    case 1:
      return Tile<1, NV>(b, pixel, weights);
    case 2:
      return Tile<2, NV>(b, pixel, weights);
    case 3:
      return Tile<3, NV>(b, pixel, weights);
    case 4:
      return Tile<4, NV>(b, pixel, weights);
    case 5:
      return Tile<5, NV>(b, pixel, weights);
    default:
      return;
  }
}

}  // namespace

void Widen(const void* src, const ByteType& type, int64_t n, int16_t* dst) {
  const uint8_t* p = static_cast<const uint8_t*>(src);
  const bool is_signed = type.dtype == DType::kInt8;
  const __m256i zero = _mm256_set1_epi16(static_cast<int16_t>(type.zero_point));
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m256i v = WidenBytes(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + i)), is_signed);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + i),
                        _mm256_sub_epi16(v, zero));
  }
  for (; i < n; ++i) {
    const int value = is_signed ? static_cast<int8_t>(p[i]) : p[i];
    dst[i] = static_cast<int16_t>(value - type.zero_point);
  }
}

void Gemm(const GemmBlock& block) {
  const bool wide = block.wide_weights != nullptr;
  if (block.width == kPanelWidth) {
    wide ? Panel<2>(block, block.wide_weights)
         : Panel<2>(block, block.narrow_weights);
  } else {
    wide ? Panel<1>(block, block.wide_weights)
         : Panel<1>(block, block.narrow_weights);
  }
}

}  // namespace octet::simd::internal::avx2
