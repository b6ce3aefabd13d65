// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_BYTE_PRODUCT_H_
#define OCTET_ENGINE_SIMD_BYTE_PRODUCT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "engine/simd/cpu_features.h"
#include "engine/simd/quantized_types.h"

namespace octet::simd {

// y = clamp and round as quantized_types.h says, of
//   v = (float)((a - az) * (b - bz)) * m
struct ByteProductParams {
  ByteType a;
  ByteType b;
  float multiplier = 1;  // step size of a times that of b / that of y
  OutputSpec output;
};

namespace internal {

// `count` products from a, b and out on.
struct ByteProductTask {
  const ByteProductParams* params = nullptr;
  const uint8_t* a = nullptr;
  const uint8_t* b = nullptr;
  void* out = nullptr;
  int64_t count = 0;
};

namespace portable {
void MultiplyBytes(const ByteProductTask& task);
}  // namespace portable
namespace avx2 {
void MultiplyBytes(const ByteProductTask& task);
}  // namespace avx2

}  // namespace internal

// Products of two 8-bit tensors, element by element. Immutable and thread-safe;
// buffers need no alignment.
class ByteProduct {
 public:
  // INVALID_ARGUMENT  types or multiplier are inconsistent.
  // `isa` must not be above ActiveIsa().
  static absl::StatusOr<ByteProduct> Create(const ByteProductParams& params,
                                            Isa isa = ActiveIsa());

  // Computes `count` elements; `out` may be `a` or `b`, where it is 8-bit.
  void Run(const void* a, const void* b, void* out, int64_t count) const;

  const ByteProductParams& params() const { return params_; }

 private:
  using Kernel = void (*)(const internal::ByteProductTask& task);

  ByteProduct(const ByteProductParams& params, Kernel kernel)
      : params_(params), kernel_(kernel) {}

  ByteProductParams params_;
  Kernel kernel_;
};

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_BYTE_PRODUCT_H_
