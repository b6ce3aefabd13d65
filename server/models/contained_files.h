// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_CONTAINED_FILES_H_
#define OCTET_SERVER_MODELS_CONTAINED_FILES_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace octet {

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

#endif  // OCTET_SERVER_MODELS_CONTAINED_FILES_H_
