// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_FLOAT_PRODUCT_H_
#define OCTET_ENGINE_SIMD_FLOAT_PRODUCT_H_

#include <cstdint>

#include "engine/simd/float_kernels.h"
#include "engine/simd/float_math.h"

// A few rows times a matrix, over any V of float_math.h.
namespace octet::simd::internal {

// kColumns vectors of the result for kRows rows, from column `j` on; of the
// last one `last` lanes.
template <class V, int kRows, int kColumns>
OCTET_FLOAT_INLINE void ProductTile(const RowProductTask& task, int64_t j,
                                    int64_t last) {
  using F = typename V::F;
  F sums[kRows][kColumns] = {};
  const bool whole = last == V::kLanes;
  for (int64_t d = 0; d < task.depth; ++d) {
    const float* b = task.b + d * task.b_stride + j;
    F column[kColumns];
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
      column[c] = whole || c + 1 < kColumns
                      ? V::Load(b + c * V::kLanes)
                      : V::LoadPart(b + c * V::kLanes, last);
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const F a = Set<V>(task.a[r * task.a_stride + d]);
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; ++c) {
        sums[r][c] = V::MulAdd(a, column[c], sums[r][c]);
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
      float* y = task.y + r * task.y_stride + j + c * V::kLanes;
      if (whole || c + 1 < kColumns) {
        V::Store(sums[r][c], y);
      } else {
        V::StorePart(sums[r][c], y, last);
      }
    }
  }
}

template <class V, int kRows>
void ProductOfRows(const RowProductTask& task) {
  constexpr int64_t kWide = 2 * V::kLanes;
  int64_t j = 0;
  for (; j + kWide <= task.columns; j += kWide) {
    ProductTile<V, kRows, 2>(task, j, V::kLanes);
  }
  for (; j < task.columns; j += V::kLanes) {
    const int64_t left = task.columns - j;
    ProductTile<V, kRows, 1>(task, j, left < V::kLanes ? left : V::kLanes);
  }
}

template <class V>
void RowProduct(const RowProductTask& task) {
  RowProductTask part = task;
  for (; part.rows >= 4; part.rows -= 4) {
    ProductOfRows<V, 4>(part);
    part.a += 4 * part.a_stride;
    part.y += 4 * part.y_stride;
  }
  for (; part.rows > 0; --part.rows) {
    ProductOfRows<V, 1>(part);
    part.a += part.a_stride;
    part.y += part.y_stride;
  }
}

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_FLOAT_PRODUCT_H_
