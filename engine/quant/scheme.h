// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_SCHEME_H_
#define OCTET_ENGINE_QUANT_SCHEME_H_

#include <cstdint>

#include "engine/base/dtype.h"
#include "engine/ir/tensor_type.h"

// From a range of reals to a scale and a zero point: the arithmetic of uniform
// quantization (Jacob et al., "Quantization and Training of Neural Networks for
// Efficient Integer-Arithmetic-Only Inference", 2018, section 2.1; ONNX
// QuantizeLinear-13).
namespace octet::quant {

// What a tensor's values span, in real units. REQUIRES: min <= max, finite.
struct Range {
  float min = 0;
  float max = 0;

  bool operator==(const Range&) const = default;
};

Range Union(const Range& a, const Range& b);

// An integer type with the numbers that map it to reals.
struct Scheme {
  DType dtype = DType::kUInt8;
  float scale = 1;         // real units per step, > 0
  int32_t zero_point = 0;  // in the range of dtype

  ir::Quantization ToQuantization() const {
    return ir::Quantization::PerTensor(scale, zero_point);
  }
};

// u8: scale = (max - min) / 255, zero_point = clamp(round(-min / scale), 0,
// 255), after widening the range to hold 0, so that 0 is exact.
Scheme AsymmetricU8(const Range& range);

// Zero point 0. s8 with scale = max|x| / 127, or, where nothing is negative, u8
// with scale = max / 255.
Scheme Symmetric(const Range& range);

// s8, zero point 0, scale = max|x| / 127: weights, and signed activations.
Scheme SymmetricS8(float max_magnitude);

// clamp(round_half_even(real / scale) + zero_point): one value.
// REQUIRES: `real` is finite.
int32_t QuantizeValue(float real, const Scheme& scheme);
// scale * (q - zero_point).
float DequantizeValue(int32_t q, const Scheme& scheme);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_SCHEME_H_
