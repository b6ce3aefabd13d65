// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>

#include "engine/simd/kernels_avx512.h"

namespace octet::simd::internal::avx512 {
namespace {

constexpr int kLanes = 16;
// Rows and vectors of columns of a tile, at most: 24 vectors of sums, those of
// a row of b and one of a in 32 registers, and enough sums to hide the latency
// of a product.
constexpr int kTileRows = 6;
constexpr int kTileVectors = 4;

// The columns from `j` on: kVectors vectors, of the last one the lanes of
// `last`. Each sum is taken in the order of the depth, as in every variant.
template <int kRows, int kVectors>
void Tile(const RowProductTask& task, int64_t j, __mmask16 last) {
  __m512 sums[kRows][kVectors];
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_setzero_ps();
  }
  const float* b = task.b + j;
  for (int64_t d = 0; d < task.depth; ++d, b += task.b_stride) {
    __m512 columns[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const __mmask16 mask = v + 1 < kVectors ? __mmask16{0xffff} : last;
      columns[v] = _mm512_maskz_loadu_ps(mask, b + kLanes * v);
    }
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      const __m512 a = _mm512_set1_ps(task.a[r * task.a_stride + d]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        sums[r][v] = _mm512_fmadd_ps(a, columns[v], sums[r][v]);
      }
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
    float* y = task.y + r * task.y_stride + j;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const __mmask16 mask = v + 1 < kVectors ? __mmask16{0xffff} : last;
      _mm512_mask_storeu_ps(y + kLanes * v, mask, sums[r][v]);
    }
  }
}

using TileFunction = void (*)(const RowProductTask&, int64_t, __mmask16);

template <int kRows>
TileFunction TileOf(int64_t vectors) {
  static constexpr TileFunction kTiles[kTileVectors] = {
      Tile<kRows, 1>, Tile<kRows, 2>, Tile<kRows, 3>, Tile<kRows, 4>};
  return kTiles[vectors - 1];
}

TileFunction TileOf(int64_t rows, int64_t vectors) {
  static constexpr TileFunction (*kRows[kTileRows])(int64_t) = {
      TileOf<1>, TileOf<2>, TileOf<3>, TileOf<4>, TileOf<5>, TileOf<6>};
  return kRows[rows - 1](vectors);
}

}  // namespace

void RowProduct(const RowProductTask& task) {
  const int64_t vectors = (task.columns + kLanes - 1) / kLanes;
  const int64_t rest = task.columns - kLanes * (vectors - 1);
  const auto last = static_cast<__mmask16>((1u << rest) - 1);
  // As equally wide as can be.
  const int64_t count = (vectors + kTileVectors - 1) / kTileVectors;
  RowProductTask part = task;
  while (part.rows > 0) {
    const int64_t rows = part.rows < kTileRows ? part.rows : kTileRows;
    int64_t done = 0;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t width = (vectors - done) / (count - i);
      done += width;
      TileOf(rows, width)(part, kLanes * (done - width),
                          done < vectors ? __mmask16{0xffff} : last);
    }
    part.a += rows * part.a_stride;
    part.y += rows * part.y_stride;
    part.rows -= rows;
  }
}

}  // namespace octet::simd::internal::avx512
