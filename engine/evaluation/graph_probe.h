// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_EVALUATION_GRAPH_PROBE_H_
#define OCTET_ENGINE_EVALUATION_GRAPH_PROBE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"
#include "engine/base/thread_pool.h"
#include "engine/gather.h"
#include "engine/ir/graph.h"
#include "engine/plan/plan.h"

namespace octet::internal {

// Runs an optimized graph for one row and shows values inside of it.
// Thread-compatible.
class GraphProbe {
 public:
  // Shows the outputs of `graph`: floats, or integers with one scale, each at
  // most once and none of them an input. Errors as Plan::Build().
  static absl::StatusOr<std::unique_ptr<GraphProbe>> Create(
      const ir::Graph& graph, int threads);

  GraphProbe(const GraphProbe&) = delete;
  GraphProbe& operator=(const GraphProbe&) = delete;

  // Runs on one row: `inputs[i]` points at the elements of the graph's input
  // `i`, row-major in the order of its axes.
  absl::Status Run(absl::Span<const void* const> inputs);

  // The reals of output `index` in the last run, row-major in the order of its
  // axes; valid until the next call of this function or of Run().
  absl::Span<const float> Output(size_t index);

 private:
  explicit GraphProbe(int threads) : pool_(threads) {}

  ThreadPool pool_;
  plan::WeightCache weights_;
  Tensor arena_;
  std::shared_ptr<const plan::Plan> plan_;
  std::unique_ptr<plan::BoundPlan> bound_;
  std::vector<RowGatherer> gatherers_;
  std::vector<float> reals_;  // of an integer output
};

// The graph with `values` as its outputs.
ir::Graph Showing(const ir::Graph& graph,
                  const std::vector<ir::ValueId>& values);

}  // namespace octet::internal

#endif  // OCTET_ENGINE_EVALUATION_GRAPH_PROBE_H_
