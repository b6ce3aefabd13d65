// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/matmul.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"

namespace octet::simd {

MatMul::MatMul(Conv conv) : conv_(std::move(conv)) {}

absl::StatusOr<MatMul> MatMul::Create(const MatMulParams& params,
                                      const ConvConstants& constants, Isa isa) {
  if (params.depth < 1 || params.columns < 1 ||
      static_cast<int64_t>(constants.weights.size()) / params.depth !=
          params.columns) {
    return absl::InvalidArgumentError(
        absl::StrCat("matmul: got ", constants.weights.size(),
                     " weights, expected ", params.depth, "x", params.columns));
  }
  ConvParams conv;
  conv.height = params.rows;
  conv.in_channels = params.depth;
  conv.out_channels = params.columns;
  conv.input = params.input;
  conv.output = params.output;
  conv.residual = params.residual;
  ConvConstants by_column = constants;
  std::vector<int8_t> transposed;
  if (!params.transposed_weights) {
    transposed.resize(constants.weights.size());
    for (int64_t k = 0; k < params.depth; ++k) {
      for (int64_t n = 0; n < params.columns; ++n) {
        transposed[n * params.depth + k] =
            constants.weights[k * params.columns + n];
      }
    }
    by_column.weights = transposed;
  }
  OCTET_ASSIGN_OR_RETURN(Conv packed, Conv::Create(conv, by_column, isa));
  return MatMul(std::move(packed));
}

absl::StatusOr<MatMul> MatMul::ForRows(int64_t rows) const {
  OCTET_ASSIGN_OR_RETURN(Conv conv, conv_.ForInput(1, rows, 1));
  return MatMul(std::move(conv));
}

}  // namespace octet::simd
