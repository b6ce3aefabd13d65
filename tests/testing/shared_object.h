// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_TESTING_SHARED_OBJECT_H_
#define OCTET_TESTS_TESTING_SHARED_OBJECT_H_

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace octet {

// A POSIX shared-memory object of `size` zero bytes, gone with this.
class SharedObject {
 public:
  explicit SharedObject(size_t size)
      : key_(absl::StrCat("/octet_test_", getpid(), "_", Next())) {
    file_ = shm_open(key_.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
    EXPECT_GE(file_, 0) << key_;
    Resize(size);
  }
  ~SharedObject() {
    shm_unlink(key_.c_str());
    close(file_);
  }
  SharedObject(const SharedObject&) = delete;
  SharedObject& operator=(const SharedObject&) = delete;

  const std::string& key() const { return key_; }
  void Resize(size_t size) {
    EXPECT_EQ(ftruncate(file_, static_cast<off_t>(size)), 0);
  }
  size_t size() const { return static_cast<size_t>(lseek(file_, 0, SEEK_END)); }
  void Write(size_t offset, const std::string& bytes) {
    EXPECT_EQ(
        pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset)),
        static_cast<ssize_t>(bytes.size()));
  }
  std::string Read(size_t offset, size_t size) const {
    std::string bytes(size, '\0');
    EXPECT_EQ(pread(file_, bytes.data(), size, static_cast<off_t>(offset)),
              static_cast<ssize_t>(size));
    return bytes;
  }

 private:
  static int Next() {
    static std::atomic<int> next = 0;
    return next++;
  }

  const std::string key_;
  int file_ = -1;
};

}  // namespace octet

#endif  // OCTET_TESTS_TESTING_SHARED_OBJECT_H_
