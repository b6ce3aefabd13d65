// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_FILE_H_
#define OCTET_ENGINE_IO_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace octet::io {

// The largest file that ReadFile() takes: protobuf's own bound on a message.
inline constexpr int64_t kMaxFileBytes = int64_t{2} << 30;

// A regular file opened for reading. Thread-compatible.
class InputFile {
 public:
  // NOT_FOUND          no such file.
  // INVALID_ARGUMENT   a folder, a pipe or a device.
  // PERMISSION_DENIED  not readable.
  static absl::StatusOr<std::unique_ptr<InputFile>> Open(
      const std::string& path);

  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  // Bytes, as they were when the file was opened.
  int64_t size() const { return size_; }

  // Fills `to` with the bytes from `offset` on. DATA_LOSS when the file ends
  // before that.
  absl::Status ReadAt(int64_t offset, absl::Span<std::byte> to) const;

 private:
  InputFile(int descriptor, int64_t size, std::string path);

  const int descriptor_;
  const int64_t size_;
  const std::string path_;
};

// A file without a name, which ends with the object: room for more than memory
// should hold, in $TMPDIR or, where that is not set, /var/tmp.
class ScratchFile {
 public:
  // UNAVAILABLE, naming the folder, where it cannot be made.
  static absl::StatusOr<std::unique_ptr<ScratchFile>> Create();

  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  int64_t size() const { return size_; }  // bytes

  // UNAVAILABLE where there is no room. Not thread-safe.
  absl::Status Append(absl::string_view bytes);

  // As InputFile's; thread-safe where nobody appends meanwhile.
  absl::Status ReadAt(int64_t offset, absl::Span<std::byte> to) const;

 private:
  ScratchFile(int descriptor, std::string path)
      : descriptor_(descriptor), path_(std::move(path)) {}

  const int descriptor_;
  const std::string path_;  // for messages
  int64_t size_ = 0;
};

// The bytes of a regular file. Errors as InputFile, and RESOURCE_EXHAUSTED for
// a file of more than `max_bytes`.
absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     int64_t max_bytes = kMaxFileBytes);

// Makes `path` hold the concatenation of `pieces`. The bytes go to a temporary
// file beside it, which is synced and renamed, so that a reader sees the old
// file or the new one; on error the old one stays and nothing is left behind.
//
// INVALID_ARGUMENT  `path` is there and is no regular file.
// NOT_FOUND         its folder is not there.
absl::Status WriteFileAtomically(const std::string& path,
                                 absl::Span<const absl::string_view> pieces);

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_FILE_H_
