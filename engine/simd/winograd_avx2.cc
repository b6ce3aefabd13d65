// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/kernels_avx2.h"
#include "engine/simd/winograd_loops.h"

namespace octet::simd::internal::avx2 {
namespace {

// See winograd_loops.h.
struct Vector256 {
  using Int = __m256i;
  static constexpr int kWords = 16;

  OCTET_SIMD_INLINE static Int Load(const void* p) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(p));
  }
  OCTET_SIMD_INLINE static void Store(void* p, Int v) {
    _mm256_storeu_si256(static_cast<__m256i*>(p), v);
  }
  // There are 16, always.
  OCTET_SIMD_INLINE static Int LoadWords(const int16_t* p, int64_t) {
    return Load(p);
  }
  OCTET_SIMD_INLINE static void StoreWords(int16_t* p, Int v, int64_t) {
    Store(p, v);
  }
  OCTET_SIMD_INLINE static Int Add16(Int a, Int b) {
    return _mm256_add_epi16(a, b);
  }
  OCTET_SIMD_INLINE static Int Sub16(Int a, Int b) {
    return _mm256_sub_epi16(a, b);
  }
  template <int kBits>
  OCTET_SIMD_INLINE static Int Shift16(Int a) {
    return _mm256_slli_epi16(a, kBits);
  }
  OCTET_SIMD_INLINE static Int Add(Int a, Int b) {
    return _mm256_add_epi32(a, b);
  }
  OCTET_SIMD_INLINE static Int Sub(Int a, Int b) {
    return _mm256_sub_epi32(a, b);
  }
  template <int kBits>
  OCTET_SIMD_INLINE static Int Shift(Int a) {
    return _mm256_slli_epi32(a, kBits);
  }
  template <int kBits>
  OCTET_SIMD_INLINE static Int ShiftRight(Int a) {
    return _mm256_srai_epi32(a, kBits);
  }
  OCTET_SIMD_INLINE static Int Multiply(Int a, int b) {
    return _mm256_mullo_epi32(a, _mm256_set1_epi32(b));
  }
};

template <int MR, int NV>
OCTET_SIMD_INLINE void MultiplyPoint(const int16_t* x, int64_t stride,
                                     const int16_t* w, int64_t pairs,
                                     int32_t* products) {
  __m256i acc[MR][NV];
#pragma GCC unroll 8
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < NV; ++j) acc[i][j] = _mm256_setzero_si256();
  }
  for (int64_t k = 0; k < pairs; ++k) {
    __m256i weights[NV];
#pragma GCC unroll 2
    for (int j = 0; j < NV; ++j) weights[j] = Vector256::Load(w + 16 * j);
    w += 16 * NV;
#pragma GCC unroll 8
    for (int i = 0; i < MR; ++i) {
      int32_t pair;
      memcpy(&pair, x + i * stride + 2 * k, sizeof(pair));
      const __m256i both = _mm256_set1_epi32(pair);
#pragma GCC unroll 2
      for (int j = 0; j < NV; ++j) {
        acc[i][j] =
            _mm256_add_epi32(acc[i][j], _mm256_madd_epi16(both, weights[j]));
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < NV; ++j) {
      Vector256::Store(products + (i * NV + j) * 8, acc[i][j]);
    }
  }
}

template <int NV>
void SumAndFinish(const WinogradGroup& g, int tile) {
  __m256i sums[kOut][kOut][NV];
  const int64_t stride = int64_t{g.tiles} * NV * 8;
#pragma GCC unroll 2
  for (int j = 0; j < NV; ++j) {
    SumTile<Vector256>(g.products + (tile * NV + j) * 8, stride,
                       Vector256::Load(g.out.bias + 8 * j), &sums[0][0][j], NV);
  }
  FinishWinogradTile<NV>(g, tile, sums);
}

template <int MR, int NV>
__attribute__((noinline)) void Multiply(const WinogradGroup& g) {
  for (int64_t p = 0; p < kWinogradPoints; ++p) {
    MultiplyPoint<MR, NV>(g.points + p * MR * g.channels, g.channels,
                          g.weights + p * g.pairs * 16 * NV, g.pairs,
                          g.products + p * MR * 8 * NV);
  }
}

template <int NV>
void MultiplyTiles(const WinogradGroup& g) {
  switch (g.tiles) {
    case 1:
      Multiply<1, NV>(g);
      break;
    case 2:
      Multiply<2, NV>(g);
      break;
    case 3:
      Multiply<3, NV>(g);
      break;
    case 4:
      Multiply<4, NV>(g);
      break;
    case 5:
      Multiply<5, NV>(g);
      break;
    default:
      Multiply<6, NV>(g);
  }
  for (int tile = 0; tile < g.tiles; ++tile) SumAndFinish<NV>(g, tile);
}

}  // namespace

void TransformPatch(const WinogradPatch& patch) {
  TransformPatchBy<Vector256>(patch);
}

void MultiplyGroup(const WinogradGroup& group) {
  group.width == kPanelWidth ? MultiplyTiles<2>(group)
                             : MultiplyTiles<1>(group);
}

}  // namespace octet::simd::internal::avx2
