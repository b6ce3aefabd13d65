// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PLAN_PLAN_H_
#define OCTET_ENGINE_PLAN_PLAN_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/thread_pool.h"
#include "engine/ir/graph.h"
#include "engine/plan/step.h"
#include "engine/plan/weight_cache.h"

namespace octet::plan {

// What happens to a model input on its way into the arena, in this order. It is
// taken out of the graph and done while rows are gathered, so that an input is
// touched once.
struct InputConversion {
  // 0 around each of the pictures [N, C, H, W].
  struct Padding {
    int64_t top = 0;
    int64_t left = 0;
    int64_t bottom = 0;
    int64_t right = 0;
  };
  std::optional<Padding> padding;
  // (x - mean[c]) * scale[c]; both empty where there is nothing of the kind.
  // Where there is padding, these are there, too, and where these are, so are
  // the two that follow; the input then has pictures, none of them empty.
  std::vector<float> mean;
  std::vector<float> scale;
  // float32 -> the 8-bit type with these parameters.
  std::optional<ir::TensorType> quantized;
  // [N, C, spatial...] -> [N, spatial..., C].
  bool to_channels_last = false;

  bool none() const { return !quantized && !to_channels_last; }
};

// Where a model input or output lies in the arena.
struct PlanTensor {
  ir::TensorType type;  // of the model: for an input, before the conversion
  size_t offset = 0;    // bytes from the start of the arena
  InputConversion conversion;
};

struct PlannedStep {
  std::shared_ptr<const Step> step;
  ir::Node node;
  // Steps of the same run, which are neighbours, all compute one row before
  // they begin the next (row_runs.h); -1: all rows at once.
  int row_run = -1;
};

// A step at its turn: one of a run has as many as there are rows.
struct Turn {
  size_t step = 0;  // index
  std::unique_ptr<BoundStep> bound;
};

class BoundPlan;

// The steps for one input shape and thread count, with their memory laid out.
// Immutable and thread-safe.
class Plan {
 public:
  // Plans `graph` (lowered, without rows), asking `backends` in order for each
  // node. UNIMPLEMENTED names a node that none of them runs, with each refusal.
  static absl::StatusOr<std::shared_ptr<const Plan>> Build(
      ir::Graph graph, absl::Span<const Backend* const> backends, int threads,
      WeightCache* weights);

  // The same of `lowered`, a graph with rows, for `rows` of them. Steps whose
  // tensors would leave a cache of `cache_bytes` compute row after row, if
  // there is one thread.
  static absl::StatusOr<std::shared_ptr<const Plan>> BuildForRows(
      const ir::Graph& lowered, int64_t rows, size_t cache_bytes,
      absl::Span<const Backend* const> backends, int threads,
      WeightCache* weights);

  const std::vector<PlanTensor>& inputs() const { return inputs_; }
  const std::vector<PlanTensor>& outputs() const { return outputs_; }
  const std::vector<PlannedStep>& steps() const { return steps_; }
  const ir::Graph& graph() const { return graph_; }
  size_t arena_bytes() const { return arena_bytes_; }

  // Binds every step to `arena` (arena_bytes() bytes, 64-byte aligned, which
  // several plans may share as long as they do not run at the same time) and
  // `pool`. All three must outlive the result.
  absl::StatusOr<std::unique_ptr<BoundPlan>> Bind(std::byte* arena,
                                                  ThreadPool* pool) const;

  // The same, turn by turn, in order.
  absl::StatusOr<std::vector<Turn>> BindSteps(std::byte* arena,
                                              ThreadPool* pool) const;

  // Steps, kernels and offsets as text.
  std::string Dump() const;

 private:
  friend class PlanBuilder;
  Plan() = default;

  // Of row `row`; of all where the step of its turn computes all.
  const std::byte* Address(ir::ValueId id, int64_t row,
                           const std::byte* arena) const;

  ir::Graph graph_;
  std::vector<PlannedStep> steps_;
  int64_t rows_ = 1;             // of a run
  std::vector<size_t> offsets_;  // by value; unused for constants
  // By value: bytes from row to row; 0 where each row takes the place of the
  // one before.
  std::vector<size_t> row_strides_;
  std::vector<size_t> scratch_offsets_;  // by step
  std::vector<PlanTensor> inputs_;
  std::vector<PlanTensor> outputs_;
  size_t arena_bytes_ = 0;
};

// A plan bound to one arena and pool. Thread-compatible.
class BoundPlan {
 public:
  explicit BoundPlan(std::vector<Turn> turns) : turns_(std::move(turns)) {}

  // Runs all steps in order.
  absl::Status Run();

 private:
  std::vector<Turn> turns_;
};

}  // namespace octet::plan

#endif  // OCTET_ENGINE_PLAN_PLAN_H_
