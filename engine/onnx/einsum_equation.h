// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_EINSUM_EQUATION_H_
#define OCTET_ENGINE_ONNX_EINSUM_EQUATION_H_

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace octet::onnx {

// An axis of Einsum: letters are told apart by their order in ASCII; the axes
// of an ellipsis come behind them, counted from the last.
using EinsumLabel = int;

// One label for each axis of each input, which may repeat, and of the output,
// which do not.
struct EinsumEquation {
  std::vector<std::vector<EinsumLabel>> inputs;
  std::vector<EinsumLabel> output;
};

// Reads an equation like "bij,bjk->bik" or "...ij" for inputs of these ranks.
// Without an output, that has the ellipsis' axes and then each label that
// occurs once, in order. INVALID_ARGUMENT if it is none, or is for other ranks.
// (ONNX Einsum-12.)
absl::StatusOr<EinsumEquation> ParseEinsum(absl::string_view equation,
                                           absl::Span<const size_t> ranks);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_EINSUM_EQUATION_H_
