// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_QUANTIZED_TYPES_H_
#define OCTET_ENGINE_SIMD_QUANTIZED_TYPES_H_

#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "engine/base/dtype.h"

// What the kernels of this folder share: how 8-bit inputs are read and how
// results are written. Each kernel computes an exact 32-bit integer `acc`
// (arithmetic modulo 2^32) and ends in the same steps:
//
//   v = (float)acc * m                 without a residual input
//   v = fmaf((float)acc, m, r)         r = (float)(rq - rz) * rm
//   q = (int)round_half_even(clamp(v, lo - z, hi - z)) + z     8-bit output
//   y = clamp(v, lower, upper)                                 float output
//
// so that every variant gives the same bytes. The floating-point environment
// must be the default one (round to nearest even).
namespace octet::simd {

// An 8-bit tensor: kUInt8 or kInt8, and the integer that stands for 0.
struct ByteType {
  DType dtype = DType::kUInt8;
  int32_t zero_point = 0;
};

// The output of a kernel.
struct OutputSpec {
  DType dtype = DType::kUInt8;  // kUInt8, kInt8 or kFloat32
  // For 8-bit outputs; lo and hi carry the activation and lie in the dtype.
  int32_t zero_point = 0;
  int32_t lo = 0;
  int32_t hi = 255;
  // For float outputs.
  float lower = -std::numeric_limits<float>::infinity();
  float upper = std::numeric_limits<float>::infinity();
};

// A second 8-bit input that is added before rounding, shaped like the output.
struct ResidualSpec {
  ByteType type;
  float multiplier = 1;  // residual step size / output step size
};

inline int32_t LowestOf(DType dtype) {
  return dtype == DType::kInt8 ? -128 : 0;
}
inline int32_t HighestOf(DType dtype) {
  return dtype == DType::kInt8 ? 127 : 255;
}

// INVALID_ARGUMENT naming `what` unless the dtype is 8-bit and the zero point
// lies in it.
absl::Status CheckByteType(const ByteType& type, const char* what);

// INVALID_ARGUMENT unless the fields that `output.dtype` uses are consistent.
absl::Status CheckOutputSpec(const OutputSpec& output);

// INVALID_ARGUMENT unless type and multiplier (finite) are usable.
absl::Status CheckResidualSpec(const ResidualSpec& residual);

// Whether |v| stays below 2^30, so that it can be rounded to an int32 before
// it is clamped, for sums within `largest_sum`; vector kernels need that. A
// scale that fails it makes no sense, but still has a defined result, which the
// portable kernels compute.
bool FitsRounding(double largest_sum, double multiplier,
                  const ResidualSpec* residual);

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_QUANTIZED_TYPES_H_
