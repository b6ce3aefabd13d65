// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_RESIZE_H_
#define OCTET_ENGINE_SIMD_RESIZE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/plan/resize_taps.h"

namespace octet::simd {

// A tensor as [outer, rows, columns, inner] whose two middle axes change.
struct ResizeParams {
  int64_t outer = 1;
  int64_t rows = 1;  // of the input
  int64_t columns = 1;
  int64_t inner = 1;
  int64_t out_rows = 1;
  int64_t out_columns = 1;
  int64_t element_bytes = 4;  // 1, 2, 4 or 8
  plan::ResizeTaps row_taps;
  plan::ResizeTaps column_taps;
};

// Resizes images: copies the elements of one tap of any type, or adds up the
// taps of float32 ones, rows before columns. Immutable and thread-safe.
class Resize {
 public:
  // INVALID_ARGUMENT if the sizes or the taps don't fit.
  static absl::StatusOr<Resize> Create(ResizeParams params);

  // Rows of the output; any split of them gives the same bytes.
  int64_t work_items() const { return params_.outer * params_.out_rows; }
  // Bytes that are read and written.
  int64_t bytes() const;
  // Floats of scratch memory that each thread needs.
  int64_t scratch_floats() const;

  // Computes output rows [begin, end). `scratch` holds scratch_floats().
  void Run(const std::byte* x, std::byte* y, float* scratch, int64_t begin,
           int64_t end) const;

 private:
  explicit Resize(ResizeParams params);

  bool copies() const {
    return params_.row_taps.taps == 1 && params_.column_taps.taps == 1;
  }
  void CopyRow(const std::byte* x, std::byte* y) const;
  void BlendRow(const float* x, float* y, float* scratch, int64_t row) const;

  ResizeParams params_;
  std::vector<float> row_weights_;
  std::vector<float> column_weights_;
};

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_RESIZE_H_
