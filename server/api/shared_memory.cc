// SPDX-License-Identifier: Apache-2.0
#include "server/api/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/status_macros.h"

namespace octet {
namespace {

// A key is a file's name behind its slash, and a name should fit a log line.
constexpr size_t kLongestName = 255;

// Untrusted text in messages.
std::string QuoteRegion(absl::string_view text) {
  return absl::StrCat("'", absl::CHexEscape(text.substr(0, kLongestName)), "'");
}

bool HasControlCharacter(absl::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(c));
  });
}

absl::Status CheckName(absl::string_view name) {
  if (!name.empty() && name.size() <= kLongestName &&
      !HasControlCharacter(name)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("name: got ", QuoteRegion(name), ", expected 1 to ",
                   kLongestName, " bytes without control characters"));
}

// shm_open() leaves names of another form to the system.
absl::Status CheckKey(absl::string_view key) {
  const bool plain = key.size() >= 2 && key.size() <= kLongestName + 1 &&
                     key[0] == '/' && !absl::StrContains(key.substr(1), '/') &&
                     !HasControlCharacter(key) && key != "/." && key != "/..";
  if (plain) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "key: got ", QuoteRegion(key), ", expected a slash and 1 to ",
      kLongestName, " bytes without another slash or control characters"));
}

absl::Status CheckPlace(const SharedMemoryRegion::Place& place) {
  OCTET_RETURN_IF_ERROR(CheckName(place.name));
  OCTET_RETURN_IF_ERROR(CheckKey(place.key));
  if (place.byte_size == 0) {
    return absl::InvalidArgumentError("byte_size: got 0, expected at least 1");
  }
  // What an off_t holds.
  constexpr uint64_t kLargest = std::numeric_limits<off_t>::max();
  if (place.offset > kLargest || place.byte_size > kLargest - place.offset) {
    return absl::InvalidArgumentError(
        absl::StrCat("offset + byte_size: got ", place.offset, " + ",
                     place.byte_size, ", expected at most ", kLargest));
  }
  return absl::OkStatus();
}

absl::Status SystemError(const std::string& what, int error) {
  const std::string message =
      absl::StrCat(what, ": ", absl::ErrnoToStatus(error, "").message());
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    case EINVAL:
    case ELOOP:
    case EISDIR:
    case ENXIO:
      return absl::InvalidArgumentError(message);
    case ENOSPC:
    case ENOMEM:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

std::string Describe(const SharedMemoryRegion::Place& place) {
  return absl::StrCat("shared memory region ", QuoteRegion(place.name),
                      " (object ", QuoteRegion(place.key), ")");
}

}  // namespace

absl::StatusOr<std::shared_ptr<const SharedMemoryRegion>>
SharedMemoryRegion::Open(Place place) {
  OCTET_RETURN_IF_ERROR(CheckPlace(place));
  // It does not follow a link, and does not wait for the other end of a pipe.
  const int file = shm_open(place.key.c_str(), O_RDWR | O_NONBLOCK, 0);
  if (file < 0) return SystemError(Describe(place), errno);
  std::shared_ptr<SharedMemoryRegion> region(
      new SharedMemoryRegion(std::move(place), file));
  OCTET_RETURN_IF_ERROR(region->CheckObject());
  return region;
}

SharedMemoryRegion::~SharedMemoryRegion() { close(file_); }

absl::Status SharedMemoryRegion::CheckObject() {
  struct stat facts;
  if (fstat(file_, &facts) != 0) return SystemError(Describe(place_), errno);
  if (!S_ISREG(facts.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Describe(place_), ": it is no shared-memory object"));
  }
  device_ = facts.st_dev;
  inode_ = facts.st_ino;
  const auto size = static_cast<uint64_t>(facts.st_size);
  if (place_.offset + place_.byte_size > size) {
    return absl::InvalidArgumentError(absl::StrCat(
        Describe(place_), ": got offset ", place_.offset, " and byte_size ",
        place_.byte_size, ", but the object has ", size, " bytes"));
  }
  return absl::OkStatus();
}

absl::Status SharedMemoryRegion::CheckSize() const {
  struct stat facts;
  if (fstat(file_, &facts) != 0) return SystemError(Describe(place_), errno);
  const auto size = static_cast<uint64_t>(facts.st_size);
  if (place_.offset + place_.byte_size <= size) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      Describe(place_), ": the object has become smaller than the region: ",
      size, " bytes, expected at least ", place_.offset + place_.byte_size,
      "; register it anew"));
}

absl::Status SharedMemoryRegion::CheckRange(uint64_t offset,
                                            uint64_t size) const {
  if (offset <= place_.byte_size && size <= place_.byte_size - offset) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      Describe(place_), ": got ", size, " bytes at offset ", offset,
      ", but the region has ", place_.byte_size, " bytes"));
}

absl::Status SharedMemoryRegion::Read(uint64_t offset, size_t size,
                                      void* to) const {
  OCTET_RETURN_IF_ERROR(CheckRange(offset, size));
  auto* bytes = static_cast<char*>(to);
  auto position = static_cast<off_t>(place_.offset + offset);
  while (size > 0) {
    const ssize_t done = pread(file_, bytes, size, position);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return SystemError(Describe(place_), errno);
    // The end of the object; says how much is there.
    if (done == 0) {
      OCTET_RETURN_IF_ERROR(CheckSize());
      return absl::FailedPreconditionError(absl::StrCat(
          Describe(place_), ": the object changed its size while it was read"));
    }
    bytes += done;
    position += done;
    size -= static_cast<size_t>(done);
  }
  return absl::OkStatus();
}

absl::Status SharedMemoryRegion::Write(uint64_t offset, size_t size,
                                       const void* from) const {
  OCTET_RETURN_IF_ERROR(CheckRange(offset, size));
  // A write behind the end would make the object larger again. Where it is cut
  // short between this and the write, it grows, but not beyond the region.
  OCTET_RETURN_IF_ERROR(CheckSize());
  const auto* bytes = static_cast<const char*>(from);
  auto position = static_cast<off_t>(place_.offset + offset);
  while (size > 0) {
    const ssize_t done = pwrite(file_, bytes, size, position);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) {
      return SystemError(Describe(place_), done < 0 ? errno : ENOSPC);
    }
    bytes += done;
    position += done;
    size -= static_cast<size_t>(done);
  }
  return absl::OkStatus();
}

bool SharedMemoryRegion::Overlaps(const Range& mine,
                                  const SharedMemoryRegion& other,
                                  const Range& theirs) const {
  if (device_ != other.device_ || inode_ != other.inode_) return false;
  // Neither sum overflows: both ranges lie within their objects.
  const uint64_t begin = place_.offset + mine.offset;
  const uint64_t other_begin = other.place_.offset + theirs.offset;
  return begin < other_begin + theirs.size && other_begin < begin + mine.size;
}

absl::Status SharedMemoryRegions::CheckRoomLocked(
    const std::string& name) const {
  if (regions_.contains(name)) {
    return absl::AlreadyExistsError(
        absl::StrCat("there is a shared memory region ", QuoteRegion(name),
                     " already: unregister it first"));
  }
  if (regions_.size() >= kMost) {
    return absl::ResourceExhaustedError(
        absl::StrCat("there are ", regions_.size(), " shared memory regions, ",
                     kMost, " at most: unregister some"));
  }
  return absl::OkStatus();
}

absl::Status SharedMemoryRegions::Register(SharedMemoryRegion::Place place) {
  if (!enabled()) {
    return absl::FailedPreconditionError(
        "the server has no shared memory: start it with "
        "--shared-memory-prefix");
  }
  OCTET_RETURN_IF_ERROR(CheckPlace(place));
  if (!absl::StartsWith(place.key, prefix_)) {
    return absl::PermissionDeniedError(
        absl::StrCat("key: got ", QuoteRegion(place.key),
                     ", expected a name that starts with '", prefix_,
                     "' (the server's --shared-memory-prefix)"));
  }
  {
    // Before the object is touched: a name that is taken opens nothing.
    absl::ReaderMutexLock lock(&mutex_);
    OCTET_RETURN_IF_ERROR(CheckRoomLocked(place.name));
  }
  const std::string name = place.name;
  OCTET_ASSIGN_OR_RETURN(std::shared_ptr<const SharedMemoryRegion> region,
                         SharedMemoryRegion::Open(std::move(place)));
  absl::MutexLock lock(&mutex_);
  OCTET_RETURN_IF_ERROR(CheckRoomLocked(name));
  regions_[name] = std::move(region);
  return absl::OkStatus();
}

void SharedMemoryRegions::Unregister(absl::string_view name) {
  absl::MutexLock lock(&mutex_);
  if (name.empty()) {
    regions_.clear();
    return;
  }
  const auto position = regions_.find(name);
  if (position != regions_.end()) regions_.erase(position);
}

absl::StatusOr<std::shared_ptr<const SharedMemoryRegion>>
SharedMemoryRegions::Find(absl::string_view name) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto position = regions_.find(name);
  if (position != regions_.end()) return position->second;
  return absl::NotFoundError(
      absl::StrCat("there is no shared memory region ", QuoteRegion(name),
                   "; SystemSharedMemoryRegister makes one"));
}

std::vector<std::shared_ptr<const SharedMemoryRegion>>
SharedMemoryRegions::List() const {
  std::vector<std::shared_ptr<const SharedMemoryRegion>> list;
  absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [name, region] : regions_) list.push_back(region);
  return list;
}

}  // namespace octet
