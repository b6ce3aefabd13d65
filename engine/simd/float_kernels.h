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

// Sums and their kin are taken in double, always in the same order for a given
// length.
using ReduceRow = double (*)(const float* x, int64_t n, double start);
// Up to kReduceColumns neighbours at once: sums[c] takes in x[r * stride + c]
// for all r < rows.
inline constexpr int kReduceColumns = 32;
using ReduceColumns = void (*)(const float* x, int64_t rows, int64_t stride,
                               int columns, double* sums);

// Softmaxes over `length` elements that are `stride` apart, of `columns`
// neighbours (stride >= columns) or, where stride is 1, of `columns` rows that
// follow each other.
struct SoftmaxTask {
  const float* x = nullptr;
  float* y = nullptr;
  int64_t length = 0;
  int64_t stride = 1;
  int64_t columns = 0;
  bool log = false;
};

// Rows of `length`, one behind the other. Scale and bias may be null.
struct LayerNormTask {
  const float* x = nullptr;
  float* y = nullptr;
  const float* scale = nullptr;  // [length]
  const float* bias = nullptr;   // [length]
  int64_t rows = 0;
  int64_t length = 0;
  double epsilon = 0;
  bool subtract_mean = true;
};

// y[i] = (x[i] - mean) * scale + bias.
struct AffineRowTask {
  const float* x = nullptr;
  float* y = nullptr;
  int64_t n = 0;
  double mean = 0;
  float scale = 1;
  float bias = 0;
};

// y[i] = x[i] * (bias + alpha * sum of x[i + k * stride]^2) ^ -beta, the sum
// being over k of [-before, behind] and elements beside x[0 .. n) being 0, for
// all i of [begin, end). From |x| = 2^64 on, squares overflow and y becomes 0;
// below, errors are at most 2^-21 of y where beta is 3/4, else 2^-16.
// REQUIRES: bias > 0 and normal, alpha >= 0, beta > 0.
struct LrnTask {
  const float* x = nullptr;  // [n]
  float* y = nullptr;        // [n]
  int64_t n = 0;
  int64_t begin = 0;
  int64_t end = 0;
  int64_t stride = 1;
  int64_t before = 0;
  int64_t behind = 0;
  float alpha = 0;
  float beta = 0;
  float bias = 1;
};

// y[r, j] = sum over d of a[r, d] * b[d, j], the strides being those of rows.
struct RowProductTask {
  const float* a = nullptr;  // [rows, depth]
  int64_t a_stride = 0;
  const float* b = nullptr;  // [depth, columns]
  int64_t b_stride = 0;
  float* y = nullptr;  // [rows, columns]
  int64_t y_stride = 0;
  int64_t rows = 0;
  int64_t depth = 0;
  int64_t columns = 0;
};

struct FloatKernels {
  Isa isa;
  // Null for kinds that have no kernel. Errors: float_math.h.
  UnaryRow (*unary)(ir::UnaryKind kind);
  BinaryRow (*binary)(ir::BinaryKind kind, Repeated repeated);
  UnaryRow clamp;  // to [lower, upper]
  // Null for kinds that have no kernel.
  ReduceRow (*reduce_row)(ir::ReduceKind kind);
  ReduceColumns (*reduce_columns)(ir::ReduceKind kind);
  void (*softmax)(const SoftmaxTask& task);
  void (*layer_norm)(const LayerNormTask& task);
  void (*affine_row)(const AffineRowTask& task);
  void (*lrn)(const LrnTask& task);
  // A row's result does not depend on the rows beside it.
  void (*row_product)(const RowProductTask& task);
};

// The table of the highest instruction set that has one and is not above `isa`.
const FloatKernels& FloatKernelsFor(Isa isa);

extern const FloatKernels kPortableFloatKernels;
extern const FloatKernels kAvx2FloatKernels;
extern const FloatKernels kAvx512FloatKernels;

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_FLOAT_KERNELS_H_
