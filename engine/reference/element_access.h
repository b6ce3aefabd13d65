// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REFERENCE_ELEMENT_ACCESS_H_
#define OCTET_ENGINE_REFERENCE_ELEMENT_ACCESS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "engine/base/check.h"
#include "engine/base/dtype.h"
#include "engine/ir/op.h"
#include "engine/plan/requantization.h"

namespace octet::reference {

// Element `index` of a tensor of `dtype`, uint8 or int8.
inline int32_t Integer8At(DType dtype, const std::byte* data, int64_t index) {
  const auto byte = static_cast<uint8_t>(data[index]);
  return dtype == DType::kInt8 ? static_cast<int8_t>(byte) : byte;
}

// Writes `real` as element `index` of an output that `stage` describes.
inline void StoreReal(const plan::OutputStage& stage, float real,
                      std::byte* data, int64_t index) {
  switch (stage.dtype) {
    case DType::kFloat32:
      reinterpret_cast<float*>(data)[index] = stage.Clamped(real);
      return;
    case DType::kUInt8:
      reinterpret_cast<uint8_t*>(data)[index] = stage.Rounded(real);
      return;
    case DType::kInt8:
      reinterpret_cast<int8_t*>(data)[index] = stage.Rounded(real);
      return;
    case DType::kUInt16:
      reinterpret_cast<uint16_t*>(data)[index] = stage.Rounded(real);
      return;
    case DType::kInt16:
      reinterpret_cast<int16_t*>(data)[index] = stage.Rounded(real);
      return;
    default:
      OCTET_CHECK(false);  // plan::MakeOutputStage() allows no other
  }
}

// NaN stays NaN.
template <typename T>
T Clamped(T value, const ir::Activation& activation) {
  return std::min(std::max(value, static_cast<T>(activation.lower)),
                  static_cast<T>(activation.upper));
}

}  // namespace octet::reference

#endif  // OCTET_ENGINE_REFERENCE_ELEMENT_ACCESS_H_
