// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>

#include "engine/simd/epilogue_portable.h"
#include "engine/simd/kernels_portable.h"

namespace octet::simd::internal::portable {
namespace {

// Channels summed at a time, on the stack.
constexpr int64_t kBlock = 64;

template <typename Visit>
void ForEachPosition(const PoolWindow& window, Visit visit) {
  for (int64_t y = 0; y < window.rows; ++y) {
    for (int64_t x = 0; x < window.columns; ++x) {
      visit(window.first + y * window.row_stride + x * window.column_stride);
    }
  }
}

}  // namespace

void MaxPool(const PoolWindow& window, uint8_t* dst) {
  const DType dtype = window.type.dtype;
  std::fill_n(dst, window.channels, static_cast<uint8_t>(LowestOf(dtype)));
  ForEachPosition(window, [&](const uint8_t* p) {
    for (int64_t c = 0; c < window.channels; ++c) {
      if (ReadByte(p + c, dtype) > ReadByte(dst + c, dtype)) dst[c] = p[c];
    }
  });
}

void AveragePool(const PoolWindow& window, const AverageOutput& out) {
  for (int64_t first = 0; first < window.channels; first += kBlock) {
    const int64_t n = std::min(kBlock, window.channels - first);
    int32_t sums[kBlock] = {};
    ForEachPosition(window, [&](const uint8_t* p) {
      for (int64_t c = 0; c < n; ++c) {
        sums[c] +=
            ReadByte(p + first + c, window.type.dtype) - window.type.zero_point;
      }
    });
    for (int64_t c = 0; c < n; ++c) {
      const float v = static_cast<float>(sums[c]) * out.multiplier / out.count;
      StoreValue(v, *out.spec, out.out, first + c);
    }
  }
}

}  // namespace octet::simd::internal::portable
