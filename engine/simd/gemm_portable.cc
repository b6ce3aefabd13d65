// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "engine/simd/epilogue_portable.h"
#include "engine/simd/kernels_portable.h"

namespace octet::simd::internal::portable {
namespace {

// One pixel times one panel. Unsigned sums: they wrap by definition.
template <int kWidth, typename W>
void Pixel(const GemmBlock& b, int64_t pixel, const W* w) {
  uint32_t acc[kWidth];
  for (int p = 0; p < kWidth; ++p) {
    acc[p] = static_cast<uint32_t>(b.out.bias[p]);
  }
  for (int r = 0; r < b.runs; ++r) {
    const int16_t* x = b.rows + b.run_offset[r] + b.pixel_offset[pixel];
    for (int k = 0; k < b.run_pairs; ++k, x += 2, w += 2 * kWidth) {
      for (int p = 0; p < kWidth; ++p) {
        const int32_t products = x[0] * w[2 * p] + x[1] * w[2 * p + 1];
        acc[p] += static_cast<uint32_t>(products);
      }
    }
  }
  int32_t sums[kWidth];
  for (int p = 0; p < kWidth; ++p) sums[p] = static_cast<int32_t>(acc[p]);
  FinishPixel(b.out, pixel, kWidth, sums);
}

template <int kWidth>
void Panel(const GemmBlock& b) {
  for (int64_t pixel = 0; pixel < b.pixels; ++pixel) {
    if (b.wide_weights != nullptr) {
      Pixel<kWidth>(b, pixel, b.wide_weights);
    } else {
      Pixel<kWidth>(b, pixel, b.narrow_weights);
    }
  }
}

}  // namespace

void Widen(const void* src, const ByteType& type, int64_t n, int16_t* dst) {
  const auto zero = static_cast<int16_t>(type.zero_point);
  if (type.dtype == DType::kInt8) {
    const int8_t* p = static_cast<const int8_t*>(src);
    for (int64_t i = 0; i < n; ++i) dst[i] = static_cast<int16_t>(p[i] - zero);
  } else {
    const uint8_t* p = static_cast<const uint8_t*>(src);
    for (int64_t i = 0; i < n; ++i) dst[i] = static_cast<int16_t>(p[i] - zero);
  }
}

void Gemm(const GemmBlock& block) {
  block.width == kPanelWidth ? Panel<kPanelWidth>(block) : Panel<8>(block);
}

}  // namespace octet::simd::internal::portable
