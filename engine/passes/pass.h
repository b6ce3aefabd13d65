// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PASSES_PASS_H_
#define OCTET_ENGINE_PASSES_PASS_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/ir/evaluator.h"
#include "engine/ir/graph.h"
#include "engine/ir/graph_patch.h"

namespace octet::passes {

struct PassContext {
  ir::Evaluator evaluate;
  // What the constants of the graph may come to.
  double max_constant_bytes = std::numeric_limits<double>::infinity();
  // Every patch copies the graph: nodes and values that may be copied in one
  // run of passes. A minute or two; networks of thousands of nodes take
  // seconds.
  int64_t max_copies = int64_t{1} << 30;
};

// A rewrite that keeps what the graph means.
//
// `run` looks for the first place it can improve and returns a patch for it, or
// nothing; it never changes the graph itself.
struct Pass {
  absl::string_view name;
  absl::StatusOr<std::optional<ir::GraphPatch>> (*run)(
      const ir::Graph& graph, const PassContext& context);
};

// How often each pass of a run found something.
struct PassCount {
  std::string name;
  int patches = 0;
};

// Runs each pass until it finds nothing, all of them again until none does, and
// verifies the graph after each pass that changed it. INTERNAL names the pass
// that broke it or never stopped, RESOURCE_EXHAUSTED the one that went
// beyond what the context allows.
absl::StatusOr<ir::Graph> RunPasses(ir::Graph graph,
                                    absl::Span<const Pass> passes,
                                    const PassContext& context,
                                    std::vector<PassCount>* counts = nullptr);

// Simplifies a float graph: constants, no-ops and batch norms folded; bias,
// residual add and activation fused into the operator before them.
std::vector<Pass> FloatPasses();

// The same for a graph that is to be written with QLinear operators: a residual
// add stays an operator of its own, for none of them holds one.
std::vector<Pass> FloatPassesForQLinear();

// Puts operators together again that exporters write as many: on a graph that
// is to be planned, not on one that is to be quantized and exported.
std::vector<Pass> RecognitionPasses();

// Turns float operators between Dequantize and Quantize into integer ones, and
// folds away every pair in between.
std::vector<Pass> IntegerPasses();

// Those of IntegerPasses() whose results an ONNX file can hold: no tables.
std::vector<Pass> QLinearPasses();

}  // namespace octet::passes

#endif  // OCTET_ENGINE_PASSES_PASS_H_
