// SPDX-License-Identifier: Apache-2.0
#include "engine/base/contained_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

class ContainedFilesTest : public ::testing::Test {
 protected:
  ContainedFilesTest() : files_(folder_.path() + "/root") {
    folder_.Write("root/a/file", "inside");
    folder_.Write("outside", "secret");
  }

  absl::StatusCode ReadCode(const std::string& path) {
    return files_.Read(path, 100).status().code();
  }

  ScratchFolder folder_;
  ContainedFiles files_;
};

TEST_F(ContainedFilesTest, ReadsWhatIsInside) {
  const auto bytes = files_.Read("a/file", 100);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(*bytes, "inside");
  EXPECT_TRUE(files_.CheckFolder("a").ok());
  EXPECT_TRUE(files_.CheckFile("a/file").ok());
  EXPECT_EQ(ReadCode("a/none"), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadCode("a/file/x"), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadCode("a"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(files_.CheckFolder("a/file").code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(files_.Read("a/file", 5).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(ContainedFilesTest, FollowsLinksThatStayInside) {
  const std::string root = files_.root();
  fs::create_symlink("a/file", root + "/near");
  fs::create_symlink("../a/file", root + "/a/round");
  fs::create_symlink(root + "/a/file", root + "/absolute");
  for (const char* path : {"near", "a/round", "absolute"}) {
    const auto bytes = files_.Read(path, 100);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_EQ(*bytes, "inside");
  }
}

TEST_F(ContainedFilesTest, LinksThatLeadOutAreNotFollowed) {
  const std::string root = files_.root();
  fs::create_symlink("../outside", root + "/relative");
  fs::create_symlink(folder_.path() + "/outside", root + "/absolute");
  fs::create_symlink("..", root + "/up");
  fs::create_symlink("/proc/self/environ", root + "/system");
  fs::create_symlink("loop", root + "/loop");
  for (const char* path :
       {"relative", "absolute", "up/outside", "system", "loop", "../outside"}) {
    EXPECT_EQ(ReadCode(path), absl::StatusCode::kPermissionDenied) << path;
  }
  EXPECT_EQ(files_.CheckFolder("up").code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(ContainedFilesTest, PipesAndDevicesAreRefusedAtOnce) {
  ASSERT_EQ(mkfifo((files_.root() + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReadCode("pipe"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(files_.CheckFile("pipe").code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace octet
