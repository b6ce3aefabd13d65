// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_LOADED_MODEL_H_
#define OCTET_ENGINE_LOADED_MODEL_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/compile.h"
#include "engine/engine.h"
#include "engine/input_form.h"

// The implementation of Model, for the executor. Internal to the facade.
namespace octet::internal {

class LoadedModel : public Model {
 public:
  // Optimizes, lowers and plans `imported`.
  static absl::StatusOr<std::shared_ptr<const LoadedModel>> Create(
      onnx::ImportedModel imported, const ModelOptions& options);

  // With what loses in int8 on this machine in float.
  // REQUIRES: options.keep_faster_float.
  static absl::StatusOr<std::shared_ptr<const LoadedModel>> CreateFaster(
      onnx::ImportedModel imported, const ModelOptions& options);

  const std::vector<TensorSpec>& inputs() const override {
    return inputs_.specs;
  }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }
  bool batches() const override { return imported_.batches; }
  const std::string& why_not_batched() const override {
    return imported_.why_not_batched;
  }
  bool has_dynamic_shapes() const override { return false; }
  const std::string& why_dynamic() const override {
    return imported_.why_staged;
  }
  const ModelOptions& options() const override { return options_; }
  const std::vector<int>& buckets() const override { return buckets_; }
  int64_t weight_bytes() const override { return weights_.bytes(); }
  int64_t arena_bytes() const override;
  std::vector<StepDescription> Steps() const override;
  std::string Dump(DumpStage stage) const override;
  bool quantized() const override { return quantized_; }
  const std::vector<SlowerLayers>& slower_layers() const override {
    return slower_layers_;
  }
  absl::StatusOr<std::vector<NamedTensor>> WithoutInputForms(
      std::vector<NamedTensor> tensors) const override;

  // One an input: the callers' form where it is not the model's own.
  const std::vector<std::optional<ResolvedForm>>& input_forms() const {
    return inputs_.forms;
  }

  // The plan for `bucket` rows. REQUIRES: one of buckets().
  const plan::Plan& PlanFor(int bucket) const { return *plans_.at(bucket); }

 private:
  LoadedModel() = default;

  static absl::StatusOr<std::shared_ptr<LoadedModel>> Make(
      onnx::ImportedModel imported, const ModelOptions& options);

  absl::Status BuildPlans();

  // Constant after Create().
  ModelOptions options_;
  onnx::ImportedModel imported_;
  ir::Graph optimized_;
  ir::Graph lowered_;
  bool quantized_ = false;
  std::vector<SlowerLayers> slower_layers_;
  ModelInputs inputs_;
  std::vector<TensorSpec> outputs_;
  std::vector<int> buckets_;
  plan::WeightCache weights_;
  std::map<int, std::shared_ptr<const plan::Plan>> plans_;
};

}  // namespace octet::internal

#endif  // OCTET_ENGINE_LOADED_MODEL_H_
