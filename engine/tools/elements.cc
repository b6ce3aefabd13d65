// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/elements.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "engine/base/check.h"

namespace octet::tools {
namespace {

template <typename T>
std::vector<double> Widened(const Tensor& tensor) {
  const auto data = tensor.data<T>();
  return std::vector<double>(data.begin(), data.end());
}

// IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits.
double FromFloat16(uint16_t bits) {
  const double sign = bits & 0x8000 ? -1 : 1;
  const int exponent = bits >> 10 & 0x1f;
  const int fraction = bits & 0x3ff;
  if (exponent == 0x1f) {
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(0x400 + fraction, exponent - 25);
}

// The upper half of a binary32.
double FromBFloat16(uint16_t bits) {
  const uint32_t wide = uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

std::vector<double> FromHalves(const Tensor& tensor,
                               double (*widen)(uint16_t)) {
  std::vector<double> values(tensor.size());
  for (int64_t i = 0; i < tensor.size(); ++i) {
    uint16_t bits;
    std::memcpy(&bits, tensor.bytes() + i * sizeof(bits), sizeof(bits));
    values[i] = widen(bits);
  }
  return values;
}

}  // namespace

std::vector<double> ToDoubles(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::kFloat32:
      return Widened<float>(tensor);
    case DType::kFloat64:
      return Widened<double>(tensor);
    case DType::kFloat16:
      return FromHalves(tensor, FromFloat16);
    case DType::kBFloat16:
      return FromHalves(tensor, FromBFloat16);
    case DType::kInt8:
      return Widened<int8_t>(tensor);
    case DType::kUInt8:
      return Widened<uint8_t>(tensor);
    case DType::kInt16:
      return Widened<int16_t>(tensor);
    case DType::kUInt16:
      return Widened<uint16_t>(tensor);
    case DType::kInt32:
      return Widened<int32_t>(tensor);
    case DType::kUInt32:
      return Widened<uint32_t>(tensor);
    case DType::kInt64:
      return Widened<int64_t>(tensor);
    case DType::kUInt64:
      return Widened<uint64_t>(tensor);
    case DType::kBool:
      return Widened<bool>(tensor);
  }
  OCTET_CHECK(false);
}

}  // namespace octet::tools
