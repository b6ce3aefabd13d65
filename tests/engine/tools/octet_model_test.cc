// SPDX-License-Identifier: Apache-2.0
// Runs the real octet-model on tiny models: what it prints, what it writes, and
// its exit codes.
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/tools/program.h"
#include "tests/engine/tools/tiny_models.h"
#include "tests/testing/scratch_folder.h"

namespace octet::tools {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OctetModelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.Write("linear.onnx", LinearModel());
    // Rows whose answers are [4, 0.5], [0, 2.5] and [9, 0].
    SaveFloats("x.npy", {3, 3}, {1, 3, 3, 0, 2, 0, 1, 2, 8});
  }

  std::string Path(const std::string& name) const {
    return folder_.path() + "/" + name;
  }

  template <typename T>
  void Save(const std::string& name, Shape shape, std::vector<T> values) const {
    ASSERT_TRUE(
        io::WriteNpy(Path(name), Tensor::Of<T>(std::move(shape), values)).ok());
  }
  void SaveFloats(const std::string& name, Shape shape,
                  std::vector<float> values) const {
    Save<float>(name, std::move(shape), std::move(values));
  }

  Outcome Run(const std::string& arguments) const {
    return RunOctetModel(folder_.path(), arguments);
  }

  // The command fails with exit code 1, says nothing on standard output, and
  // on standard error what is expected here.
  void ExpectFailure(const std::string& arguments,
                     const ::testing::Matcher<const std::string&>& says) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.exit_code, 1) << arguments;
    EXPECT_THAT(outcome.out, IsEmpty()) << arguments;
    EXPECT_THAT(outcome.err, says) << arguments;
  }

  const ScratchFolder folder_;
};

TEST_F(OctetModelTest, WrongUsageIsExitCodeTwo) {
  for (const char* arguments :
       {"",
        "frobnicate",
        "run",
        "run linear.onnx --input x --output-dir d",
        "run linear.onnx --input x=x.npy",
        "run --input x=x.npy --output-dir d",
        "bench linear.onnx --batch 0",
        "bench linear.onnx --threads 257",
        "bench linear.onnx --seconds 1 --iterations 3",
        "bench linear.onnx --n 1",
        "bench linear.onnx --against linear.onnx",
        "dump linear.onnx --stage molten",
        "inspect linear.onnx --backend other",
        "inspect linear.onnx extra",
        "quantize linear.onnx --calibration x=x.npy",
        "quantize linear.onnx --calibration x=x.npy --output q --method magic",
        "quantize linear.onnx --calibration x=x.npy --output q "
        "--bias-correction maybe",
        "compare linear.onnx --input x=x.npy",
        "conform . --rtol -1",
        "conform"}) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments << outcome.err;
    EXPECT_THAT(outcome.out, IsEmpty()) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr("--help")) << arguments;
  }
}

TEST_F(OctetModelTest, HelpStatesDefaultsAndUnits) {
  EXPECT_EQ(Run("--help").exit_code, 0);
  for (const char* command :
       {"inspect", "run", "quantize", "compare", "bench", "conform", "dump"}) {
    const Outcome outcome = Run(std::string(command) + " --help");
    EXPECT_EQ(outcome.exit_code, 0) << command;
    EXPECT_THAT(outcome.out, HasSubstr("--json")) << command;
    EXPECT_THAT(outcome.err, IsEmpty()) << command;
  }
  EXPECT_THAT(Run("bench --help").out,
              AllOf(AnyOf(HasSubstr("=3"), HasSubstr("[3]")),
                    HasSubstr("in seconds"), HasSubstr("milliseconds")));
  EXPECT_EQ(Run("--version").exit_code, 0);
}

TEST_F(OctetModelTest, FilesThatAreNotThereAreNamed) {
  ExpectFailure("inspect no.onnx", HasSubstr("no.onnx"));
  ExpectFailure("run linear.onnx --input x=no.npy --output-dir d",
                HasSubstr("no.npy"));
  ExpectFailure("quantize no.onnx --calibration x=x.npy --output q.onnx",
                HasSubstr("no.onnx"));
  ExpectFailure("compare linear.onnx no.onnx --input x=x.npy",
                HasSubstr("no.onnx"));
}

TEST_F(OctetModelTest, FileThatIsNoModelIsRefused) {
  folder_.Write("text.onnx", "this is no model");
  ExpectFailure("inspect text.onnx", HasSubstr("text.onnx"));
  ExpectFailure("run linear.onnx --input x=text.onnx --output-dir d",
                HasSubstr("no .npy file"));
}

TEST_F(OctetModelTest, InspectSaysWhatTheModelIs) {
  const Outcome outcome =
      Run("inspect linear.onnx --backend reference --max-batch 4 --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const nlohmann::json json = outcome.Json();
  EXPECT_EQ(json["inputs"][0]["name"], "x");
  EXPECT_EQ(json["inputs"][0]["dtype"], "float32");
  EXPECT_EQ(json["inputs"][0]["row_shape"], nlohmann::json({3}));
  EXPECT_EQ(json["outputs"][0]["row_shape"], nlohmann::json({2}));
  EXPECT_EQ(json["batches"], true);
  EXPECT_EQ(json["quantized"], false);
  EXPECT_EQ(json["reference_steps"], json["steps"].size());
  EXPECT_GT(json["steps"].size(), 0u);
  EXPECT_FALSE(std::string(json["machine"]["isa"]).empty());

  const Outcome text = Run("inspect linear.onnx");
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("x float32 [3] a row"),
                              HasSubstr("batches"), HasSubstr("kernel")));
}

TEST_F(OctetModelTest, InspectNamesTheOperatorThatIsNotRun) {
  folder_.Write("unknown.onnx", UnknownOperatorModel());
  ExpectFailure("inspect unknown.onnx",
                AllOf(HasSubstr("unknown.onnx"), HasSubstr("Frobnicate")));
}

TEST_F(OctetModelTest, RunWritesTheAnswersOfAllRows) {
  for (const char* flags :
       {"", " --backend reference", " --max-batch 1", " --threads 2"}) {
    const Outcome outcome =
        Run(std::string("run linear.onnx --input x=x.npy --json "
                        "--output-dir new/folder") +
            flags);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.Json()["rows"], 3);
    EXPECT_EQ(outcome.Json()["outputs"][0]["file"], "new/folder/y.npy");
    const auto y = io::ReadNpy(Path("new/folder/y.npy"));
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_THAT(y->shape(), ElementsAre(3, 2));
    EXPECT_THAT(y->data<float>(), ElementsAre(4, 0.5, 0, 2.5, 9, 0)) << flags;
  }
}

TEST_F(OctetModelTest, RunReplacesSlashesAndColonsInFileNames) {
  folder_.Write("odd.onnx", LinearModelWithOddNames());
  const Outcome outcome =
      Run("run odd.onnx --input in/x:0=x.npy --output-dir d");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(io::ReadNpy(Path("d/out_y_0.npy")).ok());
}

TEST_F(OctetModelTest, RunTakesOneFlagForEachInput) {
  folder_.Write("sum.onnx", SumModel());
  SaveFloats("a.npy", {2, 2}, {1, 2, 3, 4});
  SaveFloats("b.npy", {2, 2}, {10, 20, 30, 40});
  const Outcome outcome =
      Run("run --input b=b.npy --input a=a.npy --output-dir d sum.onnx");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto sum = io::ReadNpy(Path("d/sum.npy"));
  ASSERT_TRUE(sum.ok()) << sum.status();
  EXPECT_THAT(sum->data<float>(), ElementsAre(11, 22, 33, 44));

  ExpectFailure("run sum.onnx --input a=a.npy --output-dir d",
                HasSubstr("no tensor for input 'b'"));
  ExpectFailure("run sum.onnx --input a=a.npy --input a=a.npy --output-dir d",
                HasSubstr("two files are given for 'a'"));
  SaveFloats("short.npy", {1, 2}, {1, 2});
  ExpectFailure(
      "run sum.onnx --input a=a.npy --input b=short.npy --output-dir d",
      HasSubstr("1 rows"));
}

TEST_F(OctetModelTest, RunGivesWholeFilesToAModelThatDoesNotBatch) {
  folder_.Write("stack.onnx", StackModel());
  SaveFloats("whole.npy", {2, 3}, {1, 2, 3, 4, 5, 6});
  const Outcome outcome =
      Run("run stack.onnx --input x=whole.npy --output-dir d");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto y = io::ReadNpy(Path("d/y.npy"));
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_THAT(y->shape(), ElementsAre(4, 3));
  EXPECT_THAT(y->data<float>(),
              ElementsAre(1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6));
  ExpectFailure("run stack.onnx --input x=x.npy --output-dir d",
                AllOf(HasSubstr("got float32 [3, 3]"),
                      HasSubstr("expected float32 [2, 3] as a whole")));
  ExpectFailure("bench stack.onnx --batch 2",
                HasSubstr("the model does not batch; give --batch 1"));
}

TEST_F(OctetModelTest, RunSaysWhatIsWrongWithAnInput) {
  ExpectFailure("run linear.onnx --input z=x.npy --output-dir d",
                AllOf(HasSubstr("no input 'z'"), HasSubstr("x float32 [3]")));
  SaveFloats("wide.npy", {2, 4}, std::vector<float>(8));
  ExpectFailure("run linear.onnx --input x=wide.npy --output-dir d",
                AllOf(HasSubstr("got float32 [2, 4]"),
                      HasSubstr("expected float32 [rows, 3]")));
  Save<double>("double.npy", {1, 3}, {1, 2, 3});
  ExpectFailure(
      "run linear.onnx --input x=double.npy --output-dir d",
      AllOf(HasSubstr("got float64 [1, 3]"), HasSubstr("expected float32")));
  SaveFloats("none.npy", {0, 3}, {});
  ExpectFailure("run linear.onnx --input x=none.npy --output-dir d",
                HasSubstr("no rows"));
  EXPECT_FALSE(std::filesystem::exists(Path("d")));
}

TEST_F(OctetModelTest, CompareCountsRowsAndDecibels) {
  folder_.Write("other.onnx", LinearModel(/*bias=*/5));
  Save<int64_t>("labels.npy", {3}, {0, 1, 0});
  // The other model's rows: [4, 5], [0, 7], [9, 0].
  const Outcome outcome =
      Run("compare linear.onnx other.onnx --input x=x.npy --labels labels.npy "
          "--json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const nlohmann::json json = outcome.Json();
  EXPECT_EQ(json["rows"], 3);
  EXPECT_DOUBLE_EQ(json["agreement"], 2.0 / 3);
  EXPECT_DOUBLE_EQ(json["top1_a"], 1);
  EXPECT_DOUBLE_EQ(json["top1_b"], 2.0 / 3);
  const double signal = 16 + 0.25 + 6.25 + 81;
  const double noise = 2 * 4.5 * 4.5;
  EXPECT_NEAR(json["sqnr_db"], 10 * std::log10(signal / noise), 1e-6);
  EXPECT_EQ(json["identical"], false);
}

TEST_F(OctetModelTest, CompareOfAModelWithItselfIsIdentical) {
  folder_.Write("labels.csv", "file,label\na,0\nb,0\nc,1\n");
  const Outcome outcome =
      Run("compare linear.onnx linear.onnx --input x=x.npy --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.Json()["sqnr_db"], 999);
  EXPECT_EQ(outcome.Json()["identical"], true);
  EXPECT_FALSE(outcome.Json().contains("top1_a"));

  const Outcome text = Run(
      "compare linear.onnx linear.onnx --input x=x.npy --labels labels.csv");
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("100.00 %"), HasSubstr("infinite"),
                              HasSubstr("A 33.33 %")));
  ExpectFailure(
      "compare linear.onnx linear.onnx --input x=x.npy --labels x.npy",
      HasSubstr("x.npy"));
}

TEST_F(OctetModelTest, CompareTakesSamplesOfAModelThatDoesNotBatch) {
  folder_.Write("stack.onnx", StackModel());
  SaveFloats("samples.npy", {5, 2, 3}, std::vector<float>(30, 1));
  const Outcome outcome =
      Run("compare stack.onnx stack.onnx --input x=samples.npy --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.Json()["rows"], 5);
}

TEST_F(OctetModelTest, CompareDropsTheFirstClass) {
  // Of classes 1 and up there is one, so all rows agree.
  folder_.Write("other.onnx", LinearModel(/*bias=*/5));
  const Outcome outcome =
      Run("compare linear.onnx other.onnx --input x=x.npy --drop-first-class "
          "--json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_DOUBLE_EQ(outcome.Json()["agreement"], 1);
}

TEST_F(OctetModelTest, BenchReportsTimesOfTheWholeBatch) {
  const Outcome outcome =
      Run("bench linear.onnx --batch 4 --threads 2 --iterations 25 --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const nlohmann::json json = outcome.Json();
  EXPECT_EQ(json["batch"], 4);
  EXPECT_EQ(json["threads"], 2);
  EXPECT_EQ(json["iterations"], 25);
  EXPECT_GT(json["min_ms"], 0);
  EXPECT_LE(json["min_ms"], json["p50_ms"]);
  EXPECT_LE(json["p50_ms"], json["p90_ms"]);
  EXPECT_GT(json["items_per_second"], 0);
  // No more items than if every run were as fast as the fastest.
  EXPECT_LE(json["items_per_second"].get<double>(),
            4e3 / json["min_ms"].get<double>() * 1.000001);
}

TEST_F(OctetModelTest, BenchPerStepPutsAnotherModelBeside) {
  const Outcome outcome =
      Run("bench linear.onnx --per-step --against linear.onnx --batch 2 "
          "--seconds 0.01 --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const nlohmann::json json = outcome.Json();
  EXPECT_EQ(json["rows"], 2);
  ASSERT_GT(json["steps"].size(), 0u);
  double sum = 0;
  int64_t macs = 0;
  for (const nlohmann::json& step : json["steps"]) {
    EXPECT_GT(step["ms"], 0) << step;
    EXPECT_GT(step["other_ms"], 0) << step;
    EXPECT_EQ(step["types"], "float32 -> float32");
    EXPECT_GE(step["peak_share"], 0);
    EXPECT_LE(step["peak_share"], 1);
    sum += step["ms"].get<double>();
    macs += step["macs"].get<int64_t>();
  }
  EXPECT_DOUBLE_EQ(json["total_ms"], sum);
  EXPECT_EQ(macs, 3 * 2);
}

TEST_F(OctetModelTest, QuantizeWritesAModelThatRuns) {
  std::vector<float> samples;
  for (int i = 0; i < 60; ++i) samples.push_back(0.25f * (i * 7 % 17));
  SaveFloats("calibration.npy", {20, 3}, samples);
  for (const char* scheme : {"asymmetric", "symmetric"}) {
    const Outcome outcome = Run(
        std::string("quantize linear.onnx --calibration x=calibration.npy "
                    "--output q.onnx --json --method linear --activations ") +
        scheme);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const nlohmann::json json = outcome.Json();
    EXPECT_EQ(json["samples"], 20);
    EXPECT_GE(json["integer_steps"], 1);
    EXPECT_GT(json["sqnr_db"], 20);
    EXPECT_EQ(json["quantized_bytes"],
              std::filesystem::file_size(Path("q.onnx")));
    EXPECT_THAT(outcome.err, HasSubstr("calibrate"));

    const Outcome compared =
        Run("compare linear.onnx q.onnx --input x=calibration.npy --json");
    ASSERT_EQ(compared.exit_code, 0) << compared.err;
    EXPECT_GT(compared.Json()["sqnr_db"], 20);
  }
}

TEST_F(OctetModelTest, QuantizeWritesQLinearOperatorsWhereAskedFor) {
  SaveFloats("calibration.npy", {3, 3}, {1, 3, 3, 0, 2, 0, 1, 2, 8});
  const std::string quantize =
      "quantize linear.onnx --calibration calibration.npy --output q.onnx "
      "--json --format ";
  const Outcome qdq = Run(quantize + "qdq");
  ASSERT_EQ(qdq.exit_code, 0) << qdq.err;
  EXPECT_EQ(qdq.Json()["format"], "qdq");
  EXPECT_THAT(folder_.Read("q.onnx"), Not(HasSubstr("QGemm")));
  const Outcome qoperator = Run(quantize + "qoperator");
  ASSERT_EQ(qoperator.exit_code, 0) << qoperator.err;
  EXPECT_EQ(qoperator.Json()["format"], "qoperator");
  EXPECT_THAT(folder_.Read("q.onnx"), HasSubstr("QGemm"));
  const Outcome compared =
      Run("compare linear.onnx q.onnx --input x=calibration.npy --json");
  ASSERT_EQ(compared.exit_code, 0) << compared.err;
  EXPECT_GT(compared.Json()["sqnr_db"], 20);
}

TEST_F(OctetModelTest, QuantizeKeepsToItsBudgets) {
  std::vector<float> samples;
  for (int i = 0; i < 60; ++i) samples.push_back(0.25f * (i * 7 % 17));
  SaveFloats("calibration.npy", {20, 3}, samples);
  const std::string quantize =
      "quantize linear.onnx --calibration calibration.npy --output q.onnx "
      "--method histogram ";
  const Outcome hurried = Run(quantize + "--time-budget 0");
  ASSERT_EQ(hurried.exit_code, 0) << hurried.err;
  EXPECT_THAT(hurried.out,
              HasSubstr("left out for want of time: bias correction, "));
  const Outcome json = Run(quantize + "--time-budget 0 --json");
  EXPECT_FALSE(json.Json()["left_out"].empty());
  const auto unhurried = Run(quantize + "--json").Json();
  EXPECT_TRUE(unhurried["left_out"].empty());
  ASSERT_FALSE(unhurried["remedies"].empty());
  const auto& first = unhurried["remedies"][0];
  EXPECT_EQ(first["name"], "bias correction");
  EXPECT_THAT(
      Run(quantize).out,
      HasSubstr(first["kept"].get<bool>() ? "remedies kept: bias correction ("
                                          : "so dropped: bias correction"));
  std::filesystem::remove(Path("q.onnx"));
  ExpectFailure(quantize + "--memory-budget 1",
                HasSubstr("the budget is 1.0 MB"));
  EXPECT_FALSE(std::filesystem::exists(Path("q.onnx")));
}

TEST_F(OctetModelTest, CompareCountsSaturation) {
  SaveFloats("calibration.npy", {3, 3}, {1, 3, 3, 0, 2, 0, 1, 2, 8});
  ASSERT_EQ(Run("quantize linear.onnx --calibration calibration.npy --output "
                "q.onnx")
                .exit_code,
            0);
  const std::string compare = "compare linear.onnx q.onnx --input x=x.npy ";
  const Outcome outcome = Run(compare + "--count-saturation 2 --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const nlohmann::json saturation = outcome.Json()["saturation"];
  EXPECT_EQ(saturation["samples"], 2);
  // Two results a row of three products each: one sum of two.
  EXPECT_EQ(saturation["sums"], 4);
  EXPECT_EQ(saturation["layers"].size(), 1);
  EXPECT_THAT(Run(compare + "--count-saturation 2").out,
              HasSubstr("of 4 sums of two products leave 16 bits"));
  EXPECT_FALSE(Run(compare + "--json").Json().contains("saturation"));
  ExpectFailure(
      "compare q.onnx linear.onnx --input x=x.npy "
      "--count-saturation 1",
      HasSubstr("the model is float"));
}

TEST_F(OctetModelTest, QuantizeReportsOnEvaluationSamples) {
  std::vector<float> samples;
  for (int i = 0; i < 60; ++i) samples.push_back(0.25f * (i * 7 % 17));
  SaveFloats("calibration.npy", {20, 3}, samples);
  SaveFloats("others.npy", {2, 3}, {1, 0.5f, 2, 0.25f, 3, 1});
  folder_.Write("labels.csv", "label\n0\n1\n");
  const std::string quantize =
      "quantize linear.onnx --calibration calibration.npy --output q.onnx ";
  const Outcome outcome = Run(quantize +
                              "--evaluation x=others.npy --labels labels.csv "
                              "--bias-correction off --report made/report");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("made/report/report.html tells it all"));
  EXPECT_THAT(outcome.out, HasSubstr("accuracy"));
  const auto json =
      nlohmann::json::parse(folder_.Read("made/report/report.json"));
  EXPECT_EQ(json["evaluation"]["samples"], 2);
  EXPECT_EQ(json["evaluation"]["on_calibration_samples"], false);
  EXPECT_EQ(json["quantization"]["bias_correction"], false);
  EXPECT_EQ(json["quantization"]["bias_correction_kind"], nullptr);
  EXPECT_FALSE(json["layers"].empty());
  EXPECT_THAT(folder_.Read("made/report/report.txt"), HasSubstr("LAYER"));
  EXPECT_THAT(folder_.Read("made/report/report.html"), HasSubstr("</html>"));

  const Outcome flattered =
      Run(quantize + "--bias-correction analytic --report made --json");
  ASSERT_EQ(flattered.exit_code, 0) << flattered.err;
  EXPECT_EQ(flattered.Json()["bias_correction"], true);
  EXPECT_EQ(flattered.Json()["bias_correction_kind"], "analytic");
  EXPECT_EQ(Run(quantize + "--json").Json()["bias_correction_kind"],
            "empirical");
  for (const char* report : {"made/report.txt", "made/report.html"}) {
    EXPECT_THAT(folder_.Read(report), HasSubstr("bias correction analytic"));
  }
  EXPECT_EQ(flattered.Json()["evaluation"]["on_calibration_samples"], true);
  EXPECT_EQ(flattered.Json()["evaluation"]["samples"], 20);
  ExpectFailure(quantize + "--labels labels.csv",
                HasSubstr("give --evaluation too"));
  ExpectFailure(quantize + "--evaluation x=calibration.npy --labels labels.csv",
                HasSubstr("got 2 labels for 20 samples"));
}

TEST_F(OctetModelTest, QuantizeWithoutSamplesSaysWhatItDid) {
  const Outcome outcome =
      Run("quantize linear.onnx --output q.onnx --input-range x=-3,2");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("No data calibrated this model"));
  EXPECT_THAT(outcome.out, HasSubstr("x: noise from -3 to 2"));
  EXPECT_THAT(outcome.out, HasSubstr("64 synthetic samples"));
  EXPECT_THAT(outcome.out, HasSubstr("--input x=FILE.npy"));
  EXPECT_THAT(folder_.Read("q.onnx"), HasSubstr("no data: 64 synthetic"));

  const Outcome assumed = Run("quantize linear.onnx --output q.onnx --json");
  ASSERT_EQ(assumed.exit_code, 0) << assumed.err;
  const nlohmann::json json = assumed.Json();
  EXPECT_EQ(json["synthetic"]["inputs"][0]["max"], 1);
  EXPECT_EQ(json["synthetic"]["inputs"][0]["declared"], false);
  EXPECT_THAT(json["synthetic"]["trust"].get<std::string>(),
              HasSubstr("assumed"));
}

TEST_F(OctetModelTest, QuantizeWithoutSamplesIsJudgedByRealOnes) {
  SaveFloats("others.npy", {2, 3}, {1, 0.5f, 2, 0.25f, 3, 1});
  const std::string quantize =
      "quantize linear.onnx --output q.onnx --input-range x=0,3 --json ";
  const Outcome judged = Run(quantize + "--evaluation x=others.npy");
  ASSERT_EQ(judged.exit_code, 0) << judged.err;
  EXPECT_EQ(judged.Json()["evaluation"]["samples"], 2);
  EXPECT_GT(judged.Json()["evaluation"]["sqnr_db"]["value"], 20);
  const Outcome unproved = Run(quantize + "--report made");
  ASSERT_EQ(unproved.exit_code, 0) << unproved.err;
  EXPECT_NE(unproved.Json()["verdict"], "keep");
}

TEST_F(OctetModelTest, QuantizeWithoutSamplesChecksTheRanges) {
  const std::string quantize = "quantize linear.onnx --output q.onnx ";
  ExpectFailure(quantize + "--input-range z=0,1", HasSubstr("no such input"));
  ExpectFailure(quantize + "--input-range x=2,1",
                HasSubstr("the lesser first"));
  ExpectFailure(quantize + "--input-range x=0,inf",
                HasSubstr("finite numbers"));
  ExpectFailure(quantize + "--input-range x=0",
                HasSubstr("expected NAME=MIN,MAX"));
  ExpectFailure(quantize + "--input-range x=0,1 --calibration x=x.npy",
                HasSubstr("leave out --calibration"));
  ExpectFailure(quantize + "--method histogram", HasSubstr("give samples"));
}

TEST_F(OctetModelTest, QuantizeKeepsTheFloatModelAndChecksTheOutputFirst) {
  ExpectFailure(
      "quantize linear.onnx --calibration x=x.npy --output ./linear.onnx",
      HasSubstr("is the model itself"));
  EXPECT_EQ(folder_.Read("linear.onnx"), LinearModel());
  ExpectFailure(
      "quantize linear.onnx --calibration x=x.npy --output no/where/q.onnx",
      HasSubstr("there is no folder no/where"));
}

TEST_F(OctetModelTest, QuantizeRefusesCalibrationOfAnotherInput) {
  ExpectFailure("quantize linear.onnx --calibration z=x.npy --output q.onnx",
                HasSubstr("calibration tensor z is no input"));
  EXPECT_FALSE(std::filesystem::exists(Path("q.onnx")));
}

TEST_F(OctetModelTest, DumpPrintsEveryStage) {
  for (const char* stage : {"imported", "optimized", "lowered", "plan"}) {
    const Outcome outcome =
        Run(std::string("dump linear.onnx --stage ") + stage);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, Not(IsEmpty())) << stage;
  }
  EXPECT_EQ(Run("dump linear.onnx --json").Json()["stage"], "plan");
}

}  // namespace
}  // namespace octet::tools
