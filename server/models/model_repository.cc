// SPDX-License-Identifier: Apache-2.0
#include "server/models/model_repository.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

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
#include "engine/base/status_macros.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr char kFileName[] = "model.onnx";
constexpr char kConfigurationName[] = "config.pbtxt";
// Starts with a dot, so that no listing shows it.
constexpr char kTemporaryPrefix[] = ".publish-";

// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : fd_(open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status SystemError(absl::string_view what, const std::string& path) {
  return absl::UnavailableError(
      absl::StrCat(what, " ", path, ": ", std::strerror(errno)));
}

absl::Status WriteAll(int fd, absl::string_view bytes,
                      const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError("cannot write", path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status SyncFolder(const std::string& path) {
  const Descriptor folder(path, O_RDONLY | O_DIRECTORY);
  if (folder.get() < 0 || fsync(folder.get()) != 0) {
    return SystemError("cannot sync folder", path);
  }
  return absl::OkStatus();
}

absl::Status WriteSynced(const std::string& path, absl::string_view bytes) {
  const Descriptor file(path, O_WRONLY | O_CREAT | O_EXCL);
  if (file.get() < 0) return SystemError("cannot create", path);
  OCTET_RETURN_IF_ERROR(WriteAll(file.get(), bytes, path));
  if (fsync(file.get()) != 0) return SystemError("cannot sync", path);
  return absl::OkStatus();
}

// A folder for unfinished work, removed unless it was renamed. Locked while it
// is in use, which is how leftovers are told from work in progress.
class TemporaryFolder {
 public:
  static absl::StatusOr<std::unique_ptr<TemporaryFolder>> Create(
      const std::string& root) {
    std::string path = absl::StrCat(root, "/", kTemporaryPrefix, "XXXXXX");
    if (mkdtemp(path.data()) == nullptr) {
      return SystemError("cannot create folder", path);
    }
    std::unique_ptr<TemporaryFolder> folder(new TemporaryFolder(path));
    if (folder->lock_.get() < 0 ||
        flock(folder->lock_.get(), LOCK_EX | LOCK_NB) != 0) {
      return SystemError("cannot lock folder", path);
    }
    // mkdtemp() keeps everyone else out, but other servers read the model.
    if (chmod(path.c_str(), 0755) != 0) {
      return SystemError("cannot open up folder", path);
    }
    return folder;
  }

  ~TemporaryFolder() {
    std::error_code ignored;  // a leftover does no harm
    if (!renamed_) fs::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }

  // False where `target` exists already.
  absl::StatusOr<bool> RenameTo(const std::string& target) {
    if (renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target.c_str(),
                  RENAME_NOREPLACE) == 0) {
      renamed_ = true;
      return true;
    }
    // Some network file systems know no RENAME_NOREPLACE; a plain rename
    // replaces nothing but an empty folder.
    if (errno == EINVAL || errno == ENOSYS) {
      if (rename(path_.c_str(), target.c_str()) == 0) {
        renamed_ = true;
        return true;
      }
    }
    if (errno == EEXIST || errno == ENOTEMPTY) return false;
    return SystemError("cannot rename to", target);
  }

 private:
  explicit TemporaryFolder(std::string path)
      : path_(std::move(path)), lock_(path_, O_RDONLY | O_DIRECTORY) {}

  const std::string path_;
  const Descriptor lock_;
  bool renamed_ = false;
};

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
  repository->RemoveLeftovers();
  return repository;
}

void ModelRepository::RemoveLeftovers() const {
  std::vector<std::string> leftovers;
  std::error_code error;
  fs::directory_iterator entry(root_, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (absl::StartsWith(entry->path().filename().string(), kTemporaryPrefix)) {
      leftovers.push_back(entry->path().string());
    }
  }
  for (const std::string& path : leftovers) {
    const Descriptor folder(path, O_RDONLY | O_DIRECTORY);
    if (folder.get() >= 0 && flock(folder.get(), LOCK_EX | LOCK_NB) == 0) {
      fs::remove_all(path, error);
    }
  }
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

std::string ModelRepository::FilePath(const std::string& name,
                                      int64_t version) const {
  return absl::StrCat(Folder(name), "/", version, "/", kFileName);
}

bool ModelRepository::HasConfiguration(const std::string& name) const {
  std::error_code error;
  return fs::exists(absl::StrCat(Folder(name), "/", kConfigurationName), error);
}

absl::StatusOr<std::string> ModelRepository::Read(const std::string& name,
                                                  int64_t version) const {
  OCTET_RETURN_IF_ERROR(CheckModelName(name));
  const std::string path = FilePath(name, version);
  std::error_code error;
  if (!fs::exists(path, error)) {
    return absl::NotFoundError(absl::StrCat("model '", name, "' version ",
                                            version, ": there is no file ",
                                            kFileName));
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (!file || !bytes) return SystemError("cannot read", path);
  return std::move(bytes).str();
}

absl::StatusOr<int64_t> ModelRepository::Publish(
    const std::string& name, absl::string_view bytes) const {
  OCTET_RETURN_IF_ERROR(CheckModelName(name));
  OCTET_ASSIGN_OR_RETURN(const std::unique_ptr<TemporaryFolder> temporary,
                         TemporaryFolder::Create(root_));
  OCTET_RETURN_IF_ERROR(
      WriteSynced(absl::StrCat(temporary->path(), "/", kFileName), bytes));
  OCTET_RETURN_IF_ERROR(SyncFolder(temporary->path()));

  const std::string folder = Folder(name);
  if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    return SystemError("cannot create folder", folder);
  }
  OCTET_RETURN_IF_ERROR(SyncFolder(root_));
  while (true) {
    OCTET_ASSIGN_OR_RETURN(const std::vector<int64_t> versions,
                           ListVersions(name));
    const int64_t next = versions.empty() ? 1 : versions.back() + 1;
    OCTET_ASSIGN_OR_RETURN(const bool renamed, temporary->RenameTo(absl::StrCat(
                                                   folder, "/", next)));
    // Someone else may have published meanwhile: count again.
    if (!renamed) continue;
    OCTET_RETURN_IF_ERROR(SyncFolder(folder));
    return next;
  }
}

}  // namespace octet
