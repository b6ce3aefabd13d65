// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>

#include "engine/simd/epilogue_avx2.h"
#include "engine/simd/kernels_avx2.h"

namespace octet::simd::internal::avx2 {
namespace {

constexpr int kTilePixels = 6;
constexpr int64_t kColumn = 2 * kPanelWidth;

OCTET_SIMD_INLINE __m256i Load(const int16_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

// One column of one row as 16 differences from the zero point. Channels beyond
// the valid ones are whatever follows: their weights are zero, and they are
// not stored.
template <bool kSigned>
OCTET_SIMD_INLINE __m256i Widened(__m128i bytes, __m256i zero) {
  return _mm256_sub_epi16(WidenBytes(bytes, kSigned), zero);
}

OCTET_SIMD_INLINE void StoreWoven(__m256i a, __m256i b, int16_t* dst) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst),
                      _mm256_unpacklo_epi16(a, b));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + 16),
                      _mm256_unpackhi_epi16(a, b));
}

template <bool kSigned, bool kHasA, bool kHasB>
void WeaveRows(const WeaveArgs& args, int16_t* dst) {
  const __m256i zero =
      _mm256_set1_epi16(static_cast<int16_t>(args.type.zero_point));
  const __m256i none = _mm256_setzero_si256();
  const uint8_t* a = args.row_a;
  const uint8_t* b = args.row_b;
  const auto weave = [&](int n) __attribute__((always_inline)) {
    __m256i wide_a = none;
    __m256i wide_b = none;
    if constexpr (kHasA) wide_a = Widened<kSigned>(LoadBytes(a, n), zero);
    if constexpr (kHasB) wide_b = Widened<kSigned>(LoadBytes(b, n), zero);
    StoreWoven(wide_a, wide_b, dst);
    if constexpr (kHasA) a += args.stride;
    if constexpr (kHasB) b += args.stride;
    dst += kColumn;
  };
  // Columns that may be read as 16 bytes, then those at the row's end.
  int64_t whole = args.readable < kPanelWidth
                      ? 0
                      : (args.readable - kPanelWidth) / args.stride + 1;
  if (whole > args.columns) whole = args.columns;
  for (int64_t x = 0; x < whole; ++x) weave(kPanelWidth);
  for (int64_t x = whole; x < args.columns; ++x) weave(args.channels);
}

template <bool kSigned>
void WeaveTyped(const WeaveArgs& args, int16_t* dst) {
  if (args.row_a != nullptr && args.row_b != nullptr) {
    WeaveRows<kSigned, true, true>(args, dst);
  } else if (args.row_a != nullptr) {
    WeaveRows<kSigned, true, false>(args, dst);
  } else if (args.row_b != nullptr) {
    WeaveRows<kSigned, false, true>(args, dst);
  } else {
    WeaveRows<kSigned, false, false>(args, dst);
  }
}

// kStep: the distance of two pixels in columns, or 0 for row.pixel_step.
template <int MR, int kStep>
OCTET_SIMD_INLINE void Tile(const DepthwiseRow& row, int64_t pixel) {
  const int64_t step = kStep != 0 ? kStep * kColumn : row.pixel_step;
  __m256i acc[MR][2];
#pragma GCC unroll 8
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      acc[i][j] = _mm256_loadu_si256(
          reinterpret_cast<const __m256i*>(row.out.bias + 8 * j));
    }
  }
  const int16_t* w = row.weights;
  for (int q = 0; q < row.pair_count; ++q) {
    const int16_t* x = row.pairs[q] + pixel * step;
    for (int t = 0; t < row.taps; ++t, x += row.tap_step, w += kColumn) {
      const __m256i w0 = Load(w);
      const __m256i w1 = Load(w + 16);
#pragma GCC unroll 8
      for (int i = 0; i < MR; ++i) {
        acc[i][0] = _mm256_add_epi32(acc[i][0],
                                     _mm256_madd_epi16(Load(x + i * step), w0));
        acc[i][1] = _mm256_add_epi32(
            acc[i][1], _mm256_madd_epi16(Load(x + i * step + 16), w1));
      }
    }
  }
  FinishTile<MR, 2>(row.out, pixel, acc);
}

template <int kStep>
void Row(const DepthwiseRow& row) {
  int64_t pixel = 0;
  for (; pixel + kTilePixels <= row.pixels; pixel += kTilePixels) {
    Tile<kTilePixels, kStep>(row, pixel);
  }
  if (pixel + 4 <= row.pixels) {
    Tile<4, kStep>(row, pixel);
    pixel += 4;
  }
  if (pixel + 2 <= row.pixels) {
    Tile<2, kStep>(row, pixel);
    pixel += 2;
  }
  if (pixel < row.pixels) Tile<1, kStep>(row, pixel);
}

}  // namespace

void Weave(const WeaveArgs& args, int16_t* dst) {
  args.type.dtype == DType::kInt8 ? WeaveTyped<true>(args, dst)
                                  : WeaveTyped<false>(args, dst);
}

void Depthwise(const DepthwiseRow& row) {
  if (row.pixel_step == kColumn) {
    Row<1>(row);
  } else if (row.pixel_step == 2 * kColumn) {
    Row<2>(row);
  } else {
    Row<0>(row);
  }
}

}  // namespace octet::simd::internal::avx2
