// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_INTERLEAVE_PLANES_H_
#define OCTET_ENGINE_SIMD_INTERLEAVE_PLANES_H_

#include <cstdint>

#include "engine/simd/kernels.h"

namespace octet::simd::internal {

// Kernels::quantize_planes on the vectors of `Divider`, which has kPixels
// floats and
//   Quantize(x, prepare)             their bytes in a vector
//   QuantizePart(x, n, prepare, q)   those of the first n at q
//   Interleave3(a, b, c, dst)        three such vectors pixel by pixel
// `prepare_of`(c) is what happens to the floats of plane c first.
template <typename Divider, typename PrepareOf>
inline __attribute__((always_inline)) void InterleavePlanes(
    const QuantizeTask& task, const float* src, int64_t plane_stride,
    int64_t channels, uint8_t* dst, const PrepareOf& prepare_of) {
  constexpr int64_t kPixels = Divider::kPixels;
  const Divider divider(task);
  int64_t i = 0;
  if (channels == 3) {
    const auto first = prepare_of(0);
    const auto second = prepare_of(1);
    const auto third = prepare_of(2);
    for (; i + kPixels <= task.count; i += kPixels) {
      Divider::Interleave3(divider.Quantize(src + i, first),
                           divider.Quantize(src + plane_stride + i, second),
                           divider.Quantize(src + 2 * plane_stride + i, third),
                           dst + 3 * i);
    }
  }
  for (; i < task.count; i += kPixels) {
    const int64_t n = task.count - i < kPixels ? task.count - i : kPixels;
    for (int64_t c = 0; c < channels; ++c) {
      alignas(64) uint8_t bytes[kPixels];
      divider.QuantizePart(src + c * plane_stride + i, n, prepare_of(c), bytes);
      for (int64_t k = 0; k < n; ++k) dst[(i + k) * channels + c] = bytes[k];
    }
  }
}

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_INTERLEAVE_PLANES_H_
