// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_BASE_CONTAINED_FILES_H_
#define OCTET_ENGINE_BASE_CONTAINED_FILES_H_

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace octet {

// A regular file that is open for reading. Its bytes are read, never mapped:
// a file that is cut short while it is in use then costs an error and not the
// process (SIGBUS).
//
// Thread-compatible; moving leaves nothing behind.
class ContainedFile {
 public:
  ContainedFile(std::string path, int descriptor, int64_t size)
      : path_(std::move(path)), descriptor_(descriptor), size_(size) {}
  ~ContainedFile();
  ContainedFile(const ContainedFile&) = delete;
  ContainedFile& operator=(const ContainedFile&) = delete;

  const std::string& path() const { return path_; }  // for messages
  int descriptor() const { return descriptor_; }
  int64_t size() const { return size_; }  // when it was opened

  // Fills `bytes` from `offset` on. DATA_LOSS where the file ends before,
  // UNAVAILABLE with the system's reason.
  absl::Status ReadAt(int64_t offset, absl::Span<std::byte> bytes) const;

 private:
  const std::string path_;
  const int descriptor_;
  const int64_t size_;
};

// What lies below one folder, looked at without ever leaving it: a link that
// leads out is an error, one that stays inside is followed. Pipes and devices
// are never opened.
//
// Paths are relative to the folder. Immutable and thread-safe.
//   NOT_FOUND            there is nothing of that name
//   PERMISSION_DENIED    a link leads out of the folder, or it is not readable
//   INVALID_ARGUMENT     it is not of the kind that is asked for
//   UNAVAILABLE          the system's reason
class ContainedFiles {
 public:
  explicit ContainedFiles(std::string root) : root_(std::move(root)) {}

  const std::string& root() const { return root_; }

  // What is there, links followed.
  absl::StatusOr<struct stat> Stat(const std::string& path) const;

  absl::Status CheckFolder(const std::string& path) const;
  absl::Status CheckFile(const std::string& path) const;

  absl::StatusOr<std::unique_ptr<ContainedFile>> OpenFile(
      const std::string& path) const;

  // The bytes of a regular file. RESOURCE_EXHAUSTED for more than `max_bytes`.
  absl::StatusOr<std::string> Read(const std::string& path,
                                   int64_t max_bytes) const;

 private:
  // A descriptor, which the caller closes.
  absl::StatusOr<int> Open(const std::string& path, int flags) const;
  absl::StatusOr<int> OpenByRealPath(const std::string& path, int flags) const;
  absl::Status Error(const std::string& path, int error) const;

  const std::string root_;
};

}  // namespace octet

#endif  // OCTET_ENGINE_BASE_CONTAINED_FILES_H_
