// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_TENSOR_ELEMENTS_H_
#define OCTET_ENGINE_ONNX_TENSOR_ELEMENTS_H_

#include <vector>

#include "absl/types/span.h"
#include "engine/base/half_types.h"
#include "engine/base/tensor.h"

namespace octet::onnx {

// visit(elements) with the tensor's elements as a span of their C++ type, half
// types as the floats that they are.
template <typename Visit>
auto VisitElements(const Tensor& tensor, Visit visit) {
  const auto widened = [&](auto widen) {
    std::vector<float> values(tensor.size());
    const auto* bits = reinterpret_cast<const uint16_t*>(tensor.bytes());
    for (int64_t i = 0; i < tensor.size(); ++i) values[i] = widen(bits[i]);
    return visit(absl::Span<const float>(values));
  };
  switch (tensor.dtype()) {
    case DType::kFloat64:
      return visit(tensor.data<double>());
    case DType::kFloat16:
      return widened(FloatFromHalf);
    case DType::kBFloat16:
      return widened(FloatFromBFloat16);
    case DType::kInt8:
      return visit(tensor.data<int8_t>());
    case DType::kUInt8:
      return visit(tensor.data<uint8_t>());
    case DType::kInt16:
      return visit(tensor.data<int16_t>());
    case DType::kUInt16:
      return visit(tensor.data<uint16_t>());
    case DType::kInt32:
      return visit(tensor.data<int32_t>());
    case DType::kUInt32:
      return visit(tensor.data<uint32_t>());
    case DType::kInt64:
      return visit(tensor.data<int64_t>());
    case DType::kUInt64:
      return visit(tensor.data<uint64_t>());
    case DType::kBool:
      return visit(tensor.data<bool>());
    case DType::kFloat32:
      break;
  }
  return visit(tensor.data<float>());
}

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_TENSOR_ELEMENTS_H_
