// SPDX-License-Identifier: Apache-2.0
#include "server/models/upload.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/load_request.h"
#include "tests/server/models/registry_fixture.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class UploadTest : public ModelRegistryTest {
 protected:
  // What lies in a folder of the repository, hidden things too, sorted.
  std::vector<std::string> Listing(const std::string& folder = "") {
    std::vector<std::string> names;
    for (const auto& entry :
         fs::directory_iterator(folder_.path() + "/" + folder)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  const std::string all_ = R"({"version_policy": {"all": {}}})";
};

TEST_F(UploadTest, BringsANewModelWithItsConfiguration) {
  Start();
  const absl::Status status = Load(
      "m", all_, {{1, "model.onnx", "scale 1"}, {4, "model.onnx", "scale 4"}});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Answer("m"), 4);
  EXPECT_EQ(Answer("m", "1"), 1);
  EXPECT_THAT(Listing(), ElementsAre("m"));
  EXPECT_THAT(Listing("m"), ElementsAre("1", "4", "config.pbtxt"));
  EXPECT_EQ(folder_.Read("m/4/model.onnx"), "scale 4");
  EXPECT_THAT(Index(), ElementsAre("m/1 READY ", "m/4 READY "));
  // The configuration is there for the next load and the next start.
  ASSERT_TRUE(Load("m").ok());
  EXPECT_EQ(Answer("m", "1"), 1);
}

TEST_F(UploadTest, AddsAndReplacesVersionsOfAModelThatIsThere) {
  folder_.Write("m/config.pbtxt", "version_policy { all { } } # mine");
  folder_.Write("m/1/model.onnx", "scale 1");
  folder_.Write("m/1/stale.bin", "x");
  Start();
  ASSERT_TRUE(Load("m", all_, {{2, "model.onnx", "scale 2"}}).ok());
  EXPECT_EQ(Answer("m", "1"), 1);
  EXPECT_EQ(Answer("m"), 2);
  const absl::Status status = Load("m", all_, {{1, "model.onnx", "scale 9"}});
  if (absl::IsFailedPrecondition(status)) {
    GTEST_SKIP() << "this file system cannot exchange folders: " << status;
  }
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Answer("m", "1"), 9);
  EXPECT_EQ(Answer("m"), 2);
  EXPECT_THAT(Listing("m/1"), ElementsAre("model.onnx"));
  EXPECT_EQ(folder_.Read("m/config.pbtxt"),
            "version_policy { all { } } # mine");
  EXPECT_THAT(Listing(), ElementsAre("m"));
}

TEST_F(UploadTest, AVersionThatDoesNotLoadLeavesNoTrace) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  const absl::Status status = Load(
      "m", all_,
      {{1, "model.onnx", "scale 5"}, {2, "model.onnx", "broken by design"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("nothing of model 'm' is taken"),
                    HasSubstr("version 2"), HasSubstr("broken by design")));
  EXPECT_THAT(Listing("m"), ElementsAre("1"));
  EXPECT_EQ(folder_.Read("m/1/model.onnx"), "scale 1");
  EXPECT_EQ(Answer("m"), 1);
  // Not even one that the policy does not want.
  EXPECT_FALSE(Load("m",
                    R"({"version_policy": {"specific": {"versions": [1]}}})",
                    {{2, "model.onnx", "broken by design"}})
                   .ok());
  EXPECT_THAT(Listing("m"), ElementsAre("1"));
  EXPECT_FALSE(Load("n", "{}", {{1, "model.onnx", "broken"}}).ok());
  EXPECT_FALSE(Load("n", "{}", {{1, "other.onnx", "scale 1"}}).ok());
  EXPECT_FALSE(
      Load("n", R"({"max_batch_size": 99})", {{1, "model.onnx", "scale 1"}})
          .ok());
  EXPECT_THAT(Listing(), ElementsAre("m"));
  EXPECT_THAT(Index(), ElementsAre("m/1 READY "));
  EXPECT_EQ(engine_.live_models(), 1);
}

TEST_F(UploadTest, ErrorsNameTheFilesWhereTheyWouldBe) {
  Start();
  const absl::Status status = Load("n", "{}", {{3, "other.onnx", "scale 1"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("/n/3/model.onnx"), Not(HasSubstr(".publish"))));
}

TEST_F(UploadTest, FilesNeedAConfigurationAndARealFolder) {
  fs::create_directory(folder_.path() + "/elsewhere");
  fs::create_symlink("elsewhere", folder_.path() + "/link");
  Start();
  EXPECT_EQ(Load("elsewhere", {}, {{1, "model.onnx", "scale 1"}}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Load("link", "{}", {{1, "model.onnx", "scale 1"}}).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Listing("elsewhere"), IsEmpty());
}

TEST_F(UploadTest, ANewVersionIsNotSeenBeforeItIsGood) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  engine_.Hold();
  absl::Notification loaded;
  registry_->Load({"m", "{}", {{2, "model.onnx", "scale 2"}}},
                  [&](absl::Status status) {
                    EXPECT_TRUE(status.ok()) << status;
                    loaded.Notify();
                  });
  engine_.AwaitWaiting(1);  // it warms up
  EXPECT_THAT(Listing("m"), ElementsAre("1"));
  EXPECT_EQ(Find("m")->version(), 1);
  engine_.Release();
  loaded.WaitForNotification();
  EXPECT_THAT(Listing("m"), ElementsAre("1", "2"));
  EXPECT_EQ(Answer("m"), 2);
}

TEST(UploadNameTest, TakesPlainNamesOnly) {
  const auto good = ParseUploadName("file:12/model.onnx");
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->version, 12);
  EXPECT_EQ(good->name, "model.onnx");
  for (const char* name :
       {"file:", "file:1", "file:/model.onnx", "file:0/m", "file:-1/m",
        "file:01/m", "file:a/m", "file:1/", "file:1/../m", "file:1/..",
        "file:1/a/b", "file:1//etc/passwd", "file:1/.hidden", "file:../1/m",
        "file:99999999999999999999/m", "file:1/a\nb"}) {
    EXPECT_EQ(ParseUploadName(name).status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
}

}  // namespace
}  // namespace octet
