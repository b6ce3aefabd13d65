// SPDX-License-Identifier: Apache-2.0
#include "server/models/model_registry.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/base/tensor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/golden.h"
#include "server/models/loaded_model.h"
#include "tests/server/models/registry_fixture.h"

namespace octet {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

TEST_F(ModelRegistryTest, ABrokenNewestVersionFallsBackToAnOlderOne) {
  folder_.Write("m/1/model.onnx", "scale 1");
  folder_.Write("m/2/model.onnx", "scale 2");
  folder_.Write("m/3/model.onnx", "broken too");
  folder_.Write("m/4/model.onnx", "broken by design");
  Start();
  EXPECT_EQ(Answer("m"), 2);
  EXPECT_THAT(Index(),
              ElementsAre("m/1 UNAVAILABLE not loaded", "m/2 READY ",
                          AllOf(HasSubstr("m/3 UNAVAILABLE INVALID_ARGUMENT"),
                                HasSubstr("broken too")),
                          AllOf(HasSubstr("m/4 UNAVAILABLE INVALID_ARGUMENT"),
                                HasSubstr("broken by design"))));
  // What serves suffices, and the error is still that of the newest one.
  std::shared_ptr<LoadedModel> serving = Find("m");
  const absl::Status status = Load("m");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("version 4"), HasSubstr("broken by design")));
  EXPECT_EQ(Find("m"), serving);
  serving.reset();

  folder_.Write("m/4/model.onnx", "scale 4");
  ASSERT_TRUE(Load("m").ok());
  EXPECT_EQ(Answer("m"), 4);
  EXPECT_THAT(Index()[1], "m/2 UNAVAILABLE replaced by version 4");
}

TEST_F(ModelRegistryTest, FallsBackForEachVersionThatIsMissing) {
  folder_.Write("m/config.pbtxt",
                "version_policy { latest { num_versions: 2 } }");
  folder_.Write("m/1/model.onnx", "scale 1");
  folder_.Write("m/2/model.onnx", "scale 2");
  folder_.Write("m/3/model.onnx", "broken by design");
  folder_.Write("m/4/model.onnx", "scale 4");
  Start();
  EXPECT_EQ(Answer("m"), 4);
  EXPECT_EQ(Answer("m", "2"), 2);
  EXPECT_THAT(Index()[0], "m/1 UNAVAILABLE not loaded");
  EXPECT_EQ(engine_.live_models(), 2);
}

TEST_F(ModelRegistryTest, OtherPoliciesServeNothingElse) {
  folder_.Write("m/config.pbtxt",
                "version_policy { specific { versions: 2 } }");
  folder_.Write("m/1/model.onnx", "scale 1");
  folder_.Write("m/2/model.onnx", "broken by design");
  Start();
  EXPECT_EQ(registry_->Find("m", "").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(engine_.live_models(), 0);
}

class ThreeLanesTest : public ModelRegistryTest {
 protected:
  ThreeLanesTest() : ModelRegistryTest(3) {}
};

TEST_F(ThreeLanesTest, InstanceGroupBoundsTheLanesOfAVersion) {
  folder_.Write("m/config.pbtxt",
                "max_batch_size: 1 instance_group { count: 1 }");
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  const auto model = Find("m");
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->configuration().instance_group(0).count(), 1);
  engine_.Hold();
  const auto first = std::make_shared<FloatTask>();
  const auto second = std::make_shared<FloatTask>();
  ASSERT_TRUE(model->Enqueue(first).ok());
  ASSERT_TRUE(model->Enqueue(second).ok());
  std::thread lane([this] { EXPECT_TRUE(scheduler_.RunOne(0)); });
  engine_.AwaitWaiting(1);
  EXPECT_FALSE(scheduler_.RunOne(1));
  engine_.Release();
  lane.join();
  EXPECT_TRUE(scheduler_.RunOne(1));
  EXPECT_TRUE(first->done() && second->done());
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
  // Version 3 is not complete yet.
  EXPECT_TRUE(Load("m").ok());
  EXPECT_EQ(Answer("m"), 2);
  EXPECT_THAT(Index().back(), "m/3 UNAVAILABLE it has no model.onnx (yet)");
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

}  // namespace
}  // namespace octet
