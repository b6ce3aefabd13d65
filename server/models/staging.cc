// SPDX-License-Identifier: Apache-2.0
#include "server/models/staging.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/status_macros.h"
#include "server/models/publishing.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

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

}  // namespace

absl::Status SystemError(absl::string_view what, absl::string_view path) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT;
  return absl::Status(full ? absl::StatusCode::kResourceExhausted
                           : absl::StatusCode::kUnavailable,
                      absl::StrCat(what, " ", path, ": ", std::strerror(error),
                                   full ? "; make room there" : ""));
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

absl::Status Exchange(const std::string& path, const std::string& target) {
  if (renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, target.c_str(),
                RENAME_EXCHANGE) == 0) {
    return absl::OkStatus();
  }
  if (errno == EINVAL || errno == ENOSYS) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot replace ", target,
        " in one step on this file system; choose a new version number"));
  }
  return SystemError("cannot replace", target);
}

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

absl::StatusOr<std::unique_ptr<TemporaryFolder>> TemporaryFolder::Create(
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
  return absl::UnavailableError(absl::StrCat("cannot lock a folder in ", root,
                                             ": another process removes them"));
}

TemporaryFolder::TemporaryFolder(std::string path)
    : path_(std::move(path)),
      lock_(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // a leftover does no harm
  fs::remove_all(path_, ignored);
  if (lock_ >= 0) close(lock_);
}

bool TemporaryFolder::Lock() const {
  struct stat locked = {};
  struct stat there = {};
  return lock_ >= 0 && flock(lock_, LOCK_EX | LOCK_NB) == 0 &&
         fstat(lock_, &locked) == 0 && stat(path_.c_str(), &there) == 0 &&
         locked.st_ino == there.st_ino;
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
