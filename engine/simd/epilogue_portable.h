// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_EPILOGUE_PORTABLE_H_
#define OCTET_ENGINE_SIMD_EPILOGUE_PORTABLE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "engine/simd/kernels.h"

// The steps from 32-bit sums to stored results in plain C++.
namespace octet::simd::internal::portable {

// Adding and subtracting 1.5 * 2^23 rounds |v| < 2^22 to an integer, half to
// even, in the default rounding mode, without a call that SSE2 has no
// instruction for.
inline float RoundHalfEven(float v) {
  constexpr float kMagic = 12582912.0f;
  return (v + kMagic) - kMagic;
}

// q of the 8-bit output, as an integer.
inline int32_t RoundToByte(float v, const OutputSpec& spec) {
  const float low = static_cast<float>(spec.lo - spec.zero_point);
  const float high = static_cast<float>(spec.hi - spec.zero_point);
  return static_cast<int32_t>(RoundHalfEven(std::min(std::max(v, low), high))) +
         spec.zero_point;
}

inline int32_t ReadByte(const uint8_t* p, DType dtype) {
  return dtype == DType::kInt8 ? static_cast<int8_t>(*p) : *p;
}

// Stores `v` at element `index` of the output.
inline void StoreValue(float v, const OutputSpec& spec, void* output,
                       int64_t index) {
  if (spec.dtype == DType::kFloat32) {
    static_cast<float*>(output)[index] =
        std::min(std::max(v, spec.lower), spec.upper);
  } else {
    static_cast<uint8_t*>(output)[index] =
        static_cast<uint8_t>(RoundToByte(v, spec));
  }
}

// Scales, rounds and stores the sums of one pixel, given in position order.
inline void FinishPixel(const PanelOutput& out, int64_t pixel, int width,
                        const int32_t* acc) {
  for (int p = 0; p < width; ++p) {
    const int channel = width == kPanelWidth ? kPanelOrder[p] : p;
    if (channel >= out.channels) continue;
    const int64_t index = pixel * out.stride + channel;
    const float sum = static_cast<float>(acc[p]);
    float v = sum * out.multiplier[p];
    if (out.residual != nullptr) {
      const ResidualSpec& r = *out.residual;
      const float term =
          static_cast<float>(ReadByte(out.residual_data + index, r.type.dtype) -
                             r.type.zero_point) *
          r.multiplier;
      v = std::fma(sum, out.multiplier[p], term);
    }
    StoreValue(v, *out.spec, out.output, index);
  }
}

}  // namespace octet::simd::internal::portable

#endif  // OCTET_ENGINE_SIMD_EPILOGUE_PORTABLE_H_
