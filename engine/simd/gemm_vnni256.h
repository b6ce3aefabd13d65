// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_GEMM_VNNI256_H_
#define OCTET_ENGINE_SIMD_GEMM_VNNI256_H_

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/epilogue_vnni256.h"
#include "engine/simd/quad_tiles.h"

// QuadGemm with vectors of 256 bits, for blocks of 32 and of 16 channels.
// Included by the files of quads_vnni256.h alone.
namespace octet::simd::internal {
namespace {

OCTET_SIMD_INLINE __m256i BroadcastHalfQuad(const uint8_t* p) {
  int32_t quad;
  memcpy(&quad, p, sizeof(quad));
  return _mm256_set1_epi32(quad);
}

// Of 16 registers 12 hold sums: of 3 pixels of 32 channels or 6 of 16.
constexpr int HalfTilePixels(int vectors) { return 12 / vectors; }

// The sums of MR pixels times 8 * NV channels; leaves `place` behind them.
template <typename Order, int MR, int NV>
OCTET_SIMD_INLINE void AccumulateHalf(const QuadGemm& gemm, PixelPlace& place,
                                      __m256i (&acc)[MR][NV]) {
  const uint8_t* x[MR];
#pragma GCC unroll 6
  for (int i = 0; i < MR; ++i) {
    x[i] = place.address;
    place.Advance(gemm, 1);
  }
#pragma GCC unroll 4
  for (int j = 0; j < NV; ++j) {
    const __m256i start = LoadHalf(gemm.out.start + Order::Position(j, 0));
#pragma GCC unroll 6
    for (int i = 0; i < MR; ++i) acc[i][j] = start;
  }
  const int8_t* w = gemm.weights;
  for (int r = 0; r < gemm.runs; ++r) {
    int64_t at = gemm.run_offset[r];
    const int64_t end = at + 4 * gemm.run_quads;
    for (; at < end; at += 4) {
      // Else there would be a register more for each address, to count up.
      __asm__("" : "+r"(at));
      if constexpr (NV == 4) {
        __m256i quads[MR];
#pragma GCC unroll 3
        for (int i = 0; i < MR; ++i) quads[i] = BroadcastHalfQuad(x[i] + at);
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) {
          const __m256i weights = LoadHalf(w + 4 * Order::Position(j, 0));
#pragma GCC unroll 3
          for (int i = 0; i < MR; ++i) {
            acc[i][j] = _mm256_dpbusd_epi32(acc[i][j], quads[i], weights);
          }
        }
      } else {
        const __m256i weights[2] = {LoadHalf(w), LoadHalf(w + 32)};
#pragma GCC unroll 6
        for (int i = 0; i < MR; ++i) {
          const __m256i quad = BroadcastHalfQuad(x[i] + at);
          acc[i][0] = _mm256_dpbusd_epi32(acc[i][0], quad, weights[0]);
          acc[i][1] = _mm256_dpbusd_epi32(acc[i][1], quad, weights[1]);
        }
      }
      w += 32 * NV;
    }
  }
}

// The sums of pixels [kFirst, MR). By recursion, as a loop would keep the sums
// in memory.
template <int kFirst, typename Order, int MR, int NV>
OCTET_SIMD_INLINE void StoreHalvesFrom(const HalfFinish<Order>& finish,
                                       int64_t offset, int64_t stride,
                                       const __m256i (&acc)[MR][NV]) {
  constexpr int kPixels = 4 / NV;  // of a half
  if constexpr (kFirst < MR) {
    constexpr int kLeft = MR - kFirst;
    __m256i sums[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const int pixel = kFirst + v / NV;
      sums[v] = acc[pixel < MR - 1 ? pixel : MR - 1][v % NV];
    }
    finish.Store(0, offset, kLeft < kPixels ? kLeft : kPixels, sums);
    StoreHalvesFrom<kFirst + kPixels>(finish, offset + kPixels * stride, stride,
                                      acc);
  }
}

template <int MR, int NV, typename Order>
__attribute__((noinline)) void HalfTile(const QuadGemm& gemm,
                                        const HalfFinish<Order>& finish,
                                        int64_t offset, PixelPlace& place) {
  __m256i acc[MR][NV];
  AccumulateHalf<Order>(gemm, place, acc);
#pragma GCC unroll 6
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) KeepInRegister(acc[i][j]);
  }
  StoreHalvesFrom<0>(finish, offset, gemm.out.stride, acc);
}

template <typename Order>
using HalfTileFunction = void (*)(const QuadGemm&, const HalfFinish<Order>&,
                                  int64_t, PixelPlace&);

template <typename Order, int kTilePixels>
void RunHalfTiles(const QuadGemm& gemm,
                  const HalfTileFunction<Order> (&tiles)[kTilePixels]) {
  const HalfFinish<Order> finish(gemm.out);
  const TileHeights heights(gemm.rows * gemm.row_pixels, kTilePixels);
  PixelPlace place(gemm);
  int64_t offset = 0;
  for (int64_t i = 0; i < heights.count; ++i) {
    const int64_t taken = heights.Of(i);
    tiles[taken - 1](gemm, finish, offset, place);
    offset += taken * gemm.out.stride;
  }
}

void GemmOfHalves(const QuadGemm& gemm) {
  if (gemm.out.width == 32) {
    static constexpr HalfTileFunction<PixelOf32> kTiles[HalfTilePixels(4)] = {
        HalfTile<1, 4, PixelOf32>, HalfTile<2, 4, PixelOf32>,
        HalfTile<3, 4, PixelOf32>};
    return RunHalfTiles<PixelOf32>(gemm, kTiles);
  }
  static constexpr HalfTileFunction<PixelsOf16> kTiles[HalfTilePixels(2)] = {
      HalfTile<1, 2, PixelsOf16>, HalfTile<2, 2, PixelsOf16>,
      HalfTile<3, 2, PixelsOf16>, HalfTile<4, 2, PixelsOf16>,
      HalfTile<5, 2, PixelsOf16>, HalfTile<6, 2, PixelsOf16>};
  RunHalfTiles<PixelsOf16>(gemm, kTiles);
}

void FlipTopBitsOfHalves(const void* src, int64_t n, uint8_t* dst) {
  const __m256i flip = _mm256_set1_epi8(-128);
  const auto* from = static_cast<const uint8_t*>(src);
  int64_t i = 0;
  for (; i + kHalfGroup <= n; i += kHalfGroup) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + i),
                        _mm256_xor_si256(LoadHalf(from + i), flip));
  }
  for (; i < n; ++i) dst[i] = from[i] ^ 0x80;
}

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_GEMM_VNNI256_H_
