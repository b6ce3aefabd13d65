// SPDX-License-Identifier: Apache-2.0
#include "server/models/model_repository.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/contained_files.h"
#include "engine/base/status_macros.h"
#include "server/models/model_configuration.h"
#include "server/models/publishing.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr char kConfigurationName[] = "config.pbtxt";

std::optional<int64_t> ParseVersionNumber(absl::string_view text) {
  int64_t version = 0;
  if (text.empty() || text.front() == '0' ||
      !std::all_of(text.begin(), text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(text, &version)) {
    return std::nullopt;
  }
  return version;
}

// The bytes of the character that starts with `lead`; 0 if none does.
size_t CharacterBytes(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

// Whether `text` can be a string of the protocol. Overlong forms and surrogates
// are let through to the protocol's own check.
bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t bytes = CharacterBytes(static_cast<unsigned char>(text[0]));
    if (bytes == 0 || bytes > text.size()) return false;
    for (size_t i = 1; i < bytes; ++i) {
      if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return false;
    }
    text.remove_prefix(bytes);
  }
  return true;
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
  } else if (!IsUtf8(name)) {
    fault = "it is not UTF-8";
  }
  if (fault == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("'", absl::CHexEscape(name.substr(0, kLongest)),
                   "' cannot be a model's name: ", fault));
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
  std::error_code error;
  if (!fs::is_directory(root, error)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the model repository '", root,
                     "' is not a folder; expected one with "
                     "<model>/<version>/model.onnx in it"));
  }
  std::vector<std::string> ignored;
  OCTET_RETURN_IF_ERROR(repository->ListModels(&ignored).status());
  if (!ignored.empty()) {
    const size_t named = std::min<size_t>(ignored.size(), 5);
    spdlog::warn(
        "{} of the repository are no models and ignored: {}{}",
        ignored.size() == 1 ? std::string("1 entry")
                            : absl::StrCat(ignored.size(), " entries"),
        absl::StrJoin(ignored.begin(),
                      ignored.begin() + static_cast<std::ptrdiff_t>(named),
                      "; "),
        named < ignored.size() ? "; ..." : "");
  }
  RemoveUnpublished(root);
  return repository;
}

absl::StatusOr<std::vector<std::string>> ModelRepository::ListModels() const {
  std::vector<std::string> ignored;
  return ListModels(&ignored);
}

absl::StatusOr<std::vector<std::string>> ModelRepository::ListModels(
    std::vector<std::string>* ignored) const {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(root_, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    // Hidden things and stray files are not meant to be models.
    if (absl::StartsWith(name, ".")) continue;
    absl::Status status = CheckModelName(name);
    if (status.ok()) status = files_.CheckFolder(name);
    if (status.ok()) {
      names.push_back(name);
    } else if (!absl::IsNotFound(status) && !(absl::IsInvalidArgument(status) &&
                                              CheckModelName(name).ok())) {
      ignored->push_back(std::string(status.message()));
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
  const absl::Status folder = files_.CheckFolder(name);
  if (absl::IsNotFound(folder) || absl::IsInvalidArgument(folder)) {
    return absl::NotFoundError(
        absl::StrCat("there is no model '", name, "' in the repository"));
  }
  OCTET_RETURN_IF_ERROR(folder);
  std::vector<int64_t> versions;
  std::error_code error;
  fs::directory_iterator entry(Folder(name), error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string number = entry->path().filename().string();
    const std::optional<int64_t> version = ParseVersionNumber(number);
    if (version && files_.CheckFolder(absl::StrCat(name, "/", number)).ok()) {
      versions.push_back(*version);
    }
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

absl::StatusOr<std::string> ModelRepository::Read(
    const std::string& name, int64_t version, const std::string& file) const {
  OCTET_RETURN_IF_ERROR(CheckModelName(name));
  // Protobuf's own bound on a message.
  constexpr int64_t kMostBytes = int64_t{2} << 30;
  return files_.Read(absl::StrCat(name, "/", version, "/", file), kMostBytes);
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
