// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_INFER_TYPES_H_
#define OCTET_ENGINE_IR_INFER_TYPES_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/ir/graph.h"
#include "engine/ir/op.h"

namespace octet::ir {

// The dtype and dims of the outputs of `op` for inputs of these types, rows
// carried symbolically. The quantization of a result is what the rule can know:
// passed through by operators that only move data, absent otherwise (a pass or
// the importer sets it).
// INVALID_ARGUMENT  the inputs do not fit the operator: what, got, expected.
//                   The message names no node; the caller adds it.
absl::StatusOr<std::vector<TensorType>> InferTypes(
    const Op& op, absl::Span<const TensorType> inputs);

// The same for an operator of one output.
absl::StatusOr<TensorType> InferType(const Op& op,
                                     absl::Span<const TensorType> inputs);

// Checks every invariant of `graph`: ids in range, single assignment, order,
// constants of their type's shape, types equal to InferTypes(), quantizations
// complete. INTERNAL names the node: a pass is wrong, not the user.
absl::Status VerifyGraph(const Graph& graph);

// OK if row i of every output depends on row i of the inputs alone, proved
// operator by operator: every value that depends on an input has the rows on
// one axis (inputs and outputs: the leading one), alone or together with other
// numbers, and no operator mixes along it. A chain of Reshape, Transpose and
// Slice may take them apart in between where it comes to one Slice
// (strided_view.h). Otherwise FAILED_PRECONDITION naming the first node that
// mixes rows.
absl::Status CheckRowsIndependent(const Graph& graph);

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_INFER_TYPES_H_
