// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/epilogue_avx512.h"
#include "engine/simd/kernels_avx512.h"
#include "engine/simd/quad_tiles.h"

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

// How many pixels of a tile share an address, and so are of one row: there are
// not enough registers for as many addresses as there may be pixels. Tiles of 4
// vectors, which have few pixels, may begin in one row and end in another.
constexpr int PixelsOfAddress(int vectors) { return vectors == 4 ? 1 : 3; }

// What is fetched into the L2 cache meanwhile: a line a quad, at addresses that
// are `step` bytes apart.
struct Ahead {
  const std::byte* address;
  int64_t step;
};

// Sums of MR pixels times 16 * NV channels; leaves `place` and, where anything
// is fetched, `ahead` behind them.
template <bool kFetches, int MR, int NV>
OCTET_SIMD_INLINE void Accumulate(const QuadGemm& gemm, Ahead& ahead,
                                  PixelPlace& place, __m512i (&acc)[MR][NV]) {
  constexpr int kPixels = PixelsOfAddress(NV);
  constexpr int kAddresses = (MR + kPixels - 1) / kPixels;
  const uint8_t* x[kAddresses];
#pragma GCC unroll 6
  for (int i = 0; i < kAddresses; ++i) {
    x[i] = place.address;
    place.Advance(gemm,
                  MR - i * kPixels < kPixels ? MR - i * kPixels : kPixels);
  }
#pragma GCC unroll 12
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j)
      acc[i][j] = LoadVector(gemm.out.start + 16 * j);
  }
  const int64_t step = gemm.pixel_step;
  const std::byte* next = ahead.address;
  const int8_t* w = gemm.weights;
  for (int r = 0; r < gemm.runs; ++r) {
    int64_t at = gemm.run_offset[r];
    const int64_t end = at + 4 * gemm.run_quads;
    for (; at < end; at += 4) {
      // Else there would be a register more for each address, to count up.
      __asm__("" : "+r"(at));
      __m512i weights[NV];
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) weights[j] = LoadVector(w + 64 * j);
      w += 64 * NV;
      if constexpr (kFetches) {
        _mm_prefetch(next, _MM_HINT_T1);
        next += ahead.step;
      }
#pragma GCC unroll 12
      for (int i = 0; i < MR; ++i) {
        const __m512i quad =
            BroadcastQuad(x[i / kPixels] + at + i % kPixels * step);
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) {
          acc[i][j] = _mm512_dpbusd_epi32(acc[i][j], quad, weights[j]);
        }
      }
    }
  }
  ahead.address = next;
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
                                    int64_t offset, Ahead& ahead,
                                    PixelPlace& place) {
  if constexpr (kStoring == Storing::kU8WithResidual) {
    // Lies in lines far apart, which no prefetcher of the processor expects.
#pragma GCC unroll 12
    for (int i = 0; i < MR; i += 4 / NV) {
      finish.FetchResidual(offset + i * gemm.out.stride);
    }
  }
  __m512i acc[MR][NV];
  Accumulate<kFetches>(gemm, ahead, place, acc);
#pragma GCC unroll 12
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) KeepInRegister(acc[i][j]);
  }
  StoreFrom<0, kStoring>(finish, offset, gemm.out.stride, acc);
}

template <int NV>
using TileFunction = void (*)(const QuadGemm&, const QuadFinish<4 / NV>&,
                              int64_t, Ahead&, PixelPlace&);

// `pixels` neighbours.
template <int NV, int kTilePixels>
void RunTiles(const QuadGemm& gemm, const QuadFinish<4 / NV>& finish,
              const TileFunction<NV> (&tiles)[kTilePixels], int64_t pixels,
              int64_t offset, PixelPlace& place) {
  const TileHeights heights(pixels, kTilePixels);
  // All tiles together fetch the next weights, at an even pace: there are few
  // buffers for lines on their way, and what a tile reads itself needs some.
  Ahead ahead{gemm.next_weights, 0};
  if (ahead.address != nullptr) {
    const int64_t quads = heights.count * gemm.runs * gemm.run_quads;
    const int64_t step = Quotient(gemm.next_bytes + quads - 1, quads);
    ahead.step = step < kVectorBytes ? step : kVectorBytes;
  }
  for (int64_t i = 0; i < heights.count; ++i) {
    const int64_t taken = heights.Of(i);
    tiles[taken - 1](gemm, finish, offset, ahead, place);
    offset += taken * gemm.out.stride;
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
  PixelPlace place(gemm);
  RunTiles<4>(gemm, finish, kTiles, gemm.rows * gemm.row_pixels, 0, place);
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
    PixelPlace place(gemm);
    const int64_t row = gemm.row_pixels * gemm.out.stride;
    for (int64_t y = 0; y < gemm.rows; ++y) {
      RunTiles<NV>(gemm, finish, kTiles, gemm.row_pixels, y * row, place);
    }
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
