// SPDX-License-Identifier: Apache-2.0
#include "server/models/model_repository.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/status_macros.h"
#include "server/models/publishing.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr char kConfigurationName[] = "config.pbtxt";

absl::Status SystemError(absl::string_view what, const std::string& path) {
  return absl::UnavailableError(
      absl::StrCat(what, " ", path, ": ", std::strerror(errno)));
}

std::optional<int64_t> ParseVersionNumber(absl::string_view text) {
  int64_t version = 0;
  if (text.empty() || text.front() == '0' ||
      !std::all_of(text.begin(), text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(text, &version)) {
    return std::nullopt;
  }
  return version;
}

bool IsFolder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

}  // namespace

absl::Status CheckModelName(absl::string_view name) {
  constexpr size_t kLongest = 255;  // of a file name
  const char* fault = nullptr;
  if (name.empty()) {
    fault = "it is empty";
  } else if (name.size() > kLongest) {
    fault = "it is longer than 255 bytes";
  } else if (name.front() == '.') {
    fault = "it starts with a dot";
  } else if (absl::StrContains(name, '/')) {
    fault = "it contains '/'";
  } else if (std::any_of(name.begin(), name.end(), absl::ascii_iscntrl)) {
    fault = "it contains control characters";
  }
  if (fault == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "'", name.substr(0, kLongest), "' cannot be a model's name: ", fault));
}

absl::StatusOr<std::optional<int64_t>> ParseVersion(absl::string_view text) {
  if (text.empty()) return std::optional<int64_t>();
  const std::optional<int64_t> version = ParseVersionNumber(text);
  if (!version) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", text.substr(0, 64),
        "' cannot be a model's version: expected a positive whole number, or "
        "nothing for the version that is served"));
  }
  return version;
}

absl::StatusOr<std::unique_ptr<ModelRepository>> ModelRepository::Open(
    const std::string& root) {
  std::unique_ptr<ModelRepository> repository(new ModelRepository(root));
  if (!IsFolder(root)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the model repository '", root,
                     "' is not a folder; expected one with "
                     "<model>/<version>/model.onnx in it"));
  }
  OCTET_RETURN_IF_ERROR(repository->ListModels().status());
  RemoveUnpublished(root);
  return repository;
}

absl::StatusOr<std::vector<std::string>> ModelRepository::ListModels() const {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(root_, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (CheckModelName(name).ok() && IsFolder(entry->path())) {
      names.push_back(name);
    }
  }
  if (error) {
    return absl::UnavailableError(absl::StrCat(
        "cannot read the model repository '", root_, "': ", error.message()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::vector<int64_t>> ModelRepository::ListVersions(
    const std::string& name) const {
  OCTET_RETURN_IF_ERROR(CheckModelName(name));
  std::vector<int64_t> versions;
  std::error_code error;
  fs::directory_iterator entry(Folder(name), error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string folder = entry->path().filename().string();
    const std::optional<int64_t> version = ParseVersionNumber(folder);
    if (version && IsFolder(entry->path())) versions.push_back(*version);
  }
  if (error == std::errc::no_such_file_or_directory ||
      error == std::errc::not_a_directory) {
    return absl::NotFoundError(
        absl::StrCat("there is no model '", name, "' in the repository"));
  }
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot read model '", name, "': ", error.message()));
  }
  std::sort(versions.begin(), versions.end());
  return versions;
}

std::string ModelRepository::Folder(const std::string& name) const {
  return absl::StrCat(root_, "/", name);
}

std::string ModelRepository::FilePath(const std::string& name, int64_t version,
                                      const std::string& file) const {
  return absl::StrCat(Folder(name), "/", version, "/", file);
}

std::string ModelRepository::ConfigurationPath(const std::string& name) const {
  return absl::StrCat(Folder(name), "/", kConfigurationName);
}

absl::StatusOr<std::optional<std::string>> ModelRepository::ReadConfiguration(
    const std::string& name) const {
  OCTET_RETURN_IF_ERROR(CheckModelName(name));
  absl::StatusOr<std::string> text =
      files_.Read(absl::StrCat(name, "/", kConfigurationName),
                  static_cast<int64_t>(kMaxConfigurationBytes));
  if (absl::IsNotFound(text.status())) return std::optional<std::string>();
  if (!text.ok()) return text.status();
  return std::optional<std::string>(*std::move(text));
}

absl::Status ModelRepository::CheckModelFile(const std::string& name,
                                             int64_t version,
                                             const std::string& file) const {
  OCTET_RETURN_IF_ERROR(CheckModelName(name));
  return files_.CheckFile(absl::StrCat(name, "/", version, "/", file));
}

absl::StatusOr<std::string> ModelRepository::Read(const std::string& name,
                                                  int64_t version) const {
  OCTET_RETURN_IF_ERROR(CheckModelName(name));
  const std::string path = FilePath(name, version);
  std::error_code error;
  if (!fs::exists(path, error)) {
    return absl::NotFoundError(absl::StrCat("model '", name, "' version ",
                                            version, ": there is no file ",
                                            kDefaultModelFile));
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (!file || !bytes) return SystemError("cannot read", path);
  return std::move(bytes).str();
}

absl::StatusOr<int64_t> ModelRepository::Publish(
    const std::string& name, absl::string_view bytes) const {
  const VersionFiles files = {{kDefaultModelFile, bytes}};
  OCTET_ASSIGN_OR_RETURN(const std::vector<int64_t> versions,
                         PublishAll(name, {&files, 1}));
  return versions.front();
}

absl::StatusOr<std::vector<int64_t>> ModelRepository::PublishAll(
    const std::string& name, absl::Span<const VersionFiles> versions) const {
  OCTET_RETURN_IF_ERROR(CheckModelName(name));
  return PublishVersions(root_, name, versions);
}

}  // namespace octet
