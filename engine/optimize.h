// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_OPTIMIZE_H_
#define OCTET_ENGINE_OPTIMIZE_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/ir/evaluator.h"
#include "engine/ir/graph.h"
#include "engine/passes/pass.h"

// From a graph as imported to one that plans are made of, and how constants are
// computed on the way. Internal to the facade; knows no library of kernels.
namespace octet::internal {

// Computes one node by plain loops. The importer has limits of its own for what
// it asks.
ir::Evaluator ReferenceEvaluator();

// The context for passes over `graph`: plain loops within a budget, which the
// passes that get it share. What would take more than 1 GiB and 8 times the
// graph's own constants, or more than 2^28 operations and 16 times their
// elements, is not computed and stays a step of the plan. Passes that make
// other constants fail beyond the same number of bytes.
passes::PassContext ReferenceContext(const ir::Graph& graph);

// One of the next two functions.
using FloatOptimizer = absl::StatusOr<ir::Graph> (*)(ir::Graph graph);

// The float simplifications of `graph`.
absl::StatusOr<ir::Graph> OptimizeFloat(ir::Graph graph);

// The same for a graph whose quantized form is to be written with QLinear
// operators, and that form with integers wherever a file can hold them.
absl::StatusOr<ir::Graph> OptimizeFloatForQLinear(ir::Graph graph);
absl::StatusOr<ir::Graph> FuseIntoQLinear(ir::Graph quantized);

// OptimizeFloat(), then integers wherever Dequantize and Quantize allow
// (nowhere if `exact_qdq`), then operators that the file writes as many.
absl::StatusOr<ir::Graph> Optimize(ir::Graph graph, bool exact_qdq);

// The form that plans are made of; `watched` as in passes::LowerChannelsLast().
absl::StatusOr<ir::Graph> Lower(const ir::Graph& graph,
                                absl::Span<const ir::ValueId> watched = {});

// Whether `graph` holds integers that stand for reals.
bool IsQuantized(const ir::Graph& graph);

// Whether `node` of `graph` multiplies, adds or averages integers.
bool ComputesInIntegers(const ir::Graph& graph, const ir::Node& node);

}  // namespace octet::internal

#endif  // OCTET_ENGINE_OPTIMIZE_H_
