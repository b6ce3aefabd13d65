// SPDX-License-Identifier: Apache-2.0
#include "server/models/model_configuration.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class ModelConfigurationTest : public ::testing::Test {
 protected:
  absl::StatusOr<ModelConfiguration> Parse(const std::string& text) {
    return ParseConfigurationText(text, source_);
  }

  // The error of a text that must not be taken.
  absl::Status Refusal(const std::string& text) {
    const auto parsed = Parse(text);
    EXPECT_FALSE(parsed.ok()) << text;
    EXPECT_THAT(std::string(parsed.status().message()),
                HasSubstr("m/config.pbtxt"));
    return parsed.status();
  }

  // What the fake engine makes of a model file with `line`.
  std::shared_ptr<const Model> Load(const std::string& line) {
    folder_.Write("model.onnx", line);
    ModelOptions options;
    options.max_batch = 8;
    auto model =
        engine_.functions().load(folder_.path() + "/model.onnx", options);
    EXPECT_TRUE(model.ok()) << model.status();
    return *model;
  }

  absl::Status Signature(const std::string& text, const std::string& line) {
    const auto parsed = Parse(text);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    return CheckSignature(*parsed, *Load(line));
  }

  FakeEngine engine_;
  ScratchFolder folder_;
  const ConfigurationSource source_ = {"m", "m/config.pbtxt", {8, 2}};
};

TEST_F(ModelConfigurationTest, AnEmptyFileLeavesEverythingToTheServer) {
  const auto parsed = Parse("");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->proto.name(), "m");
  EXPECT_EQ(parsed->max_batch, std::nullopt);
  EXPECT_EQ(parsed->instances, 2);
  EXPECT_EQ(parsed->model_file, "model.onnx");
  EXPECT_THAT(parsed->notes, IsEmpty());
}

TEST_F(ModelConfigurationTest, ReadsWhatItActsOn) {
  const auto parsed = Parse(R"pb(
    name: "m"
    platform: "onnxruntime_onnx"
    max_batch_size: 4
    default_model_filename: "net.onnx"
    version_policy { specific { versions: [ 1, 3 ] } } instance_group
    [ { count: 2 kind: KIND_CPU }]
    dynamic_batching {
      priority_levels: 3
      default_priority_level: 2
      default_queue_policy { max_queue_size: 10 timeout_action: DELAY }
    }
    parameters {
      key: "version_label.stable"
      value { string_value: "3" }
    }
    parameters {
      key: "input.a.b.datatype"
      value { string_value: "UINT8" }
    }
    parameters {
      key: "input.a.b.layout"
      value { string_value: "NHWC" }
    }
    parameters {
      key: "input.a.b.mean"
      value { string_value: "1, 2.5,-3" }
    }
    parameters {
      key: "input.a.b.scale"
      value { string_value: "0.25" }
    }
    parameters {
      key: "input.a.b.channel_order"
      value { string_value: "reverse" }
    }
    parameters {
      key: "record_rows"
      value { string_value: "500" }
    }
    parameters {
      key: "keep_faster_float"
      value { string_value: "true" }
    }
    parameters {
      key: "mine"
      value { string_value: "kept" }
    }
  )pb");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->max_batch, 4);
  EXPECT_EQ(parsed->model_file, "net.onnx");
  EXPECT_EQ(parsed->instances, 2);
  EXPECT_THAT(parsed->labels, ElementsAre(Pair("stable", 3)));
  EXPECT_EQ(parsed->record_rows, 500);
  EXPECT_TRUE(parsed->keep_faster_float);
  ASSERT_EQ(parsed->input_forms.size(), 1u);
  const InputForm& form = parsed->input_forms[0];
  EXPECT_EQ(form.input, "a.b");
  EXPECT_EQ(form.dtype, DType::kUInt8);
  EXPECT_EQ(form.layout, InputLayout::kChannelsLast);
  EXPECT_TRUE(form.reverse_channels);
  EXPECT_THAT(form.mean, ElementsAre(1, 2.5, -3));
  EXPECT_THAT(form.scale, ElementsAre(0.25));
  EXPECT_THAT(parsed->notes, IsEmpty());
}

TEST_F(ModelConfigurationTest, SaysWhereATextIsMalformed) {
  for (const auto& [text, complaint] :
       {std::pair{"max_batch_size: 1\nmax_batch: 2\n", "line 2"},
        std::pair{"max_batch_size: \"one\"", "line 1"},
        std::pair{"name: \"m\" {", "line 1"},
        std::pair{"version_policy { newest { } }", "newest"}}) {
    const absl::Status status = Refusal(text);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(complaint)) << text;
  }
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "optimization {";
  EXPECT_EQ(Refusal(deep).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(Refusal(std::string((1 << 20) + 1, ' ')).message()),
              HasSubstr("at most 1048576"));
  EXPECT_FALSE(Parse(std::string("\0\xff\xfe", 3)).ok());
}

TEST_F(ModelConfigurationTest, RefusesValuesOutOfRangeByField) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"name: \"other\"", "name: got 'other', expected 'm'"},
      {"platform: \"tensorflow_savedmodel\"", "platform: got 'tensorflow"},
      {"backend: \"python\"", "backend: got 'python'"},
      {"max_batch_size: 9", "max_batch_size: got 9, expected 0"},
      {"max_batch_size: -1", "max_batch_size: got -1"},
      {"default_model_filename: \"../x\"",
       "default_model_filename: got '../x'"},
      {"default_model_filename: \".x\"", "default_model_filename"},
      {"version_policy { specific { } }", "versions: got none"},
      {"version_policy { specific { versions: 0 } }", "versions: got 0"},
      {"instance_group { count: -1 }", "instance_group[0].count: got -1"},
      {"dynamic_batching { default_priority_level: 1 }",
       "default_priority_level: got 1"},
      {"dynamic_batching { priority_levels: 2 default_priority_level: 3 }",
       "expected 1 to 2"},
      {"dynamic_batching { preferred_batch_size: 9 }", "expected 1 to 8"},
      {"dynamic_batching { priority_levels: 2 default_priority_level: 1 "
       "priority_queue_policy { key: 3 value { } } }",
       "priority_queue_policy[3]"},
      {"model_warmup { name: \"w\" batch_size: 9 }", "batch_size: got 9"},
      {"model_warmup { count: 1001 }", "count: got 1001"},
      {"model_warmup { inputs { key: \"x\" value { } } }", "no data"},
      {"model_warmup { inputs { key: \"x\" value { input_data_file: "
       "\"../../etc/passwd\" } } }",
       "input_data_file"},
      {"output { name: \"y\" label_filename: \"/etc/passwd\" }",
       "label_filename"},
      {"parameters { key: \"version_label.7\" value { string_value: \"1\" } }",
       "version_label.7"},
      {"parameters { key: \"version_label.a\" value { string_value: \"b\" } }",
       "expected a version's number"},
      {"parameters { key: \"record_rows\" value { string_value: \"-1\" } }",
       "parameters['record_rows']: got '-1', expected 0 to"},
      {"parameters { key: \"keep_faster_float\" value { string_value: \"1\" } "
       "}",
       "parameters['keep_faster_float']: got '1', expected true or false"},
      {"parameters { key: \"input.x\" value { string_value: \"1\" } }",
       "input.NAME.FIELD"},
      {"parameters { key: \"input.x.gamma\" value { string_value: \"1\" } }",
       "channel_order"},
      {"parameters { key: \"input.x.datatype\" value { string_value: \"INT4\" "
       "} }",
       "UINT8, FP16 or FP32"},
      {"parameters { key: \"input.x.mean\" value { string_value: \"1,,2\" } }",
       "comma-separated"},
      {"parameters { key: \"input.x.mean\" value { string_value: \"nan\" } }",
       "finite"},
      {"parameters { key: \"input.x.scale\" value { string_value: \"1,0\" } }",
       "other than 0"},
  };
  for (const auto& [text, complaint] : cases) {
    const absl::Status status = Refusal(text);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(complaint)) << text;
  }
}

TEST_F(ModelConfigurationTest, RefusesWhatOctetDoesNotDoByName) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"sequence_batching { }", "sequence_batching"},
      {"ensemble_scheduling { }", "ensemble_scheduling"},
      {"model_transaction_policy { decoupled: true }", "decoupled"},
      {"response_cache { enable: true }", "response_cache"},
      {"instance_group { kind: KIND_GPU }", "instance_group[0].kind KIND_GPU"},
      {"instance_group { gpus: 0 }", "gpus"},
      {"instance_group { passive: true }", "passive"},
      {"optimization { cuda { graphs: true } }", "optimization.cuda"},
      {"optimization { execution_accelerators { gpu_execution_accelerator { "
       "name: \"tensorrt\" } } }",
       "gpu_execution_accelerator"},
      {"input { name: \"x\" reshape { shape: 1 } }", "input 'x' reshape"},
      {"input { name: \"x\" optional: true }", "optional"},
      {"output { name: \"y\" is_shape_tensor: true }", "is_shape_tensor"},
      {"batch_input { }", "batch_input"},
      {"batch_output { }", "batch_output"},
      {"model_operations { op_library_filename: \"a.so\" }",
       "model_operations"},
      {"model_repository_agents { agents { name: \"a\" } }",
       "model_repository_agents"},
      {"cc_model_filenames { key: \"8.0\" value: \"a\" }",
       "cc_model_filenames"},
      {"metric_tags { key: \"a\" value: \"b\" }", "metric_tags"},
      {"runtime: \"a.so\"", "runtime"},
      {"dynamic_batching { preserve_ordering: true }", "preserve_ordering"},
  };
  for (const auto& [text, field] : cases) {
    const absl::Status status = Refusal(text);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(field)) << text;
  }
}

TEST_F(ModelConfigurationTest, NotesWhatHasNoEffect) {
  const auto parsed = Parse(
      "instance_group { count: 3 } instance_group { }"
      "dynamic_batching { max_queue_delay_microseconds: 100 }"
      "optimization { graph { level: 1 } }");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->instances, 2);
  EXPECT_THAT(parsed->notes, ::testing::UnorderedElementsAre(
                                 HasSubstr("4 instances asked for, 2 given"),
                                 HasSubstr("max_queue_delay_microseconds"),
                                 HasSubstr("optimization")));
}

TEST_F(ModelConfigurationTest, InstancesAreTheSumOfTheCounts) {
  ConfigurationSource source = source_;
  source.limits.lanes = 8;
  const auto instances = [&](const std::string& text) {
    const auto parsed = ParseConfigurationText(text, source);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    if (!parsed.ok()) return -1;
    EXPECT_THAT(parsed->notes, IsEmpty());
    return parsed->instances;
  };
  EXPECT_EQ(instances(""), 8);
  EXPECT_EQ(instances("instance_group { }"), 1);
  EXPECT_EQ(instances("instance_group { count: 2 } instance_group { }"), 3);
  EXPECT_EQ(instances("instance_group { count: 8 kind: KIND_CPU }"), 8);
}

TEST_F(ModelConfigurationTest, ReadsJsonInBothSpellings) {
  for (const char* text :
       {R"({"max_batch_size": 0, "versionPolicy": {"all": {}}})",
        R"({"maxBatchSize": 0, "version_policy": {"all": {}}})"}) {
    const auto parsed = ParseConfigurationJson(text, source_);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->max_batch, 0);
    EXPECT_TRUE(parsed->proto.version_policy().has_all());
  }
  const auto empty = ParseConfigurationJson("{}", source_);
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_EQ(empty->max_batch, std::nullopt);
  for (const char* text : {"", "[]", "{", R"({"no_such_field": 1})",
                           R"({"name": 3})", "null", R"({"name": "other"})",
                           R"({"instance_group": [{"kind": "KIND_GPU"}]})"}) {
    const auto status = ParseConfigurationJson(text, source_).status();
    EXPECT_FALSE(status.ok()) << text;
  }
  std::string deep(100000, '[');
  EXPECT_FALSE(ParseConfigurationJson("{\"input\":" + deep, source_).ok());
}

TEST_F(ModelConfigurationTest, DeclarationsMustFitTheModel) {
  EXPECT_TRUE(Signature("max_batch_size: 8 "
                        "input { name: \"x\" data_type: TYPE_FP32 dims: 4 }"
                        "output { name: \"y\" dims: -1 }",
                        "scale 1")
                  .ok());
  // Declared with the batch axis, as goes with a batch size of 0.
  EXPECT_TRUE(
      Signature("input { name: \"x\" dims: [ -1, 4 ] }", "scale 1").ok());
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"input { name: \"z\" }", "input 'z': the model has none"},
      {"input { name: \"x\" data_type: TYPE_INT8 }",
       "got TYPE_INT8, expected TYPE_FP32"},
      {"max_batch_size: 2 input { name: \"x\" dims: [ 2, 2 ] }",
       "dims: got [2, 2], expected [4]"},
      {"max_batch_size: 0 input { name: \"x\" dims: 4 }",
       "expected [-1, 4], the batch axis in front"},
      {"output { name: \"y\" dims: 5 }", "dims: got [5], expected [4]"},
  };
  for (const auto& [text, complaint] : cases) {
    const absl::Status status = Signature(text, "scale 1");
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("m/config.pbtxt"), HasSubstr(complaint)));
  }
  EXPECT_THAT(std::string(Signature("max_batch_size: 2", "whole").message()),
              HasSubstr("a fake operator mixes rows"));
  EXPECT_TRUE(Signature("input { name: \"x\" dims: [ 2, 2 ] }", "whole").ok());
}

TEST_F(ModelConfigurationTest, CompletesWhatWasLeftOpen) {
  const auto parsed = Parse("");
  ASSERT_TRUE(parsed.ok());
  const auto config = CompleteConfiguration(*parsed, *Load("scale 1"));
  EXPECT_EQ(config.name(), "m");
  EXPECT_EQ(config.platform(), "octet_onnx");
  EXPECT_EQ(config.backend(), "octet");
  EXPECT_EQ(config.max_batch_size(), 8);
  EXPECT_TRUE(config.has_dynamic_batching());
  ASSERT_EQ(config.input_size(), 1);
  EXPECT_EQ(config.input(0).name(), "x");
  EXPECT_EQ(config.input(0).data_type(), inference::TYPE_FP32);
  EXPECT_THAT(config.input(0).dims(), ElementsAre(4));
  ASSERT_EQ(config.output_size(), 1);
  EXPECT_EQ(config.output(0).name(), "y");
  ASSERT_EQ(config.instance_group_size(), 1);
  EXPECT_EQ(config.instance_group(0).count(), 2);
  EXPECT_EQ(config.version_policy().latest().num_versions(), 1u);
  EXPECT_EQ(config.default_model_filename(), "model.onnx");
}

TEST_F(ModelConfigurationTest, CompletedShapesHaveTheBatchAxisWithoutBatching) {
  const auto parsed = Parse(
      "max_batch_size: 0 output { name: \"y\" label_filename: \"l.txt\" }");
  ASSERT_TRUE(parsed.ok());
  const auto config = CompleteConfiguration(*parsed, *Load("scale 1"));
  EXPECT_EQ(config.max_batch_size(), 0);
  EXPECT_FALSE(config.has_dynamic_batching());
  EXPECT_THAT(config.input(0).dims(), ElementsAre(-1, 4));
  EXPECT_EQ(config.output(0).label_filename(), "l.txt");
  const auto whole = CompleteConfiguration(*Parse(""), *Load("whole"));
  EXPECT_EQ(whole.max_batch_size(), 0);
  EXPECT_THAT(whole.input(0).dims(), ElementsAre(2, 2));
}

}  // namespace
}  // namespace octet
