// SPDX-License-Identifier: Apache-2.0
#include "server/models/loaded_model.h"

#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "server/metrics/metrics.h"
#include "server/models/class_labels.h"
#include "server/models/engine_functions.h"
#include "server/models/inference_task.h"
#include "server/models/model_configuration.h"
#include "server/models/warm_up.h"
#include "server/scheduler/batch_scheduler.h"
#include "server/scheduler/task.h"

namespace octet {
namespace {

int64_t CountReferenceSteps(const Model& model) {
  const std::vector<StepDescription> steps = model.Steps();
  return std::count_if(steps.begin(), steps.end(), [](const auto& step) {
    return absl::StartsWith(step.kernel, "reference");
  });
}

// The most rows that are computed together.
int64_t MaxBatch(const Model& model) {
  return model.batches() ? std::max(model.options().max_batch, 1) : 1;
}

}  // namespace

void InferenceTask::Drop(absl::Status reason) {
  model_->metrics().AddQueuedRows(-rows());
  Done(reason);
}

LoadedModel::LoadedModel(Identity identity, std::shared_ptr<const Model> model,
                         const ModelConfiguration& configuration,
                         const Environment& environment)
    : identity_(std::move(identity)),
      version_text_(absl::StrCat(identity_.version)),
      configuration_(CompleteConfiguration(configuration, *model)),
      model_(std::move(model)),
      scheduler_(environment.scheduler),
      queue_policies_(configuration_.dynamic_batching()),
      statistics_(MaxBatch(*model_)),
      lanes_(environment.scheduler->lanes()) {
  if (configuration.record_rows > 0 && model_->batches()) {
    recorder_ = std::make_unique<RequestRecorder>(model_->inputs(),
                                                  configuration.record_rows);
  }
  for (const TensorSpec& spec : model_->outputs()) {
    const auto labels = configuration.class_labels.find(spec.name);
    class_labels_.push_back(
        labels == configuration.class_labels.end() ? nullptr : labels->second);
    if (class_labels_.back() == nullptr) continue;
    longest_label_ = std::max(
        longest_label_, static_cast<int64_t>(class_labels_.back()->longest()));
  }
}

LoadedModel::~LoadedModel() {
  if (queue_ != nullptr) scheduler_->RemoveQueue(queue_);
  // Before the tokens, whose owners may rely on memory and series being gone.
  lanes_.clear();
  metrics_.reset();
  model_.reset();
}

absl::StatusOr<std::shared_ptr<LoadedModel>> LoadedModel::Create(
    Identity identity, std::shared_ptr<const Model> model,
    const ModelConfiguration& configuration,
    absl::Span<const WarmUpRun> warm_up, const Environment& environment) {
  std::shared_ptr<LoadedModel> loaded(new LoadedModel(
      std::move(identity), std::move(model), configuration, environment));
  OCTET_RETURN_IF_ERROR(loaded->MakeLanes(*environment.engine, warm_up));
  // What importing and packing used is free; the C library would keep it.
  malloc_trim(0);
  OCTET_ASSIGN_OR_RETURN(
      loaded->metrics_,
      environment.metrics->ForModel(loaded->name(), loaded->version_text()));
  const Model& facts = loaded->model();
  loaded->metrics_->SetMemory(facts.weight_bytes(), facts.arena_bytes());
  loaded->metrics_->SetReferenceSteps(CountReferenceSteps(facts));

  QueueLimits limits = environment.queue;
  limits.max_batch_rows = std::max(EffectiveBatch(configuration, facts), 1);
  limits.max_running = configuration.instances;
  loaded->queue_policies_.Limit(&limits);
  loaded->queue_ = environment.scheduler->AddQueue(limits, loaded.get());
  return loaded;
}

absl::Status LoadedModel::MakeLanes(const EngineFunctions& engine,
                                    absl::Span<const WarmUpRun> warm_up) {
  for (Lane& lane : lanes_) {
    OCTET_ASSIGN_OR_RETURN(lane.executor, engine.make_executor(model_));
    OCTET_RETURN_IF_ERROR(WarmUp(*model_, warm_up, lane.executor.get()));
  }
  return absl::OkStatus();
}

absl::Status LoadedModel::Enqueue(std::shared_ptr<InferenceTask> task) {
  InferenceTask& entering = *task;
  entering.model_ = shared_from_this();
  // Before Enqueue(), for a lane may have run the task when that returns.
  metrics_->AddQueuedRows(entering.rows());
  absl::Status status = scheduler_->Enqueue(queue_, task);
  if (!status.ok()) metrics_->AddQueuedRows(-task->rows());
  return status;
}

void LoadedModel::Cancel(const InferenceTask& task) {
  scheduler_->Cancel(queue_, task);
}

absl::Duration LoadedModel::RetryAfter() const {
  return scheduler_->RetryAfter(queue_);
}

absl::Status LoadedModel::Compute(Lane* lane,
                                  absl::Span<const std::shared_ptr<Task>> batch,
                                  RunTimes* times) {
  if (model_->has_dynamic_shapes()) {
    // Never batched: one task a batch.
    auto& task = static_cast<InferenceTask&>(*batch[0]);
    OCTET_ASSIGN_OR_RETURN(
        task.whole_outputs_,
        lane->executor->RunTensors(task.whole_inputs(), times));
    return absl::OkStatus();
  }
  lane->blocks.clear();
  for (const std::shared_ptr<Task>& task : batch) {
    lane->blocks.push_back(static_cast<InferenceTask&>(*task).block());
  }
  return lane->executor->Run(lane->blocks, times);
}

void LoadedModel::RunBatch(int lane,
                           absl::Span<const std::shared_ptr<Task>> batch) {
  const absl::Time start = scheduler_->clock()->Now();
  int64_t rows = 0;
  for (const std::shared_ptr<Task>& task : batch) {
    rows += task->rows();
    const absl::Duration queued = start - task->enqueued();
    static_cast<InferenceTask&>(*task).times_.queue = queued;
    metrics_->Observe(Phase::kQueue, queued);
  }
  metrics_->AddQueuedRows(-rows);

  RunTimes times;
  const absl::Status status = Compute(&lanes_[lane], batch, &times);
  // Before the answers, so that whoever has one finds it counted.
  if (status.ok()) {
    metrics_->CountBatch(rows);
    statistics_.CountBatch(rows, times);
    metrics_->Observe(Phase::kGather, times.gather);
    metrics_->Observe(Phase::kCompute, times.compute);
    metrics_->Observe(Phase::kScatter, times.scatter);
    if (recorder_ != nullptr) recorder_->Add(lanes_[lane].blocks);
  }
  for (const std::shared_ptr<Task>& task : batch) {
    auto& request = static_cast<InferenceTask&>(*task);
    request.times_.run = times;
    request.Done(status);
  }
}

}  // namespace octet
