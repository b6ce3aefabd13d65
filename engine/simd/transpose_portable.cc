// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>

#include "engine/simd/kernels_portable.h"

namespace octet::simd::internal::portable {
namespace {

// Rows of y that are written side by side, so that a cache line of x is used
// while it is there.
constexpr int64_t kRows = 8;

template <int64_t kWord>
void TransposeWords(const TransposeTask& task) {
  for (int64_t r0 = 0; r0 < task.rows; r0 += kRows) {
    const int64_t r1 = task.rows - r0 < kRows ? task.rows : r0 + kRows;
    for (int64_t c = 0; c < task.columns; ++c) {
      for (int64_t r = r0; r < r1; ++r) {
        std::memcpy(task.y + r * task.y_stride + c * kWord,
                    task.x + c * task.x_stride + r * kWord, kWord);
      }
    }
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

}  // namespace octet::simd::internal::portable
