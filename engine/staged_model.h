// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_STAGED_MODEL_H_
#define OCTET_ENGINE_STAGED_MODEL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "engine/compile.h"
#include "engine/engine.h"
#include "engine/plan/plan.h"
#include "engine/plan/weight_cache.h"

// A model whose shapes are known only when it runs. Internal to the facade.
namespace octet::internal {

// Values by name: a run's inputs and what its stages have computed so far.
using NamedValues = absl::flat_hash_map<std::string, Tensor>;

struct Stage;

// A place where a run chooses a stage by the shapes, and some of the values,
// that are there. Guarded by its model's mutex.
struct StagePoint {
  std::shared_ptr<const onnx::PendingNodes> pending;
  // Those of pending->reads() whose values the stages behind depend on.
  absl::flat_hash_set<std::string> by_value;
  absl::flat_hash_map<std::string, std::shared_ptr<const Stage>> stages;
};

// A graph for certain shapes, planned. Immutable but for `next`.
struct Stage {
  std::shared_ptr<const plan::Plan> plan;
  std::vector<std::string> inputs;   // names, in the plan's order
  std::vector<std::string> outputs;  // names, in the plan's order
  NamedValues known;                 // constant results
  std::unique_ptr<StagePoint> next;  // null: the model's outputs are there
};

class StagedModel : public Model {
 public:
  // REQUIRES: imported.staged.
  static absl::StatusOr<std::shared_ptr<const StagedModel>> Create(
      onnx::ImportedModel imported, const ModelOptions& options);

  const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }
  bool batches() const override { return false; }
  const std::string& why_not_batched() const override {
    return imported_.why_not_batched;
  }
  bool has_dynamic_shapes() const override { return true; }
  const std::string& why_dynamic() const override {
    return imported_.why_staged;
  }
  const ModelOptions& options() const override { return options_; }
  const std::vector<SlowerLayers>& slower_layers() const override {
    return slower_layers_;
  }
  const std::vector<int>& buckets() const override { return buckets_; }
  int64_t weight_bytes() const override { return weights_.bytes(); }
  int64_t arena_bytes() const override;
  std::vector<StepDescription> Steps() const override;
  std::string Dump(DumpStage stage) const override;
  bool quantized() const override;

  // The stage of a run that starts with `values`, and the one behind `stage`,
  // planned now if these shapes are new. INVALID_ARGUMENT where the values do
  // not fit the model.
  absl::StatusOr<std::shared_ptr<const Stage>> First(
      const NamedValues& values) const;
  absl::StatusOr<std::shared_ptr<const Stage>> After(
      const Stage& stage, const NamedValues& values) const;

  // The constant that `name` stands for in the file, if it does.
  std::optional<Tensor> Initializer(const std::string& name) const {
    return imported_.staged->Initializer(name);
  }

 private:
  StagedModel() = default;

  absl::StatusOr<std::shared_ptr<const Stage>> Choose(
      StagePoint& point, const NamedValues& values) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::shared_ptr<const Stage>> Make(
      StagePoint& point, const NamedValues& values) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<onnx::ImportedStage> Import(StagePoint& point,
                                             const NamedValues& values) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after Create().
  ModelOptions options_;
  const std::vector<SlowerLayers> slower_layers_;  // none
  onnx::ImportedModel imported_;
  std::vector<TensorSpec> inputs_;
  std::vector<TensorSpec> outputs_;
  std::vector<int> buckets_ = {1};

  mutable plan::WeightCache weights_{plan::WeightCache::Keys::kByContent};
  mutable absl::Mutex mutex_;
  mutable StagePoint start_ ABSL_GUARDED_BY(mutex_);
  // Plans of the run that made the newest one, for Steps() and Dump().
  mutable std::vector<std::shared_ptr<const plan::Plan>> newest_
      ABSL_GUARDED_BY(mutex_);
  mutable int64_t arena_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable bool quantized_ ABSL_GUARDED_BY(mutex_) = false;
};

// An executor of a StagedModel.
absl::StatusOr<std::unique_ptr<Executor>> CreateStagedExecutor(
    std::shared_ptr<const StagedModel> model);

}  // namespace octet::internal

#endif  // OCTET_ENGINE_STAGED_MODEL_H_
