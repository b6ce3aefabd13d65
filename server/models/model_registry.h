// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_MODEL_REGISTRY_H_
#define OCTET_SERVER_MODELS_MODEL_REGISTRY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "engine/engine.h"
#include "server/models/load_request.h"
#include "server/models/loaded_model.h"
#include "server/models/memory_budget.h"
#include "server/models/model_books.h"
#include "server/models/model_builder.h"
#include "server/models/model_configuration.h"
#include "server/models/model_repository.h"
#include "server/models/model_turns.h"
#include "server/models/registry_limits.h"
#include "server/models/serial_worker.h"

namespace octet {

// Which versions of the repository's models are served; README.md says how a
// load goes.
//
// Thread-safe.
class ModelRegistry {
 public:
  using Done = std::function<void(absl::Status)>;
  using Limits = RegistryLimits;

  // `repository` and what `environment` points at must outlive the registry.
  ModelRegistry(const ModelRepository* repository, const ModelOptions& options,
                const LoadedModel::Environment& environment,
                const Limits& limits = Limits());

  // Waits for loads that run and for every model to drain.
  ~ModelRegistry();

  // Calls `listener` after every change of a state, on any thread, under no
  // lock. REQUIRES: called before the first load.
  void SetListener(std::function<void()> listener);

  // Loads every model, as far as their number is within the limit; what fails
  // is told by Index(). UNAVAILABLE when the repository cannot be read.
  absl::Status LoadAll();

  // Puts the request's files into the repository, if they make good versions,
  // and makes the versions of the model serve that its configuration wants,
  // then calls `done`, on a thread of the registry. The versions that are new
  // or changed are built beside what serves and swapped in in one step; those
  // that are not wanted any more then drain. One that fails leaves what serves
  // and is the error; Index() says why. Where the newest are wanted, fail and
  // nothing serves, the newest older ones that load do. What `request` points
  // at must live until `done` is called. Loads and unloads of one model happen
  // in their order.
  //   INVALID_ARGUMENT     no model's name, a broken model, a wrong
  //                        configuration
  //   NOT_FOUND            no such model, or it has no such version
  //   RESOURCE_EXHAUSTED   the memory budget or the number of models
  //   FAILED_PRECONDITION  everything is loaded, but a label stays where it was
  //                        because the version it names is not served
  //   others               as ModelBuilder::Build()
  void Load(const LoadRequest& request, Done done);
  void Load(const std::string& name, Done done) {
    Load(LoadRequest{name, {}, {}}, std::move(done));
  }

  // Stops routing requests to all versions of `name`, then calls `done` when
  // the requests they had are answered, on any thread.
  //   NOT_FOUND            no such model
  //   FAILED_PRECONDITION  it is not loaded
  void Unload(const std::string& name, Done done);

  // The version that serves: `version` is a number, a label, or empty for the
  // highest one.
  //   INVALID_ARGUMENT     neither a model's name, nor a version or a label
  //   NOT_FOUND            no such model, version or label; says what there is
  //   FAILED_PRECONDITION  it is in the repository but not loaded
  absl::StatusOr<std::shared_ptr<LoadedModel>> Find(
      const std::string& name, const std::string& version) const;

  // The versions of `name` that serve, or of every model if it is empty, by
  // name and number.
  std::vector<std::shared_ptr<LoadedModel>> Serving(
      const std::string& name) const;

  // Every version of every model, by name and number.
  // UNAVAILABLE when the repository cannot be read.
  absl::StatusOr<std::vector<VersionStatus>> Index();

  // What the file of the versions of `name` is called, which may not exist yet;
  // as its config.pbtxt says. INVALID_ARGUMENT and others as Load() for that.
  absl::StatusOr<std::string> ModelFile(const std::string& name) const;

  // Whether a version of `name` serves; nullopt for a model never heard of.
  std::optional<bool> Serves(const std::string& name) const;

 private:
  struct Attempt;  // one load while it runs

  absl::Status LoadNow(const LoadRequest& request);
  absl::StatusOr<ModelConfiguration> Configuration(
      const LoadRequest& request) const;
  absl::Status CheckModelCount(const std::string& name) const;
  absl::Status Prepare(const LoadRequest& request, Attempt* attempt);
  // Takes out the versions whose model file is not there, unless all are so.
  void DropIncomplete(const Attempt& attempt, std::vector<int64_t>* versions);
  absl::Status TakeFiles(Attempt* attempt, std::vector<int64_t>* versions);
  void BuildAll(Attempt* attempt);
  // Builds older versions in place of the newest that fail and serve not yet.
  void FallBack(Attempt* attempt);
  void BuildOne(Attempt* attempt, LoadedVersion* version);
  absl::StatusOr<std::shared_ptr<LoadedModel>> Build(
      const LoadedModel::Identity& identity, const std::string& folder,
      const ModelConfiguration& configuration);
  absl::Status Publish(Attempt* attempt);
  absl::Status Install(Attempt* attempt);
  void UnloadNow(const std::string& name, const Done& done);
  void OnDestroyed(const std::string& name, int64_t version);
  void Changed();
  void ReturnMemory();

  const ModelRepository* const repository_;
  const ModelOptions options_;
  const LoadedModel::Environment environment_;
  const Limits limits_;
  std::function<void()> listener_;  // constant after SetListener()
  MemoryBudget budget_;

  mutable absl::Mutex mutex_;
  ModelBooks books_ ABSL_GUARDED_BY(mutex_);
  int live_models_ ABSL_GUARDED_BY(mutex_) = 0;
  bool returning_memory_ ABSL_GUARDED_BY(mutex_) = false;

  ModelBuilder builder_;  // the worker's alone
  ModelTurns turns_;
  SerialWorker worker_;  // last, so that it ends first
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_MODEL_REGISTRY_H_
