// SPDX-License-Identifier: Apache-2.0
#include "engine/io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"

namespace octet::io {
namespace {

// Readable by everyone, writable by the owner: what a new file gets.
constexpr mode_t kNewFileMode = 0644;

absl::Status ErrnoStatus(absl::string_view action, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", action, " ", path));
}

absl::Status NotRegular(const std::string& path) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, " is a folder, a pipe or a device; expected a file"));
}

absl::Status WriteAll(int descriptor, absl::string_view bytes,
                      const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus("write", path);
    }
    bytes.remove_prefix(written);
  }
  return absl::OkStatus();
}

absl::Status ReadAllAt(int descriptor, int64_t offset, absl::Span<std::byte> to,
                       const std::string& path) {
  while (!to.empty()) {
    const ssize_t got = ::pread(descriptor, to.data(), to.size(), offset);
    if (got < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus("read", path);
    }
    if (got == 0) {
      return absl::DataLossError(absl::StrCat(
          path, " ends at byte ", offset, "; expected ", to.size(), " more"));
    }
    offset += got;
    to.remove_prefix(got);
  }
  return absl::OkStatus();
}

absl::Status WriteAndSync(int descriptor, mode_t mode,
                          absl::Span<const absl::string_view> pieces,
                          const std::string& path) {
  for (absl::string_view piece : pieces) {
    OCTET_RETURN_IF_ERROR(WriteAll(descriptor, piece, path));
  }
  // mkstemp() made the file private to its owner.
  if (::fchmod(descriptor, mode) != 0) return ErrnoStatus("write", path);
  if (::fsync(descriptor) != 0) return ErrnoStatus("sync", path);
  return absl::OkStatus();
}

}  // namespace

InputFile::InputFile(int descriptor, int64_t size, std::string path)
    : descriptor_(descriptor), size_(size), path_(std::move(path)) {}

InputFile::~InputFile() { ::close(descriptor_); }

absl::StatusOr<std::unique_ptr<InputFile>> InputFile::Open(
    const std::string& path) {
  // Without O_NONBLOCK the call would wait for the writer of a pipe.
  const int descriptor =
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return ErrnoStatus("open", path);
  struct stat facts;
  if (::fstat(descriptor, &facts) != 0) {
    absl::Status status = ErrnoStatus("read", path);
    ::close(descriptor);
    return status;
  }
  if (!S_ISREG(facts.st_mode)) {
    ::close(descriptor);
    return NotRegular(path);
  }
  return std::unique_ptr<InputFile>(
      new InputFile(descriptor, facts.st_size, path));
}

absl::Status InputFile::ReadAt(int64_t offset, absl::Span<std::byte> to) const {
  return ReadAllAt(descriptor_, offset, to, path_);
}

absl::StatusOr<std::unique_ptr<ScratchFile>> ScratchFile::Create() {
  const char* folder = std::getenv("TMPDIR");
  if (folder == nullptr || *folder == '\0') folder = "/var/tmp";
  std::string path = absl::StrCat(folder, "/octet.XXXXXX");
  const int descriptor = ::mkostemp(path.data(), O_CLOEXEC);
  if (descriptor < 0) {
    return absl::UnavailableError(absl::StrCat(
        "no temporary file for samples can be made in ", folder, ": ",
        std::strerror(errno), "; TMPDIR names another folder"));
  }
  ::unlink(path.c_str());
  return std::unique_ptr<ScratchFile>(
      new ScratchFile(descriptor, std::move(path)));
}

ScratchFile::~ScratchFile() { ::close(descriptor_); }

absl::Status ScratchFile::Append(absl::string_view bytes) {
  const absl::Status written = WriteAll(descriptor_, bytes, path_);
  if (!written.ok()) {
    return absl::UnavailableError(absl::StrCat(
        written.message(), "; TMPDIR names another folder for samples"));
  }
  size_ += static_cast<int64_t>(bytes.size());
  return absl::OkStatus();
}

absl::Status ScratchFile::ReadAt(int64_t offset,
                                 absl::Span<std::byte> to) const {
  return ReadAllAt(descriptor_, offset, to, path_);
}

absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     int64_t max_bytes) {
  OCTET_ASSIGN_OR_RETURN(auto file, InputFile::Open(path));
  if (file->size() > max_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        path, " has ", file->size(), " bytes; expected at most ", max_bytes));
  }
  std::string bytes(file->size(), '\0');
  OCTET_RETURN_IF_ERROR(file->ReadAt(
      0, {reinterpret_cast<std::byte*>(bytes.data()), bytes.size()}));
  return bytes;
}

absl::Status WriteFileAtomically(const std::string& path,
                                 absl::Span<const absl::string_view> pieces) {
  // Renaming over /dev/null would replace the device.
  struct stat facts;
  const bool exists = ::stat(path.c_str(), &facts) == 0;
  if (exists && !S_ISREG(facts.st_mode)) return NotRegular(path);

  std::string temporary = absl::StrCat(path, ".tmp.XXXXXX");
  const int descriptor = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (descriptor < 0) return ErrnoStatus("create", path);
  absl::Status status = WriteAndSync(
      descriptor, exists ? facts.st_mode & 0777 : kNewFileMode, pieces, path);
  ::close(descriptor);
  if (status.ok() && std::rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus("replace", path);
  }
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

}  // namespace octet::io
