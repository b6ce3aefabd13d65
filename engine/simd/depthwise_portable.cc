// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>

#include "engine/simd/epilogue_portable.h"
#include "engine/simd/kernels_portable.h"

namespace octet::simd::internal::portable {

void Weave(const WeaveArgs& args, int16_t* dst) {
  const DType dtype = args.type.dtype;
  const int32_t zero = args.type.zero_point;
  const uint8_t* rows[2] = {args.row_a, args.row_b};
  std::fill_n(dst, args.columns * 2 * kPanelWidth, int16_t{0});
  for (int row = 0; row < 2; ++row) {
    if (rows[row] == nullptr) continue;
    for (int64_t x = 0; x < args.columns; ++x) {
      const uint8_t* from = rows[row] + x * args.stride;
      int16_t* to = dst + x * 2 * kPanelWidth + row;
      for (int p = 0; p < kPanelWidth; ++p) {
        const int channel = kPanelOrder[p];
        if (channel >= args.channels) continue;
        to[2 * p] =
            static_cast<int16_t>(ReadByte(from + channel, dtype) - zero);
      }
    }
  }
}

void Depthwise(const DepthwiseRow& row) {
  for (int64_t pixel = 0; pixel < row.pixels; ++pixel) {
    uint32_t acc[kPanelWidth];
    for (int p = 0; p < kPanelWidth; ++p) {
      acc[p] = static_cast<uint32_t>(row.out.bias[p]);
    }
    const int16_t* w = row.weights;
    for (int q = 0; q < row.pair_count; ++q) {
      const int16_t* x = row.pairs[q] + pixel * row.pixel_step;
      for (int t = 0; t < row.taps; ++t, x += row.tap_step) {
        for (int p = 0; p < kPanelWidth; ++p, w += 2) {
          const int32_t products = x[2 * p] * w[0] + x[2 * p + 1] * w[1];
          acc[p] += static_cast<uint32_t>(products);
        }
      }
    }
    int32_t sums[kPanelWidth];
    for (int p = 0; p < kPanelWidth; ++p) {
      sums[p] = static_cast<int32_t>(acc[p]);
    }
    FinishPixel(row.out, pixel, kPanelWidth, sums);
  }
}

}  // namespace octet::simd::internal::portable
