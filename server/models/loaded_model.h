// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_LOADED_MODEL_H_
#define OCTET_SERVER_MODELS_LOADED_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/engine.h"
#include "proto/model_config.pb.h"
#include "server/metrics/metrics.h"
#include "server/models/class_labels.h"
#include "server/models/engine_functions.h"
#include "server/models/inference_statistics.h"
#include "server/models/inference_task.h"
#include "server/models/model_configuration.h"
#include "server/models/queue_policies.h"
#include "server/models/request_recorder.h"
#include "server/models/warm_up.h"
#include "server/scheduler/batch_scheduler.h"

namespace octet {

// A version of a model that is ready to answer: the model, one executor a
// lane, its queue and its metrics.
//
// Everyone who uses it holds a shared_ptr, each waiting task among them; the
// last one to let go frees it. Thread-safe.
class LoadedModel : public BatchRunner,
                    public std::enable_shared_from_this<LoadedModel> {
 public:
  struct Identity {
    std::string name;
    int64_t version = 0;
  };

  // What it is made of; all outlive it.
  struct Environment {
    const EngineFunctions* engine = nullptr;
    BatchScheduler* scheduler = nullptr;
    Metrics* metrics = nullptr;
    QueueLimits queue;  // max_batch_rows is taken from the model
  };

  // Makes an executor for every lane and warms it with `warm_up`; WarmUp()'s
  // or the engine's error where that fails.
  // REQUIRES: CheckSignature(configuration, *model) is OK.
  static absl::StatusOr<std::shared_ptr<LoadedModel>> Create(
      Identity identity, std::shared_ptr<const Model> model,
      const ModelConfiguration& configuration,
      absl::Span<const WarmUpRun> warm_up, const Environment& environment);

  ~LoadedModel() override;

  const std::string& name() const { return identity_.name; }
  int64_t version() const { return identity_.version; }
  const std::string& version_text() const { return version_text_; }
  const Model& model() const { return *model_; }
  ModelMetrics& metrics() { return *metrics_; }

  // As it is in effect: complete, with the model's inputs and outputs.
  const inference::ModelConfig& configuration() const { return configuration_; }

  // One an output of the model, in its order; null for those without labels.
  absl::Span<const std::shared_ptr<const ClassLabels>> class_labels() const {
    return class_labels_;
  }
  // The bytes of the longest of all labels.
  int64_t longest_label() const { return longest_label_; }

  // Of the weights and of the arenas of all lanes.
  int64_t memory_bytes() const { return MemoryBytes(*model_, lanes_.size()); }
  static int64_t MemoryBytes(const Model& model, size_t lanes) {
    return model.weight_bytes() +
           model.arena_bytes() * static_cast<int64_t>(lanes);
  }

  // What it has done since it was loaded. Requests are counted by whoever
  // answers them, batches here.
  InferenceStatistics& statistics() { return statistics_; }
  const InferenceStatistics& statistics() const { return statistics_; }

  // Rows that it was asked for; null where none are kept: its configuration
  // wants none, or it takes no rows, having dynamic shapes or not batching.
  const RequestRecorder* recorder() const { return recorder_.get(); }

  // How requests wait for it.
  const QueuePolicies& queue_policies() const { return queue_policies_; }

  // Takes `task` only if it returns OK; it is then completed by Done().
  //   INVALID_ARGUMENT, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, UNAVAILABLE
  //   as BatchScheduler::Enqueue() says
  absl::Status Enqueue(std::shared_ptr<InferenceTask> task);

  // Drops `task` with CANCELLED where it still waits.
  void Cancel(const InferenceTask& task);

  // When to come back after RESOURCE_EXHAUSTED.
  absl::Duration RetryAfter() const;

  // Keeps `token` until this object is destroyed: the token's deleter then
  // tells that the version has drained. REQUIRES: not called concurrently.
  void KeepUntilDrained(std::shared_ptr<void> token) {
    drained_tokens_.push_back(std::move(token));
  }

  // BatchRunner.
  void RunBatch(int lane,
                absl::Span<const std::shared_ptr<Task>> batch) override;

 private:
  struct Lane {
    std::unique_ptr<Executor> executor;
    std::vector<RowBlock> blocks;  // reused from batch to batch
  };

  LoadedModel(Identity identity, std::shared_ptr<const Model> model,
              const ModelConfiguration& configuration,
              const Environment& environment);

  absl::Status MakeLanes(const EngineFunctions& engine,
                         absl::Span<const WarmUpRun> warm_up);
  absl::Status Compute(Lane* lane,
                       absl::Span<const std::shared_ptr<Task>> batch,
                       RunTimes* times);

  const Identity identity_;
  const std::string version_text_;
  const inference::ModelConfig configuration_;
  std::shared_ptr<const Model> model_;  // constant until destruction
  std::vector<std::shared_ptr<const ClassLabels>> class_labels_;
  int64_t longest_label_ = 0;
  BatchScheduler* const scheduler_;
  std::shared_ptr<ModelMetrics> metrics_;
  const QueuePolicies queue_policies_;
  InferenceStatistics statistics_;
  std::unique_ptr<RequestRecorder> recorder_;  // null: see recorder()
  BatchScheduler::Queue* queue_ = nullptr;
  std::vector<Lane> lanes_;  // element i is lane i's alone
  std::vector<std::shared_ptr<void>> drained_tokens_;
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_LOADED_MODEL_H_
