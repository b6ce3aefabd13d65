// SPDX-License-Identifier: Apache-2.0
// How ModelRegistry loads a model.
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/base/status_macros.h"
#include "proto/model_config.pb.h"
#include "server/models/class_labels.h"
#include "server/models/folder_state.h"
#include "server/models/load_request.h"
#include "server/models/loaded_model.h"
#include "server/models/model_books.h"
#include "server/models/model_configuration.h"
#include "server/models/model_registry.h"
#include "server/models/model_repository.h"
#include "server/models/upload.h"
#include "server/models/version_choice.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

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
  std::vector<LoadedVersion> older;     // in place of wanted ones that fail
  std::vector<int64_t> available;       // all that could be loaded, ascending
};

absl::Status ModelRegistry::LoadNow(const LoadRequest& request) {
  Attempt attempt = {request, {}, nullptr, {}, {}, {}, {}};
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
  FallBack(&attempt);
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
  OCTET_RETURN_IF_ERROR(
      ReadClassLabels(repository_->files(), &attempt->configuration));
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
  attempt->available = *std::move(versions);
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
  // What it brought is where everything else is now.
  attempt->upload = nullptr;
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

absl::StatusOr<std::string> ModelRegistry::ModelFile(
    const std::string& name) const {
  OCTET_RETURN_IF_ERROR(CheckModelName(name));
  OCTET_ASSIGN_OR_RETURN(const ModelConfiguration configuration,
                         Configuration({name, {}, {}}));
  return configuration.model_file;
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

void ModelRegistry::FallBack(Attempt* attempt) {
  const std::string& name = attempt->request.model;
  const auto& policy = attempt->configuration.proto.version_policy();
  if (policy.has_all() || policy.has_specific()) return;
  auto missing = std::count_if(
      attempt->versions.begin(), attempt->versions.end(),
      [](const LoadedVersion& version) { return !version.loaded.ok(); });
  if (missing == 0) return;
  // Nothing that serves is given up now, so that much is there.
  const int64_t oldest = attempt->versions.front().number;
  std::set<int64_t> failed;
  for (const LoadedVersion& version : attempt->versions) {
    if (!version.loaded.ok()) failed.insert(version.number);
  }
  std::set<int64_t> serving;
  {
    absl::ReaderMutexLock lock(&mutex_);
    for (const auto& model : books_.Serving(name)) {
      serving.insert(model->version());
    }
  }
  for (const int64_t number : serving) {
    if (number < oldest || failed.contains(number)) --missing;
  }
  const std::vector<int64_t>& available = attempt->available;
  for (auto number = available.rbegin();
       number != available.rend() && missing > 0; ++number) {
    if (*number >= oldest || serving.contains(*number)) continue;
    LoadedVersion& version =
        attempt->older.emplace_back(LoadedVersion{*number, nullptr, ""});
    {
      absl::MutexLock lock(&mutex_);
      books_.SetLoading(name, *number, true);
    }
    BuildOne(attempt, &version);
    if (!version.loaded.ok()) continue;
    --missing;
    spdlog::warn(
        "model '{}': version {} serves, as a newer one cannot be "
        "loaded",
        name, *number);
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
      absl::StrCat(Text(attempt->configuration.proto), "\n",
                   attempt->configuration.label_digest, state.text);
  {
    absl::ReaderMutexLock lock(&mutex_);
    if (books_.ServesAs(name, number, fingerprint)) return;
  }
  version->loaded = Build({name, number}, folder, attempt->configuration);
  if (state.newest <= start - limits_.settled_after) {
    version->fingerprint = fingerprint;
  }
}

absl::Status ModelRegistry::Install(Attempt* attempt) {
  const std::string& name = attempt->request.model;
  absl::Status failed;
  for (const LoadedVersion& version : attempt->versions) {
    if (failed.ok() && !version.loaded.ok()) {
      failed = absl::Status(
          version.loaded.status().code(),
          absl::StrCat("model '", name, "' version ", version.number, ": ",
                       version.loaded.status().message()));
    }
  }
  std::move(attempt->older.begin(), attempt->older.end(),
            std::back_inserter(attempt->versions));
  ModelBooks::Models ended;
  absl::Status labels;
  {
    absl::MutexLock lock(&mutex_);
    ended = books_.Swap(name, attempt->versions);
    labels = books_.SetLabels(name, attempt->configuration.labels);
  }
  // Frees what has ended here, unless requests still hold it.
  attempt->versions.clear();
  attempt->older.clear();
  ended.clear();
  Changed();
  return failed.ok() ? labels : failed;
}

}  // namespace octet
