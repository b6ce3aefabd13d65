// SPDX-License-Identifier: Apache-2.0
//
// What a repository may hold when nobody takes care, or somebody means harm.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/model_repository.h"
#include "tests/server/models/registry_fixture.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using HostileRepositoryTest = ModelRegistryTest;

TEST_F(HostileRepositoryTest, LinksThatLeadOutAreNotFollowed) {
  ScratchFolder outside;
  outside.Write("model/1/model.onnx", "scale 666");
  outside.Write("1/model.onnx", "scale 666");
  outside.Write("model.onnx", "scale 666");
  outside.Write("config.pbtxt", "max_batch_size: 1");
  folder_.Write("file/1/readme", "x");
  folder_.Write("config/1/model.onnx", "scale 1");
  folder_.Write("good/1/model.onnx", "scale 2");
  fs::create_directory(folder_.path() + "/version");
  const std::string root = folder_.path();
  fs::create_symlink(outside.path() + "/model", root + "/model");
  fs::create_symlink(outside.path() + "/1", root + "/version/1");
  fs::create_symlink(outside.path() + "/model.onnx",
                     root + "/file/1/model.onnx");
  fs::create_symlink(outside.path() + "/config.pbtxt",
                     root + "/config/config.pbtxt");
  Start();
  EXPECT_EQ(Answer("good"), 2);
  EXPECT_THAT(
      Index(),
      ElementsAre(AllOf(HasSubstr("config/1 UNAVAILABLE PERMISSION_DENIED"),
                        HasSubstr("a link leads out")),
                  AllOf(HasSubstr("file/1 UNAVAILABLE PERMISSION_DENIED"),
                        HasSubstr("a link leads out")),
                  "good/1 READY ",
                  "version/ UNAVAILABLE the model has no version folder"));
  EXPECT_EQ(Load("model").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(engine_.live_models(), 1);
}

TEST_F(HostileRepositoryTest, NamesThatCannotBeToldAreIgnored) {
  for (const char* name :
       {"a\nb", "a\x1b[31m", "\x7f", "\xff\xfe", "caf\xe9"}) {
    std::error_code error;
    fs::create_directories(absl::StrCat(folder_.path(), "/", name, "/1"),
                           error);
    ASSERT_FALSE(error) << error.message();
  }
  folder_.Write(
      "gr\xc3\xb6\xc3\x9f"
      "e/1/model.onnx",
      "scale 2");
  Start();
  EXPECT_THAT(Index(), ElementsAre("gr\xc3\xb6\xc3\x9f"
                                   "e/1 READY "));
  EXPECT_EQ(Load("a\nb").code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostileRepositoryTest, HalfWrittenVersionsAndOddNumbersAreLeftAlone) {
  folder_.Write("m/1/model.onnx", "scale 1");
  folder_.Write("m/2/model.onnx.part", "sca");
  for (const char* number : {"99999999999999999999", "9223372036854775808",
                             "-1", "0", "007", "1e3", "3 "}) {
    folder_.Write(absl::StrCat("m/", number, "/model.onnx"), "scale 666");
  }
  Start();
  EXPECT_EQ(Answer("m"), 1);
  EXPECT_THAT(
      Index(),
      ElementsAre("m/1 READY ", "m/2 UNAVAILABLE it has no model.onnx (yet)"));
  folder_.Write("m/9223372036854775807/model.onnx", "scale 7");
  ASSERT_TRUE(Load("m").ok());
  EXPECT_EQ(Answer("m", "9223372036854775807"), 7);
}

TEST_F(HostileRepositoryTest, NobodyWaitsForAPipe) {
  for (const char* folder : {"/pipe", "/pipe/1", "/dir", "/dir/1",
                             "/dir/1/model.onnx", "/config", "/config/1"}) {
    fs::create_directory(folder_.path() + folder);
  }
  ASSERT_EQ(mkfifo((folder_.path() + "/pipe/1/model.onnx").c_str(), 0600), 0);
  ASSERT_EQ(mkfifo((folder_.path() + "/config/config.pbtxt").c_str(), 0600), 0);
  folder_.Write("config/1/model.onnx", "scale 1");
  Start();
  EXPECT_THAT(Index(), ElementsAre(HasSubstr("expected a regular file"),
                                   HasSubstr("expected a regular file"),
                                   HasSubstr("expected a regular file")));
}

TEST_F(HostileRepositoryTest, WhatCannotBeReadIsAReasonAndStopsNothing) {
  folder_.Write("a/1/model.onnx", "scale 1");
  folder_.Write("a/config.pbtxt", "");
  folder_.Write("b/1/model.onnx", "scale 1");
  folder_.Write("c/1/model.onnx", "scale 3");
  fs::permissions(folder_.path() + "/a/config.pbtxt", fs::perms::none);
  fs::permissions(folder_.path() + "/b", fs::perms::none);
  if (geteuid() == 0) {
    GTEST_SKIP() << "root reads everything, so there is nothing to see";
  }
  Start();
  EXPECT_EQ(Answer("c"), 3);
  EXPECT_THAT(Index(), ElementsAre(HasSubstr("a/1 UNAVAILABLE PERMISSION"),
                                   HasSubstr("b/ UNAVAILABLE"), "c/1 READY "));
  fs::permissions(folder_.path() + "/b", fs::perms::owner_all);
}

TEST_F(HostileRepositoryTest, AVersionThatTurnsBadLeavesTheLoadedOne) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  folder_.Write("m/1/model.onnx", "broken by accident");
  EXPECT_EQ(Load("m").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Answer("m"), 1);
  EXPECT_THAT(Index(), ElementsAre(AllOf(HasSubstr("m/1 READY"),
                                         HasSubstr("broken by accident"))));
  folder_.Write("m/config.pbtxt", "max_batch_size: -1");
  EXPECT_FALSE(Load("m").ok());
  EXPECT_EQ(Answer("m"), 1);
  EXPECT_THAT(Index(), ElementsAre(HasSubstr("max_batch_size: got -1")));
  fs::remove_all(folder_.path() + "/m");
  EXPECT_EQ(Load("m").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Answer("m"), 1);
  ASSERT_TRUE(Unload("m").ok());
  EXPECT_EQ(engine_.live_models(), 0);
}

TEST_F(HostileRepositoryTest, TenThousandModelsAreBounded) {
  constexpr int kModels = 10000;
  for (int i = 0; i < kModels; ++i) {
    fs::create_directory(absl::StrCat(folder_.path(), "/m", i));
  }
  folder_.Write("a/1/model.onnx", "scale 1");
  Start();
  EXPECT_EQ(Answer("a"), 1);
  const auto index = Index();
  EXPECT_EQ(index.size(), size_t{kModels} + 1);
  EXPECT_THAT(index.back(), HasSubstr("left out"));
}

// A small disk of its own, which needs root.
class FullDiskTest : public ModelRegistryTest {
 protected:
  void SetUp() override {
    if (mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, "size=256k") != 0) {
      GTEST_SKIP() << "cannot mount a tmpfs here: " << std::strerror(errno);
    }
    mounted_ = true;
  }
  void TearDown() override {
    registry_.reset();
    repository_.reset();
    if (mounted_) umount2(folder_.path().c_str(), MNT_DETACH);
  }

  bool mounted_ = false;
};

TEST_F(FullDiskTest, AFullOrReadOnlyDiskLeavesWhatIsThere) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  const std::string large = "scale 2 " + std::string(1 << 20, ' ');
  const absl::Status full = Load("m", "{}", {{2, "model.onnx", large}});
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted) << full;
  EXPECT_THAT(std::string(full.message()), HasSubstr("No space left"));
  EXPECT_THAT(Index(), ElementsAre("m/1 READY "));
  ASSERT_TRUE(Load("m", "{}", {{3, "model.onnx", "scale 3"}}).ok());
  EXPECT_EQ(Answer("m"), 3);

  ASSERT_EQ(mount(nullptr, folder_.path().c_str(), nullptr,
                  MS_REMOUNT | MS_RDONLY, nullptr),
            0);
  const absl::Status read_only =
      Load("m", "{}", {{4, "model.onnx", "scale 4"}});
  EXPECT_EQ(read_only.code(), absl::StatusCode::kUnavailable) << read_only;
  EXPECT_THAT(std::string(read_only.message()), HasSubstr("Read-only"));
  EXPECT_TRUE(Load("m").ok());
  EXPECT_EQ(Answer("m"), 3);
}

}  // namespace
}  // namespace octet
