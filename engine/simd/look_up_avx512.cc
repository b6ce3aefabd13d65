// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>

#include "engine/simd/look_up.h"

namespace octet::simd::internal::avx512 {
namespace {

// The table is 128 words, half of them in two registers: vpermi2w looks up in
// 64 words. Even and odd bytes of the input are indices of their own, shifted
// down by the bit that says which byte of the word is meant.
struct Words {
  __m512i quarter[4];

  explicit Words(const uint8_t* values) {
    for (int i = 0; i < 4; ++i) {
      quarter[i] = _mm512_load_si512(values + 64 * i);
    }
  }

  // The word that holds entry `index` (0 to 255, one in each word).
  __attribute__((always_inline)) __m512i WordOf(__m512i index) const {
    const __m512i word = _mm512_srli_epi16(index, 1);
    const __mmask32 upper = _mm512_movepi16_mask(_mm512_slli_epi16(index, 8));
    const __m512i low = _mm512_permutex2var_epi16(quarter[0], word, quarter[1]);
    return _mm512_mask_mov_epi16(
        low, upper, _mm512_permutex2var_epi16(quarter[2], word, quarter[3]));
  }

  __attribute__((always_inline)) __m512i LookUp(__m512i x) const {
    const __m512i low_byte = _mm512_set1_epi16(0xff);
    const __m512i one = _mm512_set1_epi16(1);
    const __m512i even = _mm512_and_si512(x, low_byte);
    const __m512i odd = _mm512_srli_epi16(x, 8);
    // Eight bits to the right where the entry is the upper byte of its word.
    const __m512i even_shift =
        _mm512_slli_epi16(_mm512_and_si512(even, one), 3);
    // Eight bits to the left where it is the lower one.
    const __m512i odd_shift =
        _mm512_slli_epi16(_mm512_andnot_si512(odd, one), 3);
    const __m512i below = _mm512_srlv_epi16(WordOf(even), even_shift);
    const __m512i above = _mm512_sllv_epi16(WordOf(odd), odd_shift);
    // low_byte ? below : above
    return _mm512_ternarylogic_epi32(low_byte, below, above, 0xca);
  }
};

}  // namespace

void LookUpBytes(const ByteTable& table, const uint8_t* x, uint8_t* y,
                 int64_t n) {
  const Words words(table.values);
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    _mm512_storeu_si512(y + i, words.LookUp(_mm512_loadu_si512(x + i)));
  }
  if (i < n) {
    const __mmask64 left = ~uint64_t{0} >> (64 - (n - i));
    _mm512_mask_storeu_epi8(y + i, left,
                            words.LookUp(_mm512_maskz_loadu_epi8(left, x + i)));
  }
}

}  // namespace octet::simd::internal::avx512
