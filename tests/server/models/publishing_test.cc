// SPDX-License-Identifier: Apache-2.0
#include "server/models/publishing.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Everything below `root`, folders too, by relative path.
std::vector<std::string> Entries(const std::string& root) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    names.push_back(entry.path().lexically_relative(root).string());
  }
  return names;
}

VersionFiles Version(const char* model) {
  return {{"model.onnx", model}, {"history.json", "{}"}};
}

class PublishingTest : public ::testing::Test {
 protected:
  ScratchFolder folder_;
  const std::string root_ = folder_.path();
};

TEST_F(PublishingTest, ANewModelAppearsWithItsVersionsAndAllTheirFiles) {
  const std::string one = "one";
  const std::string two = "two";
  const std::vector<VersionFiles> versions = {
      {{"model.onnx", one}},
      {{"model.onnx", two}, {"golden/x.npy", one}, {"history.json", "{}"}}};
  const auto numbers = PublishVersions(root_, "m", versions);
  ASSERT_TRUE(numbers.ok()) << numbers.status();
  EXPECT_THAT(*numbers, ElementsAre(1, 2));
  EXPECT_THAT(Entries(root_),
              UnorderedElementsAre("m", "m/1", "m/1/model.onnx", "m/2",
                                   "m/2/model.onnx", "m/2/golden",
                                   "m/2/golden/x.npy", "m/2/history.json"));
  EXPECT_EQ(folder_.Read("m/2/golden/x.npy"), "one");
  // Other users of the machine may read what was published.
  struct stat mode = {};
  ASSERT_EQ(stat((root_ + "/m/2").c_str(), &mode), 0);
  const mode_t mask = umask(0);
  umask(mask);
  EXPECT_EQ(mode.st_mode & 0777, 0755 & ~mask);
}

TEST_F(PublishingTest, GoesBehindEverythingThatHasANumber) {
  folder_.Write("m/3/model.onnx", "three");
  folder_.Write("m/7", "a file");
  folder_.Write("m/notes.txt", "x");
  const std::vector<VersionFiles> versions = {Version("a"), Version("b")};
  const auto numbers = PublishVersions(root_, "m", versions);
  ASSERT_TRUE(numbers.ok()) << numbers.status();
  EXPECT_THAT(*numbers, ElementsAre(8, 9));
  EXPECT_EQ(folder_.Read("m/8/model.onnx"), "a");
  EXPECT_EQ(folder_.Read("m/9/model.onnx"), "b");
  EXPECT_EQ(folder_.Read("m/3/model.onnx"), "three");
}

TEST_F(PublishingTest, WithoutAFreeNumberNothingIsPublished) {
  const std::string last =
      absl::StrCat("m/", std::numeric_limits<int64_t>::max());
  fs::create_directories(root_ + "/" + last);
  const VersionFiles files = Version("a");
  const auto numbers = PublishVersions(root_, "m", {&files, 1});
  EXPECT_EQ(numbers.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Entries(root_), UnorderedElementsAre("m", last));
  // When there is room for one but not for two, neither stays.
  fs::remove(root_ + "/" + last);
  const std::string last_but_one =
      absl::StrCat("m/", std::numeric_limits<int64_t>::max() - 1);
  fs::create_directories(root_ + "/" + last_but_one);
  const std::vector<VersionFiles> two = {files, files};
  EXPECT_EQ(PublishVersions(root_, "m", two).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Entries(root_), UnorderedElementsAre("m", last_but_one));
}

TEST_F(PublishingTest, NeverWritesThroughALink) {
  ScratchFolder outside;
  fs::create_directory_symlink(outside.path(), root_ + "/m");
  const VersionFiles files = Version("a");
  const auto status = PublishVersions(root_, "m", {&files, 1}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("link"));
  EXPECT_THAT(Entries(outside.path()), IsEmpty());
  EXPECT_THAT(Entries(root_), ElementsAre("m"));
}

TEST_F(PublishingTest, AFileInTheModelsPlaceIsLeftAlone) {
  folder_.Write("m", "x");
  const VersionFiles files = Version("a");
  EXPECT_EQ(PublishVersions(root_, "m", {&files, 1}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Entries(root_), ElementsAre("m"));
  EXPECT_EQ(folder_.Read("m"), "x");
}

TEST_F(PublishingTest, RemovesWhatNobodyHoldsAndNothingElse) {
  folder_.Write(".publish-dead/model/1/model.onnx", "half");
  folder_.Write(".publish-busy/model/1/model.onnx", "half");
  folder_.Write(".publish-file", "a file");
  ScratchFolder outside;
  outside.Write("keep", "x");
  fs::create_directory_symlink(outside.path(), root_ + "/.publish-link");
  const int busy = open((root_ + "/.publish-busy").c_str(), O_RDONLY);
  ASSERT_GE(busy, 0);
  ASSERT_EQ(flock(busy, LOCK_EX), 0);
  RemoveUnpublished(root_);
  EXPECT_FALSE(fs::exists(root_ + "/.publish-dead"));
  EXPECT_TRUE(fs::exists(root_ + "/.publish-busy/model/1/model.onnx"));
  EXPECT_TRUE(fs::exists(outside.path() + "/keep"));
  close(busy);
  RemoveUnpublished(root_);
  EXPECT_FALSE(fs::exists(root_ + "/.publish-busy"));
}

TEST_F(PublishingTest, AMissingRootIsUnavailable) {
  const VersionFiles files = Version("a");
  const auto status =
      PublishVersions(root_ + "/missing", "m", {&files, 1}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("No such file"));
}

// A small file system of its own, which takes root to make.
class MountedFolder {
 public:
  explicit MountedFolder(const char* options)
      : mounted_(mount("octet-test", folder_.path().c_str(), "tmpfs", 0,
                       options) == 0) {}
  ~MountedFolder() {
    if (mounted_) umount(folder_.path().c_str());
  }
  bool mounted() const { return mounted_; }
  const std::string& path() const { return folder_.path(); }
  bool MakeReadOnly() const {
    return mount("octet-test", path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY,
                 nullptr) == 0;
  }

 private:
  ScratchFolder folder_;
  bool mounted_;
};

TEST(PublishingDiskTest, AFullDiskIsSaidAndNothingIsLeft) {
  const MountedFolder disk("size=256k");
  if (!disk.mounted()) GTEST_SKIP() << "no right to mount a small tmpfs";
  fs::create_directories(disk.path() + "/m/1");
  const std::string bytes(1 << 20, 'b');
  const VersionFiles files = {{"model.onnx", bytes}};
  for (const char* name : {"m", "new"}) {
    const auto status =
        PublishVersions(disk.path(), name, {&files, 1}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(status.message()), HasSubstr("No space left"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(disk.path()));
    EXPECT_THAT(Entries(disk.path()), UnorderedElementsAre("m", "m/1"));
  }
}

TEST(PublishingDiskTest, AReadOnlyDiskIsSaid) {
  const MountedFolder disk("size=256k");
  if (!disk.mounted()) GTEST_SKIP() << "no right to mount a small tmpfs";
  fs::create_directories(disk.path() + "/.publish-old");
  ASSERT_TRUE(disk.MakeReadOnly());
  const VersionFiles files = Version("a");
  const auto status = PublishVersions(disk.path(), "m", {&files, 1}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Read-only"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(disk.path()));
  RemoveUnpublished(disk.path());
  EXPECT_THAT(Entries(disk.path()), ElementsAre(".publish-old"));
}

}  // namespace
}  // namespace octet
