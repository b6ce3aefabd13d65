// SPDX-License-Identifier: Apache-2.0
#include "engine/base/half_tensors.h"

#include <cstdint>

#include "engine/base/half_types.h"

namespace octet {

Tensor WithoutHalves(Tensor tensor) {
  if (!IsHalf(tensor.dtype())) return tensor;
  const bool half = tensor.dtype() == DType::kFloat16;
  Tensor wide(DType::kFloat32, tensor.shape());
  const auto* bits = reinterpret_cast<const uint16_t*>(tensor.bytes());
  const auto values = wide.mutable_data<float>();
  for (int64_t i = 0; i < tensor.size(); ++i) {
    values[i] = half ? FloatFromHalf(bits[i]) : FloatFromBFloat16(bits[i]);
  }
  return wide;
}

Tensor RoundedToHalf(const Tensor& tensor, DType half) {
  Tensor narrow(half, tensor.shape());
  auto* bits = reinterpret_cast<uint16_t*>(narrow.mutable_bytes());
  const auto values = tensor.data<float>();
  for (int64_t i = 0; i < tensor.size(); ++i) {
    bits[i] = half == DType::kFloat16 ? HalfFromFloat(values[i])
                                      : BFloat16FromFloat(values[i]);
  }
  return narrow;
}

}  // namespace octet
