// SPDX-License-Identifier: Apache-2.0
#include "engine/evaluation/evaluation.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/io/file.h"
#include "engine/io/npy.h"
#include "engine/tools/comparison.h"
#include "engine/tools/run_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string SamplePath(absl::string_view file) {
  return absl::StrCat(OCTET_SOURCE_DIR, "/deploy/sample/", file);
}

Tensor ReadOrDie(absl::string_view file) {
  auto tensor = io::ReadNpy(SamplePath(file));
  EXPECT_TRUE(tensor.ok()) << tensor.status();
  return tensor.ok() ? *std::move(tensor) : Tensor();
}

// uint8 [n, 32, 32] -> float32 [n, 1, 32, 32], grey value * scale.
Tensor Pictures(absl::string_view file, float scale = 1.0f / 255) {
  const Tensor bytes = ReadOrDie(file);
  Tensor reals(DType::kFloat32, {bytes.shape()[0], 1, 32, 32});
  std::transform(bytes.data<uint8_t>().begin(), bytes.data<uint8_t>().end(),
                 reals.mutable_data<float>().begin(), [&](uint8_t byte) {
                   return static_cast<float>(byte) * scale;
                 });
  return reals;
}

// The sample model, quantized once.
struct Sample {
  std::string exact = *io::ReadFile(SamplePath("printed_characters.onnx"));
  NamedTensor calibration{"image", Pictures("calibration_images.npy")};
  NamedTensor evaluation{"image", Pictures("evaluation_images.npy")};
  std::vector<int64_t> labels;
  std::string rounded;

  Sample() {
    const Tensor read = ReadOrDie("evaluation_labels.npy");
    for (int64_t i = 0; i < read.size(); ++i) {
      labels.push_back(read.dtype() == DType::kInt64 ? read.data<int64_t>()[i]
                                                     : read.data<uint8_t>()[i]);
    }
    const auto result = Quantize(exact, {&calibration, 1}, {}, nullptr);
    EXPECT_TRUE(result.ok()) << result.status();
    if (result.ok()) rounded = result->model;
  }
};

const Sample& TheSample() {
  static const Sample* const sample = new Sample();
  return *sample;
}

EvaluationOptions Untimed() {
  EvaluationOptions options;
  options.timing = absl::ZeroDuration();
  return options;
}

absl::StatusOr<ModelEvaluation> EvaluateSample(
    const EvaluationOptions& options,
    const NamedTensor& samples = TheSample().evaluation,
    QuantizationObserver* observer = nullptr) {
  return Evaluate(TheSample().exact, TheSample().rounded, {&samples, 1},
                  options, observer);
}

TEST(EvaluateTest, AgreesWithTheComparisonOfTwoRuns) {
  EvaluationOptions options = Untimed();
  options.labels = TheSample().labels;
  options.layer_samples = 0;
  const auto evaluation = EvaluateSample(options);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  std::vector<std::vector<NamedTensor>> answers;
  for (const std::string* bytes : {&TheSample().exact, &TheSample().rounded}) {
    const auto model = Model::FromBytes(*bytes, {});
    ASSERT_TRUE(model.ok()) << model.status();
    auto answer = tools::RunModel(*model, {&TheSample().evaluation, 1});
    ASSERT_TRUE(answer.ok()) << answer.status();
    answers.push_back(std::move(answer->outputs));
  }
  tools::ComparisonOptions comparing;
  comparing.labels = TheSample().labels;
  const auto other = tools::Compare(answers[0], answers[1], comparing);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NEAR(evaluation->sqnr_db.value, other->sqnr_db, 1e-3);
  EXPECT_DOUBLE_EQ(evaluation->agreement->value, other->agreement);
  EXPECT_DOUBLE_EQ(evaluation->exact_accuracy->value, *other->top1_a);
  EXPECT_DOUBLE_EQ(evaluation->rounded_accuracy->value, *other->top1_b);
  EXPECT_NEAR(evaluation->accuracy_change->value,
              *other->top1_b - *other->top1_a, 1e-12);
  EXPECT_LT(evaluation->sqnr_db.low, evaluation->sqnr_db.value);
  EXPECT_GT(evaluation->sqnr_db.high, evaluation->sqnr_db.value);
}

TEST(EvaluateTest, AModelDoesNotDifferFromItself) {
  const auto evaluation =
      Evaluate(TheSample().exact, TheSample().exact,
               {&TheSample().evaluation, 1}, Untimed(), nullptr);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  EXPECT_TRUE(evaluation->identical);
  EXPECT_TRUE(std::isinf(evaluation->sqnr_db.value));
  EXPECT_EQ(evaluation->agreement->value, 1);
  ASSERT_FALSE(evaluation->layers.empty());
  for (const LayerEvaluation& layer : evaluation->layers) {
    EXPECT_TRUE(std::isinf(layer.sqnr_db)) << layer.name;
    EXPECT_FALSE(layer.rounding.has_value()) << layer.name;
  }
}

TEST(EvaluateTest, EveryWeightedLayerIsFoundWithItsIntegers) {
  const auto evaluation = EvaluateSample(Untimed());
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  const auto model = Model::FromBytes(TheSample().exact, {});
  ASSERT_TRUE(model.ok()) << model.status();
  for (const StepDescription& step : (*model)->Steps()) {
    if (step.op != "Conv" && step.op != "MatMul") continue;
    const auto layer = std::find_if(
        evaluation->layers.begin(), evaluation->layers.end(),
        [&](const LayerEvaluation& found) { return found.name == step.name; });
    ASSERT_NE(layer, evaluation->layers.end()) << step.name;
    EXPECT_TRUE(layer->integer) << step.name;
    EXPECT_GT(layer->own_sqnr_db, 20) << step.name;
    EXPECT_LT(layer->own_sqnr_db, 80) << step.name;
  }
}

TEST(EvaluateTest, TheFirstLayersOwnErrorIsAllThatItHas) {
  const auto evaluation = EvaluateSample(Untimed());
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  const auto first = std::find_if(
      evaluation->layers.begin(), evaluation->layers.end(),
      [](const LayerEvaluation& layer) { return layer.op == "Conv"; });
  ASSERT_NE(first, evaluation->layers.end());
  // The cut graph feeds pairs only, and the model's input is the same.
  EXPECT_NEAR(first->own_sqnr_db, first->sqnr_db, 1e-6);
  // Behind it, errors come together.
  EXPECT_LT(evaluation->layers.back().sqnr_db,
            evaluation->layers.back().own_sqnr_db);
}

// The sample's second convolution, of 32 channels, told to have other units
// than it has: the float model's values are a fifth larger in them, which
// leaves 20 log10(1.2 / 0.2) decibels.
TEST(EvaluateTest, HoldsChannelsAgainstTheirOwnUnits) {
  const auto plain = EvaluateSample(Untimed());
  ASSERT_TRUE(plain.ok()) << plain.status();
  size_t index = 0;
  for (size_t i = 0, convs = 0; i < plain->layers.size(); ++i) {
    if (plain->layers[i].op == "Conv" && ++convs == 2) index = i;
  }
  const LayerEvaluation& layer = plain->layers[index];
  EvaluationOptions options = Untimed();
  options.changed_channels = {{layer.tensor, 1, std::vector<float>(32, 0.0f),
                               std::vector<float>(32, 1.0f / 1.2f)}};
  const auto scaled = EvaluateSample(options);
  ASSERT_TRUE(scaled.ok()) << scaled.status();
  EXPECT_NEAR(scaled->layers[index].max, 1.2 * layer.max, 1e-4 * layer.max);
  EXPECT_NEAR(scaled->layers[index].sqnr_db, 20 * std::log10(6.0), 0.5);
  // Those who read it are fed with values in these units.
  const auto has_other_own = [&](const LayerEvaluation& other) {
    const LayerEvaluation& before =
        plain->layers[&other - scaled->layers.data()];
    return other.own_sqnr_db < before.own_sqnr_db - 3;
  };
  EXPECT_TRUE(std::any_of(scaled->layers.begin() + index + 1,
                          scaled->layers.end(), has_other_own));
  EXPECT_EQ(scaled->layers[index - 1].sqnr_db,
            plain->layers[index - 1].sqnr_db);

  // As though they had been moved, which this int8 model knows nothing of.
  options.changed_channels[0].divisors.assign(32, 1.0f);
  options.changed_channels[0].offsets.assign(32, layer.max / 4);
  const auto moved = EvaluateSample(options);
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_NEAR(moved->layers[index].max, 0.75 * layer.max, 1e-4 * layer.max);
  EXPECT_LT(moved->layers[index].sqnr_db, 20);

  options.changed_channels[0].divisors.push_back(1);
  const absl::Status refused = EvaluateSample(options).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.message(), HasSubstr(layer.tensor));
}

TEST(EvaluateTest, CountsWhatIsClipped) {
  // Twice as bright as what calibrated: white is 2 where integers reach 1.
  const NamedTensor bright{"image",
                           Pictures("evaluation_images.npy", 2.0f / 255)};
  EvaluationOptions options = Untimed();
  options.layer_samples = 20;
  const auto evaluation = EvaluateSample(options, bright);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  const LayerEvaluation& input = evaluation->layers[0];
  ASSERT_EQ(input.op, "input");
  const auto values = bright.tensor.data<float>().subspan(0, 20 * 32 * 32);
  const double reach = input.rounding->high + input.rounding->scale / 2;
  const auto beyond = std::count_if(values.begin(), values.end(),
                                    [&](float value) { return value > reach; });
  ASSERT_GT(beyond, 0);
  EXPECT_NEAR(input.rounding->clipped_share,
              static_cast<double>(beyond) / static_cast<double>(values.size()),
              1e-12);
  int64_t counted = 0;
  for (int64_t count : input.histogram.counts) counted += count;
  EXPECT_EQ(counted, static_cast<int64_t>(values.size()));
}

TEST(EvaluateTest, TimesBothModelsAndTheirLayers) {
  EvaluationOptions options;
  options.timing = absl::Milliseconds(60);
  options.layer_samples = 2;
  const auto evaluation = EvaluateSample(options);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  ASSERT_TRUE(evaluation->timing.has_value());
  EXPECT_GE(evaluation->timing->pairs, 5);
  EXPECT_GT(evaluation->timing->rounded.min_ms, 0);
  EXPECT_LE(evaluation->timing->exact.min_ms,
            evaluation->timing->exact.median_ms);
  for (const LayerEvaluation& layer : evaluation->layers) {
    if (layer.op != "Conv") continue;
    EXPECT_GT(layer.exact_us.value_or(0), 0) << layer.name;
    EXPECT_GT(layer.rounded_us.value_or(0), 0) << layer.name;
    EXPECT_FALSE(layer.rounded_kernel.empty()) << layer.name;
  }
}

TEST(EvaluateTest, RefusesLabelsThatDoNotFit) {
  EvaluationOptions options = Untimed();
  options.labels = std::vector<int64_t>{1, 2, 3};
  auto refused = EvaluateSample(options).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("got 3 labels for 504 samples"));
  options.labels = TheSample().labels;
  options.labels->back() = 36;
  refused = EvaluateSample(options).status();
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("sample 503 is 36; the first output has classes 0 to "
                        "35"));
}

TEST(EvaluateTest, RefusesSamplesOfAnotherInput) {
  const auto refused =
      EvaluateSample(Untimed(), {"other", Pictures("evaluation_images.npy")});
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("evaluation tensor other is no input of the model"));
}

// Refuses to go on at one phase.
class Refusal : public QuantizationObserver {
 public:
  explicit Refusal(std::string phase) : phase_(std::move(phase)) {}
  absl::Status OnProgress(const QuantizationProgress& progress) override {
    return progress.phase == phase_ ? absl::CancelledError("enough")
                                    : absl::OkStatus();
  }

 private:
  const std::string phase_;
};

TEST(EvaluateTest, EndsWhereItsObserverWantsIt) {
  for (const char* phase : {"evaluate", "layers", "time"}) {
    Refusal refusal(phase);
    EvaluationOptions options;
    options.timing = absl::Milliseconds(10);
    options.layer_samples = 1;
    EXPECT_EQ(EvaluateSample(options, TheSample().evaluation, &refusal)
                  .status()
                  .code(),
              absl::StatusCode::kCancelled)
        << phase;
  }
}

}  // namespace
}  // namespace octet
