// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_COMPILE_H_
#define OCTET_ENGINE_COMPILE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/engine.h"
#include "engine/ir/graph.h"
#include "engine/onnx/importer.h"
#include "engine/passes/pass.h"
#include "engine/plan/plan.h"
#include "engine/plan/step.h"

// From ONNX bytes to a graph that plans are made of: what model.cc and
// quantize.cc have in common. Internal to the facade.
namespace octet::internal {

// The backends of a choice, in the order in which a plan asks them.
class BackendSet {
 public:
  explicit BackendSet(BackendChoice choice);

  absl::Span<const plan::Backend* const> in_order() const { return in_order_; }

 private:
  std::vector<std::unique_ptr<plan::Backend>> owned_;
  std::vector<const plan::Backend*> in_order_;
};

// How passes compute constants: with the reference backend.
passes::PassContext ReferenceContext();

// The float simplifications of `graph`.
absl::StatusOr<ir::Graph> OptimizeFloat(ir::Graph graph);

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

// Bytes of the file at `path`. NOT_FOUND, INVALID_ARGUMENT (no regular file, or
// larger than protobuf can read), DATA_LOSS (it can't be read whole).
absl::StatusOr<std::string> ReadModelFile(const std::string& path);

}  // namespace octet::internal

#endif  // OCTET_ENGINE_COMPILE_H_
