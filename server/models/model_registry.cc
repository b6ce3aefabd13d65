// SPDX-License-Identifier: Apache-2.0
#include "server/models/model_registry.h"

#include <google/protobuf/text_format.h>
#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
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
#include "proto/model_config.pb.h"
#include "server/models/folder_state.h"
#include "server/models/load_request.h"
#include "server/models/loaded_model.h"
#include "server/models/model_books.h"
#include "server/models/model_configuration.h"
#include "server/models/model_repository.h"
#include "server/models/upload.h"
#include "server/models/version_choice.h"
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

// As config.pbtxt has it.
std::string Text(const inference::ModelConfig& config) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(config, &text);
  return text;
}

}  // namespace

struct ModelRegistry::Attempt {
  const LoadRequest& request;
  ModelConfiguration configuration;
  std::unique_ptr<Upload> upload;       // null without files
  std::vector<LoadedVersion> versions;  // those wanted, ascending
  std::vector<LoadedVersion> others;    // uploaded, but not wanted
};

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

absl::Status ModelRegistry::LoadNow(const LoadRequest& request) {
  Attempt attempt = {request, {}, nullptr, {}, {}};
  if (absl::Status status = Prepare(request, &attempt); !status.ok()) {
    // A request of its own says nothing about what is in the repository.
    if (!request.configuration) {
      absl::MutexLock lock(&mutex_);
      books_.SetReasons(request.model, status);
    }
    Changed();
    return status;
  }
  BuildAll(&attempt);
  if (absl::Status status = Publish(&attempt); !status.ok()) {
    {
      absl::MutexLock lock(&mutex_);
      for (const LoadedVersion& version : attempt.versions) {
        books_.SetLoading(request.model, version.number, false);
      }
    }
    Changed();
    return status;
  }
  return Install(&attempt);
}

absl::Status ModelRegistry::Prepare(const LoadRequest& request,
                                    Attempt* attempt) {
  const std::string& name = request.model;
  OCTET_RETURN_IF_ERROR(CheckModelName(name));
  if (!request.files.empty() && !request.configuration) {
    return absl::InvalidArgumentError(
        "load parameters file:... need the parameter config; '{}' will do");
  }
  absl::StatusOr<std::vector<int64_t>> versions =
      repository_->ListVersions(name);
  if (versions.ok()) {
    absl::MutexLock lock(&mutex_);
    books_.SetOnDisk(name, *versions);
  } else if (request.files.empty() || !absl::IsNotFound(versions.status())) {
    return versions.status();
  } else {
    versions = std::vector<int64_t>();
  }
  OCTET_RETURN_IF_ERROR(CheckModelCount(name));
  if (versions->empty() && request.files.empty()) {
    return absl::NotFoundError(absl::StrCat("model '", name,
                                            "' has no version: expected ",
                                            repository_->FilePath(name, 1)));
  }
  OCTET_ASSIGN_OR_RETURN(attempt->configuration, Configuration(request));
  for (const std::string& note : attempt->configuration.notes) {
    spdlog::warn("{}: {}", attempt->configuration.origin, note);
  }
  DropIncomplete(*attempt, &*versions);
  OCTET_RETURN_IF_ERROR(TakeFiles(attempt, &*versions));
  std::set<int64_t> wanted;
  for (const int64_t number : ChooseVersions(
           attempt->configuration.proto.version_policy(), *versions)) {
    attempt->versions.push_back({number, nullptr, ""});
    wanted.insert(number);
  }
  if (attempt->upload == nullptr) return absl::OkStatus();
  for (const int64_t number : attempt->upload->versions()) {
    if (wanted.contains(number)) continue;
    attempt->others.push_back({number, nullptr, ""});
  }
  return absl::OkStatus();
}

void ModelRegistry::DropIncomplete(const Attempt& attempt,
                                   std::vector<int64_t>* versions) {
  const std::string& name = attempt.request.model;
  const std::string& file = attempt.configuration.model_file;
  std::vector<int64_t> complete;
  for (const int64_t version : *versions) {
    const absl::Status status =
        repository_->CheckModelFile(name, version, file);
    if (!absl::IsNotFound(status)) {
      complete.push_back(version);
      continue;
    }
    absl::MutexLock lock(&mutex_);
    books_.SetReason(name, version, absl::StrCat("it has no ", file, " (yet)"));
  }
  if (!complete.empty()) *versions = std::move(complete);
}

absl::Status ModelRegistry::TakeFiles(Attempt* attempt,
                                      std::vector<int64_t>* versions) {
  const LoadRequest& request = attempt->request;
  if (request.files.empty()) return absl::OkStatus();
  OCTET_ASSIGN_OR_RETURN(
      attempt->upload,
      Upload::Create(repository_->root(), request.model, request.files,
                     Text(attempt->configuration.proto)));
  const std::vector<int64_t>& uploaded = attempt->upload->versions();
  std::vector<int64_t> all;
  std::set_union(versions->begin(), versions->end(), uploaded.begin(),
                 uploaded.end(), std::back_inserter(all));
  *versions = std::move(all);
  return absl::OkStatus();
}

absl::Status ModelRegistry::Publish(Attempt* attempt) {
  if (attempt->upload == nullptr) return absl::OkStatus();
  for (const auto* built : {&attempt->others, &attempt->versions}) {
    for (const LoadedVersion& version : *built) {
      if (version.loaded.ok() || !attempt->upload->Has(version.number)) {
        continue;
      }
      return absl::Status(
          version.loaded.status().code(),
          absl::StrCat(
              "nothing of model '", attempt->request.model,
              "' is taken, for version ", version.number,
              " cannot be loaded: ", version.loaded.status().message()));
    }
  }
  OCTET_RETURN_IF_ERROR(attempt->upload->Publish());
  const auto versions = repository_->ListVersions(attempt->request.model);
  if (versions.ok()) {
    absl::MutexLock lock(&mutex_);
    books_.SetOnDisk(attempt->request.model, *versions);
  }
  return absl::OkStatus();
}

absl::Status ModelRegistry::CheckModelCount(const std::string& name) const {
  absl::ReaderMutexLock lock(&mutex_);
  if (books_.CountServing() < limits_.models ||
      books_.Serves(name).value_or(false)) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("model '", name, "' is not loaded: ", limits_.models,
                   " models are, and octet-server takes no more; unload one"));
}

absl::StatusOr<ModelConfiguration> ModelRegistry::Configuration(
    const LoadRequest& request) const {
  ConfigurationSource source = {
      request.model,
      repository_->ConfigurationPath(request.model),
      {options_.max_batch, environment_.scheduler->lanes()}};
  if (request.configuration) {
    source.origin = "load parameter 'config'";
    return ParseConfigurationJson(*request.configuration, source);
  }
  OCTET_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                         repository_->ReadConfiguration(request.model));
  if (!text) return DefaultConfiguration(source);
  return ParseConfigurationText(*text, source);
}

void ModelRegistry::BuildAll(Attempt* attempt) {
  const std::string& name = attempt->request.model;
  {
    absl::MutexLock lock(&mutex_);
    for (const LoadedVersion& version : attempt->versions) {
      books_.SetLoading(name, version.number, true);
    }
  }
  Changed();
  for (LoadedVersion& version : attempt->versions) {
    BuildOne(attempt, &version);
  }
  for (LoadedVersion& version : attempt->others) {
    BuildOne(attempt, &version);
    // It was only to be seen whether it can be loaded.
    if (version.loaded.ok()) version.loaded = nullptr;
  }
}

void ModelRegistry::BuildOne(Attempt* attempt, LoadedVersion* version) {
  const std::string& name = attempt->request.model;
  const int64_t number = version->number;
  if (attempt->upload != nullptr && attempt->upload->Has(number)) {
    version->loaded = Build({name, number}, attempt->upload->Folder(number),
                            attempt->configuration);
    if (!version->loaded.ok()) {
      version->loaded = attempt->upload->Renamed(version->loaded.status());
    }
    return;
  }
  const std::string folder = absl::StrCat(name, "/", number);
  const absl::Time start = absl::Now();
  const FolderState state =
      ReadFolderState(absl::StrCat(repository_->root(), "/", folder));
  const std::string fingerprint =
      absl::StrCat(Text(attempt->configuration.proto), "\n", state.text);
  {
    absl::ReaderMutexLock lock(&mutex_);
    if (books_.ServesAs(name, number, fingerprint)) return;
  }
  version->loaded = Build({name, number}, folder, attempt->configuration);
  if (state.newest <= start - limits_.settled_after) {
    version->fingerprint = fingerprint;
  }
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
  return loaded;
}

absl::Status ModelRegistry::Install(Attempt* attempt) {
  const std::string& name = attempt->request.model;
  ModelBooks::Models ended;
  absl::Status labels;
  {
    absl::MutexLock lock(&mutex_);
    ended = books_.Swap(name, attempt->versions);
    labels = books_.SetLabels(name, attempt->configuration.labels);
  }
  absl::Status failed;
  for (const LoadedVersion& version : attempt->versions) {
    if (failed.ok() && !version.loaded.ok()) {
      failed = absl::Status(
          version.loaded.status().code(),
          absl::StrCat("model '", name, "' version ", version.number, ": ",
                       version.loaded.status().message()));
    }
  }
  // Frees what has ended here, unless requests still hold it.
  attempt->versions.clear();
  ended.clear();
  Changed();
  return failed.ok() ? labels : failed;
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
