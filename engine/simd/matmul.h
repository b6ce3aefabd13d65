// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_MATMUL_H_
#define OCTET_ENGINE_SIMD_MATMUL_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/simd/conv.h"

namespace octet::simd {

// [rows, depth] u8 or s8 times constant [depth, columns] s8.
struct MatMulParams {
  int64_t rows = 1;
  int64_t depth = 1;
  int64_t columns = 1;
  // Weights are given as [columns, depth] instead of [depth, columns].
  bool transposed_weights = false;
  ByteType input;
  OutputSpec output;
  std::optional<ResidualSpec> residual;
};

// A matrix product with packed weights: the pointwise convolution of `rows`
// pixels, with the same arguments (input [rows, depth], residual and output
// [rows, columns]), guarantees and arithmetic. Immutable and thread-safe.
class MatMul {
 public:
  // `constants.weights` as MatMulParams says; bias (or empty) and multipliers
  // are [columns]. INVALID_ARGUMENT as Conv::Create().
  static absl::StatusOr<MatMul> Create(const MatMulParams& params,
                                       const ConvConstants& constants,
                                       Isa isa = ActiveIsa());

  // The same product for another number of rows, with the weights shared.
  absl::StatusOr<MatMul> ForRows(int64_t rows) const;

  // As Conv's.
  int64_t work_items() const { return conv_.work_items(); }
  size_t scratch_bytes() const { return conv_.scratch_bytes(); }
  void Run(const ConvArgs& args, int64_t begin, int64_t end,
           std::byte* scratch) const {
    conv_.Run(args, begin, end, scratch);
  }
  int64_t weight_bytes() const { return conv_.weight_bytes(); }
  absl::Span<const std::byte> first_weights() const {
    return conv_.first_weights();
  }
  const std::string& name() const { return conv_.name(); }

 private:
  explicit MatMul(Conv conv);

  Conv conv_;
};

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_MATMUL_H_
