// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/epilogue_avx2.h"
#include "engine/simd/kernels_avx2.h"

namespace octet::simd::internal::avx2 {
namespace {

template <int kWord>
OCTET_SIMD_INLINE __m128i InterleaveLow(__m128i a, __m128i b) {
  if constexpr (kWord == 1) return _mm_unpacklo_epi8(a, b);
  if constexpr (kWord == 2) return _mm_unpacklo_epi16(a, b);
  if constexpr (kWord == 4) return _mm_unpacklo_epi32(a, b);
  return _mm_unpacklo_epi64(a, b);
}

template <int kWord>
OCTET_SIMD_INLINE __m128i InterleaveHigh(__m128i a, __m128i b) {
  if constexpr (kWord == 1) return _mm_unpackhi_epi8(a, b);
  if constexpr (kWord == 2) return _mm_unpackhi_epi16(a, b);
  if constexpr (kWord == 4) return _mm_unpackhi_epi32(a, b);
  return _mm_unpackhi_epi64(a, b);
}

// A square of n x n words, n = 16 / kWord: log2(n) rounds that weave the upper
// half of the vectors into the lower half turn it.
template <int kWord>
OCTET_SIMD_INLINE void TransposeSquare(const std::byte* x, int64_t x_stride,
                                       std::byte* y, int64_t y_stride) {
  constexpr int kSize = 16 / kWord;
  __m128i v[kSize];
#pragma GCC unroll 16
  for (int i = 0; i < kSize; ++i) {
    v[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i * x_stride));
  }
#pragma GCC unroll 4
  for (int round = 1; round < kSize; round *= 2) {
    __m128i woven[kSize];
#pragma GCC unroll 8
    for (int i = 0; i < kSize / 2; ++i) {
      woven[2 * i] = InterleaveLow<kWord>(v[i], v[i + kSize / 2]);
      woven[2 * i + 1] = InterleaveHigh<kWord>(v[i], v[i + kSize / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kSize; ++i) v[i] = woven[i];
  }
#pragma GCC unroll 16
  for (int i = 0; i < kSize; ++i) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i * y_stride), v[i]);
  }
}

template <int kWord>
OCTET_SIMD_INLINE void TransposeOneByOne(const TransposeTask& task, int64_t r0,
                                         int64_t r1, int64_t c0, int64_t c1) {
  for (int64_t r = r0; r < r1; ++r) {
    for (int64_t c = c0; c < c1; ++c) {
      memcpy(task.y + r * task.y_stride + c * kWord,
             task.x + c * task.x_stride + r * kWord, kWord);
    }
  }
}

template <int kWord>
void TransposeWords(const TransposeTask& task) {
  constexpr int64_t kSize = 16 / kWord;
  const int64_t rows = task.rows / kSize * kSize;
  const int64_t columns = task.columns / kSize * kSize;
  for (int64_t c = 0; c < columns; c += kSize) {
    for (int64_t r = 0; r < rows; r += kSize) {
      TransposeSquare<kWord>(
          task.x + c * task.x_stride + r * kWord, task.x_stride,
          task.y + r * task.y_stride + c * kWord, task.y_stride);
    }
  }
  TransposeOneByOne<kWord>(task, 0, rows, columns, task.columns);
  TransposeOneByOne<kWord>(task, rows, task.rows, 0, task.columns);
}

}  // namespace

void Transpose(const TransposeTask& task) {
  switch (task.word_bytes) {
    case 1:
      return TransposeWords<1>(task);
    case 2:
      return TransposeWords<2>(task);
    case 4:
      return TransposeWords<4>(task);
    default:
      return TransposeWords<8>(task);
  }
}

}  // namespace octet::simd::internal::avx2
