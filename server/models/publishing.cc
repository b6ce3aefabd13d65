// SPDX-License-Identifier: Apache-2.0
#include "server/models/publishing.h"

#include <dirent.h>
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
#include <limits>
#include <memory>
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

namespace octet {
namespace {

namespace fs = std::filesystem;

// Starts with a dot, so that no listing shows it.
constexpr char kTemporaryPrefix[] = ".publish-";
// The model as it is put together inside the temporary folder.
constexpr char kModelFolder[] = "model";

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

// What errno says about `path`.
absl::Status SystemError(absl::string_view what, absl::string_view path) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT;
  return absl::Status(full ? absl::StatusCode::kResourceExhausted
                           : absl::StatusCode::kUnavailable,
                      absl::StrCat(what, " ", path, ": ", std::strerror(error),
                                   full ? "; make room there" : ""));
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

absl::Status MakeFolder(const std::string& path) {
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    return SystemError("cannot create folder", path);
  }
  return absl::OkStatus();
}

// Writes the files below `folder`, which is made, everything synced.
absl::Status WriteVersion(const std::string& folder,
                          const VersionFiles& files) {
  OCTET_RETURN_IF_ERROR(MakeFolder(folder));
  std::vector<std::string> folders = {folder};
  for (const VersionFile& file : files) {
    for (size_t slash = file.path.find('/'); slash != std::string::npos;
         slash = file.path.find('/', slash + 1)) {
      folders.push_back(absl::StrCat(folder, "/", file.path.substr(0, slash)));
      OCTET_RETURN_IF_ERROR(MakeFolder(folders.back()));
    }
    OCTET_RETURN_IF_ERROR(
        WriteSynced(absl::StrCat(folder, "/", file.path), file.bytes));
  }
  for (const std::string& path : folders) {
    OCTET_RETURN_IF_ERROR(SyncFolder(path));
  }
  return absl::OkStatus();
}

// Renames a folder. False where `target` exists already.
absl::StatusOr<bool> RenameToNew(const std::string& path,
                                 const std::string& target) {
  if (renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, target.c_str(),
                RENAME_NOREPLACE) == 0) {
    return true;
  }
  // Some network file systems know no RENAME_NOREPLACE; a plain rename
  // replaces nothing but an empty folder.
  if ((errno == EINVAL || errno == ENOSYS) &&
      rename(path.c_str(), target.c_str()) == 0) {
    return true;
  }
  if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR) return false;
  return SystemError("cannot rename to", target);
}

// A folder for unfinished work, removed with what is still in it. Locked while
// it is in use, which is how leftovers are told from work in progress.
class TemporaryFolder {
 public:
  static absl::StatusOr<std::unique_ptr<TemporaryFolder>> Create(
      const std::string& root) {
    // Who cleans up may take the folder between its making and its locking.
    constexpr int kAttempts = 10;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      std::string path = absl::StrCat(root, "/", kTemporaryPrefix, "XXXXXX");
      if (mkdtemp(path.data()) == nullptr) {
        return SystemError("cannot create folder", path);
      }
      std::unique_ptr<TemporaryFolder> folder(
          new TemporaryFolder(std::move(path)));
      if (folder->Lock()) return folder;
    }
    return absl::UnavailableError(absl::StrCat(
        "cannot lock a folder in ", root, ": another process removes them"));
  }

  ~TemporaryFolder() {
    std::error_code ignored;  // a leftover does no harm
    fs::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path)
      : path_(std::move(path)), lock_(path_, O_RDONLY | O_DIRECTORY) {}

  bool Lock() const {
    struct stat locked = {};
    struct stat there = {};
    return lock_.get() >= 0 && flock(lock_.get(), LOCK_EX | LOCK_NB) == 0 &&
           fstat(lock_.get(), &locked) == 0 &&
           stat(path_.c_str(), &there) == 0 && locked.st_ino == there.st_ino;
  }

  const std::string path_;
  const Descriptor lock_;
};

absl::Status CheckModelFolder(const std::string& folder) {
  struct stat there = {};
  if (lstat(folder.c_str(), &there) != 0) {
    return SystemError("cannot look at", folder);
  }
  if (S_ISDIR(there.st_mode)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("cannot publish into ", folder, ": it is ",
                   S_ISLNK(there.st_mode) ? "a link, which could lead anywhere"
                                          : "not a folder"));
}

// The number behind all that are taken, by whatever kind of entry.
absl::StatusOr<int64_t> NextVersion(const std::string& folder) {
  DIR* const entries = opendir(folder.c_str());
  if (entries == nullptr) return SystemError("cannot read", folder);
  int64_t highest = 0;
  while (const dirent* const entry = readdir(entries)) {
    const absl::string_view name = entry->d_name;
    int64_t number = 0;
    if (std::all_of(name.begin(), name.end(), absl::ascii_isdigit) &&
        absl::SimpleAtoi(name, &number)) {
      highest = std::max(highest, number);
    }
  }
  closedir(entries);
  if (highest == std::numeric_limits<int64_t>::max()) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot publish into ", folder, ": version ", highest,
                     " is there, and no number is higher; remove it"));
  }
  return highest + 1;
}

// Moves the versions 1, 2, … of `staged` behind those of `folder`. On error
// `numbers` holds those that were moved.
absl::Status AddTo(const std::string& staged, const std::string& folder,
                   size_t count, std::vector<int64_t>* numbers) {
  OCTET_RETURN_IF_ERROR(CheckModelFolder(folder));
  while (numbers->size() < count) {
    OCTET_ASSIGN_OR_RETURN(const int64_t next, NextVersion(folder));
    OCTET_ASSIGN_OR_RETURN(
        const bool renamed,
        RenameToNew(absl::StrCat(staged, "/", numbers->size() + 1),
                    absl::StrCat(folder, "/", next)));
    // Someone else may have published meanwhile: count again.
    if (renamed) numbers->push_back(next);
  }
  return SyncFolder(folder);
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> PublishVersions(
    const std::string& root, const std::string& name,
    absl::Span<const VersionFiles> versions) {
  OCTET_ASSIGN_OR_RETURN(const std::unique_ptr<TemporaryFolder> temporary,
                         TemporaryFolder::Create(root));
  const std::string staged = absl::StrCat(temporary->path(), "/", kModelFolder);
  OCTET_RETURN_IF_ERROR(MakeFolder(staged));
  for (size_t i = 0; i < versions.size(); ++i) {
    OCTET_RETURN_IF_ERROR(
        WriteVersion(absl::StrCat(staged, "/", i + 1), versions[i]));
  }
  OCTET_RETURN_IF_ERROR(SyncFolder(staged));

  const std::string folder = absl::StrCat(root, "/", name);
  std::vector<int64_t> numbers;
  // A new model appears with its versions, never without them.
  OCTET_ASSIGN_OR_RETURN(const bool is_new, RenameToNew(staged, folder));
  if (is_new) {
    for (size_t i = 0; i < versions.size(); ++i) {
      numbers.push_back(static_cast<int64_t>(i) + 1);
    }
    OCTET_RETURN_IF_ERROR(SyncFolder(root));
    return numbers;
  }
  const absl::Status added = AddTo(staged, folder, versions.size(), &numbers);
  if (added.ok()) return numbers;
  for (size_t i = 0; i < numbers.size(); ++i) {
    // Back to where they are removed; where even that fails they stay, whole.
    rename(absl::StrCat(folder, "/", numbers[i]).c_str(),
           absl::StrCat(staged, "/", i + 1).c_str());
  }
  return added;
}

void RemoveUnpublished(const std::string& root) {
  std::vector<std::string> leftovers;
  std::error_code error;
  fs::directory_iterator entry(root, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (absl::StartsWith(entry->path().filename().string(), kTemporaryPrefix)) {
      leftovers.push_back(entry->path().string());
    }
  }
  for (const std::string& path : leftovers) {
    const Descriptor folder(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (folder.get() >= 0 && flock(folder.get(), LOCK_EX | LOCK_NB) == 0) {
      fs::remove_all(path, error);
    }
  }
}

}  // namespace octet
