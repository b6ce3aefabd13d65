// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "engine/simd/epilogue_portable.h"
#include "engine/simd/kernels_portable.h"

namespace octet::simd::internal::portable {
namespace {

// `high` and `low` are the type's ends less its zero point.
inline uint8_t QuantizeOne(float x, const QuantizeTask& task, float low,
                           float high) {
  float v = x / task.scale;
  v = v == v ? v : 0.0f;
  v = RoundHalfEven(std::min(std::max(v, low), high));
  return static_cast<uint8_t>(static_cast<int32_t>(v) + task.type.zero_point);
}

float Low(const ByteType& type) {
  return static_cast<float>(LowestOf(type.dtype) - type.zero_point);
}
float High(const ByteType& type) {
  return static_cast<float>(HighestOf(type.dtype) - type.zero_point);
}

}  // namespace

void Sum(const SumTask& task) {
  for (int64_t i = 0; i < task.count; ++i) {
    const auto a = static_cast<float>(ReadByte(task.a + i, task.a_type.dtype) -
                                      task.a_type.zero_point);
    float v = a * task.multiplier;
    if (task.b != nullptr) {
      const ResidualSpec& b = task.b_spec;
      const float term = static_cast<float>(ReadByte(task.b + i, b.type.dtype) -
                                            b.type.zero_point) *
                         b.multiplier;
      v = std::fma(a, task.multiplier, term);
    }
    StoreValue(v, task.output, task.out, i);
  }
}

void Quantize(const QuantizeTask& task, const float* src, uint8_t* dst) {
  const float low = Low(task.type);
  const float high = High(task.type);
  for (int64_t i = 0; i < task.count; ++i) {
    dst[i] = QuantizeOne(src[i], task, low, high);
  }
}

void Dequantize(const QuantizeTask& task, const uint8_t* src, float* dst) {
  for (int64_t i = 0; i < task.count; ++i) {
    dst[i] = static_cast<float>(ReadByte(src + i, task.type.dtype) -
                                task.type.zero_point) *
             task.scale;
  }
}

void QuantizePlanes(const QuantizeTask& task, const float* src,
                    int64_t plane_stride, int64_t channels, uint8_t* dst) {
  const float low = Low(task.type);
  const float high = High(task.type);
  for (int64_t c = 0; c < channels; ++c) {
    const float* plane = src + c * plane_stride;
    const float mean = task.mean == nullptr ? 0 : task.mean[c];
    const float factor = task.factor == nullptr ? 1 : task.factor[c];
    for (int64_t i = 0; i < task.count; ++i) {
      dst[i * channels + c] =
          QuantizeOne((plane[i] - mean) * factor, task, low, high);
    }
  }
}

}  // namespace octet::simd::internal::portable
