// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>

#include "engine/simd/kernels_portable.h"

namespace octet::simd::internal::portable {
namespace {

template <int64_t kWord>
void CopyEverySecond(const EverySecondTask& task) {
  for (int64_t i = 0; i < task.count; ++i) {
    std::memcpy(task.y + i * kWord, task.x + 2 * i * kWord, kWord);
  }
}

}  // namespace

void EverySecond(const EverySecondTask& task) {
  if (task.word_bytes == 1) return CopyEverySecond<1>(task);
  CopyEverySecond<4>(task);
}

}  // namespace octet::simd::internal::portable
