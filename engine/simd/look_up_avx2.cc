// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/look_up.h"

namespace octet::simd::internal::avx2 {
namespace {

// vpshufb looks up in 16 entries and gives 0 where the index has its top bit
// set. Counted down by 16 with signed saturation, an index below 128 drops out
// behind its own row, and one above never comes in. The exclusive or of the
// steps between rows up to its own is then the entry of its row. The upper half
// of the table is the same with the top bit flipped.
constexpr int kRowsOfHalf = 8;

template <int kVectors>
__attribute__((always_inline)) inline void LookUpVectors(const uint8_t* steps,
                                                         const uint8_t* x,
                                                         uint8_t* y) {
  const __m256i top = _mm256_set1_epi8(-128);
  const __m256i row_length = _mm256_set1_epi8(16);
  __m256i low[kVectors];
  __m256i high[kVectors];
  __m256i sum[kVectors];
  for (int k = 0; k < kVectors; ++k) {
    low[k] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + 32 * k));
    high[k] = _mm256_xor_si256(low[k], top);
    sum[k] = _mm256_setzero_si256();
  }
#pragma GCC unroll 8
  for (int row = 0; row < kRowsOfHalf; ++row) {
    const auto* entries = reinterpret_cast<const __m128i*>(steps) + row;
    const __m256i lower = _mm256_broadcastsi128_si256(_mm_load_si128(entries));
    const __m256i upper =
        _mm256_broadcastsi128_si256(_mm_load_si128(entries + kRowsOfHalf));
    for (int k = 0; k < kVectors; ++k) {
      sum[k] = _mm256_xor_si256(sum[k], _mm256_shuffle_epi8(lower, low[k]));
      sum[k] = _mm256_xor_si256(sum[k], _mm256_shuffle_epi8(upper, high[k]));
      low[k] = _mm256_subs_epi8(low[k], row_length);
      high[k] = _mm256_subs_epi8(high[k], row_length);
    }
  }
  for (int k = 0; k < kVectors; ++k) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + 32 * k), sum[k]);
  }
}

}  // namespace

void LookUpBytes(const ByteTable& table, const uint8_t* x, uint8_t* y,
                 int64_t n) {
  const uint8_t* steps = table.steps;
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) LookUpVectors<2>(steps, x + i, y + i);
  for (; i < n; i += 32) {
    const int64_t left = n - i < 32 ? n - i : 32;
    if (left == 32) {
      LookUpVectors<1>(steps, x + i, y + i);
      continue;
    }
    alignas(32) uint8_t bytes[32] = {};
    memcpy(bytes, x + i, static_cast<size_t>(left));
    LookUpVectors<1>(steps, bytes, bytes);
    memcpy(y + i, bytes, static_cast<size_t>(left));
  }
}

}  // namespace octet::simd::internal::avx2
