// SPDX-License-Identifier: Apache-2.0
#include "server/models/model_registry.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/base/status_macros.h"
#include "server/models/loaded_model.h"
#include "server/models/model_repository.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

// A token whose last copy calls `done` when it goes.
std::shared_ptr<void> WhenGone(std::function<void()> done) {
  return std::shared_ptr<void>(nullptr,
                               [done = std::move(done)](void*) { done(); });
}

}  // namespace

absl::string_view StateName(ModelState state) {
  switch (state) {
    case ModelState::kUnavailable:
      return "UNAVAILABLE";
    case ModelState::kLoading:
      return "LOADING";
    case ModelState::kReady:
      return "READY";
    case ModelState::kUnloading:
      return "UNLOADING";
  }
  return "UNKNOWN";
}

ModelRegistry::ModelRegistry(const ModelRepository* repository,
                             const ModelOptions& options,
                             const LoadedModel::Environment& environment)
    : repository_(repository), options_(options), environment_(environment) {}

ModelRegistry::~ModelRegistry() {
  absl::Notification idle;
  worker_.Do([&idle] { idle.Notify(); });
  idle.WaitForNotification();
  std::vector<std::shared_ptr<LoadedModel>> retired;
  {
    absl::MutexLock lock(&mutex_);
    for (auto& [name, entry] : entries_) {
      retired.push_back(RetireLocked(&entry, "the server stops"));
    }
  }
  retired.clear();
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](int* live) { return *live == 0; }, &live_models_));
}

void ModelRegistry::SetListener(std::function<void()> listener) {
  listener_ = std::move(listener);
}

void ModelRegistry::Changed() {
  int64_t serving = 0;
  {
    absl::ReaderMutexLock lock(&mutex_);
    serving = std::count_if(
        entries_.begin(), entries_.end(),
        [](const auto& entry) { return entry.second.serving != nullptr; });
  }
  environment_.metrics->SetLoadedModels(serving);
  if (listener_) listener_();
}

absl::Status ModelRegistry::LoadAll() {
  OCTET_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         repository_->ListModels());
  absl::Notification loaded;
  worker_.Do([this, &names, &loaded] {
    for (const std::string& name : names) {
      if (absl::Status status = LoadNow(name); !status.ok()) {
        spdlog::error("model '{}' is not served: {}", name, status.ToString());
      }
    }
    loaded.Notify();
  });
  loaded.WaitForNotification();
  return absl::OkStatus();
}

void ModelRegistry::Load(const std::string& name, Done done) {
  worker_.Do([this, name, done = std::move(done)] { done(LoadNow(name)); });
}

void ModelRegistry::Unload(const std::string& name, Done done) {
  worker_.Do([this, name, done = std::move(done)] { UnloadNow(name, done); });
}

absl::Status ModelRegistry::LoadNow(const std::string& name) {
  OCTET_ASSIGN_OR_RETURN(const std::vector<int64_t> versions,
                         repository_->ListVersions(name));
  Refresh(name, versions);
  if (versions.empty()) {
    return absl::NotFoundError(absl::StrCat("model '", name,
                                            "' has no version: expected ",
                                            repository_->FilePath(name, 1)));
  }
  const int64_t version = versions.back();
  {
    absl::MutexLock lock(&mutex_);
    entries_[name].loading = version;
  }
  Changed();
  absl::StatusOr<std::shared_ptr<LoadedModel>> built = Build(name, version);
  std::shared_ptr<LoadedModel> retired;
  {
    absl::MutexLock lock(&mutex_);
    Entry& entry = entries_[name];
    entry.loading.reset();
    if (built.ok()) {
      retired =
          RetireLocked(&entry, absl::StrCat("replaced by version ", version));
      entry.serving = *built;
      entry.versions[version].reason.clear();
    } else if (entry.serving == nullptr ||
               entry.serving->version() != version) {
      entry.versions[version].reason = built.status().ToString();
    }
  }
  // Frees the old version here, unless requests still hold it.
  retired.reset();
  Changed();
  return built.status();
}

absl::StatusOr<std::shared_ptr<LoadedModel>> ModelRegistry::Build(
    const std::string& name, int64_t version) {
  const absl::Time start = absl::Now();
  OCTET_ASSIGN_OR_RETURN(const ModelConfiguration configuration,
                         Configuration(name));
  for (const std::string& note : configuration.notes) {
    spdlog::warn("{}: {}", configuration.origin, note);
  }
  const std::string& file = configuration.model_file;
  OCTET_RETURN_IF_ERROR(repository_->CheckModelFile(name, version, file));
  ModelOptions options = options_;
  if (configuration.max_batch.value_or(0) > 0) {
    options.max_batch = *configuration.max_batch;
  }
  OCTET_ASSIGN_OR_RETURN(
      std::shared_ptr<const Model> model,
      environment_.engine->load(repository_->FilePath(name, version, file),
                                options));
  OCTET_ASSIGN_OR_RETURN(std::shared_ptr<LoadedModel> loaded,
                         LoadedModel::Create({name, version}, std::move(model),
                                             configuration, environment_));
  {
    absl::MutexLock lock(&mutex_);
    live_models_ += 1;
  }
  loaded->KeepUntilDrained(
      WhenGone([this, name, version] { OnDestroyed(name, version); }));
  spdlog::info("model '{}' version {} loaded in {} ms{}", name, version,
               absl::ToInt64Milliseconds(absl::Now() - start),
               loaded->model().batches()
                   ? std::string()
                   : absl::StrCat("; it is not batched: ",
                                  loaded->model().why_not_batched()));
  return loaded;
}

std::shared_ptr<LoadedModel> ModelRegistry::RetireLocked(
    Entry* entry, const std::string& reason) {
  if (entry->serving == nullptr) return nullptr;
  Version& version = entry->versions[entry->serving->version()];
  version.draining += 1;
  version.reason = reason;
  return std::move(entry->serving);
}

void ModelRegistry::OnDestroyed(const std::string& name, int64_t version) {
  {
    absl::MutexLock lock(&mutex_);
    const auto entry = entries_.find(name);
    if (entry != entries_.end()) {
      const auto facts = entry->second.versions.find(version);
      if (facts != entry->second.versions.end()) facts->second.draining -= 1;
    }
  }
  Changed();
  // The last touch of the registry: its destructor waits for this.
  absl::MutexLock lock(&mutex_);
  live_models_ -= 1;
}

void ModelRegistry::UnloadNow(const std::string& name, const Done& done) {
  const absl::StatusOr<std::vector<int64_t>> versions =
      repository_->ListVersions(name);
  std::shared_ptr<LoadedModel> retired;
  absl::Status status;
  {
    absl::MutexLock lock(&mutex_);
    const auto entry = entries_.find(name);
    if (entry != entries_.end()) {
      retired = RetireLocked(&entry->second, "unloaded");
    }
    if (retired == nullptr) {
      status = versions.ok() ? absl::FailedPreconditionError(absl::StrCat(
                                   "model '", name, "' is not loaded"))
                             : versions.status();
    }
  }
  if (retired == nullptr) {
    done(status);
    return;
  }
  spdlog::info("model '{}' version {} is unloaded", name, retired->version());
  retired->KeepUntilDrained(WhenGone([done] { done(absl::OkStatus()); }));
  Changed();
}

void ModelRegistry::Refresh(const std::string& name,
                            const std::vector<int64_t>& versions) {
  absl::MutexLock lock(&mutex_);
  Entry& entry = entries_[name];
  for (const int64_t version : versions) entry.versions[version];
  // A folder that is gone is forgotten once nothing of it is in memory.
  for (auto it = entry.versions.begin(); it != entry.versions.end();) {
    const bool exists =
        std::binary_search(versions.begin(), versions.end(), it->first);
    const bool idle =
        StateOf(entry, it->first, it->second) == ModelState::kUnavailable;
    it = !exists && idle ? entry.versions.erase(it) : std::next(it);
  }
}

absl::StatusOr<ModelConfiguration> ModelRegistry::Configuration(
    const std::string& name) const {
  const ConfigurationSource source = {
      name,
      repository_->ConfigurationPath(name),
      {options_.max_batch, environment_.scheduler->lanes()}};
  OCTET_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                         repository_->ReadConfiguration(name));
  if (!text) return DefaultConfiguration(source);
  return ParseConfigurationText(*text, source);
}

ModelState ModelRegistry::StateOf(const Entry& entry, int64_t number,
                                  const Version& version) {
  if (entry.serving != nullptr && entry.serving->version() == number) {
    return ModelState::kReady;
  }
  if (entry.loading == number) return ModelState::kLoading;
  if (version.draining > 0) return ModelState::kUnloading;
  return ModelState::kUnavailable;
}

std::string ModelRegistry::LoadedNamesLocked() const {
  std::vector<absl::string_view> names;
  for (const auto& [name, entry] : entries_) {
    if (entry.serving != nullptr) names.push_back(name);
  }
  if (names.empty()) return "no model is loaded";
  std::sort(names.begin(), names.end());
  return absl::StrCat("loaded: ", absl::StrJoin(names, ", "));
}

absl::StatusOr<std::shared_ptr<LoadedModel>> ModelRegistry::Find(
    const std::string& name, const std::string& version) const {
  OCTET_ASSIGN_OR_RETURN(const std::optional<int64_t> wanted,
                         ParseVersion(version));
  absl::ReaderMutexLock lock(&mutex_);
  const auto position = entries_.find(name);
  if (position == entries_.end()) {
    OCTET_RETURN_IF_ERROR(CheckModelName(name));
    return absl::NotFoundError(
        absl::StrCat("there is no model '", name, "'; ", LoadedNamesLocked()));
  }
  const Entry& entry = position->second;
  if (entry.serving != nullptr &&
      (!wanted || *wanted == entry.serving->version())) {
    return entry.serving;
  }
  const std::string served =
      entry.serving == nullptr
          ? "no version of it is loaded"
          : absl::StrCat("version ", entry.serving->version(), " is loaded");
  if (wanted) {
    const auto facts = entry.versions.find(*wanted);
    if (facts == entry.versions.end()) {
      return absl::NotFoundError(absl::StrCat(
          "model '", name, "' has no version ", *wanted, "; ", served));
    }
    return absl::FailedPreconditionError(absl::StrCat(
        "version ", *wanted, " of model '", name, "' is ",
        StateName(StateOf(entry, *wanted, facts->second)), "; ", served));
  }
  std::string reason;
  if (!entry.versions.empty() &&
      !entry.versions.rbegin()->second.reason.empty()) {
    reason = absl::StrCat(" (", entry.versions.rbegin()->second.reason, ")");
  }
  return absl::FailedPreconditionError(
      absl::StrCat("model '", name, "' is not loaded", reason,
                   "; RepositoryModelLoad loads it"));
}

absl::StatusOr<std::vector<VersionStatus>> ModelRegistry::Index() {
  OCTET_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         repository_->ListModels());
  for (const std::string& name : names) {
    const auto versions = repository_->ListVersions(name);
    if (versions.ok()) Refresh(name, *versions);
  }
  std::vector<std::pair<int64_t, VersionStatus>> found;
  {
    absl::ReaderMutexLock lock(&mutex_);
    for (const auto& [name, entry] : entries_) {
      const bool on_disk = std::binary_search(names.begin(), names.end(), name);
      if (entry.versions.empty() && on_disk) {
        found.push_back({0,
                         {name, "", ModelState::kUnavailable,
                          "the model has no version folder"}});
      }
      for (const auto& [number, version] : entry.versions) {
        const ModelState state = StateOf(entry, number, version);
        if (!on_disk && state == ModelState::kUnavailable) continue;
        found.push_back({number,
                         {name, absl::StrCat(number), state,
                          state == ModelState::kReady ? ""
                          : version.reason.empty()    ? "not loaded"
                                                      : version.reason}});
      }
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.second.name, a.first) < std::tie(b.second.name, b.first);
  });
  std::vector<VersionStatus> index;
  for (auto& [number, status] : found) index.push_back(std::move(status));
  return index;
}

std::optional<bool> ModelRegistry::Serves(const std::string& name) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto entry = entries_.find(name);
  if (entry == entries_.end()) return std::nullopt;
  return entry->second.serving != nullptr;
}

}  // namespace octet
