// SPDX-License-Identifier: Apache-2.0
// The method "histogram" on the sample model of the quickstart.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "engine/base/status_macros.h"
#include "engine/calibration_run.h"
#include "engine/engine.h"
#include "engine/io/file.h"
#include "engine/io/npy.h"
#include "engine/loaded_model.h"
#include "engine/quantization_search.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

std::string SampleFile(const std::string& name) {
  return std::string(OCTET_SOURCE_DIR) + "/deploy/sample/" + name;
}

std::string SampleModel() {
  auto bytes = io::ReadFile(SampleFile("printed_characters.onnx"));
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return *std::move(bytes);
}

// The first `count` calibration images: uint8 [n, 32, 32] in the file, what the
// model takes is float32 [n, 1, 32, 32], grey value / 255.
NamedTensor Samples(int64_t count) {
  auto images = io::ReadNpy(SampleFile("calibration_images.npy"));
  EXPECT_TRUE(images.ok()) << images.status();
  const Tensor bytes = images->Rows(0, count);
  Tensor reals(DType::kFloat32, {count, 1, 32, 32});
  std::transform(bytes.data<uint8_t>().begin(), bytes.data<uint8_t>().end(),
                 reals.mutable_data<float>().begin(),
                 [](uint8_t byte) { return static_cast<float>(byte) / 255; });
  return {"image", std::move(reals)};
}

QuantizationOptions Histogram() {
  QuantizationOptions options;
  options.method = QuantizationMethod::kHistogram;
  return options;
}

QuantizationResult Quantized(int64_t samples,
                             const QuantizationOptions& options) {
  const NamedTensor calibration = Samples(samples);
  auto result = Quantize(SampleModel(), {&calibration, 1}, options, nullptr);
  EXPECT_TRUE(result.ok()) << result.status();
  return *std::move(result);
}

TEST(QuantizationSearchTest, TheSameSamplesGiveTheSameBytes) {
  EXPECT_EQ(Quantized(24, Histogram()).model, Quantized(24, Histogram()).model);
}

TEST(QuantizationSearchTest, TellsWhatTheReportShows) {
  const QuantizationResult result = Quantized(40, Histogram());
  ASSERT_THAT(result.tensors, Not(IsEmpty()));
  for (const QuantizedTensor& tensor : result.tensors) {
    EXPECT_THAT(tensor.threshold, AnyOf("min-max", "lattice", "entropy", "mse",
                                        StartsWith("percentile 99.9")));
    EXPECT_GE(tensor.clipped_share, 0);
    EXPECT_LT(tensor.clipped_share, 0.2);
    EXPECT_GT(std::accumulate(tensor.histogram.counts.begin(),
                              tensor.histogram.counts.end(), int64_t{0}),
              0);
    EXPECT_LE(tensor.histogram.min, tensor.min);
    EXPECT_GE(tensor.histogram.max, tensor.max);
  }
  ASSERT_THAT(result.remedies, Not(IsEmpty()));
  for (const RemedyEffect& remedy : result.remedies) {
    const double gain = remedy.after_db - remedy.before_db;
    const bool may_be_chance =
        remedy.name == "bias correction" || remedy.name == "channel centering";
    if (!may_be_chance) {
      EXPECT_EQ(remedy.kept, gain > 0.0499) << remedy.name;
    }
    EXPECT_EQ(remedy.note.empty(), remedy.kept && gain > 0.0499) << remedy.name;
    EXPECT_GE(remedy.gain_error_db, 0);
  }
}

TEST(QuantizationSearchTest, AnswersCalibrationSamplesAsWellAsLinear) {
  // A remedy is kept for what it does to samples that did not make it; on all
  // of them it may give a little back.
  EXPECT_GT(Quantized(180, Histogram()).sqnr_db,
            Quantized(180, QuantizationOptions()).sqnr_db - 0.3);
}

TEST(QuantizationSearchTest, OneSampleIsEnough) {
  EXPECT_GT(Quantized(1, Histogram()).sqnr_db, 10);
}

TEST(QuantizationSearchTest, WithoutBiasCorrectionNoneIsTried) {
  QuantizationOptions options = Histogram();
  options.bias_correction = BiasCorrection::kOff;
  for (const RemedyEffect& remedy : Quantized(20, options).remedies) {
    EXPECT_THAT(remedy.name, Not(StartsWith("bias correction")));
  }
}

TEST(QuantizationSearchTest, AnalyticBiasCorrectionTriesTheFormulaAlone) {
  QuantizationOptions options = Histogram();
  options.bias_correction = BiasCorrection::kAnalytic;
  std::vector<std::string> tried;
  for (const RemedyEffect& remedy : Quantized(20, options).remedies) {
    if (absl::StartsWith(remedy.name, "bias correction")) {
      tried.push_back(remedy.name);
    }
  }
  EXPECT_THAT(tried, ElementsAre("bias correction, analytic"));
}

TEST(QuantizationSearchTest, WithoutTimeEveryRemedyIsLeftOutAndSaid) {
  QuantizationOptions options = Histogram();
  options.budget.time = absl::ZeroDuration();
  const QuantizationResult hurried = Quantized(20, options);
  EXPECT_THAT(hurried.remedies, IsEmpty());
  std::vector<std::string> tried;
  const QuantizationResult patient = Quantized(20, Histogram());
  for (const RemedyEffect& remedy : patient.remedies) {
    tried.push_back(remedy.name);
  }
  EXPECT_EQ(hurried.left_out, tried);
  EXPECT_THAT(patient.left_out, IsEmpty());
  EXPECT_GT(hurried.sqnr_db, 10);
}

TEST(QuantizationSearchTest, MemoryBudgetThatCannotHoldIsRefusedWithFigures) {
  const NamedTensor calibration = Samples(4);
  QuantizationOptions options = Histogram();
  options.budget.memory_bytes = 1'000'000;
  const auto refused =
      Quantize(SampleModel(), {&calibration, 1}, options, nullptr);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()),
              AllOf(HasSubstr("the budget is 1.0 MB"),
                    HasSubstr("MB for activations")));
  options.budget.memory_bytes = 1'000'000'000;
  EXPECT_TRUE(
      Quantize(SampleModel(), {&calibration, 1}, options, nullptr).ok());
}

TEST(QuantizationSearchTest, QOperatorFileAnswersAsTheQdqFileDoes) {
  const NamedTensor calibration = Samples(40);
  QuantizationOptions options;
  const QuantizationResult qdq = Quantized(40, options);
  options.format = QuantizedFormat::kQOperator;
  const QuantizationResult qoperator = Quantized(40, options);
  EXPECT_THAT(qoperator.model, HasSubstr("QLinearConv"));
  EXPECT_THAT(qdq.model, Not(HasSubstr("QLinearConv")));
  EXPECT_EQ(qoperator.float_steps, qdq.float_steps);
  EXPECT_GT(qoperator.sqnr_db, qdq.sqnr_db - 2);
}

TEST(QuantizationSearchTest, SymmetricActivationsHaveNoZeroPoint) {
  QuantizationOptions options = Histogram();
  options.activations = ActivationScheme::kSymmetric;
  for (const QuantizedTensor& tensor : Quantized(20, options).tensors) {
    EXPECT_EQ(tensor.zero_points, std::vector<int32_t>{0}) << tensor.name;
  }
}

// A token's channels, scaled and shifted, two of them a hundred times as far as
// the others, and a matrix behind that.
onnx::ImportedModel WithOutliers() {
  constexpr int64_t kChannels = 16;
  GraphBuilder b;
  const ir::ValueId x = b.Input("x", RowsAnd({4, kChannels}));
  Tensor gamma = RandomFloats({kChannels}, 1, 0.5f, 1.5f);
  Tensor weights = RandomFloats({kChannels, 8}, 2);
  for (int64_t c : {3, 11}) {
    gamma.mutable_data<float>()[c] *= 100;
    for (int64_t o = 0; o < 8; ++o) {
      weights.mutable_data<float>()[c * 8 + o] *= 0.02f;
    }
  }
  const ir::ValueId scaled =
      b.Node("scaled", ir::Binary{ir::BinaryKind::kMul, {}},
             {x, b.Constant("gamma", gamma)});
  const ir::ValueId normal =
      b.Node("normal", ir::Binary{},
             {scaled, b.Constant("beta", RandomFloats({kChannels}, 3))});
  b.Output(b.Node("y", ir::MatMul{}, {normal, b.Constant("w", weights)}));
  onnx::ImportedModel imported;
  imported.graph = b.Build();
  imported.batches = true;
  return imported;
}

// What `histogram` finds for a model and samples of its input.
absl::StatusOr<internal::FoundQuantization> Found(
    const onnx::ImportedModel& imported, const NamedTensor& samples) {
  ModelOptions model_options;
  model_options.max_batch = 1;
  OCTET_ASSIGN_OR_RETURN(
      const auto model, internal::LoadedModel::Create(imported, model_options));
  const TensorSamples source({&samples, 1});
  OCTET_ASSIGN_OR_RETURN(const auto run,
                         internal::CalibrationRun::Create(*model, source));
  const QuantizationOptions options = Histogram();
  internal::QuantizationSearch search(imported, model, run, options, nullptr);
  return search.Run(imported.graph);
}

// Weights whose output channel c is a quarter as large as channel c - 1.
Tensor Graded(const Shape& shape, uint32_t seed) {
  Tensor weights = RandomFloats(shape, seed);
  auto values = weights.mutable_data<float>();
  const size_t per_channel = values.size() / shape[0];
  for (size_t i = per_channel; i < values.size(); ++i) {
    values[i] *= std::pow(0.25f, static_cast<float>(i / per_channel));
  }
  return weights;
}

// Behind the first layer one of four channels is a thousand times as large as
// the others, and a function keeps the two layers' channels from being made
// equal.
onnx::ImportedModel WithALoudChannel() {
  GraphBuilder b;
  ir::Conv conv;
  conv.window = WindowOf({1, 1}, 1, 0);
  const auto layer = [&](const std::string& name, ir::ValueId x, uint32_t seed,
                         int64_t loud, float factor) {
    Tensor weights = RandomFloats({4, 4, 1, 1}, seed);
    for (int64_t i = 0; i < weights.size(); ++i) {
      // Weights lie [output, input].
      if ((loud == 0 ? i / 4 : i % 4) == 1) {
        weights.mutable_data<float>()[i] *= factor;
      }
    }
    return b.Node(name, conv, {x, b.Constant(name + "_w", weights)});
  };
  const ir::ValueId x = b.Input("x", RowsAnd({4, 4, 4}));
  const ir::ValueId loud = layer("loud", x, 1, 0, 1000);
  const ir::ValueId function =
      b.Node("f", ir::Unary{ir::UnaryKind::kTanh, 0, 0},
             {b.Node("small", ir::Unary{ir::UnaryKind::kSwish, 1, 0}, {loud})});
  const ir::ValueId both =
      b.Node("both", ir::Binary{},
             {b.Node("swish", ir::Unary{ir::UnaryKind::kSwish, 1, 0}, {loud}),
              function});
  b.Output(layer("last", layer("soft", both, 2, 1, 0.001f), 3, 0, 1));
  onnx::ImportedModel imported;
  imported.graph = b.Build();
  imported.batches = true;
  return imported;
}

TEST(QuantizationSearchTest, FirstLayersStayFloatWhereNothingElseHelps) {
  const auto found =
      Found(WithALoudChannel(), {"x", RandomFloats({32, 4, 4, 4}, 4, -2, 2)});
  ASSERT_TRUE(found.ok()) << found.status();
  const auto kept =
      std::find_if(found->remedies.begin(), found->remedies.end(),
                   [](const RemedyEffect& remedy) {
                     return remedy.name == "first 2 layers in float";
                   });
  ASSERT_NE(kept, found->remedies.end());
  EXPECT_TRUE(kept->kept);
  EXPECT_GT(kept->after_db, kept->before_db + 3);
  const size_t sites = found->chosen.sites.rounded.size();
  EXPECT_EQ(sites, 1u);  // what the last layer reads
  EXPECT_EQ(found->chosen.parameters.schemes.size(), sites);
  EXPECT_EQ(found->chosen.thresholds.size(), sites);
  EXPECT_EQ(found->chosen.statistics.size(), sites);
}

TEST(QuantizationSearchTest, SmoothsBehindANormalizationWhereItHelps) {
  const auto found =
      Found(WithOutliers(), {"x", RandomFloats({32, 4, 16}, 4, -2, 2)});
  ASSERT_TRUE(found.ok()) << found.status();
  const auto smoothing =
      std::find_if(found->remedies.begin(), found->remedies.end(),
                   [](const RemedyEffect& remedy) {
                     return remedy.name == "smoothing behind normalizations";
                   });
  ASSERT_NE(smoothing, found->remedies.end());
  EXPECT_TRUE(smoothing->kept);
  EXPECT_GT(smoothing->after_db, smoothing->before_db + 5);
}

// A layer whose channels lie far apart, and one of other ranges behind it.
onnx::ImportedModel WithFarChannels(ir::Activation behind_first = {}) {
  GraphBuilder b;
  ir::Conv conv;
  conv.window = WindowOf({1, 1}, 1, 0);
  conv.has_bias = true;
  conv.activation = behind_first;
  const ir::ValueId x = b.Input("x", RowsAnd({4, 4, 4}));
  const ir::ValueId far =
      b.Node("far", conv,
             {x, b.Constant("far_w", Graded({4, 4, 1, 1}, 1)),
              b.Constant("far_b", Tensor::Of<float>({4}, {40, -60, 20, -30}))});
  conv.has_bias = false;
  b.Output(b.Node("y", conv,
                  {far, b.Constant("y_w", RandomFloats({4, 4, 1, 1}, 2))}));
  onnx::ImportedModel imported;
  imported.graph = b.Build();
  imported.batches = true;
  return imported;
}

TEST(QuantizationSearchTest, CentersChannelsAndThenMakesThemAlike) {
  const auto found =
      Found(WithFarChannels(), {"x", RandomFloats({32, 4, 4, 4}, 4, -2, 2)});
  ASSERT_TRUE(found.ok()) << found.status();
  const auto centering =
      std::find_if(found->remedies.begin(), found->remedies.end(),
                   [](const RemedyEffect& remedy) {
                     return remedy.name == "channel centering";
                   });
  ASSERT_NE(centering, found->remedies.end());
  EXPECT_TRUE(centering->kept);
  EXPECT_GT(centering->after_db, centering->before_db + 5);
  ASSERT_EQ(found->chosen.changed_channels.size(), 1u);
  const ChangedChannels& far = found->chosen.changed_channels[0];
  EXPECT_EQ(far.tensor, "far");
  ASSERT_EQ(far.offsets.size(), 4u);
  EXPECT_NEAR(far.offsets[0], 40, 5);
  EXPECT_NEAR(far.offsets[1], -60, 5);
  // The last channel is small, once they all lie around zero.
  ASSERT_EQ(far.divisors.size(), 4u);
  EXPECT_LT(far.divisors[3], 0.5);
  EXPECT_EQ(far.divisors[0], 1);
}

TEST(QuantizationSearchTest, TriesNoCenteringWhereNothingCanBeMoved) {
  const auto found = Found(WithFarChannels(kRelu),
                           {"x", RandomFloats({32, 4, 4, 4}, 4, -2, 2)});
  ASSERT_TRUE(found.ok()) << found.status();
  for (const RemedyEffect& remedy : found->remedies) {
    EXPECT_NE(remedy.name, "channel centering");
  }
}

// A layer whose inputs are one value and a little more.
TEST(QuantizationSearchTest, LearnsRoundingWhereInputsVaryTogether) {
  GraphBuilder b;
  const ir::ValueId x = b.Input("x", RowsAnd({32}));
  b.Output(b.Node("y", ir::MatMul{},
                  {x, b.Constant("w", RandomFloats({32, 16}, 1))}));
  onnx::ImportedModel imported;
  imported.graph = b.Build();
  imported.batches = true;
  Tensor samples = RandomFloats({200, 32}, 2, -0.2f, 0.2f);
  const Tensor common = RandomFloats({200}, 3, 0, 4);
  for (int64_t i = 0; i < samples.size(); ++i) {
    samples.mutable_data<float>()[i] += common.data<float>()[i / 32];
  }
  const auto found = Found(imported, {"x", samples});
  ASSERT_TRUE(found.ok()) << found.status();
  const auto learned =
      std::find_if(found->remedies.begin(), found->remedies.end(),
                   [](const RemedyEffect& remedy) {
                     return remedy.name == "learned rounding";
                   });
  ASSERT_NE(learned, found->remedies.end());
  EXPECT_TRUE(learned->kept);
  EXPECT_GT(learned->after_db, learned->before_db + 1);
  EXPECT_EQ(found->chosen.parameters.weight_integers[0].size(), 32u * 16);
}

// What is judged by the samples that it was made from always seems good.
TEST(QuantizationSearchTest, LearnsNoRoundingWithoutSamplesHeldOut) {
  for (const RemedyEffect& remedy : Quantized(15, Histogram()).remedies) {
    EXPECT_NE(remedy.name, "learned rounding");
  }
}

TEST(QuantizationSearchTest, TriesNoSmoothingWithoutNormalizations) {
  for (const RemedyEffect& remedy : Quantized(20, Histogram()).remedies) {
    EXPECT_THAT(remedy.name, Not(StartsWith("smoothing")));
  }
}

// Cancels as soon as a phase begins.
class Canceller : public QuantizationObserver {
 public:
  explicit Canceller(std::string phase) : phase_(std::move(phase)) {}

  absl::Status OnProgress(const QuantizationProgress& progress) override {
    seen_.insert(progress.phase);
    EXPECT_LE(progress.done, progress.total) << progress.phase;
    if (progress.phase == phase_) return absl::CancelledError(phase_);
    return absl::OkStatus();
  }

  const std::set<std::string>& seen() const { return seen_; }

 private:
  const std::string phase_;
  std::set<std::string> seen_;
};

TEST(QuantizationSearchTest, AnalyticBiasCorrectionRunsNoSamplesAgain) {
  const NamedTensor calibration = Samples(40);
  QuantizationOptions options;
  options.bias_correction = BiasCorrection::kOff;
  const QuantizationResult off = Quantized(40, options);
  options.bias_correction = BiasCorrection::kAnalytic;
  Canceller recorder("no phase");
  const auto analytic =
      Quantize(SampleModel(), {&calibration, 1}, options, &recorder);
  ASSERT_TRUE(analytic.ok()) << analytic.status();
  EXPECT_THAT(recorder.seen(), Contains("calibrate"));
  EXPECT_THAT(recorder.seen(), Not(Contains("correct biases")));
  EXPECT_NE(analytic->model, off.model);
  EXPECT_GT(analytic->sqnr_db, off.sqnr_db - 0.5);
}

TEST(QuantizationSearchTest, EveryPhaseCanBeCancelled) {
  const NamedTensor calibration = Samples(16);
  for (const char* phase :
       {"import", "calibrate", "choose thresholds", "correct biases",
        "learn rounding", "quantize", "check"}) {
    Canceller canceller(phase);
    const auto result =
        Quantize(SampleModel(), {&calibration, 1}, Histogram(), &canceller);
    EXPECT_EQ(result.status(), absl::CancelledError(phase));
    EXPECT_THAT(canceller.seen(), Contains(phase));
  }
}

}  // namespace
}  // namespace octet
