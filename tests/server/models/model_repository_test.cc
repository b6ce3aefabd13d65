// SPDX-License-Identifier: Apache-2.0
#include "server/models/model_repository.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ModelRepositoryTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }

  void Open() {
    auto repository = ModelRepository::Open(folder_.path());
    ASSERT_TRUE(repository.ok()) << repository.status();
    repository_ = *std::move(repository);
  }

  std::vector<std::string> Models() {
    auto names = repository_->ListModels();
    EXPECT_TRUE(names.ok()) << names.status();
    return names.ok() ? *names : std::vector<std::string>{};
  }
  std::vector<int64_t> Versions(const std::string& name) {
    auto versions = repository_->ListVersions(name);
    EXPECT_TRUE(versions.ok()) << versions.status();
    return versions.ok() ? *versions : std::vector<int64_t>{};
  }

  ScratchFolder folder_;
  std::unique_ptr<ModelRepository> repository_;
};

TEST_F(ModelRepositoryTest, ListsModelsAndNumericVersions) {
  folder_.Write("b/2/model.onnx", "x");
  folder_.Write("b/10/model.onnx", "x");
  folder_.Write("b/draft/model.onnx", "x");
  folder_.Write("b/03/model.onnx", "x");
  folder_.Write("b/0/model.onnx", "x");
  folder_.Write("b/7", "a file");
  folder_.Write("a/config.pbtxt", "");
  folder_.Write(".hidden/1/model.onnx", "x");
  folder_.Write("stray.txt", "x");
  EXPECT_THAT(Models(), ElementsAre("a", "b"));
  EXPECT_THAT(Versions("b"), ElementsAre(2, 10));
  EXPECT_THAT(Versions("a"), IsEmpty());
  const auto a = repository_->ReadConfiguration("a");
  const auto b = repository_->ReadConfiguration("b");
  ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
  EXPECT_EQ(*a, "");
  EXPECT_EQ(*b, std::nullopt);
  EXPECT_EQ(repository_->ListVersions("c").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ModelRepositoryTest, RefusesNamesThatAreNoFolderNames) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("../x"),
        std::string("a/b"), std::string("/etc"), std::string(".publish-1"),
        std::string("a\nb"), std::string("a\0b", 3), std::string(256, 'a')}) {
    EXPECT_EQ(CheckModelName(name).code(), absl::StatusCode::kInvalidArgument)
        << name;
    EXPECT_EQ(repository_->ListVersions(name).status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
    EXPECT_EQ(repository_->Publish(name, "x").status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
    EXPECT_EQ(repository_->Read(name, 1).status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
  for (const char* name : {"a", "resnet-50.v1_q8", "a b", "größe"}) {
    EXPECT_TRUE(CheckModelName(name).ok()) << name;
  }
}

TEST_F(ModelRepositoryTest, VersionsArePositiveNumbersOrNothing) {
  for (const char* text : {"0", "-1", "+1", "01", "1.0", "1/../2", "../1", " 1",
                           "latest", "99999999999999999999"}) {
    EXPECT_EQ(ParseVersion(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
  const auto none = ParseVersion("");
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
  const auto twelve = ParseVersion("12");
  ASSERT_TRUE(twelve.ok() && twelve->has_value());
  EXPECT_EQ(**twelve, 12);
}

TEST_F(ModelRepositoryTest, PublishesTheNextVersion) {
  const auto first = repository_->Publish("m", "one");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*first, 1);
  folder_.Write("m/5/model.onnx", "five");
  const auto next = repository_->Publish("m", "six");
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(*next, 6);
  EXPECT_EQ(folder_.Read("m/6/model.onnx"), "six");
  const auto read = repository_->Read("m", 6);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, "six");
  EXPECT_EQ(repository_->Read("m", 9).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ModelRepositoryTest, LeavesNothingBehindWhenPublishingFails) {
  // A file stands where the model's folder should be.
  folder_.Write("taken", "x");
  EXPECT_FALSE(repository_->Publish("taken", "bytes").ok());
  int entries = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_EQ(entry.path().filename(), "taken");
    ++entries;
  }
  EXPECT_EQ(entries, 1);
}

TEST_F(ModelRepositoryTest, PublishersAtOnceGetAVersionEach) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 10;
  absl::Mutex mutex;
  std::set<int64_t> versions;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        const auto version = repository_->Publish("m", "bytes");
        ASSERT_TRUE(version.ok()) << version.status();
        absl::MutexLock lock(&mutex);
        EXPECT_TRUE(versions.insert(*version).second) << *version;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(versions.size(), size_t{kThreads * kRounds});
  EXPECT_EQ(*versions.rbegin(), kThreads * kRounds);
}

TEST_F(ModelRepositoryTest, NoReaderEverSeesHalfAVersion) {
  const std::string bytes(1 << 20, 'm');
  std::thread publisher([&] {
    for (int i = 0; i < 8; ++i) {
      EXPECT_TRUE(repository_->Publish("m", bytes).ok());
    }
  });
  int64_t newest = 0;
  while (newest < 8) {
    const auto versions = repository_->ListVersions("m");
    if (!versions.ok() || versions->empty()) continue;
    newest = versions->back();
    const auto read = repository_->Read("m", newest);
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_EQ(read->size(), bytes.size());
  }
  publisher.join();
}

TEST_F(ModelRepositoryTest, OpeningRemovesWhatWasLeftUnfinished) {
  folder_.Write(".publish-abcdef/model.onnx", "half");
  Open();
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/.publish-abcdef"));
}

TEST(ModelRepositoryOpenTest, SaysWhatIsWrongWithTheRoot) {
  ScratchFolder folder;
  folder.Write("file", "x");
  for (const std::string& root :
       {folder.path() + "/missing", folder.path() + "/file"}) {
    const auto status = ModelRepository::Open(root).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr(root));
  }
}

}  // namespace
}  // namespace octet
