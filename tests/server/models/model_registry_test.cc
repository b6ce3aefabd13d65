// SPDX-License-Identifier: Apache-2.0
#include "server/models/model_registry.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/loaded_model.h"
#include "tests/server/models/registry_fixture.h"

namespace octet {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(ModelRegistryTest, ServesTheHighestVersionOfEveryModel) {
  folder_.Write("a/9/model.onnx", "scale 9");
  folder_.Write("a/10/model.onnx", "scale 10");
  folder_.Write("b/1/model.onnx", "scale 3");
  Start();
  EXPECT_EQ(Answer("a"), 10);
  EXPECT_EQ(Answer("b"), 3);
  EXPECT_THAT(Index(), ElementsAre("a/9 UNAVAILABLE not loaded", "a/10 READY ",
                                   "b/1 READY "));
  EXPECT_EQ(Find("a", "10")->version(), 10);
}

TEST_F(ModelRegistryTest, ABrokenModelIsReportedAndStopsNothing) {
  folder_.Write("bad/1/model.onnx", "broken Conv 'c1' has no weights");
  folder_.Write("empty/config.pbtxt", "");
  folder_.Write("good/1/model.onnx", "scale 2");
  folder_.Write("void/1/readme.txt", "no model here");
  Start();
  EXPECT_EQ(Answer("good"), 2);
  EXPECT_THAT(
      Index(),
      ElementsAre(AllOf(HasSubstr("bad/1 UNAVAILABLE"),
                        HasSubstr("Conv 'c1' has no weights")),
                  "empty/ UNAVAILABLE the model has no version folder",
                  "good/1 READY ", HasSubstr("void/1 UNAVAILABLE NOT_FOUND")));
  const auto status = registry_->Find("bad", "").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no weights"));
}

TEST_F(ModelRegistryTest, WarmsEveryBucketBeforeItServes) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  EXPECT_THAT(engine_.TakeRuns(), ElementsAre(1, 2, 4));
}

TEST_F(ModelRegistryTest, ServesAsConfigPbtxtSays) {
  folder_.Write("m/config.pbtxt",
                "max_batch_size: 2 default_model_filename: \"net.onnx\"");
  folder_.Write("m/1/net.onnx", "scale 7");
  Start();
  EXPECT_THAT(engine_.TakeRuns(), ElementsAre(1, 2));
  EXPECT_EQ(Answer("m"), 7);
  const auto model = Find("m");
  EXPECT_EQ(model->configuration().max_batch_size(), 2);
  EXPECT_EQ(model->configuration().input(0).name(), "x");
  EXPECT_EQ(model->memory_bytes(), 1000 + 200);
}

TEST_F(ModelRegistryTest, AWrongConfigurationIsTheReasonInTheIndex) {
  folder_.Write("m/config.pbtxt", "max_batch_size: 5");
  folder_.Write("m/1/model.onnx", "scale 1");
  folder_.Write("n/config.pbtxt", "input { name: \"x\" dims: 5 }");
  folder_.Write("n/1/model.onnx", "scale 1");
  Start();
  EXPECT_THAT(
      Index(),
      ElementsAre(AllOf(HasSubstr("m/1 UNAVAILABLE"),
                        HasSubstr("m/config.pbtxt: max_batch_size: got 5")),
                  AllOf(HasSubstr("n/1 UNAVAILABLE"),
                        HasSubstr("input 'x' dims: got [5]"))));
}

TEST_F(ModelRegistryTest, UnknownNamesAndVersionsSayWhatThereIs) {
  folder_.Write("a/1/model.onnx", "scale 1");
  folder_.Write("a/2/model.onnx", "scale 2");
  Start();
  const auto name = registry_->Find("zebra", "").status();
  EXPECT_EQ(name.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(name.message()),
              AllOf(HasSubstr("zebra"), HasSubstr("loaded: a")));
  const auto version = registry_->Find("a", "7").status();
  EXPECT_EQ(version.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(version.message()),
              AllOf(HasSubstr("no version 7"), HasSubstr("version 2")));
  EXPECT_EQ(registry_->Find("a", "1").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(registry_->Find("../a", "").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(registry_->Find("a", "../1").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ModelRegistryTest, LoadSwapsInOneStepAndTheOldVersionDrains) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  auto waiting = std::make_shared<FloatTask>();
  ASSERT_TRUE(Find("m")->Enqueue(waiting).ok());
  folder_.Write("m/2/model.onnx", "scale 2");
  EXPECT_EQ(Answer("m"), 1);  // a new folder alone changes nothing
  auto old_task = std::make_shared<FloatTask>();
  ASSERT_TRUE(Find("m")->Enqueue(old_task).ok());
  ASSERT_TRUE(Load("m").ok());
  EXPECT_EQ(Find("m")->version(), 2);
  EXPECT_THAT(Index(),
              ElementsAre("m/1 UNLOADING replaced by version 2", "m/2 READY "));
  EXPECT_EQ(engine_.live_models(), 2);
  while (!old_task->done()) scheduler_.RunOne(0);
  EXPECT_EQ(old_task->out()[1], 1);  // by the version that took it
  old_task.reset();
  waiting.reset();
  EXPECT_EQ(engine_.live_models(), 1);
  EXPECT_THAT(Index(), ElementsAre("m/1 UNAVAILABLE replaced by version 2",
                                   "m/2 READY "));
  EXPECT_EQ(Answer("m"), 2);
}

TEST_F(ModelRegistryTest, ReloadTakesTheFileAsItIsNow) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  folder_.Write("m/1/model.onnx", "scale 5");
  ASSERT_TRUE(Load("m").ok());
  EXPECT_EQ(Answer("m"), 5);
  EXPECT_THAT(Index(), ElementsAre("m/1 READY "));
  EXPECT_EQ(engine_.live_models(), 1);
}

TEST_F(ModelRegistryTest, FailedLoadLeavesTheOldVersionServing) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  folder_.Write("m/2/model.onnx", "broken by design");
  const absl::Status status = Load("m");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Answer("m"), 1);
  EXPECT_THAT(Index(),
              ElementsAre("m/1 READY ", AllOf(HasSubstr("m/2 UNAVAILABLE"),
                                              HasSubstr("broken by design"))));
  EXPECT_EQ(Load("missing").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Load("../m").code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ModelRegistryTest, UnloadAnswersWhenTheRequestsAreAnswered) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  auto task = std::make_shared<FloatTask>();
  ASSERT_TRUE(Find("m")->Enqueue(task).ok());
  absl::Notification unloaded;
  absl::Notification routed_away;
  registry_->Unload("m", [&](absl::Status status) {
    EXPECT_TRUE(status.ok()) << status;
    unloaded.Notify();
  });
  // The registry does one thing after the other, so a second call tells when
  // the first is through.
  registry_->Unload("m", [&](absl::Status status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    routed_away.Notify();
  });
  routed_away.WaitForNotification();
  EXPECT_FALSE(registry_->Find("m", "").ok());
  EXPECT_FALSE(unloaded.HasBeenNotified());
  EXPECT_THAT(Index(), ElementsAre("m/1 UNLOADING unloaded"));
  while (!task->done()) scheduler_.RunOne(0);
  EXPECT_TRUE(task->status().ok());
  task.reset();
  unloaded.WaitForNotification();
  EXPECT_EQ(engine_.live_models(), 0);
  EXPECT_THAT(Index(), ElementsAre("m/1 UNAVAILABLE unloaded"));
  const auto text = metrics_->Text();
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, Not(HasSubstr("model=\"m\"")));
  EXPECT_EQ(Unload("missing").code(), absl::StatusCode::kNotFound);
}

TEST_F(ModelRegistryTest, MemoryIsFlatOverManyLoadsAndUnloads) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(Unload("m").ok());
    ASSERT_EQ(engine_.live_models(), 0);
    ASSERT_TRUE(Load("m").ok());
    ASSERT_EQ(engine_.live_models(), 1);
  }
}

TEST_F(ModelRegistryTest, RequestsOfSeveralCallersMakeOneRun) {
  folder_.Write("m/1/model.onnx", "scale 3");
  Start();
  engine_.TakeRuns();
  auto one = std::make_shared<FloatTask>(1);
  auto three = std::make_shared<FloatTask>(3);
  auto model = Find("m");
  ASSERT_TRUE(model->Enqueue(one).ok());
  ASSERT_TRUE(model->Enqueue(three).ok());
  ASSERT_TRUE(scheduler_.RunOne(0));
  EXPECT_THAT(engine_.TakeRuns(), ElementsAre(4));
  EXPECT_THAT(one->out(), ElementsAre(0, 3, 6, 9));
  EXPECT_EQ(three->out()[11], 33);
}

TEST_F(ModelRegistryTest, ExpiredAndCancelledRequestsAreNeverComputed) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  engine_.TakeRuns();
  auto model = Find("m");
  auto expiring =
      std::make_shared<FloatTask>(1, clock_.Now() + absl::Seconds(1));
  auto cancelled = std::make_shared<FloatTask>(1);
  ASSERT_TRUE(model->Enqueue(expiring).ok());
  ASSERT_TRUE(model->Enqueue(cancelled).ok());
  model->Cancel(*cancelled);
  EXPECT_EQ(cancelled->status().code(), absl::StatusCode::kCancelled);
  clock_.Advance(absl::Seconds(2));
  EXPECT_TRUE(scheduler_.RunOne(0));
  EXPECT_EQ(expiring->status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(engine_.TakeRuns(), IsEmpty());
  const auto text = metrics_->Text();
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text,
              HasSubstr("octet_queue_rows{model=\"m\",version=\"1\"} 0"));
}

TEST_F(ModelRegistryTest, AFailedRunFailsItsRequestsAndNoOthers) {
  folder_.Write("f/1/model.onnx", "fail");
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  auto task = std::make_shared<FloatTask>();
  ASSERT_TRUE(Find("f")->Enqueue(task).ok());
  ASSERT_TRUE(scheduler_.RunOne(0));
  EXPECT_EQ(task->status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Answer("m"), 1);
}

TEST_F(ModelRegistryTest, AModelThatDoesNotBatchRunsOneRequestAtATime) {
  folder_.Write("m/1/model.onnx", "whole");
  Start();
  engine_.TakeRuns();
  // A request is the whole tensor and counts as one row.
  const std::vector<std::shared_ptr<FloatTask>> tasks = {
      std::make_shared<FloatTask>(1), std::make_shared<FloatTask>(1)};
  for (const auto& task : tasks) ASSERT_TRUE(Find("m")->Enqueue(task).ok());
  ASSERT_TRUE(scheduler_.RunOne(0));
  EXPECT_TRUE(tasks[0]->done());
  EXPECT_FALSE(tasks[1]->done());
  ASSERT_TRUE(scheduler_.RunOne(0));
  EXPECT_TRUE(tasks[1]->done());
  EXPECT_THAT(engine_.TakeRuns(), ElementsAre(1, 1));
}

TEST_F(ModelRegistryTest, ABusyModelDoesNotMakeOthersWait) {
  folder_.Write("a/1/model.onnx", "scale 1");
  folder_.Write("b/1/model.onnx", "scale 2");
  Start();
  engine_.Hold();
  absl::Notification loaded;
  registry_->Load("a", [&](absl::Status status) {
    EXPECT_TRUE(status.ok()) << status;
    loaded.Notify();
  });
  engine_.AwaitWaiting(1);
  EXPECT_TRUE(Unload("b").ok());
  EXPECT_FALSE(loaded.HasBeenNotified());
  EXPECT_NE(Find("a"), nullptr);
  engine_.Release();
  loaded.WaitForNotification();
}

TEST_F(ModelRegistryTest, ListenerHearsOfEveryChange) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  const int before = changes_;
  EXPECT_GT(before, 0);
  EXPECT_EQ(registry_->Serves("m"), true);
  ASSERT_TRUE(Unload("m").ok());
  EXPECT_GT(changes_, before);
  EXPECT_EQ(registry_->Serves("m"), false);
  EXPECT_EQ(registry_->Serves("zebra"), std::nullopt);
}

}  // namespace
}  // namespace octet
