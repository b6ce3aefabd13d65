// SPDX-License-Identifier: Apache-2.0
#include "server/models/repository_watch.h"

#include <filesystem>
#include <memory>
#include <string>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/model_repository.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RepositoryWatchTest : public ::testing::Test {
 protected:
  RepositoryWatchTest() {
    folder_.Write("a/1/model.onnx", "1");
    auto repository = ModelRepository::Open(folder_.path());
    EXPECT_TRUE(repository.ok()) << repository.status();
    repository_ = *std::move(repository);
  }

  ScratchFolder folder_;
  std::unique_ptr<ModelRepository> repository_;
};

TEST_F(RepositoryWatchTest, AChangeCountsWhenItIsFinished) {
  RepositoryChanges changes(repository_.get(), 10);
  EXPECT_THAT(changes.Look().changed, IsEmpty());
  folder_.Write("a/2/model.onnx", "half");
  RepositoryChanges::Found found = changes.Look();
  EXPECT_THAT(found.changed, IsEmpty());
  EXPECT_TRUE(found.unfinished);
  folder_.Write("a/2/model.onnx", "the whole");
  EXPECT_THAT(changes.Look().changed, IsEmpty());
  EXPECT_THAT(changes.Look().changed, ElementsAre("a"));
  found = changes.Look();
  EXPECT_THAT(found.changed, IsEmpty());
  EXPECT_FALSE(found.unfinished);
}

TEST_F(RepositoryWatchTest, ModelsComeAndGo) {
  RepositoryChanges changes(repository_.get(), 10);
  folder_.Write("b/1/model.onnx", "x");
  fs::remove_all(folder_.path() + "/a");
  RepositoryChanges::Found found = changes.Look();
  EXPECT_THAT(found.changed, IsEmpty());
  EXPECT_THAT(found.gone, IsEmpty());
  EXPECT_TRUE(found.unfinished);
  found = changes.Look();
  EXPECT_THAT(found.changed, ElementsAre("b"));
  EXPECT_THAT(found.gone, ElementsAre("a"));
  EXPECT_FALSE(changes.Look().unfinished);
}

TEST_F(RepositoryWatchTest, ARootThatIsGoneUnloadsNothing) {
  RepositoryChanges changes(repository_.get(), 10);
  fs::rename(folder_.path(), folder_.path() + "_aside");
  changes.Look();
  EXPECT_THAT(changes.Look().gone, IsEmpty());
  fs::rename(folder_.path() + "_aside", folder_.path());
  changes.Look();
  EXPECT_THAT(changes.Look().changed, IsEmpty());
}

TEST_F(RepositoryWatchTest, TheThreadTellsOfChanges) {
  absl::Notification changed;
  absl::Notification gone;
  {
    RepositoryWatch watch(repository_.get(), 10,
                          {[&](const std::string& model) {
                             EXPECT_EQ(model, "b");
                             if (!changed.HasBeenNotified()) changed.Notify();
                           },
                           [&](const std::string& model) {
                             EXPECT_EQ(model, "a");
                             gone.Notify();
                           }});
    folder_.Write("b/1/model.onnx", "x");
    changed.WaitForNotification();
    fs::remove_all(folder_.path() + "/a");
    gone.WaitForNotification();
  }
}

}  // namespace
}  // namespace octet
