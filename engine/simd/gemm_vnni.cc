// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/epilogue_avx512.h"
#include "engine/simd/kernels_avx512.h"

namespace octet::simd::internal::vnni {
namespace {

// Pixels that are computed together, for 4 vectors of channels and for less: up
// to 24 vectors of sums, the weights and an input in 32 registers, and enough
// sums to hide the latency of a product.
constexpr int kTilePixels4 = 6;
constexpr int kTilePixels = 12;

OCTET_SIMD_INLINE __m512i BroadcastQuad(const uint8_t* p) {
  int32_t quad;
  memcpy(&quad, p, sizeof(quad));
  return _mm512_set1_epi32(quad);
}

// Sums of MR pixels times 16 * NV channels. Fetches a cache line a quad into
// the L2 cache from `ahead` on, if that is not null (which kFetches says).
template <bool kFetches, int MR, int NV>
OCTET_SIMD_INLINE void Accumulate(const QuadGemm& gemm, const uint8_t* pixels,
                                  const int8_t* ahead, __m512i (&acc)[MR][NV]) {
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
      if constexpr (kFetches) {
        _mm_prefetch(ahead, _MM_HINT_T1);
        ahead += kVectorBytes;
      }
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

// The sums of pixels [kFirst, MR), group by group. By recursion, as a loop
// would keep the sums in memory.
template <int kFirst, Storing kStoring, int MR, int NV>
OCTET_SIMD_INLINE void StoreFrom(const QuadFinish<4 / NV>& finish,
                                 int64_t offset, int64_t stride,
                                 const __m512i (&acc)[MR][NV]) {
  constexpr int kPixels = 4 / NV;  // of a group
  constexpr int kLast = MR - 1;
  if constexpr (kFirst < MR) {
    __m512i sums[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const int pixel = kFirst + v / NV;
      sums[v] = acc[pixel < kLast ? pixel : kLast][v % NV];
    }
    if constexpr (kFirst + kPixels <= MR) {
      finish.template StoreGroup<kStoring>(offset, sums);
    } else {
      finish.Store(offset, MR - kFirst, sums);
    }
    StoreFrom<kFirst + kPixels, kStoring>(finish, offset + kPixels * stride,
                                          stride, acc);
  }
}

template <int MR, int NV, Storing kStoring, bool kFetches = false>
__attribute__((noinline)) void Tile(const QuadGemm& gemm,
                                    const QuadFinish<4 / NV>& finish,
                                    int64_t pixel, const int8_t* ahead) {
  __m512i acc[MR][NV];
  Accumulate<kFetches>(gemm, gemm.pixels + pixel * gemm.pixel_step, ahead, acc);
#pragma GCC unroll 12
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) KeepInRegister(acc[i][j]);
  }
  StoreFrom<0, kStoring>(finish, pixel * gemm.out.stride, gemm.out.stride, acc);
}

template <int NV>
using TileFunction = void (*)(const QuadGemm&, const QuadFinish<4 / NV>&,
                              int64_t, const int8_t*);

// a / b of a, b > 0; a division of 64 bits may take 90 cycles.
OCTET_SIMD_INLINE int64_t Quotient(int64_t a, int64_t b) {
  if (((a | b) >> 32) != 0) return a / b;
  return static_cast<uint32_t>(a) / static_cast<uint32_t>(b);
}

// Tiles of as equal heights as can be: a short last one would be slow.
template <int NV, int kTilePixels>
void RunTiles(const QuadGemm& gemm, const QuadFinish<4 / NV>& finish,
              const TileFunction<NV> (&tiles)[kTilePixels]) {
  const int64_t count = (gemm.pixel_count + kTilePixels - 1) / kTilePixels;
  const int64_t height = Quotient(gemm.pixel_count, count);
  const int64_t higher = gemm.pixel_count - height * count;  // tiles, by one
  // A tile fetches one of NV parts of the next weights; those behind the first
  // NV, the last part again.
  const int64_t part = int64_t{kVectorBytes} * gemm.runs * gemm.run_quads;
  const int8_t* ahead = gemm.next_weights;
  int64_t pixel = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t pixels = i < higher ? height + 1 : height;
    tiles[pixels - 1](gemm, finish, pixel, ahead);
    pixel += pixels;
    if (ahead != nullptr && i < NV - 1) ahead += part;
  }
}

// Tiles of 64 channels.
template <Storing kStoring, bool kFetches>
void RunTilesOf4(const QuadGemm& gemm, const QuadFinish<1>& finish) {
  static constexpr TileFunction<4> kTiles[kTilePixels4] = {
      Tile<1, 4, kStoring, kFetches>, Tile<2, 4, kStoring, kFetches>,
      Tile<3, 4, kStoring, kFetches>, Tile<4, 4, kStoring, kFetches>,
      Tile<5, 4, kStoring, kFetches>, Tile<6, 4, kStoring, kFetches>,
  };
  RunTiles<4>(gemm, finish, kTiles);
}

template <int NV, Storing kStoring>
void RunTilesOf(const QuadGemm& gemm, const QuadFinish<4 / NV>& finish) {
  if constexpr (NV == 4) {
    if (gemm.next_weights != nullptr) {
      RunTilesOf4<kStoring, true>(gemm, finish);
    } else {
      RunTilesOf4<kStoring, false>(gemm, finish);
    }
  } else {
    static constexpr TileFunction<NV> kTiles[kTilePixels] = {
        Tile<1, NV, kStoring>,  Tile<2, NV, kStoring>,  Tile<3, NV, kStoring>,
        Tile<4, NV, kStoring>,  Tile<5, NV, kStoring>,  Tile<6, NV, kStoring>,
        Tile<7, NV, kStoring>,  Tile<8, NV, kStoring>,  Tile<9, NV, kStoring>,
        Tile<10, NV, kStoring>, Tile<11, NV, kStoring>, Tile<12, NV, kStoring>,
    };
    RunTiles<NV>(gemm, finish, kTiles);
  }
}

template <int NV>
void Block(const QuadGemm& gemm) {
  const QuadFinish<4 / NV> finish(gemm.out);
  switch (finish.whole_groups()) {
    case Storing::kU8:
      return RunTilesOf<NV, Storing::kU8>(gemm, finish);
    case Storing::kU8WithResidual:
      return RunTilesOf<NV, Storing::kU8WithResidual>(gemm, finish);
    case Storing::kFloat:
      return RunTilesOf<NV, Storing::kFloat>(gemm, finish);
    case Storing::kS8:
    case Storing::kAny:
      return RunTilesOf<NV, Storing::kAny>(gemm, finish);
  }
}

}  // namespace

void Gemm(const QuadGemm& gemm) {
  switch (gemm.out.width) {
    case 64:
      return Block<4>(gemm);
    case 32:
      return Block<2>(gemm);
    default:
      return Block<1>(gemm);
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
