// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/elements.h"

#include <cstdint>
#include <cstring>

#include "engine/base/check.h"
#include "engine/base/half_types.h"

namespace octet::tools {
namespace {

template <typename T>
std::vector<double> Widened(const Tensor& tensor) {
  const auto data = tensor.data<T>();
  return std::vector<double>(data.begin(), data.end());
}

std::vector<double> FromHalves(const Tensor& tensor, float (*widen)(uint16_t)) {
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
      return FromHalves(tensor, FloatFromHalf);
    case DType::kBFloat16:
      return FromHalves(tensor, FloatFromBFloat16);
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
