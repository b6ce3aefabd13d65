// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_SHARED_MEMORY_H_
#define OCTET_SERVER_API_SHARED_MEMORY_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace octet {

// A part of a POSIX shared-memory object that callers put tensors into.
//
// It is read and written through its file descriptor and never mapped. Whoever
// has the object may cut it short or fill the memory that backs it at any time:
// a mapping would then end the server with SIGBUS, a read or a write fails. And
// what is checked is a copy, which nobody can change between check and use. The
// price is one copy of each tensor.
//
// Thread-safe; bytes that a caller changes meanwhile are any mix of both.
class SharedMemoryRegion {
 public:
  struct Place {
    std::string name;  // what tensors call it
    std::string key;   // the object, as shm_open() takes it: "/octet_in"
    uint64_t offset = 0;
    uint64_t byte_size = 0;
  };

  // Opens the object.
  //   INVALID_ARGUMENT   it is no plain object, or is smaller than `place`
  //   NOT_FOUND          there is no such object
  //   PERMISSION_DENIED  the server may not read and write it
  //   UNAVAILABLE        the system refuses for another reason
  static absl::StatusOr<std::shared_ptr<const SharedMemoryRegion>> Open(
      Place place);

  ~SharedMemoryRegion();
  SharedMemoryRegion(const SharedMemoryRegion&) = delete;
  SharedMemoryRegion& operator=(const SharedMemoryRegion&) = delete;

  const Place& place() const { return place_; }

  // OK if the region has `size` bytes from `offset` on, else INVALID_ARGUMENT.
  absl::Status CheckRange(uint64_t offset, uint64_t size) const;

  // Copies `size` bytes from `offset` in the region on.
  //   INVALID_ARGUMENT     CheckRange() refuses
  //   FAILED_PRECONDITION  the object has become smaller
  //   RESOURCE_EXHAUSTED   (Write) there is no memory left for the object
  //   UNAVAILABLE          the system refuses for another reason
  // After a failed Write() some of the bytes may be written.
  absl::Status Read(uint64_t offset, size_t size, void* to) const;
  absl::Status Write(uint64_t offset, size_t size, const void* from) const;

  // Whether the byte ranges of two regions share a byte of one object.
  struct Range {
    uint64_t offset = 0;
    uint64_t size = 0;
  };
  bool Overlaps(const Range& mine, const SharedMemoryRegion& other,
                const Range& theirs) const;

 private:
  SharedMemoryRegion(Place place, int file)
      : place_(std::move(place)), file_(file) {}

  absl::Status CheckObject();
  absl::Status CheckSize() const;

  const Place place_;
  const int file_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// The registered regions, by name. Thread-safe.
class SharedMemoryRegions {
 public:
  static constexpr size_t kMost = 256;

  // Objects whose name starts with `prefix` may be registered; none if it is
  // empty.
  explicit SharedMemoryRegions(std::string prefix)
      : prefix_(std::move(prefix)) {}

  bool enabled() const { return !prefix_.empty(); }

  //   INVALID_ARGUMENT     a name or a size that cannot be
  //   PERMISSION_DENIED    the key does not start with the prefix
  //   ALREADY_EXISTS       there is a region of that name
  //   RESOURCE_EXHAUSTED   there are kMost regions
  //   FAILED_PRECONDITION  the server has no shared memory
  //   others               as SharedMemoryRegion::Open()
  absl::Status Register(SharedMemoryRegion::Place place);

  // Forgets `name`, or every region if it is empty; requests that use a region
  // keep it until they are answered. What is not there is forgotten already.
  void Unregister(absl::string_view name);

  // NOT_FOUND when there is no such region.
  absl::StatusOr<std::shared_ptr<const SharedMemoryRegion>> Find(
      absl::string_view name) const;

  // All of them, by name.
  std::vector<std::shared_ptr<const SharedMemoryRegion>> List() const;

 private:
  absl::Status CheckRoomLocked(const std::string& name) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const std::string prefix_;

  mutable absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<const SharedMemoryRegion>, std::less<>>
      regions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace octet

#endif  // OCTET_SERVER_API_SHARED_MEMORY_H_
