// SPDX-License-Identifier: Apache-2.0
#include "server/models/model_registry.h"

#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/base/status_macros.h"
#include "server/models/load_request.h"
#include "server/models/loaded_model.h"
#include "server/models/model_books.h"
#include "server/models/model_configuration.h"
#include "server/models/model_repository.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

// Requests go first while a model is compiled.
constexpr int kLoaderNiceness = 10;

// A token whose last copy calls `done` when it goes.
std::shared_ptr<void> WhenGone(std::function<void()> done) {
  return std::shared_ptr<void>(nullptr,
                               [done = std::move(done)](void*) { done(); });
}

}  // namespace

ModelRegistry::ModelRegistry(const ModelRepository* repository,
                             const ModelOptions& options,
                             const LoadedModel::Environment& environment,
                             const Limits& limits)
    : repository_(repository),
      options_(options),
      environment_(environment),
      limits_(limits),
      budget_(limits.memory_bytes),
      builder_(&repository->files(), options, environment, &budget_),
      turns_(&worker_),
      worker_("octet-loader", kLoaderNiceness) {}

ModelRegistry::~ModelRegistry() {
  turns_.AwaitIdle();
  ModelBooks::Models ended;
  {
    absl::MutexLock lock(&mutex_);
    for (const std::string& name : books_.Names()) {
      for (auto& model : books_.Retire(name, "the server stops")) {
        ended.push_back(std::move(model));
      }
    }
  }
  ended.clear();
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](int* live) { return *live == 0; }, &live_models_));
}

void ModelRegistry::SetListener(std::function<void()> listener) {
  listener_ = std::move(listener);
}

void ModelRegistry::Changed() {
  int serving = 0;
  {
    absl::ReaderMutexLock lock(&mutex_);
    serving = books_.CountServing();
  }
  environment_.metrics->SetLoadedModels(serving);
  if (listener_) listener_();
}

absl::Status ModelRegistry::LoadAll() {
  OCTET_ASSIGN_OR_RETURN(std::vector<std::string> names,
                         repository_->ListModels());
  const size_t most = static_cast<size_t>(limits_.models);
  if (names.size() > most) {
    spdlog::warn(
        "the repository has {} models, of which the first {} are loaded and {} "
        "left out: that is the most that octet-server takes",
        names.size(), most, names.size() - most);
    names.resize(most);
  }
  absl::BlockingCounter left(static_cast<int>(names.size()));
  for (const std::string& name : names) {
    Load(name, [&name, &left](absl::Status status) {
      if (!status.ok())
        spdlog::error("model '{}': {}", name, status.ToString());
      left.DecrementCount();
    });
  }
  left.Wait();
  return absl::OkStatus();
}

void ModelRegistry::Load(const LoadRequest& request, Done done) {
  turns_.DoLong(request.model, [this, request, done = std::move(done)] {
    done(LoadNow(request));
  });
}

void ModelRegistry::Unload(const std::string& name, Done done) {
  turns_.DoShort(
      name, [this, name, done = std::move(done)] { UnloadNow(name, done); });
}

absl::StatusOr<std::shared_ptr<LoadedModel>> ModelRegistry::Build(
    const LoadedModel::Identity& identity, const std::string& folder,
    const ModelConfiguration& configuration) {
  const absl::Time start = absl::Now();
  OCTET_ASSIGN_OR_RETURN(std::shared_ptr<LoadedModel> loaded,
                         builder_.Build(identity, folder, configuration));
  {
    absl::MutexLock lock(&mutex_);
    live_models_ += 1;
    books_.OnBuilt(identity.name, identity.version);
  }
  loaded->KeepUntilDrained(WhenGone(
      [this, identity] { OnDestroyed(identity.name, identity.version); }));
  spdlog::info("model '{}' version {} loaded in {} ms{}", identity.name,
               identity.version, absl::ToInt64Milliseconds(absl::Now() - start),
               loaded->model().batches()
                   ? std::string()
                   : absl::StrCat("; it is not batched: ",
                                  loaded->model().why_not_batched()));
  for (const SlowerLayers& layers : loaded->model().slower_layers()) {
    if (!layers.kept_float) continue;
    spdlog::info(
        "model '{}' version {}: {} layers from {} on are computed in float, "
        "the network in {:.4g} ms for {:.4g}",
        identity.name, identity.version, layers.nodes.size(), layers.nodes[0],
        layers.network_float_ms, layers.network_int8_ms);
  }
  return loaded;
}

void ModelRegistry::OnDestroyed(const std::string& name, int64_t version) {
  {
    absl::MutexLock lock(&mutex_);
    books_.OnDestroyed(name, version);
  }
  Changed();
  ReturnMemory();
  // The last touch of the registry: its destructor waits for this.
  absl::MutexLock lock(&mutex_);
  live_models_ -= 1;
}

void ModelRegistry::ReturnMemory() {
#ifdef __GLIBC__
  {
    absl::MutexLock lock(&mutex_);
    if (std::exchange(returning_memory_, true)) return;
  }
  // What is freed in small pieces stays with the process otherwise.
  worker_.Do([this] {
    {
      absl::MutexLock lock(&mutex_);
      returning_memory_ = false;
    }
    malloc_trim(0);
  });
#endif
}

void ModelRegistry::UnloadNow(const std::string& name, const Done& done) {
  const absl::StatusOr<std::vector<int64_t>> versions =
      repository_->ListVersions(name);
  ModelBooks::Models ended;
  {
    absl::MutexLock lock(&mutex_);
    ended = books_.Retire(name, "unloaded");
  }
  if (ended.empty()) {
    done(versions.ok() ? absl::FailedPreconditionError(
                             absl::StrCat("model '", name, "' is not loaded"))
                       : versions.status());
    return;
  }
  spdlog::info("model '{}' is unloaded", name);
  const std::shared_ptr<void> drained =
      WhenGone([done] { done(absl::OkStatus()); });
  for (const auto& model : ended) model->KeepUntilDrained(drained);
  Changed();
}

absl::StatusOr<std::shared_ptr<LoadedModel>> ModelRegistry::Find(
    const std::string& name, const std::string& version) const {
  absl::ReaderMutexLock lock(&mutex_);
  return books_.Find(name, version);
}

std::vector<std::shared_ptr<LoadedModel>> ModelRegistry::Serving(
    const std::string& name) const {
  absl::ReaderMutexLock lock(&mutex_);
  return books_.Serving(name);
}

absl::StatusOr<std::vector<VersionStatus>> ModelRegistry::Index() {
  OCTET_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         repository_->ListModels());
  std::vector<VersionStatus> index;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    if (i >= static_cast<size_t>(limits_.models) && !Serves(name)) {
      index.push_back({name, "", ModelState::kUnavailable,
                       absl::StrCat("left out: octet-server takes ",
                                    limits_.models, " models")});
      continue;
    }
    const auto versions = repository_->ListVersions(name);
    if (!versions.ok()) {
      index.push_back(
          {name, "", ModelState::kUnavailable, versions.status().ToString()});
      continue;
    }
    absl::MutexLock lock(&mutex_);
    books_.SetOnDisk(name, *versions);
    if (versions->empty() && books_.Rows(name).empty()) {
      index.push_back({name, "", ModelState::kUnavailable,
                       "the model has no version folder"});
    }
  }
  {
    absl::MutexLock lock(&mutex_);
    books_.ForgetBut(names);
    for (const std::string& name : books_.Names()) {
      for (VersionStatus& row : books_.Rows(name)) {
        index.push_back(std::move(row));
      }
    }
  }
  std::stable_sort(
      index.begin(), index.end(),
      [](const auto& a, const auto& b) { return a.name < b.name; });
  return index;
}

std::optional<bool> ModelRegistry::Serves(const std::string& name) const {
  absl::ReaderMutexLock lock(&mutex_);
  return books_.Serves(name);
}

}  // namespace octet
