// SPDX-License-Identifier: Apache-2.0
#include "engine/base/contained_files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"

namespace octet {
namespace {

// The real path, or null with errno.
std::unique_ptr<char, decltype(&free)> RealPath(const std::string& path) {
  return {realpath(path.c_str(), nullptr), &free};
}

}  // namespace

absl::Status ContainedFiles::Error(const std::string& path, int error) const {
  const std::string where = absl::StrCat(root_, "/", path, ": ");
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(absl::StrCat(where, "there is no such file"));
    case EXDEV:
    case ELOOP:
      return absl::PermissionDeniedError(absl::StrCat(
          where, "a link leads out of the folder, which is not followed"));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(
          absl::StrCat(where, std::strerror(error)));
    default:
      return absl::UnavailableError(absl::StrCat(where, std::strerror(error)));
  }
}

absl::StatusOr<int> ContainedFiles::Open(const std::string& path,
                                         int flags) const {
  const int folder = open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return Error("", errno);
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const long opened =
      syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how));
  const int error = errno;
  close(folder);
  if (opened >= 0) return static_cast<int>(opened);
  // Kernels before 5.6 have no openat2(), and some sandboxes forbid it; an
  // absolute link that stays inside is told from one that does not here too.
  if (error == ENOSYS || error == EPERM || error == EXDEV) {
    return OpenByRealPath(path, flags);
  }
  return Error(path, error);
}

absl::StatusOr<int> ContainedFiles::OpenByRealPath(const std::string& path,
                                                   int flags) const {
  const auto root = RealPath(root_);
  if (root == nullptr) return Error("", errno);
  const auto real = RealPath(absl::StrCat(root_, "/", path));
  if (real == nullptr) return Error(path, errno);
  const std::string inside = absl::StrCat(root.get(), "/");
  if (std::string(real.get()) != root.get() &&
      !absl::StartsWith(real.get(), inside)) {
    return Error(path, EXDEV);
  }
  const int opened = open(real.get(), flags | O_NOFOLLOW | O_CLOEXEC);
  if (opened < 0) return Error(path, errno);
  return opened;
}

absl::StatusOr<struct stat> ContainedFiles::Stat(
    const std::string& path) const {
  OCTET_ASSIGN_OR_RETURN(const int descriptor, Open(path, O_PATH));
  const absl::Cleanup closer = [descriptor] { close(descriptor); };
  struct stat facts = {};
  if (fstat(descriptor, &facts) != 0) return Error(path, errno);
  return facts;
}

absl::Status ContainedFiles::CheckFolder(const std::string& path) const {
  OCTET_ASSIGN_OR_RETURN(const struct stat facts, Stat(path));
  if (S_ISDIR(facts.st_mode)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(root_, "/", path, ": expected a folder"));
}

absl::Status ContainedFiles::CheckFile(const std::string& path) const {
  OCTET_ASSIGN_OR_RETURN(const struct stat facts, Stat(path));
  if (S_ISREG(facts.st_mode)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      root_, "/", path,
      ": expected a regular file, not a folder, a pipe or a device"));
}

absl::StatusOr<std::unique_ptr<ContainedFile>> ContainedFiles::OpenFile(
    const std::string& path) const {
  // Opening a device may already do something.
  OCTET_RETURN_IF_ERROR(CheckFile(path));
  // Should it have become a pipe meanwhile, nobody waits for its other end.
  OCTET_ASSIGN_OR_RETURN(const int descriptor,
                         Open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  absl::Cleanup closer = [descriptor] { close(descriptor); };
  struct stat facts = {};
  if (fstat(descriptor, &facts) != 0) return Error(path, errno);
  if (!S_ISREG(facts.st_mode)) return CheckFile(path);
  std::move(closer).Cancel();
  return std::make_unique<ContainedFile>(absl::StrCat(root_, "/", path),
                                         descriptor, facts.st_size);
}

absl::StatusOr<std::string> ContainedFiles::Read(const std::string& path,
                                                 int64_t max_bytes) const {
  OCTET_ASSIGN_OR_RETURN(const std::unique_ptr<ContainedFile> file,
                         OpenFile(path));
  std::string bytes;
  const auto too_long = [&] {
    return absl::ResourceExhaustedError(
        absl::StrCat(root_, "/", path, ": expected at most ", max_bytes,
                     " bytes, got more"));
  };
  if (file->size() > max_bytes) return too_long();
  bytes.resize(static_cast<size_t>(file->size()) + 1);
  size_t filled = 0;
  while (true) {
    const ssize_t got =
        read(file->descriptor(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error(path, errno);
    if (got == 0) break;
    filled += static_cast<size_t>(got);
    if (filled > static_cast<size_t>(max_bytes)) return too_long();
    if (filled == bytes.size()) bytes.resize(bytes.size() * 2);
  }
  bytes.resize(filled);
  return bytes;
}

ContainedFile::~ContainedFile() { close(descriptor_); }

absl::Status ContainedFile::ReadAt(int64_t offset,
                                   absl::Span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t got = pread(descriptor_, bytes.data(), bytes.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return absl::UnavailableError(
          absl::StrCat(path_, ": ", std::strerror(errno)));
    }
    if (got == 0) {
      return absl::DataLossError(absl::StrCat(path_, ": ends at byte ", offset,
                                              "; expected ", bytes.size(),
                                              " more"));
    }
    bytes.remove_prefix(static_cast<size_t>(got));
    offset += got;
  }
  return absl::OkStatus();
}

}  // namespace octet
