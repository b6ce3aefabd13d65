// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_TESTING_SCRATCH_FOLDER_H_
#define OCTET_TESTS_TESTING_SCRATCH_FOLDER_H_

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include "gtest/gtest.h"

namespace octet {

// A folder of a test's own, removed with everything in it.
class ScratchFolder {
 public:
  ScratchFolder() : path_(::testing::TempDir() + "octet_test_XXXXXX") {
    EXPECT_NE(mkdtemp(path_.data()), nullptr) << path_;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }

  // Writes a file, with the folders above it; `name` is relative.
  void Write(const std::string& name, const std::string& bytes) const {
    const std::filesystem::path file = path_ + "/" + name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary);
    stream << bytes;
    EXPECT_TRUE(stream.good()) << file;
  }

  std::string Read(const std::string& name) const {
    std::ifstream stream(path_ + "/" + name, std::ios::binary);
    std::ostringstream bytes;
    bytes << stream.rdbuf();
    return bytes.str();
  }

 private:
  std::string path_;
};

}  // namespace octet

#endif  // OCTET_TESTS_TESTING_SCRATCH_FOLDER_H_
