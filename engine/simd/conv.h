// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_CONV_H_
#define OCTET_ENGINE_SIMD_CONV_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/simd/cpu_features.h"
#include "engine/simd/quantized_types.h"

namespace octet::simd {

// A two-dimensional convolution of 8-bit tensors. A one-dimensional one has
// height and kernel_h 1. Padding counts as the input's zero point.
struct ConvParams {
  int64_t batch = 1;
  int64_t height = 1;
  int64_t width = 1;
  int64_t in_channels = 1;
  int64_t out_channels = 1;
  int64_t groups = 1;
  int64_t kernel_h = 1;
  int64_t kernel_w = 1;
  int64_t stride_h = 1;
  int64_t stride_w = 1;
  int64_t dilation_h = 1;
  int64_t dilation_w = 1;
  int64_t pad_top = 0;
  int64_t pad_left = 0;
  int64_t pad_bottom = 0;
  int64_t pad_right = 0;
  ByteType input;
  OutputSpec output;
  std::optional<ResidualSpec> residual;

  int64_t out_height() const {
    return (height + pad_top + pad_bottom - dilation_h * (kernel_h - 1) - 1) /
               stride_h +
           1;
  }
  int64_t out_width() const {
    return (width + pad_left + pad_right - dilation_w * (kernel_w - 1) - 1) /
               stride_w +
           1;
  }
};

// The constants of a convolution; read by Create() only.
struct ConvConstants {
  // [O][kernel_h][kernel_w][I/groups].
  absl::Span<const int8_t> weights;
  // [O] or empty for zeros.
  absl::Span<const int32_t> bias;
  // [O]: input step size * weight step size / output step size (float output:
  // without the division).
  absl::Span<const float> multipliers;
};

// Buffers of one run; none may overlap `output`, none need be aligned.
struct ConvArgs {
  const void* input = nullptr;     // [N][H][W][I], u8 or s8
  const void* residual = nullptr;  // [N][OH][OW][O], u8 or s8; if asked for
  // [N][OH][OW][O], u8, s8 or float. May be the memory of `residual`, if an
  // element has one byte.
  void* output = nullptr;
  // What the caller reads afterwards: fetched into a cache, perhaps.
  absl::Span<const std::byte> next_weights = {};
};

namespace internal {
class ConvKernel;
}  // namespace internal

// A convolution with its packed weights and the algorithm chosen for it: by a
// count of operations, one of direct, Winograd's and depthwise. All give the
// same bytes; quantized_types.h has the arithmetic.
//
// Immutable and thread-safe. Copies share the packed weights.
class Conv {
 public:
  // `isa` must not be above ActiveIsa().
  // INVALID_ARGUMENT  sizes, paddings, types or constants are inconsistent.
  static absl::StatusOr<Conv> Create(const ConvParams& params,
                                     const ConvConstants& constants,
                                     Isa isa = ActiveIsa());

  // The same convolution for another batch and image size, with the weights
  // shared. INVALID_ARGUMENT when the output would be empty.
  absl::StatusOr<Conv> ForInput(int64_t batch, int64_t height,
                                int64_t width) const;

  // Run() computes the items [begin, end) of [0, work_items()), which may be
  // split over threads in any way: the result does not depend on it. An item
  // writes bytes of the output that no other writes.
  // `scratch` has scratch_bytes() bytes and belongs to one thread at a time.
  int64_t work_items() const;
  size_t scratch_bytes() const;
  void Run(const ConvArgs& args, int64_t begin, int64_t end,
           std::byte* scratch) const;

  const ConvParams& params() const { return params_; }
  // "direct:avx2", "winograd:avx2", "depthwise:portable", ...
  const std::string& name() const { return name_; }
  // Memory of the packed weights, bytes.
  int64_t weight_bytes() const;
  // Those that a run over all items begins with; empty where they are likely to
  // be in a cache.
  absl::Span<const std::byte> first_weights() const;

 private:
  Conv(ConvParams params, std::shared_ptr<const internal::ConvKernel> kernel);

  ConvParams params_;
  std::shared_ptr<const internal::ConvKernel> kernel_;
  std::string name_;
};

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_CONV_H_
