// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/epilogue_avx2.h"
#include "engine/simd/kernels_avx2.h"

namespace octet::simd::internal::avx2 {
namespace {

// The packing and shuffling instructions work in halves of 16 bytes; this puts
// the quarters of what they give in order.
constexpr int kInOrder = 0b11'01'10'00;

template <int kWord>
OCTET_SIMD_INLINE __m256i EvenWords(__m256i first, __m256i second) {
  if constexpr (kWord == 1) {
    const __m256i low = _mm256_set1_epi16(0xFF);
    return _mm256_permute4x64_epi64(
        _mm256_packus_epi16(_mm256_and_si256(first, low),
                            _mm256_and_si256(second, low)),
        kInOrder);
  } else {
    static_assert(kWord == 4);
    return _mm256_permute4x64_epi64(
        _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(first),
                                              _mm256_castsi256_ps(second),
                                              0b10'00'10'00)),
        kInOrder);
  }
}

template <int kWord>
void CopyEverySecond(const EverySecondTask& task) {
  constexpr int64_t kWords = 32 / kWord;
  int64_t i = 0;
  // The word behind the last one of a group is read, too: not that of the end.
  for (; i + kWords < task.count; i += kWords) {
    const auto* x = reinterpret_cast<const __m256i*>(task.x + 2 * i * kWord);
    _mm256_storeu_si256(
        reinterpret_cast<__m256i*>(task.y + i * kWord),
        EvenWords<kWord>(_mm256_loadu_si256(x), _mm256_loadu_si256(x + 1)));
  }
  for (; i < task.count; ++i) {
    memcpy(task.y + i * kWord, task.x + 2 * i * kWord, kWord);
  }
}

}  // namespace

void EverySecond(const EverySecondTask& task) {
  if (task.word_bytes == 1) return CopyEverySecond<1>(task);
  CopyEverySecond<4>(task);
}

}  // namespace octet::simd::internal::avx2
