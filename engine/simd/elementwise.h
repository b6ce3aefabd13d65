// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_ELEMENTWISE_H_
#define OCTET_ENGINE_SIMD_ELEMENTWISE_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "engine/simd/cpu_features.h"
#include "engine/simd/quantized_types.h"

// Steps without sums. Each is made once, is immutable and thread-safe, and its
// Run() computes elements (Quantize's planes: pixels) [begin, end) of dense
// buffers, which may be split over threads in any way. Buffers need no
// alignment. `isa` must not be above ActiveIsa().
namespace octet::simd {

namespace internal {
struct Kernels;
}  // namespace internal

// y = clamp and round as quantized_types.h says, of
//   v = fmaf((float)(a - az), am, (float)(b - bz) * bm)     add
//   v = (float)(a - az) * am                                requantize
struct SumParams {
  ByteType a;
  float multiplier = 1;  // step size of a / step size of y
  // The second summand; none: requantize.
  std::optional<ResidualSpec> b;
  OutputSpec output;
};

class Sum {
 public:
  // INVALID_ARGUMENT  types or multipliers are inconsistent.
  static absl::StatusOr<Sum> Create(const SumParams& params,
                                    Isa isa = ActiveIsa());

  // `b` is null iff params().b is absent. `out` may be `a` or `b`, where the
  // output is 8-bit.
  void Run(const void* a, const void* b, void* out, int64_t begin,
           int64_t end) const;

  const SumParams& params() const { return params_; }

 private:
  Sum(const SumParams& params, const internal::Kernels& kernels)
      : params_(params), kernels_(&kernels) {}

  SumParams params_;
  const internal::Kernels* kernels_;
};

// Float and 8-bit, per tensor.
//   quantize    q = clamp(round_half_even(x / scale) + zero_point)
//   dequantize  y = (float)(q - zero_point) * scale
// The division is a true one. NaN becomes the zero point.
class Quantizer {
 public:
  // INVALID_ARGUMENT  scale is not finite and above 0, or the type is not
  //                   8-bit.
  static absl::StatusOr<Quantizer> Create(float scale, const ByteType& type,
                                          Isa isa = ActiveIsa());

  float scale() const { return scale_; }
  const ByteType& type() const { return type_; }

  void Quantize(const float* x, void* q, int64_t begin, int64_t end) const;
  void Dequantize(const void* q, float* y, int64_t begin, int64_t end) const;

  // Images: x is [N, C, pixels] float, q is [N, pixels, C]. [begin, end) are
  // pixels of all images, of [0, N * pixels).
  struct Planes {
    int64_t channels = 1;
    int64_t pixels = 1;  // of one image
    // [C] each, or null: (x - mean[c]) * factor[c] is what is quantized, both
    // operations rounded.
    const float* mean = nullptr;
    const float* factor = nullptr;
  };
  void QuantizePlanes(const Planes& planes, const float* x, void* q,
                      int64_t begin, int64_t end) const;

 private:
  Quantizer(float scale, const ByteType& type, const internal::Kernels& kernels)
      : scale_(scale), type_(type), kernels_(&kernels) {}

  float scale_;
  ByteType type_;
  const internal::Kernels* kernels_;
};

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_ELEMENTWISE_H_
