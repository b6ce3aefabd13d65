// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PLAN_REQUANTIZATION_H_
#define OCTET_ENGINE_PLAN_REQUANTIZATION_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/dtype.h"
#include "engine/ir/op.h"
#include "engine/ir/tensor_type.h"

// The numbers of the integer arithmetic that engine/ir/README.md defines, made
// from the types of a node's edges: quotients of scales are taken in double
// and rounded to float32 once.
//
// The functions that make them return UNIMPLEMENTED where a type is outside
// that arithmetic, and INVALID_ARGUMENT where a quotient of scales is no finite
// float32.
namespace octet::plan {

// The least and the largest integer of a dtype.
struct IntegerRange {
  int64_t min = 0;
  int64_t max = 0;
};
// Nothing for floating-point types, bool and uint64.
std::optional<IntegerRange> RangeOf(DType dtype);

// The last step of an integer operator: from a real, in units of the output's
// scale (of 1 where the output is float32), to the output's element.
struct OutputStage {
  DType dtype = DType::kUInt8;
  float scale = 1;
  int32_t zero_point = 0;
  // Integers: lo - z_y and hi - z_y, whole numbers. float32: the activation's.
  float lower = 0;
  float upper = 0;

  float Clamped(float real) const {
    return std::min(std::max(real, lower), upper);
  }
  // REQUIRES: `real` is no NaN, `dtype` an integer type.
  int32_t Rounded(float real) const {
    return static_cast<int32_t>(std::nearbyint(Clamped(real))) + zero_point;
  }
};
// `output` is float32, or 8 or 16 bits wide with one scale.
absl::StatusOr<OutputStage> MakeOutputStage(const ir::TensorType& output,
                                            const ir::Activation& activation);

// Conv and MatMul: real = fma(float(acc), multipliers[c], r),
//                  r = float(r_q - residual_zero_point) * residual_multiplier.
struct ProductRequantization {
  std::vector<float> multipliers;  // one per output channel, also per tensor
  int32_t input_zero_point = 0;
  int32_t residual_zero_point = 0;
  float residual_multiplier = 0;
  OutputStage output;

  // REQUIRES: 0 <= channel < multipliers.size().
  float Real(int32_t acc, int64_t channel, float residual) const {
    return std::fma(static_cast<float>(acc), multipliers[channel], residual);
  }
  float Residual(int32_t r_q) const {
    return static_cast<float>(r_q - residual_zero_point) * residual_multiplier;
  }
};
struct ProductTypes {
  const ir::TensorType& input;               // u8 or s8, per tensor
  const ir::TensorType& weights;             // s8, zero points 0
  int channel_axis = 0;                      // of `weights`
  const ir::TensorType* residual = nullptr;  // u8 or s8, per tensor
  const ir::TensorType& output;              // u8, s8 or float32
  ir::Activation activation;
};
absl::StatusOr<ProductRequantization> RequantizeProducts(
    const ProductTypes& types);

// Add: real = fma(float(a - z_a), m_a, float(b - z_b) * m_b).
struct SumRequantization {
  int32_t a_zero_point = 0;
  int32_t b_zero_point = 0;
  float a_multiplier = 0;
  float b_multiplier = 0;
  OutputStage output;

  float Real(int32_t a, int32_t b) const {
    return std::fma(static_cast<float>(a - a_zero_point), a_multiplier,
                    static_cast<float>(b - b_zero_point) * b_multiplier);
  }
};
absl::StatusOr<SumRequantization> RequantizeSum(
    const ir::TensorType& a, const ir::TensorType& b,
    const ir::TensorType& output, const ir::Activation& activation);

// Mul, element by element.
struct FactorRequantization {
  int32_t a_zero_point = 0;
  int32_t b_zero_point = 0;
  float multiplier = 0;  // s_a * s_b / s_y
  OutputStage output;

  float Real(int32_t a, int32_t b) const {
    return static_cast<float>((a - a_zero_point) * (b - b_zero_point)) *
           multiplier;
  }
};
absl::StatusOr<FactorRequantization> RequantizeFactors(
    const ir::TensorType& a, const ir::TensorType& b,
    const ir::TensorType& output, const ir::Activation& activation);

// One integer tensor in other steps: Requantize, Clamp, average pools.
struct Rescaling {
  int32_t input_zero_point = 0;
  float multiplier = 0;  // s_x / s_y
  OutputStage output;

  // `acc` is x - z_x.
  float Real(int32_t acc) const { return static_cast<float>(acc) * multiplier; }
  // `acc` is the sum of x - z_x over `count` > 0 elements.
  float AverageReal(int32_t acc, int64_t count) const {
    return static_cast<float>(acc) * multiplier / static_cast<float>(count);
  }
};
absl::StatusOr<Rescaling> Rescale(const ir::TensorType& input,
                                  const ir::TensorType& output,
                                  const ir::Activation& activation = {});

// q = clamp(round_half_even(x / scale) + zero_point, range), a true division;
// NaN becomes the zero point. ONNX QuantizeLinear-13.
inline int32_t QuantizeOne(float x, float scale, int32_t zero_point,
                           const IntegerRange& range) {
  if (std::isnan(x)) return zero_point;
  // Double holds the sum exactly, so that int32 can be clamped like the others.
  const double q = static_cast<double>(std::nearbyint(x / scale)) + zero_point;
  return static_cast<int32_t>(
      std::min(std::max(q, static_cast<double>(range.min)),
               static_cast<double>(range.max)));
}

}  // namespace octet::plan

#endif  // OCTET_ENGINE_PLAN_REQUANTIZATION_H_
