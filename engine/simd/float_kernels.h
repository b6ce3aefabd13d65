// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_FLOAT_KERNELS_H_
#define OCTET_ENGINE_SIMD_FLOAT_KERNELS_H_

#include <cstdint>

#include "engine/ir/op.h"
#include "engine/simd/cpu_features.h"

// The inner loops over floats, once per instruction set, behind one table as in
// kernels.h. What an element becomes does not depend on where in a row it is.
namespace octet::simd::internal {

// The scalars of an elementwise operator.
struct FloatParams {
  float alpha = 0;
  float beta = 0;
  // Results are clamped to these; NaN stays NaN.
  float lower = -__builtin_inff();
  float upper = __builtin_inff();
};

// y[i] from x[i], or from a[i] and b[i], for i < n. y may be an input.
using UnaryRow = void (*)(const float* x, float* y, int64_t n,
                          const FloatParams& params);
using BinaryRow = void (*)(const float* a, const float* b, float* y, int64_t n,
                           const FloatParams& params);

// Which operand of a row of a Binary is one number for all of it.
enum class Repeated { kNone, kA, kB };

struct FloatKernels {
  Isa isa;
  // Null for kinds that have no kernel. Errors: float_math.h.
  UnaryRow (*unary)(ir::UnaryKind kind);
  BinaryRow (*binary)(ir::BinaryKind kind, Repeated repeated);
  UnaryRow clamp;  // to [lower, upper]
};

// The table of the highest instruction set that has one and is not above `isa`.
const FloatKernels& FloatKernelsFor(Isa isa);

extern const FloatKernels kPortableFloatKernels;
extern const FloatKernels kAvx2FloatKernels;

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_FLOAT_KERNELS_H_
