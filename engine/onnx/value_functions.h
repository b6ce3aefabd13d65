// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_VALUE_FUNCTIONS_H_
#define OCTET_ENGINE_ONNX_VALUE_FUNCTIONS_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"
#include "engine/onnx/limits.h"
#include "engine/onnx/node_reader.h"

// Operators whose results have shapes that depend on the elements of their
// inputs. No plan can hold them; they are computed from tensors between the
// stages of an import (staged_import.h).
namespace octet::onnx {

// Computes all outputs of `node`, whether the file names them or not. `inputs`
// has one entry for each that the operator has at most, absent ones empty.
// Any element type that the operator allows. Untrusted input: memory is bounded
// by a multiple of the inputs', and time by kMaxComparisons where it could be
// more than the sorting of these.
// INVALID_ARGUMENT    shapes, types or attributes that the operator refuses.
// RESOURCE_EXHAUSTED  the bounds are exceeded.
using ValueFunction = absl::StatusOr<std::vector<Tensor>> (*)(
    const NodeReader& node, absl::Span<const std::optional<Tensor>> inputs);

// Pairs of boxes that NonMaxSuppression compares before it gives up: seconds.
inline constexpr int64_t kMaxComparisons = int64_t{1} << 32;

// The function of an operator of the default domain; null if it has none.
ValueFunction FindValueFunction(absl::string_view op_type);

// ONNX NonZero-13, Range-11, Unique-11, NonMaxSuppression-11.
absl::StatusOr<std::vector<Tensor>> NonZero(
    const NodeReader& node, absl::Span<const std::optional<Tensor>> inputs);
absl::StatusOr<std::vector<Tensor>> Range(
    const NodeReader& node, absl::Span<const std::optional<Tensor>> inputs);
absl::StatusOr<std::vector<Tensor>> Unique(
    const NodeReader& node, absl::Span<const std::optional<Tensor>> inputs);
absl::StatusOr<std::vector<Tensor>> NonMaxSuppression(
    const NodeReader& node, absl::Span<const std::optional<Tensor>> inputs);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_VALUE_FUNCTIONS_H_
