// SPDX-License-Identifier: Apache-2.0
// Runs the real `octet` against a small server: what it prints, what it sends,
// and its exit codes.
#include <stdlib.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "engine/base/tensor.h"
#include "engine/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/client/recording_server.h"

namespace octet::client {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

class OctetCommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "octet_command_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    ASSERT_NE(std::getenv("OCTET_BIN_DIR"), nullptr)
        << "ctest sets OCTET_BIN_DIR to the folder of the built programs";
    const Tensor rows = Tensor::Of<float>({3, 2}, {1, 2, 4, 3, 5, 6});
    ASSERT_TRUE(io::WriteNpy(Path("rows.npy"), rows).ok());
  }

  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const {
    return (folder_ / name).string();
  }

  std::string Read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(Path(name)).rdbuf();
    return text.str();
  }

  // Runs `octet` with `arguments`, which the shell splits.
  Outcome Run(const std::string& arguments) const {
    const std::string command = "OCTET_SERVER=" + server_.address() + " \"" +
                                std::getenv("OCTET_BIN_DIR") + "/octet\" " +
                                arguments + " >\"" + Path("out") + "\" 2>\"" +
                                Path("err") + "\" </dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Read("out"),
            Read("err")};
  }

  RecordingServer server_;
  std::filesystem::path folder_;
};

TEST_F(OctetCommandTest, HelpExitsZeroAndNamesEveryCommand) {
  const Outcome outcome = Run("--help");
  EXPECT_EQ(outcome.exit_code, 0);
  for (const char* command :
       {"status", "models", "stats", "load", "unload", "infer", "quantize",
        "watch", "jobs", "cancel", "report", "completion"}) {
    EXPECT_THAT(outcome.out, HasSubstr(command));
    EXPECT_EQ(Run(std::string(command) + " --help").exit_code, 0);
  }
}

TEST_F(OctetCommandTest, SaysItsVersion) {
  const Outcome outcome = Run("--version");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, ::testing::MatchesRegex("octet [0-9.]+\n"));
}

TEST_F(OctetCommandTest, WrongUsageExitsTwo) {
  for (const char* arguments :
       {"", "nonsense", "status --nonsense", "load", "infer doubler",
        "quantize doubler", "watch", "jobs --state odd", "completion tcsh",
        "models --server 127.0.0.1:1 --server 127.0.0.1:2",
        "quantize doubler --calibration x.npy --server-path y.npz",
        "status --tls-certificate /dev/null",
        "infer doubler --input x=rows.npy --batch 0",
        "quantize doubler --calibration x=rows.npy --activations odd",
        "status --server nowhere", "status --timeout 0"}) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_NE(outcome.err, "") << arguments;
    EXPECT_EQ(outcome.out, "") << arguments;
  }
}

TEST_F(OctetCommandTest, StatusSaysWhatTheServerIs) {
  const Outcome text = Run("status");
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_THAT(text.out, HasSubstr("recording 1.2.3 at " + server_.address()));
  const auto json = nlohmann::json::parse(Run("status --json").out);
  EXPECT_EQ(json["ready"], true);
  EXPECT_EQ(json["extensions"][0], "model_repository");
}

TEST_F(OctetCommandTest, ModelsListsStatesTensorsAndReasons) {
  const Outcome text = Run("models");
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_THAT(text.out, HasSubstr("x FP32 [-1, 2] -> y FP32 [-1, 2]"));
  EXPECT_THAT(text.out, HasSubstr("UNAVAILABLE  no such operator"));
  const auto json = nlohmann::json::parse(Run("models --json").out);
  ASSERT_EQ(json["models"].size(), 3u);
  EXPECT_EQ(json["models"][1]["version"], "3");
  EXPECT_EQ(json["models"][1]["inputs"][0]["shape"][0], -1);
}

TEST_F(OctetCommandTest, LoadAndUnloadAskForTheModel) {
  EXPECT_THAT(Run("load a").out, StartsWith("a is loaded ("));
  EXPECT_THAT(Run("unload b").out, StartsWith("b is unloaded ("));
  EXPECT_THAT(server_.loads(), ::testing::ElementsAre("a"));
  EXPECT_THAT(server_.unloads(), ::testing::ElementsAre("b"));
}

TEST_F(OctetCommandTest, InferSendsRowsInBatchesAndWritesOutputs) {
  const Outcome outcome =
      Run("infer doubler --input x=" + Path("rows.npy") + " --batch 2 " +
          "--repeat 2 --json --output-dir " + Path("answers"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["rows"], 3);
  EXPECT_EQ(json["requests"], 4);
  EXPECT_EQ(json["version"], "3");
  EXPECT_GT(json["p50_ms"], 0);
  EXPECT_GE(json["p50_ms"], json["min_ms"]);
  EXPECT_EQ(server_.infer_requests().size(), 4u);
  const auto answers = io::ReadNpy(Path("answers/y.npy"));
  ASSERT_TRUE(answers.ok()) << answers.status();
  EXPECT_THAT(answers->data<float>(),
              ::testing::ElementsAre(2, 4, 8, 6, 10, 12));
}

TEST_F(OctetCommandTest, InferNamesTheBestClassesAndCountsRightOnes) {
  std::ofstream(Path("names.txt")) << "cat\ndog\n";
  std::ofstream(Path("right.csv")) << "file,label\na,1\nb,0\nc,0\n";
  const Outcome outcome = Run(
      "infer doubler --input x=" + Path("rows.npy") + " --labels " +
      Path("names.txt") + " --expected " + Path("right.csv") + " --top-k 1");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("row 0: dog 4  (expected dog)"));
  EXPECT_THAT(outcome.out, HasSubstr("row 2: dog 12  (expected cat)"));
  EXPECT_THAT(outcome.out, HasSubstr("2 of 3 right: 66.7 %"));
}

TEST_F(OctetCommandTest, ModelThatDoesNotBatchGetsTheFileWhole) {
  ASSERT_TRUE(
      io::WriteNpy(Path("whole.npy"), Tensor(DType::kFloat32, {2, 2})).ok());
  const Outcome outcome =
      Run("infer whole --batch 1 --input x=" + Path("whole.npy"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  ASSERT_EQ(server_.infer_requests().size(), 1u);
  EXPECT_EQ(server_.infer_requests()[0].inputs(0).shape(0), 2);
}

TEST_F(OctetCommandTest, DrawsTheRowsAboveTheirAnswers) {
  const Tensor pictures =
      Tensor::Of<float>({2, 1, 2, 3}, {0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0});
  ASSERT_TRUE(io::WriteNpy(Path("pictures.npy"), pictures).ok());
  const Outcome outcome =
      Run("infer doubler --draw --input x=" + Path("pictures.npy"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, StartsWith("  @  @    \n"));
}

TEST_F(OctetCommandTest, QuantizeShowsProgressAndResult) {
  const Outcome outcome =
      Run("quantize doubler --activations symmetric --output-model "
          "doubler_int8 --load --calibration x=" +
          Path("rows.npy"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("calibrate: 3 of 3"));
  EXPECT_THAT(outcome.out, HasSubstr("4.0 kB -> 1.0 kB"));
  EXPECT_THAT(outcome.out, HasSubstr("31.5 dB"));
  const v1::QuantizeSettings sent = server_.quantize_requests()[0].settings();
  EXPECT_EQ(sent.model_name(), "doubler");
  EXPECT_EQ(sent.output_model_name(), "doubler_int8");
  EXPECT_EQ(sent.method(), v1::METHOD_LINEAR);
  EXPECT_EQ(sent.activation_scheme(), v1::ACTIVATION_SCHEME_SYMMETRIC);
  EXPECT_TRUE(sent.load_when_done());
}

TEST_F(OctetCommandTest, QuantizeSendsEvaluationSamplesWithTheirLabels) {
  std::ofstream(Path("labels.csv")) << "label\n2\n0\n1\n";
  const Outcome outcome =
      Run("quantize doubler --method histogram --bias-correction off "
          "--drop-first-class --evaluation x=" +
          Path("rows.npy") + " --labels " + Path("labels.csv") +
          " --calibration x=" + Path("rows.npy"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto sent = server_.quantize_requests();
  EXPECT_EQ(sent[0].settings().method(), v1::METHOD_HISTOGRAM);
  EXPECT_TRUE(sent[0].settings().has_bias_correction());
  EXPECT_FALSE(sent[0].settings().bias_correction());
  EXPECT_EQ(sent[0].settings().bias_correction_kind(),
            v1::BIAS_CORRECTION_KIND_UNSPECIFIED);
  EXPECT_TRUE(sent[0].settings().drop_first_class());
  ASSERT_EQ(sent.size(), 3);
  EXPECT_THAT(sent[1].evaluation().labels(), ::testing::ElementsAre(2, 0, 1));
  EXPECT_EQ(sent[1].evaluation().inputs(0).raw_contents(),
            sent[2].calibration().inputs(0).raw_contents());
  EXPECT_FALSE(sent[1].last());
  EXPECT_TRUE(sent[2].last());

  std::ofstream(Path("short.csv")) << "label\n2\n";
  const Outcome refused =
      Run("quantize doubler --evaluation x=" + Path("rows.npy") + " --labels " +
          Path("short.csv") + " --calibration x=" + Path("rows.npy"));
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("got 1 labels for 3 evaluation samples"));
}

TEST_F(OctetCommandTest, QuantizeSendsBudgetsFormatAndRangesInPlaceOfSamples) {
  const Outcome outcome =
      Run("quantize doubler --synthetic --input-range x=-2,3 --mean 127.5 "
          "--format qoperator --time-budget 1.5 --memory-budget 600 "
          "--bias-correction analytic");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto requests = server_.quantize_requests();
  ASSERT_EQ(requests.size(), 1);
  EXPECT_TRUE(requests[0].last());
  const v1::QuantizeSettings& sent = requests[0].settings();
  EXPECT_TRUE(sent.bias_correction());
  EXPECT_EQ(sent.bias_correction_kind(), v1::BIAS_CORRECTION_KIND_ANALYTIC);
  EXPECT_TRUE(sent.synthetic_samples());
  EXPECT_EQ(sent.format(), v1::QUANTIZED_FORMAT_QOPERATOR);
  EXPECT_EQ(sent.time_budget_seconds(), 1.5);
  EXPECT_EQ(sent.memory_budget_bytes(), 600'000'000);
  ASSERT_EQ(sent.input_ranges_size(), 2);
  EXPECT_EQ(sent.input_ranges(0).input(), "x");
  EXPECT_THAT(sent.input_ranges(0).min(), ::testing::ElementsAre(-2));
  EXPECT_THAT(sent.input_ranges(1).max(), ::testing::ElementsAre(127.5));

  const Outcome bare = Run("quantize doubler");
  EXPECT_EQ(bare.exit_code, 2);
  EXPECT_THAT(bare.err, HasSubstr("--synthetic"));
  EXPECT_EQ(
      Run("quantize doubler --synthetic --calibration x=" + Path("rows.npy"))
          .exit_code,
      2);
}

TEST_F(OctetCommandTest, ReportsAreFetchedByJobAndByModelInAnyForm) {
  EXPECT_EQ(Run("report 00000000000000aa --format html").out,
            "report of job '00000000000000aa', model '' version '' as "
            "REPORT_FORMAT_HTML\n");
  EXPECT_EQ(Run("report doubler_int8 --model-version 7").out,
            "report of job '', model 'doubler_int8' version '7' as "
            "REPORT_FORMAT_TEXT\n");
  EXPECT_THAT(Run("--json report doubler_int8").out,
              HasSubstr("REPORT_FORMAT_JSON"));
  EXPECT_EQ(Run("report doubler_int8 --format pdf").exit_code, 2);
}

TEST_F(OctetCommandTest, QuantizeSaysThatItEndsWithItsConnection) {
  EXPECT_THAT(Run("quantize --help").out, HasSubstr("cancels the"));
  const std::string quantize =
      "quantize doubler --calibration x=" + Path("rows.npy");
  EXPECT_THAT(Run(quantize).err, ::testing::Not(HasSubstr("octet watch")));
  server_.BreakQuantizations(1);
  const Outcome broken = Run(quantize);
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_THAT(broken.err, HasSubstr("octet report "));
  EXPECT_THAT(broken.err, HasSubstr("octet watch JOB follows it"));
}

TEST_F(OctetCommandTest, GlobalFlagsStandBeforeAndBehind) {
  const std::string nobody = "127.0.0.1:1";
  EXPECT_EQ(Run("--json status").exit_code, 0);
  EXPECT_THAT(Run("--server " + nobody + " status").err, HasSubstr(nobody));
  EXPECT_THAT(Run("status --server " + nobody).err, HasSubstr(nobody));
  const RecordingServer other;
  const Outcome both = Run("status --json --server " + server_.address() +
                           " --server " + other.address());
  EXPECT_EQ(both.exit_code, 0) << both.err;
  EXPECT_EQ(nlohmann::json::parse(both.out)["servers"].size(), 2u);
  const Outcome half =
      Run("status --server " + server_.address() + "," + nobody);
  EXPECT_EQ(half.exit_code, 1);
  EXPECT_THAT(half.out, HasSubstr(server_.address()));
}

TEST_F(OctetCommandTest, LoadSendsFileAndConfiguration) {
  std::ofstream(Path("m.onnx")) << "onnx bytes";
  std::ofstream(Path("config.pbtxt")) << "max_batch_size: 4";
  const Outcome outcome =
      Run("load a --file " + Path("m.onnx") + " --file-version 3 --config " +
          Path("config.pbtxt"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto request = server_.load_requests().at(0);
  EXPECT_EQ(request.parameters().at("file:3/model.onnx").bytes_param(),
            "onnx bytes");
  const auto config =
      nlohmann::json::parse(request.parameters().at("config").string_param());
  EXPECT_EQ(config["max_batch_size"], 4);
  EXPECT_EQ(Run("load new --file " + Path("m.onnx")).exit_code, 0);
  EXPECT_EQ(
      server_.load_requests().at(1).parameters().at("config").string_param(),
      "{}");
  std::ofstream(Path("config.pbtxt")) << "default_model_filename: 'net.bin'";
  EXPECT_EQ(Run("load a --file " + Path("m.onnx") + " --config " +
                Path("config.pbtxt"))
                .exit_code,
            0);
  EXPECT_TRUE(
      server_.load_requests().at(2).parameters().contains("file:1/net.bin"));
  std::ofstream(Path("bad.pbtxt")) << "max_batch: 4";
  EXPECT_EQ(Run("load a --config " + Path("bad.pbtxt")).exit_code, 1);
}

TEST_F(OctetCommandTest, FilesNeedNoNameWhereThereIsOneInput) {
  const Outcome outcome =
      Run("infer doubler " + Path("rows.npy") + " " + Path("rows.npy"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("6 rows"));
  EXPECT_EQ(Run("infer doubler").exit_code, 2);
  const Outcome kind = Run("infer doubler " + Path("out"));
  EXPECT_EQ(kind.exit_code, 1);
  EXPECT_THAT(kind.err, HasSubstr("expected a .npy, .npz"));
}

TEST_F(OctetCommandTest, StatsIsATableOfMeans) {
  EXPECT_THAT(Run("stats doubler").out, HasSubstr("2.5"));
  const auto json = nlohmann::json::parse(Run("stats --json").out);
  EXPECT_EQ(json["models"][0]["rows"], 12);
  EXPECT_EQ(json["models"][0]["batch_sizes"][0]["batch_size"], 8);
}

TEST_F(OctetCommandTest, JobsAreHandedInWatchedListedAndReported) {
  std::ofstream(Path("m.onnx")) << "onnx bytes";
  const Outcome submitted =
      Run("quantize tiny --detach --json --model-file " + Path("m.onnx") +
          " --calibration x=" + Path("rows.npy"));
  ASSERT_EQ(submitted.exit_code, 0) << submitted.err;
  const std::string id = nlohmann::json::parse(submitted.out)["job"];
  const auto sent = server_.quantize_requests();
  EXPECT_EQ(sent[0].settings().output_model_name(), "tiny");
  EXPECT_EQ(sent[0].settings().model_name(), "");
  EXPECT_EQ(sent[1].model().raw_contents(), "onnx bytes");
  server_.BreakWatches(1);
  const Outcome watched = Run("watch " + id);
  EXPECT_EQ(watched.exit_code, 0) << watched.err;
  EXPECT_THAT(watched.out, HasSubstr("doubler_int8 7"));
  EXPECT_EQ(nlohmann::json::parse(Run("report --json " + id).out)["method"],
            "linear");
  EXPECT_THAT(Run("jobs").out, HasSubstr("no operator 'Foo'"));
  const Outcome failed = Run("watch 00000000000000ff");
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.err, HasSubstr("no operator 'Foo'"));
  EXPECT_EQ(Run("cancel " + id).exit_code, 0);
  EXPECT_EQ(Run("cancel 0").exit_code, 1);
  const Outcome unknown = Run("watch 0");
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("octet jobs"));
  EXPECT_THAT(unknown.err, ::testing::Not(HasSubstr("octet models")));
}

TEST_F(OctetCommandTest, QuantizeTakesSamplesOfTheServers) {
  const Outcome outcome = Run("quantize doubler --detach --server-path s.npz");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(server_.quantize_requests()[0].settings().calibration_path(),
            "s.npz");
  EXPECT_TRUE(server_.quantize_requests()[0].last());
}

TEST_F(OctetCommandTest, QuantizeTakesWhatTheServerRecorded) {
  const Outcome outcome = Run("quantize doubler --detach --recorded");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(server_.quantize_requests()[0].settings().recorded_samples());
  EXPECT_TRUE(server_.quantize_requests()[0].last());
  EXPECT_EQ(Run("quantize doubler --recorded --synthetic").exit_code, 2);
}

TEST_F(OctetCommandTest, CompletionKnowsCommandsAndFlags) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Outcome outcome = Run(std::string("completion ") + shell);
    EXPECT_EQ(outcome.exit_code, 0);
    for (const char* word : {"quantize", "model-file", "tls-ca", "watch"}) {
      EXPECT_THAT(outcome.out, HasSubstr(word)) << shell;
    }
  }
  std::ofstream(Path("complete.bash"))
      << Run("completion bash").out
      << "COMP_WORDS=(octet --server a:1 infer --fi) COMP_CWORD=4\n"
         "_octet; echo \"${COMPREPLY[@]}\"\n"
         "COMP_WORDS=(octet un) COMP_CWORD=1\n"
         "_octet; echo \"${COMPREPLY[@]}\"\n";
  EXPECT_EQ(std::system(("bash \"" + Path("complete.bash") + "\" >\"" +
                         Path("completed") + "\"")
                            .c_str()),
            0);
  EXPECT_EQ(Read("completed"), "--fit\nunload\n");
}

TEST_F(OctetCommandTest, MissingFileIsNamedWithoutAdviceAboutModels) {
  const Outcome outcome = Run("infer doubler --input x=" + Path("none.npy"));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("none.npy"));
  EXPECT_THAT(outcome.err, ::testing::Not(HasSubstr("octet models")));
}

TEST_F(OctetCommandTest, FailuresSayWhatToTryNext) {
  const std::string infer = "infer doubler --input x=" + Path("rows.npy");
  const Outcome unknown = Run("infer other --input x=" + Path("rows.npy"));
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("no model 'other'"));
  EXPECT_THAT(unknown.err, HasSubstr("octet models"));
  server_.FailWith({grpc::StatusCode::RESOURCE_EXHAUSTED,
                    "Received message larger than max (9 vs. 4)"});
  EXPECT_THAT(Run(infer).err, HasSubstr("--batch N"));
  EXPECT_THAT(Run(infer).err, HasSubstr("--max-receive-bytes"));
  server_.FailWith({grpc::StatusCode::UNAUTHENTICATED, "no token"});
  EXPECT_THAT(Run("load a").err, HasSubstr("--token-file"));
  server_.FailWith({grpc::StatusCode::FAILED_PRECONDITION, "not loaded"});
  EXPECT_THAT(Run(infer).err, HasSubstr("octet load MODEL"));
  server_.FailWith({grpc::StatusCode::FAILED_PRECONDITION,
                    "settings.recorded_samples: there are none"});
  EXPECT_THAT(Run("load a").err, ::testing::Not(HasSubstr("octet load MODEL")));
}

TEST_F(OctetCommandTest, NoServerIsAFailureThatNamesTheRemedy) {
  std::string address;
  {
    // A port that was free a moment ago.
    const RecordingServer other;
    address = other.address();
  }
  const Outcome outcome = Run("status --server " + address);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("cannot connect to " + address));
  EXPECT_THAT(outcome.err, HasSubstr("is octet-server running there?"));
}

}  // namespace
}  // namespace octet::client
