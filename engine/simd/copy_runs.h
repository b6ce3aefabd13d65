// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_COPY_RUNS_H_
#define OCTET_ENGINE_SIMD_COPY_RUNS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

// Short runs of bytes copied one after the other: a call of memcpy for each
// would cost more than the bytes, so common sizes are compiled in.
namespace octet::simd {

// A run of `bytes` as a type to call copy(Run<bytes>()) with, or Run<0>() where
// the size is none of the common ones.
template <int64_t kBytes>
struct Run {};

template <int64_t kBytes>
inline void CopyRun(Run<kBytes>, int64_t bytes, const std::byte* x,
                    std::byte* y) {
  std::memcpy(y, x, kBytes == 0 ? bytes : kBytes);
}

template <typename Copy>
inline void ForRunOf(int64_t bytes, Copy copy) {
  switch (bytes) {
    case 1:
      return copy(Run<1>());
    case 2:
      return copy(Run<2>());
    case 4:
      return copy(Run<4>());
    case 8:
      return copy(Run<8>());
    case 12:
      return copy(Run<12>());
    case 16:
      return copy(Run<16>());
    case 24:
      return copy(Run<24>());
    case 32:
      return copy(Run<32>());
    case 48:
      return copy(Run<48>());
    case 64:
      return copy(Run<64>());
    case 96:
      return copy(Run<96>());
    default:
      return copy(Run<0>());
  }
}

// `count` runs, `from` bytes apart in x and `to` bytes apart in y.
inline void CopyRuns(int64_t bytes, const std::byte* x, int64_t from,
                     int64_t count, std::byte* y, int64_t to) {
  ForRunOf(bytes, [&](auto run) {
    for (int64_t i = 0; i < count; ++i) {
      CopyRun(run, bytes, x + i * from, y + i * to);
    }
  });
}

// `count` runs at from[i] of x, one behind the other.
inline void CopyRunsFrom(int64_t bytes, const std::byte* x, const int64_t* from,
                         size_t count, std::byte* y) {
  ForRunOf(bytes, [&](auto run) {
    for (size_t i = 0; i < count; ++i) {
      CopyRun(run, bytes, x + from[i], y + static_cast<int64_t>(i) * bytes);
    }
  });
}

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_COPY_RUNS_H_
