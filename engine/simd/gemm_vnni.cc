// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/epilogue_avx512.h"
#include "engine/simd/kernels_avx512.h"

namespace octet::simd::internal::vnni {
namespace {

// Pixels that are computed together, for 1, 2 and 4 vectors of channels: up to
// 24 vectors of sums, the weights and an input in 32 registers, and enough sums
// to hide the latency of a product.
constexpr int kTilePixels1 = 12;
constexpr int kTilePixels2 = 12;
constexpr int kTilePixels4 = 6;

OCTET_SIMD_INLINE __m512i BroadcastQuad(const uint8_t* p) {
  int32_t quad;
  memcpy(&quad, p, sizeof(quad));
  return _mm512_set1_epi32(quad);
}

// Sums of MR pixels times 16 * NV channels.
template <int MR, int NV>
OCTET_SIMD_INLINE void Accumulate(const QuadGemm& gemm, const uint8_t* pixels,
                                  __m512i (&acc)[MR][NV]) {
#pragma GCC unroll 12
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j)
      acc[i][j] = LoadVector(gemm.out.start + 16 * j);
  }
  // One address for three pixels, and a step: registers for all of them.
  constexpr int kAddresses = (MR + 2) / 3;
  const int64_t step = gemm.pixel_step;
  const int8_t* w = gemm.weights;
  for (int r = 0; r < gemm.runs; ++r) {
    const uint8_t* x[kAddresses];
#pragma GCC unroll 4
    for (int i = 0; i < kAddresses; ++i) {
      x[i] = pixels + gemm.run_offset[r] + 3 * i * step;
    }
    for (int k = 0; k < gemm.run_quads; ++k) {
      __m512i weights[NV];
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) weights[j] = LoadVector(w + 64 * j);
      w += 64 * NV;
#pragma GCC unroll 12
      for (int i = 0; i < MR; ++i) {
        const __m512i quad = BroadcastQuad(x[i / 3] + i % 3 * step);
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) {
          acc[i][j] = _mm512_dpbusd_epi32(acc[i][j], quad, weights[j]);
        }
      }
#pragma GCC unroll 4
      for (int i = 0; i < kAddresses; ++i) x[i] += 4;
    }
  }
}

template <int MR, int NV>
__attribute__((noinline)) void Tile(const QuadGemm& gemm,
                                    const QuadFinish<4 / NV>& finish,
                                    int64_t pixel) {
  constexpr int kGroup = 4 / NV;  // pixels
  __m512i acc[MR][NV];
  Accumulate<MR, NV>(gemm, gemm.pixels + pixel * gemm.pixel_step, acc);
#pragma GCC unroll 12
  for (int i = 0; i < MR; i += kGroup) {
    constexpr int kLast = MR - 1;
    __m512i sums[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const int row = i + v / NV;
      sums[v] = acc[row < kLast ? row : kLast][v % NV];
    }
    finish.Store((pixel + i) * gemm.out.stride,
                 MR - i < kGroup ? MR - i : kGroup, sums);
  }
}

template <int NV>
using TileFunction = void (*)(const QuadGemm&, const QuadFinish<4 / NV>&,
                              int64_t);

// Tiles of as equal heights as can be: a short last one would be slow.
template <int NV, int kTilePixels>
void Block(const QuadGemm& gemm, const TileFunction<NV> (&tiles)[kTilePixels]) {
  const QuadFinish<4 / NV> finish(gemm.out);
  int64_t count = (gemm.pixel_count + kTilePixels - 1) / kTilePixels;
  for (int64_t pixel = 0; count > 0; --count) {
    const int64_t height = (gemm.pixel_count - pixel + count - 1) / count;
    tiles[height - 1](gemm, finish, pixel);
    pixel += height;
  }
}

}  // namespace

void Gemm(const QuadGemm& gemm) {
  static constexpr TileFunction<1> kTiles1[kTilePixels1] = {
      Tile<1, 1>, Tile<2, 1>, Tile<3, 1>, Tile<4, 1>,  Tile<5, 1>,  Tile<6, 1>,
      Tile<7, 1>, Tile<8, 1>, Tile<9, 1>, Tile<10, 1>, Tile<11, 1>, Tile<12, 1>,
  };
  static constexpr TileFunction<2> kTiles2[kTilePixels2] = {
      Tile<1, 2>, Tile<2, 2>, Tile<3, 2>, Tile<4, 2>,  Tile<5, 2>,  Tile<6, 2>,
      Tile<7, 2>, Tile<8, 2>, Tile<9, 2>, Tile<10, 2>, Tile<11, 2>, Tile<12, 2>,
  };
  static constexpr TileFunction<4> kTiles4[kTilePixels4] = {
      Tile<1, 4>, Tile<2, 4>, Tile<3, 4>, Tile<4, 4>, Tile<5, 4>, Tile<6, 4>,
  };
  switch (gemm.out.width) {
    case 64:
      return Block<4>(gemm, kTiles4);
    case 32:
      return Block<2>(gemm, kTiles2);
    default:
      return Block<1>(gemm, kTiles1);
  }
}

void FlipTopBits(const void* src, int64_t n, uint8_t* dst) {
  const __m512i flip = _mm512_set1_epi8(-128);
  const auto* from = static_cast<const uint8_t*>(src);
  int64_t i = 0;
  for (; i + kVectorBytes <= n; i += kVectorBytes) {
    _mm512_storeu_si512(dst + i, _mm512_xor_si512(LoadVector(from + i), flip));
  }
  const __mmask64 rest = FirstBytes(n - i);
  _mm512_mask_storeu_epi8(
      dst + i, rest,
      _mm512_xor_si512(_mm512_maskz_loadu_epi8(rest, from + i), flip));
}

}  // namespace octet::simd::internal::vnni
