// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/base/status_macros.h"
#include "engine/base/thread_pool.h"
#include "engine/gather.h"
#include "engine/signature.h"
#include "engine/staged_model.h"

namespace octet::internal {
namespace {

// Stages that stay bound to an executor's memory.
constexpr size_t kMaxBound = 64;

// A stage bound to the executor's arena.
struct BoundStage {
  std::shared_ptr<const Stage> stage;
  std::unique_ptr<plan::BoundPlan> plan;
  std::vector<RowGatherer> gatherers;  // one an input
};

class StagedExecutor : public Executor {
 public:
  explicit StagedExecutor(std::shared_ptr<const StagedModel> model)
      : model_(std::move(model)),
        pool_(model_->options().threads),
        arena_(DType::kUInt8, {0}) {}

  absl::Status Run(absl::Span<const RowBlock>, RunTimes*) override {
    return absl::FailedPreconditionError(
        absl::StrCat("the model's shapes are not known before it runs (",
                     model_->why_dynamic(), "); it takes whole tensors"));
  }

  absl::StatusOr<std::vector<Tensor>> RunTensors(
      absl::Span<const Tensor> inputs, RunTimes* times) override {
    RunTimes total;
    OCTET_ASSIGN_OR_RETURN(NamedValues values, Named(inputs));
    OCTET_ASSIGN_OR_RETURN(std::shared_ptr<const Stage> stage,
                           model_->First(values));
    while (true) {
      OCTET_RETURN_IF_ERROR(RunStage(stage, values, total));
      if (stage->next == nullptr) break;
      OCTET_ASSIGN_OR_RETURN(stage, model_->After(*stage, values));
    }
    if (times != nullptr) *times = total;
    return Outputs(values);
  }

 private:
  absl::StatusOr<NamedValues> Named(absl::Span<const Tensor> inputs) const {
    const std::vector<TensorSpec>& specs = model_->inputs();
    if (inputs.size() != specs.size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "got ", inputs.size(), " inputs; expected ", specs.size()));
    }
    NamedValues values;
    for (size_t i = 0; i < specs.size(); ++i) {
      OCTET_RETURN_IF_ERROR(CheckTensorFits(specs[i], inputs[i]));
      values.emplace(specs[i].name, inputs[i]);
    }
    return values;
  }

  absl::StatusOr<std::vector<Tensor>> Outputs(const NamedValues& values) const {
    std::vector<Tensor> outputs;
    for (const TensorSpec& spec : model_->outputs()) {
      const auto found = values.find(spec.name);
      std::optional<Tensor> tensor = found != values.end()
                                         ? found->second
                                         : model_->Initializer(spec.name);
      if (!tensor.has_value()) {
        return absl::InternalError(
            absl::StrCat("output '", spec.name, "' was not computed"));
      }
      outputs.push_back(*std::move(tensor));
    }
    return outputs;
  }

  absl::Status RunStage(const std::shared_ptr<const Stage>& stage,
                        NamedValues& values, RunTimes& times) {
    OCTET_ASSIGN_OR_RETURN(BoundStage * bound, Bound(stage));
    const plan::Plan& plan = *stage->plan;
    const absl::Time start = absl::Now();
    for (size_t i = 0; i < stage->inputs.size(); ++i) {
      bound->gatherers[i].Gather(
          values.at(stage->inputs[i]).bytes(), 0, 1,
          arena_.mutable_bytes() + plan.inputs()[i].offset);
    }
    const absl::Time gathered = absl::Now();
    OCTET_RETURN_IF_ERROR(bound->plan->Run());
    const absl::Time computed = absl::Now();
    for (size_t i = 0; i < stage->outputs.size(); ++i) {
      const ir::Value& value = plan.graph().value(plan.graph().outputs()[i]);
      if (value.is_constant()) {
        values[stage->outputs[i]] = *value.constant;
        continue;
      }
      Tensor tensor(value.type.dtype, ir::ConcreteShape(value.type.dims));
      std::memcpy(tensor.mutable_bytes(),
                  arena_.bytes() + plan.outputs()[i].offset,
                  tensor.byte_size());
      values[stage->outputs[i]] = std::move(tensor);
    }
    for (const auto& [name, tensor] : stage->known) values[name] = tensor;
    times.gather += gathered - start;
    times.compute += computed - gathered;
    times.scatter += absl::Now() - computed;
    return absl::OkStatus();
  }

  absl::StatusOr<BoundStage*> Bound(const std::shared_ptr<const Stage>& stage) {
    const auto found = bound_.find(stage.get());
    if (found != bound_.end()) return &found->second;
    const plan::Plan& plan = *stage->plan;
    const auto bytes = static_cast<int64_t>(plan.arena_bytes());
    if (bytes > arena_.size() || bound_.size() >= kMaxBound) bound_.clear();
    if (bytes > arena_.size()) arena_ = Tensor(DType::kUInt8, {bytes});
    BoundStage bound;
    bound.stage = stage;
    OCTET_ASSIGN_OR_RETURN(bound.plan,
                           plan.Bind(arena_.mutable_bytes(), &pool_));
    for (const plan::PlanTensor& input : plan.inputs()) {
      OCTET_ASSIGN_OR_RETURN(
          RowGatherer gatherer,
          RowGatherer::Create(input, /*batches=*/false, std::nullopt));
      bound.gatherers.push_back(std::move(gatherer));
    }
    return &bound_.emplace(stage.get(), std::move(bound)).first->second;
  }

  const std::shared_ptr<const StagedModel> model_;
  ThreadPool pool_;
  Tensor arena_;
  absl::flat_hash_map<const Stage*, BoundStage> bound_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Executor>> CreateStagedExecutor(
    std::shared_ptr<const StagedModel> model) {
  return std::make_unique<StagedExecutor>(std::move(model));
}

}  // namespace octet::internal
