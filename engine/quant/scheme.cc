// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/scheme.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace octet::quant {
namespace {

// A scale that keeps its reciprocal finite and normal, for ranges that are
// empty or vanish in float32.
float ValidScale(double scale) {
  constexpr float kSmallest = std::numeric_limits<float>::min() * 256;
  const auto rounded = static_cast<float>(scale);
  return rounded >= kSmallest ? rounded : 1.0f;
}

}  // namespace

Range Union(const Range& a, const Range& b) {
  return {std::min(a.min, b.min), std::max(a.max, b.max)};
}

Scheme AsymmetricU8(const Range& range) {
  const double min = std::min(range.min, 0.0f);
  const double max = std::max(range.max, 0.0f);
  Scheme scheme;
  scheme.dtype = DType::kUInt8;
  scheme.scale = ValidScale((max - min) / 255.0);
  scheme.zero_point = static_cast<int32_t>(
      std::clamp(std::nearbyint(-min / scheme.scale), 0.0, 255.0));
  return scheme;
}

Scheme SymmetricS8(float max_magnitude) {
  Scheme scheme;
  scheme.dtype = DType::kInt8;
  scheme.scale = ValidScale(static_cast<double>(max_magnitude) / 127.0);
  scheme.zero_point = 0;
  return scheme;
}

Scheme Symmetric(const Range& range) {
  if (range.min < 0) {
    return SymmetricS8(std::max(std::abs(range.min), std::abs(range.max)));
  }
  Scheme scheme;
  scheme.dtype = DType::kUInt8;
  scheme.scale = ValidScale(static_cast<double>(range.max) / 255.0);
  scheme.zero_point = 0;
  return scheme;
}

int32_t QuantizeValue(float real, const Scheme& scheme) {
  const double low = scheme.dtype == DType::kInt8 ? -128 : 0;
  const double high = scheme.dtype == DType::kInt8 ? 127 : 255;
  const double q = static_cast<double>(std::nearbyint(real / scheme.scale)) +
                   scheme.zero_point;
  return static_cast<int32_t>(std::clamp(q, low, high));
}

float DequantizeValue(int32_t q, const Scheme& scheme) {
  return scheme.scale * static_cast<float>(q - scheme.zero_point);
}

}  // namespace octet::quant
