// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/kernels_avx512.h"
#include "engine/simd/winograd_loops.h"

// Winograd's algorithm as with AVX2, twice as wide, with a product and a sum in
// one instruction.
namespace octet::simd::internal::vnni {
namespace {

constexpr int kMostTiles = 12;

// See winograd_loops.h.
struct Vector512 {
  using Int = __m512i;
  static constexpr int kWords = 32;

  OCTET_SIMD_INLINE static Int Load(const void* p) {
    return _mm512_loadu_si512(p);
  }
  // There are 32 or more, or 16.
  OCTET_SIMD_INLINE static __mmask32 Mask(int64_t words) {
    return words >= kWords ? ~__mmask32{0} : 0xFFFF;
  }
  OCTET_SIMD_INLINE static Int LoadWords(const int16_t* p, int64_t words) {
    return _mm512_maskz_loadu_epi16(Mask(words), p);
  }
  OCTET_SIMD_INLINE static void StoreWords(int16_t* p, Int v, int64_t words) {
    _mm512_mask_storeu_epi16(p, Mask(words), v);
  }
  OCTET_SIMD_INLINE static Int Add16(Int a, Int b) {
    return _mm512_add_epi16(a, b);
  }
  OCTET_SIMD_INLINE static Int Sub16(Int a, Int b) {
    return _mm512_sub_epi16(a, b);
  }
  template <int kBits>
  OCTET_SIMD_INLINE static Int Shift16(Int a) {
    return _mm512_slli_epi16(a, kBits);
  }
  OCTET_SIMD_INLINE static Int Add(Int a, Int b) {
    return _mm512_add_epi32(a, b);
  }
  OCTET_SIMD_INLINE static Int Sub(Int a, Int b) {
    return _mm512_sub_epi32(a, b);
  }
  template <int kBits>
  OCTET_SIMD_INLINE static Int Shift(Int a) {
    return _mm512_slli_epi32(a, kBits);
  }
  template <int kBits>
  OCTET_SIMD_INLINE static Int ShiftRight(Int a) {
    return _mm512_srai_epi32(a, kBits);
  }
  OCTET_SIMD_INLINE static Int Multiply(Int a, int b) {
    return _mm512_mullo_epi32(a, _mm512_set1_epi32(b));
  }
};

template <int MR>
OCTET_SIMD_INLINE void MultiplyPoint(const int16_t* x, int64_t stride,
                                     const int16_t* w, int64_t pairs,
                                     int32_t* products) {
  __m512i acc[MR];
#pragma GCC unroll 12
  for (int i = 0; i < MR; ++i) acc[i] = _mm512_setzero_si512();
  for (int64_t k = 0; k < pairs; ++k) {
    const __m512i weights = Vector512::Load(w);
    w += Vector512::kWords;
#pragma GCC unroll 12
    for (int i = 0; i < MR; ++i) {
      int32_t pair;
      memcpy(&pair, x + i * stride + 2 * k, sizeof(pair));
      acc[i] = _mm512_dpwssd_epi32(acc[i], weights, _mm512_set1_epi32(pair));
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < MR; ++i) {
    _mm512_storeu_si512(products + i * kPanelWidth, acc[i]);
  }
}

template <int MR>
__attribute__((noinline)) void Multiply(const WinogradGroup& g) {
  for (int64_t p = 0; p < kWinogradPoints; ++p) {
    MultiplyPoint<MR>(g.points + p * MR * g.channels, g.channels,
                      g.weights + p * g.pairs * Vector512::kWords, g.pairs,
                      g.products + p * MR * kPanelWidth);
  }
}

void SumAndFinish(const WinogradGroup& g, int tile) {
  __m512i sums[kOut][kOut];
  SumTile<Vector512>(g.products + tile * kPanelWidth,
                     int64_t{g.tiles} * kPanelWidth,
                     Vector512::Load(g.out.bias), &sums[0][0], 1);
  __m256i halves[kOut][kOut][2];
#pragma GCC unroll 16
  for (int i = 0; i < kOut * kOut; ++i) {
    const __m512i both = sums[i / kOut][i % kOut];
    halves[i / kOut][i % kOut][0] = _mm512_castsi512_si256(both);
    halves[i / kOut][i % kOut][1] = _mm512_extracti64x4_epi64(both, 1);
  }
  FinishWinogradTile<2>(g, tile, halves);
}

}  // namespace

void TransformPatch(const WinogradPatch& patch) {
  TransformPatchBy<Vector512>(patch);
}

void MultiplyGroup(const WinogradGroup& group) {
  using Function = void (*)(const WinogradGroup&);
  static constexpr Function kMultiply[kMostTiles] = {
      Multiply<1>, Multiply<2>,  Multiply<3>,  Multiply<4>,
      Multiply<5>, Multiply<6>,  Multiply<7>,  Multiply<8>,
      Multiply<9>, Multiply<10>, Multiply<11>, Multiply<12>};
  kMultiply[group.tiles - 1](group);
  for (int tile = 0; tile < group.tiles; ++tile) SumAndFinish(group, tile);
}

}  // namespace octet::simd::internal::vnni
