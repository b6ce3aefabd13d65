// SPDX-License-Identifier: Apache-2.0
#include "server/models/model_registry.h"

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "engine/base/tensor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/metrics/metrics.h"
#include "server/models/golden.h"
#include "server/models/inference_task.h"
#include "server/models/loaded_model.h"
#include "server/scheduler/batch_scheduler.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// `rows` rows of [4] for a "scale" model.
class FloatTask : public InferenceTask {
 public:
  explicit FloatTask(int64_t rows = 1,
                     absl::Time deadline = absl::InfiniteFuture())
      : in_(rows * 4), out_(rows * 4, -1) {
    for (size_t i = 0; i < in_.size(); ++i) in_[i] = static_cast<float>(i);
    inputs_.push_back(in_.data());
    outputs_.push_back(out_.data());
    SetDemand(rows, static_cast<int64_t>(in_.size() * sizeof(float)), deadline);
  }

  void Done(const absl::Status& status) override {
    status_ = status;
    done_.Notify();
  }

  bool done() const { return done_.HasBeenNotified(); }
  const absl::Status& status() const { return status_; }
  const std::vector<float>& out() const { return out_; }

 private:
  std::vector<float> in_;
  std::vector<float> out_;
  absl::Status status_;
  absl::Notification done_;
};

class ModelRegistryTest : public ::testing::Test {
 protected:
  ModelRegistryTest() : scheduler_(1, &clock_) {}

  ~ModelRegistryTest() override {
    registry_.reset();
    EXPECT_EQ(engine_.live_models(), 0);
  }

  // Opens the repository and loads what is in it.
  void Start() {
    auto metrics = Metrics::Create("test", "none");
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    metrics_ = *std::move(metrics);
    auto repository = ModelRepository::Open(folder_.path());
    ASSERT_TRUE(repository.ok()) << repository.status();
    repository_ = *std::move(repository);
    functions_ = engine_.functions();
    ModelOptions options;
    options.max_batch = 4;
    registry_ = std::make_unique<ModelRegistry>(
        repository_.get(), options,
        LoadedModel::Environment{&functions_, &scheduler_, metrics_.get(),
                                 QueueLimits{.max_queued_rows = 16}},
        limits_);
    registry_->SetListener([this] { ++changes_; });
    ASSERT_TRUE(registry_->LoadAll().ok());
  }

  absl::Status Load(const std::string& name,
                    std::optional<std::string> configuration = {}) {
    absl::Status result;
    absl::Notification done;
    registry_->Load({name, std::move(configuration), {}},
                    [&](absl::Status status) {
                      result = std::move(status);
                      done.Notify();
                    });
    done.WaitForNotification();
    return result;
  }

  absl::Status Unload(const std::string& name) {
    absl::Status result;
    absl::Notification done;
    registry_->Unload(name, [&](absl::Status status) {
      result = std::move(status);
      done.Notify();
    });
    done.WaitForNotification();
    return result;
  }

  std::vector<std::string> Index() {
    std::vector<std::string> lines;
    const auto index = registry_->Index();
    EXPECT_TRUE(index.ok()) << index.status();
    if (!index.ok()) return lines;
    for (const VersionStatus& row : *index) {
      lines.push_back(absl::StrCat(row.name, "/", row.version, " ",
                                   StateName(row.state), " ", row.reason));
    }
    return lines;
  }

  std::shared_ptr<LoadedModel> Find(const std::string& name,
                                    const std::string& version = "") {
    auto model = registry_->Find(name, version);
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *std::move(model) : nullptr;
  }

  // What the served version makes of 1.
  float Answer(const std::string& name, const std::string& version = "") {
    auto task = std::make_shared<FloatTask>();
    auto model = Find(name, version);
    if (model == nullptr) return -1;
    EXPECT_TRUE(model->Enqueue(task).ok());
    while (!task->done()) scheduler_.RunOne(0);
    EXPECT_TRUE(task->status().ok()) << task->status();
    return task->out()[1];
  }

  FakeClock clock_;
  ScratchFolder folder_;
  FakeEngine engine_;
  EngineFunctions functions_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<ModelRepository> repository_;
  BatchScheduler scheduler_;
  std::atomic<int> changes_ = 0;
  ModelRegistry::Limits limits_;
  std::unique_ptr<ModelRegistry> registry_;
};

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

TEST_F(ModelRegistryTest, ServesSeveralVersionsAsThePolicySays) {
  folder_.Write("m/config.pbtxt",
                "version_policy { latest { num_versions: 2 } }");
  for (const int version : {1, 2, 3}) {
    folder_.Write(absl::StrCat("m/", version, "/model.onnx"),
                  absl::StrCat("scale ", version));
  }
  Start();
  EXPECT_EQ(Answer("m"), 3);
  EXPECT_EQ(Answer("m", "2"), 2);
  EXPECT_EQ(registry_->Find("m", "1").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Index(), ElementsAre("m/1 UNAVAILABLE not loaded", "m/2 READY ",
                                   "m/3 READY "));
  EXPECT_EQ(registry_->Serving("m").size(), 2u);

  folder_.Write("m/config.pbtxt",
                "version_policy { specific { versions: 1 } }");
  ASSERT_TRUE(Load("m").ok());
  EXPECT_EQ(Answer("m"), 1);
  EXPECT_THAT(Index(),
              ElementsAre("m/1 READY ",
                          "m/2 UNAVAILABLE version_policy does not want it",
                          "m/3 UNAVAILABLE version_policy does not want it"));

  folder_.Write("m/config.pbtxt", "version_policy { all { } }");
  ASSERT_TRUE(Load("m").ok());
  EXPECT_EQ(Answer("m"), 3);
  EXPECT_EQ(engine_.live_models(), 3);
  ASSERT_TRUE(Unload("m").ok());
  EXPECT_EQ(engine_.live_models(), 0);
  EXPECT_THAT(registry_->Serving(""), IsEmpty());
}

TEST_F(ModelRegistryTest, OneBadVersionOfSeveralLeavesWhatServes) {
  folder_.Write("m/config.pbtxt",
                "version_policy { specific { versions: 1 } }");
  folder_.Write("m/1/model.onnx", "scale 1");
  folder_.Write("m/2/model.onnx", "broken by design");
  folder_.Write("m/3/model.onnx", "scale 3");
  Start();
  folder_.Write("m/config.pbtxt",
                "version_policy { specific { versions: [ 2, 3, 9 ] } }");
  const absl::Status status = Load("m");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("version 2"), HasSubstr("broken by design")));
  EXPECT_EQ(Answer("m", "1"), 1);
  EXPECT_EQ(Answer("m"), 3);
  EXPECT_THAT(Index(), ElementsAre("m/1 READY ", HasSubstr("broken by design"),
                                   "m/3 READY "));
}

TEST_F(ModelRegistryTest, LabelsNameVersionsAndStayWhereTheirVersionFails) {
  const std::string both = "version_policy { all { } } ";
  const auto label = [](const std::string& name, int version) {
    return absl::StrCat("parameters { key: \"version_label.", name,
                        "\" value { string_value: \"", version, "\" } } ");
  };
  folder_.Write("m/config.pbtxt", both + label("stable", 1));
  folder_.Write("m/1/model.onnx", "scale 1");
  folder_.Write("m/2/model.onnx", "scale 2");
  Start();
  EXPECT_EQ(Answer("m", "stable"), 1);
  EXPECT_EQ(Answer("m"), 2);
  const auto unknown = registry_->Find("m", "canary").status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(unknown.message()),
              HasSubstr("no label 'canary'; versions 1, 2 are loaded"));

  folder_.Write("m/config.pbtxt",
                both + label("stable", 2) + label("canary", 1));
  ASSERT_TRUE(Load("m").ok());
  EXPECT_EQ(Answer("m", "stable"), 2);
  EXPECT_EQ(Answer("m", "canary"), 1);

  folder_.Write("m/config.pbtxt", both + label("stable", 7));
  const absl::Status status = Load("m");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("'stable' stays at version 2, for version 7"));
  EXPECT_EQ(Answer("m", "stable"), 2);
  EXPECT_EQ(registry_->Find("m", "canary").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(registry_->Find("m", "-7").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ModelRegistryTest, ALoadMayBringAConfigurationUntilTheNext) {
  folder_.Write("m/1/model.onnx", "scale 1");
  folder_.Write("m/2/model.onnx", "scale 2");
  Start();
  ASSERT_TRUE(
      Load("m", R"({"version_policy": {"specific": {"versions": [1]}}})").ok());
  EXPECT_EQ(Answer("m"), 1);
  const absl::Status wrong = Load("m", R"({"max_batch_size": 99})");
  EXPECT_EQ(wrong.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(wrong.message()),
              HasSubstr("load parameter 'config': max_batch_size: got 99"));
  EXPECT_EQ(Answer("m"), 1);
  ASSERT_TRUE(Load("m").ok());
  EXPECT_EQ(Answer("m"), 2);
}

TEST_F(ModelRegistryTest, AReloadKeepsWhatHasNotChanged) {
  limits_.settled_after = absl::ZeroDuration();
  folder_.Write("m/config.pbtxt", "version_policy { all { } }");
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  const auto first = Find("m", "1");
  folder_.Write("m/2/model.onnx", "scale 2");
  ASSERT_TRUE(Load("m").ok());
  EXPECT_EQ(Find("m", "1"), first);
  EXPECT_EQ(Answer("m"), 2);
  // Another configuration may mean another plan.
  ASSERT_TRUE(Load("m", R"({"max_batch_size": 1})").ok());
  EXPECT_NE(Find("m", "2"), nullptr);
  EXPECT_EQ(Find("m", "2")->configuration().max_batch_size(), 1);
}

TEST_F(ModelRegistryTest, MemoryIsBoundedWithFigures) {
  limits_.memory_bytes = 2500;  // a fake model takes 1,200
  folder_.Write("a/1/model.onnx", "scale 1");
  folder_.Write("b/1/model.onnx", "scale 2");
  folder_.Write("c/1/model.onnx", "scale 3");
  folder_.Write("d/1/model.onnx", std::string(3000, ' ') + "scale 4");
  Start();
  EXPECT_EQ(engine_.live_models(), 2);
  const absl::Status status = Load("c");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("model 'c' version 1: 1200 bytes"),
                    HasSubstr("2400 of the 2500"),
                    HasSubstr("--model-memory-bytes"), HasSubstr("a/1 1200")));
  EXPECT_THAT(std::string(Load("d").message()),
              HasSubstr("3007 bytes of memory are needed"));
  ASSERT_TRUE(Unload("a").ok());
  EXPECT_TRUE(Load("c").ok());
  EXPECT_EQ(Answer("c"), 3);
}

TEST_F(ModelRegistryTest, TheNumberOfModelsIsBounded) {
  limits_.models = 2;
  for (const char* name : {"a", "b", "c"}) {
    folder_.Write(absl::StrCat(name, "/1/model.onnx"), "scale 1");
  }
  Start();
  EXPECT_THAT(Index(),
              ElementsAre("a/1 READY ", "b/1 READY ",
                          "c/ UNAVAILABLE left out: octet-server takes 2 "
                          "models"));
  EXPECT_EQ(Load("c").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Load("b").ok());
  ASSERT_TRUE(Unload("a").ok());
  EXPECT_TRUE(Load("c").ok());
  EXPECT_EQ(Answer("c"), 1);
}

TEST_F(ModelRegistryTest, WarmsUpAsTheConfigurationSays) {
  folder_.Write("m/1/model.onnx", "scale 1");
  const std::string row(16, '\1');
  folder_.Write("m/warmup/row.bin", row);
  const auto warm_up = [](const std::string& data, int dims) {
    return absl::StrCat(
        "max_batch_size: 1 model_warmup { name: \"w\" batch_size: 3 count: 2 "
        "inputs { key: \"x\" value { data_type: TYPE_FP32 dims: ",
        dims, " ", data, " } } }");
  };
  folder_.Write("m/config.pbtxt", warm_up("input_data_file: \"row.bin\"", 4));
  Start();
  EXPECT_THAT(engine_.TakeRuns(), ElementsAre(1, 3, 3));
  folder_.Write("m/config.pbtxt", warm_up("random_data: true", 4));
  EXPECT_TRUE(Load("m").ok());
  EXPECT_THAT(engine_.TakeRuns(), ElementsAre(1, 3, 3));
  folder_.Write("m/config.pbtxt", warm_up("zero_data: true", 5));
  EXPECT_THAT(std::string(Load("m").message()),
              HasSubstr("model_warmup[0].inputs['x'] dims: got [5], expected "
                        "[4]"));
  folder_.Write("m/config.pbtxt", warm_up("input_data_file: \"none.bin\"", 4));
  EXPECT_EQ(Load("m").code(), absl::StatusCode::kNotFound);
  folder_.Write("m/warmup/row.bin", row + row);
  folder_.Write("m/config.pbtxt", warm_up("input_data_file: \"row.bin\"", 4));
  EXPECT_FALSE(Load("m").ok());
  EXPECT_EQ(Answer("m"), 1);
}

TEST_F(ModelRegistryTest, AVersionThatFailsItsGoldenInputsNeverServes) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  const NamedTensor samples = {
      "x", Tensor::Of<float>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8})};
  folder_.Write("m/2/model.onnx", "scale 2");
  auto model =
      functions_.load(folder_.path() + "/m/2/model.onnx", ModelOptions());
  ASSERT_TRUE(model.ok());
  const auto golden = RecordGolden(functions_, *model, {&samples, 1});
  ASSERT_TRUE(golden.ok()) << golden.status();
  model = absl::CancelledError();
  ASSERT_EQ(golden->size(), 2u);
  for (const GoldenFile& file : *golden) {
    folder_.Write("m/2/" + file.path, file.bytes);
    folder_.Write("m/3/" + file.path, file.bytes);
  }
  // Version 3 has golden inputs but no model yet.
  EXPECT_EQ(Load("m").code(), absl::StatusCode::kNotFound);
  folder_.Write("m/3/model.onnx", "scale 2.5");
  const absl::Status status = Load("m");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(
      std::string(status.message()),
      AllOf(HasSubstr("output 'y' row 0 element 0: got 2.5, recorded 2"),
            HasSubstr("allowed difference 0.016")));
  EXPECT_THAT(Index().back(),
              AllOf(HasSubstr("m/3 UNAVAILABLE"), HasSubstr("recorded 2")));
  folder_.Write("m/3/model.onnx", "scale 2.0005");
  EXPECT_TRUE(Load("m").ok());
  folder_.Write("m/4/model.onnx", "scale 1");
  folder_.Write("m/4/golden/input_0.npy", "no array");
  EXPECT_EQ(Load("m").code(), absl::StatusCode::kDataLoss);
  folder_.Write("m/5/model.onnx", "whole");
  for (const GoldenFile& file : *golden) {
    folder_.Write("m/5/" + file.path, file.bytes);
  }
  EXPECT_EQ(Load("m").code(), absl::StatusCode::kInvalidArgument);
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
