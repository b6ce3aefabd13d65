// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_POOL_H_
#define OCTET_ENGINE_SIMD_POOL_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/simd/cpu_features.h"
#include "engine/simd/quantized_types.h"

namespace octet::simd {

namespace internal {
struct Kernels;
struct PoolWindow;

// The taps of a window along one axis.
struct PoolTaps {
  int64_t start = 0;    // coordinate of the first one inside
  int64_t inside = 0;   // in the image
  int64_t counted = 0;  // in the padded image
};
}  // namespace internal

// A pool over 8-bit images [N][H][W][C]. A global pool has a kernel of the
// image's size. out_height and out_width are given because they may round up
// (ceil_mode): windows are cut at the padded image's end.
struct PoolParams {
  enum class Kind { kMax, kAverage };
  Kind kind = Kind::kMax;
  int64_t batch = 1;
  int64_t height = 1;
  int64_t width = 1;
  int64_t channels = 1;
  int64_t out_height = 1;
  int64_t out_width = 1;
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
  // kMax moves bytes: the output has the input's type, and what follows is not
  // used. kAverage: v = (float)sum(x - zx) * multiplier / (float)count, then as
  // quantized_types.h says; count is that of the positions in the image, with
  // count_include_pad in the padded image (which count as zero).
  float multiplier = 1;
  bool count_include_pad = false;
  OutputSpec output;
};

// Immutable and thread-safe.
class Pool {
 public:
  // INVALID_ARGUMENT  sizes or types are inconsistent, or 2^23 or more
  //                   positions in a window, whose sum int32 might not hold.
  static absl::StatusOr<Pool> Create(const PoolParams& params,
                                     Isa isa = ActiveIsa());

  // One item per row of output pixels; any split gives the same bytes. No
  // scratch memory is needed beyond 32 KB of stack.
  int64_t work_items() const;
  void Run(const void* input, void* output, int64_t begin, int64_t end) const;

  const PoolParams& params() const { return params_; }

 private:
  Pool(const PoolParams& params, const internal::Kernels& kernels);
  internal::PoolWindow WindowAt(const uint8_t* image,
                                const internal::PoolTaps& rows,
                                const internal::PoolTaps& columns) const;
  // A row of output pixels.
  void RunMaxRow(const uint8_t* image, const internal::PoolTaps& rows,
                 uint8_t* out) const;
  void RunAverageRow(const uint8_t* image, const internal::PoolTaps& rows,
                     uint8_t* out) const;

  PoolParams params_;
  std::vector<internal::PoolTaps> rows_;     // of each row of the output
  std::vector<internal::PoolTaps> columns_;  // of each of its columns
  const internal::Kernels* kernels_;
};

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_POOL_H_
