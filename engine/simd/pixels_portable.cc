// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>

#include "engine/base/half_types.h"
#include "engine/simd/kernels_portable.h"

namespace octet::simd::internal::portable {

void WidenHalves(const void* src, int64_t n, float* dst) {
  const auto* halves = static_cast<const uint8_t*>(src);
  for (int64_t i = 0; i < n; ++i) {
    uint16_t bits;
    std::memcpy(&bits, halves + i * sizeof(bits), sizeof(bits));
    dst[i] = FloatFromHalf(bits);
  }
}

}  // namespace octet::simd::internal::portable
