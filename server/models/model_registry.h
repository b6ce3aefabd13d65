// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_MODEL_REGISTRY_H_
#define OCTET_SERVER_MODELS_MODEL_REGISTRY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "engine/engine.h"
#include "server/models/loaded_model.h"
#include "server/models/model_configuration.h"
#include "server/models/model_repository.h"
#include "server/models/serial_worker.h"

namespace octet {

enum class ModelState { kUnavailable, kLoading, kReady, kUnloading };

// "READY" and so on, as the inference protocol spells them.
absl::string_view StateName(ModelState state);

struct VersionStatus {
  std::string name;
  std::string version;  // empty for a model without any version folder
  ModelState state = ModelState::kUnavailable;
  std::string reason;  // why it is not ready; empty where there is nothing said
};

// Which models of the repository are served: one version each, the latest at
// the time it was loaded.
//
// A load while another version serves builds the new one beside it, swaps in
// one step, and lets the old one finish what it has. A load that fails leaves
// the old one serving.
//
// Thread-safe.
class ModelRegistry {
 public:
  using Done = std::function<void(absl::Status)>;

  // `repository` and what `environment` points at must outlive the registry.
  ModelRegistry(const ModelRepository* repository, const ModelOptions& options,
                const LoadedModel::Environment& environment);

  // Waits for loads that run and for every model to drain.
  ~ModelRegistry();

  // Calls `listener` after every change of a state, on any thread, under no
  // lock. REQUIRES: called before the first load.
  void SetListener(std::function<void()> listener);

  // Loads the latest version of every model; what fails is told by Index().
  // UNAVAILABLE when the repository cannot be read.
  absl::Status LoadAll();

  // Loads the latest version of `name`, then calls `done`, on a thread of the
  // registry. Loads and unloads happen one after the other.
  //   INVALID_ARGUMENT  no model's name, or a broken model
  //   NOT_FOUND         no such model, or it has no version
  //   others            as Model::FromFile()
  void Load(const std::string& name, Done done);

  // Stops routing requests to `name`, then calls `done` when the requests it
  // had are answered, on any thread.
  //   NOT_FOUND            no such model
  //   FAILED_PRECONDITION  it is not loaded
  void Unload(const std::string& name, Done done);

  // The version that is served, if `version` is empty or names it.
  //   INVALID_ARGUMENT     no name, or no version number
  //   NOT_FOUND            no such model or version; says which are loaded
  //   FAILED_PRECONDITION  it is in the repository but not loaded
  absl::StatusOr<std::shared_ptr<LoadedModel>> Find(
      const std::string& name, const std::string& version) const;

  // Every version of every model, by name and number.
  // UNAVAILABLE when the repository cannot be read.
  absl::StatusOr<std::vector<VersionStatus>> Index();

  // Whether a version of `name` serves; nullopt for a model never heard of.
  std::optional<bool> Serves(const std::string& name) const;

 private:
  struct Version {
    int draining = 0;  // retired, not yet destroyed
    std::string reason;
  };
  struct Entry {
    std::map<int64_t, Version> versions;
    std::shared_ptr<LoadedModel> serving;
    std::optional<int64_t> loading;
  };

  absl::Status LoadNow(const std::string& name);
  absl::StatusOr<std::shared_ptr<LoadedModel>> Build(const std::string& name,
                                                     int64_t version);
  void UnloadNow(const std::string& name, const Done& done);
  // Takes the version folders that exist now into the books.
  void Refresh(const std::string& name, const std::vector<int64_t>& versions);
  void OnDestroyed(const std::string& name, int64_t version);
  // config.pbtxt of `name`, or the default where it has none.
  absl::StatusOr<ModelConfiguration> Configuration(
      const std::string& name) const;
  void Changed();

  std::shared_ptr<LoadedModel> RetireLocked(Entry* entry,
                                            const std::string& reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string LoadedNamesLocked() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  static ModelState StateOf(const Entry& entry, int64_t number,
                            const Version& version);

  const ModelRepository* const repository_;
  const ModelOptions options_;
  const LoadedModel::Environment environment_;
  std::function<void()> listener_;  // constant after SetListener()

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  int live_models_ ABSL_GUARDED_BY(mutex_) = 0;

  SerialWorker worker_{"octet-loader"};  // last, so that it ends first
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_MODEL_REGISTRY_H_
