// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_BASE_HALF_TENSORS_H_
#define OCTET_ENGINE_BASE_HALF_TENSORS_H_

#include "engine/base/tensor.h"

namespace octet {

// Whether elements of `dtype` are floats of 16 bits.
inline bool IsHalf(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16;
}

// A tensor of a half type as float32, exactly; others as they are.
Tensor WithoutHalves(Tensor tensor);

// float32 rounded to `half`. REQUIRES: IsHalf(half), `tensor` is float32.
Tensor RoundedToHalf(const Tensor& tensor, DType half);

}  // namespace octet

#endif  // OCTET_ENGINE_BASE_HALF_TENSORS_H_
