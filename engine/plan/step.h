// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PLAN_STEP_H_
#define OCTET_ENGINE_PLAN_STEP_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/thread_pool.h"
#include "engine/ir/graph.h"
#include "engine/plan/weight_cache.h"

namespace octet::plan {

// Where a step reads and writes, fixed when an executor is made: the arena's
// addresses never change afterwards.
struct Bindings {
  // One per input of the node, in order; constants point at the graph's bytes.
  absl::Span<const std::byte* const> inputs;
  absl::Span<std::byte* const> outputs;
  std::byte* scratch = nullptr;  // Step::scratch_bytes() bytes, 64-byte aligned
  ThreadPool* pool = nullptr;    // never null; outlives the bound step
  // Of the steps behind this one, first_weights() of the first that has any.
  absl::Span<const std::byte> next_weights = {};
};

// A step bound to one executor's memory. Thread-compatible.
class BoundStep {
 public:
  virtual ~BoundStep() = default;
  // Computes the outputs from the inputs, in the memory it is bound to.
  virtual absl::Status Run() = 0;
};

// One operator of a plan, ready to run: shapes, weights and kernel are chosen.
// Immutable and thread-safe, shared by all executors of the plan.
class Step {
 public:
  virtual ~Step() = default;

  // What does the work, for people: "onednn:jit:avx2", "simd:conv:avx2",
  // "reference".
  virtual std::string kernel() const = 0;

  // Memory that Run() needs beside inputs and outputs, for the whole team.
  virtual size_t scratch_bytes() const { return 0; }

  // Whether bound steps read the memory of input `index`. Not so for constants
  // that the step has packed, whose bytes the plan then lets go.
  virtual bool reads_input(size_t index) const {
    static_cast<void>(index);
    return true;
  }

  // Packed weights that a run reads first and does not find in a cache, so that
  // the step before had better fetch them. Of the step's own memory.
  virtual absl::Span<const std::byte> first_weights() const { return {}; }

  // An input in whose memory bound steps can write output 0, which then has as
  // many bytes: they read no byte of it after the one at its place is written.
  virtual std::optional<size_t> overwritable_input() const {
    return std::nullopt;
  }

  virtual absl::StatusOr<std::unique_ptr<BoundStep>> Bind(
      const Bindings& bindings) const = 0;
};

// What a backend is asked for.
struct StepRequest {
  const ir::Graph& graph;  // without rows: every dimension is fixed
  const ir::Node& node;    // of `graph`
  int threads = 1;         // of the pools that the step will be bound to
  // Packed weights shared by all plans of the model. Never null.
  WeightCache* weights = nullptr;

  // Of a value of `graph`.
  Shape shape(ir::ValueId id) const {
    return ir::ConcreteShape(graph.type(id).dims);
  }
};

// A source of steps: oneDNN, our own kernels, plain loops. Thread-safe.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual absl::string_view name() const = 0;

  // A step for `request.node`. UNIMPLEMENTED with the reason where this backend
  // does not run the node (the next one is then asked); any other error ends
  // the planning.
  virtual absl::StatusOr<std::unique_ptr<Step>> CreateStep(
      const StepRequest& request) const = 0;
};

}  // namespace octet::plan

#endif  // OCTET_ENGINE_PLAN_STEP_H_
