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

// Turns a square of n x n words, n = 16 / kWord: log2(n) rounds that weave the
// upper half of the vectors into the lower half.
template <int kWord>
OCTET_SIMD_INLINE void Turn(__m128i (&v)[16 / kWord]) {
  constexpr int kSize = 16 / kWord;
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
}

OCTET_SIMD_INLINE __m128i Load(const std::byte* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
OCTET_SIMD_INLINE void Store(std::byte* p, __m128i v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v);
}

template <int kWord>
void TransposeOneByOne(const TransposeTask& task) {
  for (int64_t r = 0; r < task.rows; ++r) {
    for (int64_t c = 0; c < task.columns; ++c) {
      memcpy(task.y + r * task.y_stride + c * kWord,
             task.x + c * task.x_stride + r * kWord, kWord);
    }
  }
}

// Fewer columns than a square has, rows of y that follow each other: what is
// stored behind a row is stored again with the next ones, and the last rows are
// stored as long as they are.
template <int kWord>
void TransposeNarrow(const TransposeTask& task) {
  constexpr int64_t kSize = 16 / kWord;
  const int64_t end = task.rows * task.y_stride;
  for (int64_t begin = 0; begin < task.rows; begin += kSize) {
    const int64_t last = task.rows - kSize;
    const int64_t r = begin < last ? begin : last;
    __m128i v[kSize];
#pragma GCC unroll 16
    for (int c = 0; c < kSize; ++c) {
      v[c] = c < task.columns ? Load(task.x + c * task.x_stride + r * kWord)
                              : _mm_setzero_si128();
    }
    Turn<kWord>(v);
    if ((r + kSize - 1) * task.y_stride + 16 <= end) {
#pragma GCC unroll 16
      for (int i = 0; i < kSize; ++i) {
        Store(task.y + (r + i) * task.y_stride, v[i]);
      }
      continue;
    }
    for (int i = 0; i < kSize; ++i) {
      memcpy(task.y + (r + i) * task.y_stride, &v[i], task.columns * kWord);
    }
  }
}

// Squares; the last ones reach back where no whole one is left.
template <int kWord>
void TransposeSquares(const TransposeTask& task) {
  constexpr int64_t kSize = 16 / kWord;
  for (int64_t column = 0; column < task.columns; column += kSize) {
    const int64_t last_column = task.columns - kSize;
    const int64_t c = column < last_column ? column : last_column;
    for (int64_t row = 0; row < task.rows; row += kSize) {
      const int64_t last_row = task.rows - kSize;
      const int64_t r = row < last_row ? row : last_row;
      const std::byte* const x = task.x + c * task.x_stride + r * kWord;
      std::byte* const y = task.y + r * task.y_stride + c * kWord;
      __m128i v[kSize];
#pragma GCC unroll 16
      for (int i = 0; i < kSize; ++i) v[i] = Load(x + i * task.x_stride);
      Turn<kWord>(v);
#pragma GCC unroll 16
      for (int i = 0; i < kSize; ++i) Store(y + i * task.y_stride, v[i]);
    }
  }
}

template <int kWord>
void TransposeWords(const TransposeTask& task) {
  constexpr int64_t kSize = 16 / kWord;
  if (task.rows >= kSize && task.columns >= kSize) {
    TransposeSquares<kWord>(task);
  } else if (task.rows >= kSize && task.y_stride == task.columns * kWord) {
    TransposeNarrow<kWord>(task);
  } else {
    TransposeOneByOne<kWord>(task);
  }
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
