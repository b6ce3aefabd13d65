// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_TYPED_ROWS_H_
#define OCTET_ENGINE_SIMD_TYPED_ROWS_H_

#include <cstdint>

#include "engine/base/dtype.h"
#include "engine/ir/op.h"
#include "engine/simd/float_kernels.h"

// Rows of elementwise operators on other types than float, and of those whose
// results are bool: plain loops that the compiler makes vectors of. The same
// answers as the reference's, to the last bit.
namespace octet::simd::internal {

// y[i] from a[i] and b[i] for i < n.
using TypedRow = void (*)(const void* a, const void* b, void* y, int64_t n);

// Null where there is none: arithmetic is of double, int32 and int64 (integers
// wrap around), comparisons of these, of float and of 8-bit types, logic of
// bool.
TypedRow TypedBinaryRow(ir::BinaryKind kind, DType dtype, Repeated repeated);

// y[i] = condition[i] ? a[i] : b[i] for elements of 1, 2, 4 or 8 bytes; an
// operand that repeats stays where it is.
struct WhereRow {
  const uint8_t* condition = nullptr;
  const void* a = nullptr;
  const void* b = nullptr;
  void* y = nullptr;
  int64_t n = 0;
  bool condition_repeats = false;
  bool a_repeats = false;
  bool b_repeats = false;
};
void ChooseRow(const WhereRow& row, size_t element_bytes);

// y[i] as ONNX Cast-13 converts x[i]; reals beyond int64 and NaN become the low
// bits of the least int64.
using CastRow = void (*)(const void* x, void* y, int64_t n);

// Null where there is none: of float32, float64, bool, and integers of 8, 32
// and 64 bits to each other.
CastRow CastRowFor(DType from, DType to);

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_TYPED_ROWS_H_
