// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/io/file.h"
#include "engine/io/npy.h"
#include "engine/onnx/exporter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kClasses = 36;
constexpr int64_t kPixels = 32 * 32;
// What deploy/sample/README.md says of the float model.
constexpr int kFloatRight = 486;
constexpr int kPictures = 504;

std::string SamplePath(absl::string_view file) {
  return absl::StrCat(OCTET_SOURCE_DIR, "/deploy/sample/", file);
}

Tensor ReadOrDie(absl::string_view file) {
  auto tensor = io::ReadNpy(SamplePath(file));
  EXPECT_TRUE(tensor.ok()) << tensor.status();
  return tensor.ok() ? *std::move(tensor) : Tensor();
}

// uint8 [n, 32, 32] -> float32 [n, 1, 32, 32], grey value / 255.
Tensor Pictures(absl::string_view file) {
  const Tensor bytes = ReadOrDie(file);
  Tensor reals(DType::kFloat32, {bytes.shape()[0], 1, 32, 32});
  std::transform(bytes.data<uint8_t>().begin(), bytes.data<uint8_t>().end(),
                 reals.mutable_data<float>().begin(),
                 [](uint8_t byte) { return static_cast<float>(byte) / 255; });
  return reals;
}

// What the tests of the sample model share, read and quantized once.
struct Sample {
  std::string bytes = *io::ReadFile(SamplePath("printed_characters.onnx"));
  Tensor evaluation = Pictures("evaluation_images.npy");
  Tensor labels = ReadOrDie("evaluation_labels.npy");
  NamedTensor calibration{"image", Pictures("calibration_images.npy")};
  absl::StatusOr<QuantizationResult> quantization =
      Quantize(bytes, {&calibration, 1}, {}, nullptr);
};

const Sample& TheSample() {
  static const Sample* const sample = new Sample();
  return *sample;
}

std::shared_ptr<const Model> LoadOrDie(absl::string_view bytes,
                                       ModelOptions options = {}) {
  auto model = Model::FromBytes(bytes, options);
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : nullptr;
}

// Runs rows [begin, end) of `rows` through `executor` as blocks of the given
// sizes in one Run(); answers [end - begin, classes].
std::vector<float> RunBlocks(Executor& executor, const Tensor& rows,
                             const std::vector<int64_t>& sizes) {
  int64_t total = 0;
  for (int64_t size : sizes) total += size;
  std::vector<float> answers(total * kClasses);
  std::vector<const void*> inputs(sizes.size());
  std::vector<void*> outputs(sizes.size());
  std::vector<RowBlock> blocks;
  int64_t row = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    inputs[i] = rows.data<float>().data() + row * kPixels;
    outputs[i] = answers.data() + row * kClasses;
    blocks.push_back({sizes[i], {&inputs[i], 1}, {&outputs[i], 1}});
    row += sizes[i];
  }
  const absl::Status status = executor.Run(blocks, nullptr);
  EXPECT_TRUE(status.ok()) << status;
  return answers;
}

std::vector<float> RunAll(const std::shared_ptr<const Model>& model,
                          const Tensor& rows) {
  auto executor = Executor::Create(model);
  EXPECT_TRUE(executor.ok()) << executor.status();
  return RunBlocks(**executor, rows, {rows.shape()[0]});
}

int CountRight(const std::vector<float>& answers, const Tensor& labels) {
  int right = 0;
  for (int64_t row = 0; row < labels.size(); ++row) {
    const auto begin = answers.begin() + row * kClasses;
    right += std::max_element(begin, begin + kClasses) - begin ==
             labels.data<int64_t>()[row];
  }
  return right;
}

TEST(SampleModelTest, FloatReadsAsManyPicturesAsItsReadmeSays) {
  const Sample& sample = TheSample();
  const auto model = LoadOrDie(sample.bytes);
  ASSERT_THAT(model->inputs(), testing::SizeIs(1));
  EXPECT_EQ(model->inputs()[0].name, "image");
  EXPECT_EQ(model->inputs()[0].row_shape, (Shape{1, 32, 32}));
  EXPECT_EQ(model->outputs()[0].name, "logits");
  EXPECT_EQ(model->outputs()[0].row_shape, (Shape{kClasses}));
  EXPECT_TRUE(model->batches()) << model->why_not_batched();
  EXPECT_THAT(model->buckets(), ElementsAre(1, 2, 4, 8));
  EXPECT_FALSE(model->quantized());
  EXPECT_GT(model->weight_bytes(), 100000);
  ASSERT_EQ(sample.labels.size(), kPictures);
  // One picture may fall on the other side of a near tie on another machine.
  EXPECT_NEAR(CountRight(RunAll(model, sample.evaluation), sample.labels),
              kFloatRight, 1);
}

TEST(SampleModelTest, Int8ReadsThePicturesWithinAPointOfFloat) {
  const Sample& sample = TheSample();
  ASSERT_TRUE(sample.quantization.ok()) << sample.quantization.status();
  const QuantizationResult& result = *sample.quantization;
  const auto model = LoadOrDie(result.model);
  EXPECT_TRUE(model->quantized());
  const int right = CountRight(RunAll(model, sample.evaluation), sample.labels);
  EXPECT_GE(right, kFloatRight - kPictures / 100);
  EXPECT_EQ(result.samples, 180);
  EXPECT_EQ(result.float_bytes, static_cast<int64_t>(sample.bytes.size()));
  EXPECT_EQ(result.quantized_bytes, static_cast<int64_t>(result.model.size()));
  EXPECT_LT(result.quantized_bytes, result.float_bytes / 2);
  EXPECT_GT(result.sqnr_db, 20);
  EXPECT_GT(result.integer_steps, 10);
  EXPECT_FALSE(result.tensors.empty());
}

TEST(SampleModelTest, SymmetricActivationsReadThePicturesToo) {
  const Sample& sample = TheSample();
  QuantizationOptions options;
  options.activations = ActivationScheme::kSymmetric;
  const auto result =
      Quantize(sample.bytes, {&sample.calibration, 1}, options, nullptr);
  ASSERT_TRUE(result.ok()) << result.status();
  for (const QuantizedTensor& tensor : result->tensors) {
    EXPECT_THAT(tensor.zero_points, testing::Each(0)) << tensor.name;
  }
  const int right = CountRight(
      RunAll(LoadOrDie(result->model), sample.evaluation), sample.labels);
  EXPECT_GE(right, kFloatRight - 2 * kPictures / 100);
}

TEST(SampleModelTest, AllStepsBetweenTheFirstAndTheLastIntegerStepAreInteger) {
  ASSERT_TRUE(TheSample().quantization.ok());
  const auto model = LoadOrDie(TheSample().quantization->model);
  const std::vector<StepDescription> steps = model->Steps();
  const auto gives_integers = [](const StepDescription& step) {
    return absl::EndsWith(step.types, "-> uint8") ||
           absl::EndsWith(step.types, "-> int8");
  };
  const auto takes_integers = [](const StepDescription& step) {
    return absl::StartsWith(step.types, "uint8") ||
           absl::StartsWith(step.types, "int8");
  };
  ASSERT_GT(steps.size(), 10u);
  // The picture is quantized while it is gathered; the classifier gives float.
  for (size_t i = 0; i + 1 < steps.size(); ++i) {
    EXPECT_TRUE(takes_integers(steps[i])) << steps[i].name << steps[i].types;
    EXPECT_TRUE(gives_integers(steps[i])) << steps[i].name << steps[i].types;
    EXPECT_NE(steps[i].op, "Requantize") << steps[i].name;
  }
  EXPECT_TRUE(takes_integers(steps.back())) << steps.back().types;
  EXPECT_TRUE(absl::EndsWith(steps.back().types, "float32"));
  for (const StepDescription& step : steps) {
    EXPECT_NE(step.kernel, "reference") << step.op << " " << step.name;
  }
}

TEST(SampleModelTest, Int8RowsAreTheSameBytesWhateverBatchThreadsAndBlocks) {
  ASSERT_TRUE(TheSample().quantization.ok());
  const Tensor rows = TheSample().evaluation.Rows(0, 24);
  std::optional<std::vector<float>> expected;
  for (int threads : {1, 2}) {
    for (int max_batch : {1, 3, 8}) {
      ModelOptions options;
      options.threads = threads;
      options.max_batch = max_batch;
      const auto model = LoadOrDie(TheSample().quantization->model, options);
      auto executor = Executor::Create(model);
      ASSERT_TRUE(executor.ok()) << executor.status();
      for (const std::vector<int64_t>& sizes : {std::vector<int64_t>{24},
                                                {1, 23},
                                                {5, 0, 6, 7, 3, 3},
                                                {8, 8, 8},
                                                {3, 1, 20}}) {
        const auto answers = RunBlocks(**executor, rows, sizes);
        if (!expected) expected = answers;
        EXPECT_EQ(std::memcmp(answers.data(), expected->data(),
                              answers.size() * sizeof(float)),
                  0)
            << threads << " threads, batches of " << max_batch << ", "
            << sizes.size() << " blocks";
      }
    }
  }
}

TEST(SampleModelTest, FloatRowsAreCloseWhateverTheBatch) {
  const Tensor rows = TheSample().evaluation.Rows(0, 11);
  ModelOptions options;
  options.max_batch = 1;
  const auto one = RunAll(LoadOrDie(TheSample().bytes, options), rows);
  options.max_batch = 8;
  options.threads = 2;
  const auto eight = RunAll(LoadOrDie(TheSample().bytes, options), rows);
  for (size_t i = 0; i < one.size(); ++i) {
    ASSERT_NEAR(one[i], eight[i], 1e-3) << "element " << i;
  }
}

TEST(SampleModelTest, ReferenceBackendAgreesWithTheDefaultOne) {
  ASSERT_TRUE(TheSample().quantization.ok());
  const Tensor rows = TheSample().evaluation.Rows(0, 4);
  ModelOptions options;
  options.backend = BackendChoice::kReference;
  for (absl::string_view bytes :
       {absl::string_view(TheSample().bytes),
        absl::string_view(TheSample().quantization->model)}) {
    const auto reference = LoadOrDie(bytes, options);
    for (const StepDescription& step : reference->Steps()) {
      EXPECT_EQ(step.kernel, "reference");
    }
    const auto a = RunAll(reference, rows);
    const auto b = RunAll(LoadOrDie(bytes), rows);
    for (size_t i = 0; i < a.size(); ++i) {
      ASSERT_NEAR(a[i], b[i], reference->quantized() ? 0.5 : 1e-3);
    }
  }
}

TEST(SampleModelTest, QuantizationGivesTheSameBytesEveryTime) {
  const NamedTensor few{"image", TheSample().calibration.tensor.Rows(0, 16)};
  const auto once = Quantize(TheSample().bytes, {&few, 1}, {}, nullptr);
  const auto again = Quantize(TheSample().bytes, {&few, 1}, {}, nullptr);
  ASSERT_TRUE(once.ok()) << once.status();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(once->model == again->model);
}

TEST(SampleModelTest, EveryStageCanBeDumped) {
  const auto model = LoadOrDie(TheSample().bytes);
  EXPECT_THAT(model->Dump(DumpStage::kImported), HasSubstr("BatchNorm"));
  EXPECT_THAT(model->Dump(DumpStage::kOptimized),
              AllOf(HasSubstr("Conv"), testing::Not(HasSubstr("BatchNorm"))));
  EXPECT_THAT(model->Dump(DumpStage::kLowered), HasSubstr("channels_last"));
  EXPECT_THAT(model->Dump(DumpStage::kPlan), HasSubstr("arena "));
}

TEST(SampleModelTest, StepsCountTheMultiplicationsOfOneRow) {
  int64_t macs = 0;
  for (const StepDescription& step : LoadOrDie(TheSample().bytes)->Steps()) {
    macs += step.macs;
  }
  // deploy/sample/README.md: 12.2 million.
  EXPECT_NEAR(static_cast<double>(macs), 12.2e6, 0.1e6);
}

TEST(ModelTest, FromFileNamesWhatIsWrong) {
  const ScratchFolder folder;
  const auto missing = Model::FromFile(folder.path() + "/no.onnx", {});
  EXPECT_TRUE(absl::IsNotFound(missing.status())) << missing.status();
  EXPECT_THAT(missing.status().message(), HasSubstr("no.onnx"));
  EXPECT_TRUE(
      absl::IsInvalidArgument(Model::FromFile(folder.path(), {}).status()));

  folder.Write("garbage.onnx", "this is no model at all, whatever it says");
  const auto garbage = Model::FromFile(folder.path() + "/garbage.onnx", {});
  EXPECT_TRUE(absl::IsDataLoss(garbage.status())) << garbage.status();
  EXPECT_THAT(garbage.status().message(), HasSubstr("garbage.onnx"));

  folder.Write("good.onnx", TheSample().bytes);
  EXPECT_TRUE(Model::FromFile(folder.path() + "/good.onnx", {}).ok());
}

TEST(ModelTest, TruncatedFilesAreErrors) {
  const std::string& bytes = TheSample().bytes;
  for (size_t length : {size_t{0}, size_t{1}, size_t{100}, bytes.size() / 3,
                        bytes.size() / 2, bytes.size() - 1}) {
    const auto model =
        Model::FromBytes(absl::string_view(bytes).substr(0, length), {});
    EXPECT_FALSE(model.ok()) << length << " bytes";
    EXPECT_FALSE(absl::IsInternal(model.status())) << model.status();
  }
}

TEST(ModelTest, OptionsOutOfRangeAreNamed) {
  const auto load = [](int threads, int max_batch) {
    ModelOptions options;
    options.threads = threads;
    options.max_batch = max_batch;
    return Model::FromBytes(TheSample().bytes, options).status();
  };
  for (int threads : {-1, 0, 257}) {
    EXPECT_TRUE(absl::IsInvalidArgument(load(threads, 1)));
    EXPECT_THAT(load(threads, 1).message(),
                HasSubstr(absl::StrCat("threads is ", threads)));
  }
  for (int max_batch : {-1, 0, 1025}) {
    EXPECT_TRUE(absl::IsInvalidArgument(load(1, max_batch)));
    EXPECT_THAT(load(1, max_batch).message(),
                HasSubstr(absl::StrCat("max_batch is ", max_batch)));
  }
}

TEST(ModelTest, BucketsArePowersOfTwoAndTheLargest) {
  ModelOptions options;
  options.max_batch = 6;
  EXPECT_THAT(LoadOrDie(TheSample().bytes, options)->buckets(),
              ElementsAre(1, 2, 4, 6));
}

TEST(ModelTest, BucketsShareTheirWeights) {
  ModelOptions options;
  options.max_batch = 1;
  const int64_t one = LoadOrDie(TheSample().bytes, options)->weight_bytes();
  options.max_batch = 8;
  const int64_t eight = LoadOrDie(TheSample().bytes, options)->weight_bytes();
  // Another bucket may want another layout of a few weights, not a copy of all.
  EXPECT_LT(eight, one * 3 / 2);
}

TEST(ExecutorTest, BlocksThatDoNotFitTheSignatureAreRefused) {
  const auto model = LoadOrDie(TheSample().bytes);
  auto executor = Executor::Create(model);
  ASSERT_TRUE(executor.ok()) << executor.status();
  std::vector<float> input(kPixels);
  std::vector<float> output(kClasses);
  const void* inputs[] = {input.data(), input.data()};
  void* outputs[] = {output.data(), output.data()};
  for (const RowBlock& block :
       {RowBlock{1, {inputs, 2}, {outputs, 1}},
        RowBlock{1, {inputs, 1}, {outputs, 2}}, RowBlock{1, {}, {outputs, 1}},
        RowBlock{-1, {inputs, 1}, {outputs, 1}}}) {
    EXPECT_TRUE(
        absl::IsInvalidArgument((*executor)->Run({&block, 1}, nullptr)));
  }
  const RowBlock good{1, {inputs, 1}, {outputs, 1}};
  EXPECT_TRUE((*executor)->Run({&good, 1}, nullptr).ok());
  EXPECT_TRUE((*executor)->Run({}, nullptr).ok());
}

TEST(ExecutorTest, TimesAddUpOverPlanRuns) {
  auto executor = Executor::Create(LoadOrDie(TheSample().bytes));
  ASSERT_TRUE(executor.ok()) << executor.status();
  std::vector<float> output(9 * kClasses);
  const void* input = TheSample().evaluation.bytes();
  void* answers = output.data();
  const RowBlock block{9, {&input, 1}, {&answers, 1}};
  RunTimes times{-absl::Seconds(1), -absl::Seconds(1), -absl::Seconds(1)};
  ASSERT_TRUE((*executor)->Run({&block, 1}, &times).ok());
  EXPECT_GE(times.gather, absl::ZeroDuration());
  EXPECT_GT(times.compute, absl::ZeroDuration());
  EXPECT_GE(times.scatter, absl::ZeroDuration());
}

// Two inputs, two outputs: y = x W, z = x W + v.
std::string TwoInputModel() {
  GraphBuilder b;
  const ir::ValueId x = b.Input("x", RowsAnd({4}));
  const ir::ValueId v = b.Input("v", RowsAnd({3}));
  const ir::ValueId y =
      b.Node("y", ir::MatMul{}, {x, b.Constant("w", RandomFloats({4, 3}, 1))});
  b.Output(y);
  b.Output(b.Node("z", ir::Binary{}, {y, v}));
  return *onnx::ExportModel(b.Build());
}

// The columns of [4, 3] as shares of their sums: rows that look at each other.
std::string UnbatchedModel() {
  GraphBuilder b;
  const ir::ValueId x = b.Input("x", ir::FixedDims({4, 3}));
  const ir::ValueId m =
      b.Node("m", ir::MatMul{}, {x, b.Constant("w", RandomFloats({3, 3}, 1))});
  b.Output(b.Node("y", ir::Softmax{0, false, false}, {m}));
  return *onnx::ExportModel(b.Build());
}

TEST(ExecutorTest, SeveralInputsAndOutputsKeepTheirRowsApart) {
  const auto model = LoadOrDie(TwoInputModel());
  ASSERT_EQ(model->inputs().size(), 2u);
  ASSERT_TRUE(model->batches()) << model->why_not_batched();
  auto executor = Executor::Create(model);
  ASSERT_TRUE(executor.ok()) << executor.status();
  constexpr int64_t kRows = 13;
  const Tensor x = RandomFloats({kRows, 4}, 5);
  const Tensor v = RandomFloats({kRows, 3}, 6);
  std::vector<float> y(kRows * 3);
  std::vector<float> z(kRows * 3);
  const void* inputs[] = {x.bytes(), v.bytes()};
  void* outputs[] = {y.data(), z.data()};
  const RowBlock block{kRows, inputs, outputs};
  ASSERT_TRUE((*executor)->Run({&block, 1}, nullptr).ok());
  const Tensor w = RandomFloats({4, 3}, 1);
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t c = 0; c < 3; ++c) {
      double sum = 0;
      for (int64_t k = 0; k < 4; ++k) {
        sum += x.data<float>()[row * 4 + k] * w.data<float>()[k * 3 + c];
      }
      EXPECT_NEAR(y[row * 3 + c], sum, 1e-5);
      EXPECT_NEAR(z[row * 3 + c], sum + v.data<float>()[row * 3 + c], 1e-5);
    }
  }
}

TEST(ExecutorTest, ModelThatDoesNotBatchTakesOneRowAtATime) {
  const auto model = LoadOrDie(UnbatchedModel());
  EXPECT_FALSE(model->batches());
  EXPECT_THAT(model->why_not_batched(), testing::Not(IsEmpty()));
  EXPECT_THAT(model->buckets(), ElementsAre(1));
  EXPECT_EQ(model->inputs()[0].row_shape, (Shape{4, 3}));
  auto executor = Executor::Create(model);
  ASSERT_TRUE(executor.ok()) << executor.status();
  const Tensor x = RandomFloats({4, 3}, 5);
  std::vector<float> y(12);
  const void* input = x.bytes();
  void* output = y.data();
  const RowBlock one{1, {&input, 1}, {&output, 1}};
  ASSERT_TRUE((*executor)->Run({&one, 1}, nullptr).ok());
  for (int c = 0; c < 3; ++c) {
    EXPECT_NEAR(y[c] + y[3 + c] + y[6 + c] + y[9 + c], 1, 1e-5);
  }
  const RowBlock two{2, {&input, 1}, {&output, 1}};
  EXPECT_TRUE(absl::IsInvalidArgument((*executor)->Run({&two, 1}, nullptr)));
  const RowBlock both[] = {one, one};
  EXPECT_TRUE(absl::IsInvalidArgument((*executor)->Run(both, nullptr)));
}

TEST(QuantizeTest, ModelThatDoesNotBatchTakesSamplesOnAnAxisOfTheirOwn) {
  const NamedTensor samples{"x", RandomFloats({6, 4, 3}, 5)};
  const auto result = Quantize(UnbatchedModel(), {&samples, 1}, {}, nullptr);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->samples, 6);
  EXPECT_GT(result->sqnr_db, 20);
  EXPECT_FALSE(LoadOrDie(result->model)->batches());
}

TEST(QuantizeTest, CalibrationThatDoesNotMatchIsNamed) {
  const std::string model = TwoInputModel();
  const Tensor x = RandomFloats({5, 4}, 1);
  const Tensor v = RandomFloats({5, 3}, 2);
  Tensor nan = RandomFloats({5, 4}, 1);
  nan.mutable_data<float>()[7] = std::numeric_limits<float>::quiet_NaN();
  Tensor infinite = RandomFloats({5, 3}, 1);
  infinite.mutable_data<float>()[2] = std::numeric_limits<float>::infinity();
  const std::pair<std::vector<NamedTensor>, const char*> cases[] = {
      {{{"x", x}}, "no calibration tensor for the model's input v"},
      {{{"x", x}, {"v", v}, {"w", x}}, "calibration tensor w is no input"},
      {{{"x", RandomFloats({5, 3}, 1)}, {"v", v}},
       "calibration tensor x has shape [5, 3]; expected [samples, 4]"},
      {{{"x", RandomIntegers(DType::kUInt8, {5, 4}, 1, 0, 9)}, {"v", v}},
       "calibration tensor x is uint8; expected float32"},
      {{{"x", RandomFloats({4, 4}, 1)}, {"v", v}},
       "calibration tensor v has 5 samples"},
      {{{"x", RandomFloats({0, 4}, 1)}, {"v", RandomFloats({0, 3}, 1)}},
       "no calibration samples"},
      {{{"x", nan}, {"v", v}}, "calibration tensor x holds nan at element 7"},
      {{{"x", x}, {"v", infinite}},
       "calibration tensor v holds inf at element 2"},
      {{}, "no calibration tensor for the model's input x"},
  };
  for (const auto& [tensors, message] : cases) {
    const auto result = Quantize(model, tensors, {}, nullptr);
    EXPECT_TRUE(absl::IsInvalidArgument(result.status())) << result.status();
    EXPECT_THAT(result.status().message(), HasSubstr(message));
  }
  const NamedTensor good[] = {{"v", v}, {"x", x}};  // in any order
  EXPECT_TRUE(Quantize(model, good, {}, nullptr).ok());
}

TEST(QuantizeTest, QuantizedModelIsRefused) {
  ASSERT_TRUE(TheSample().quantization.ok());
  const auto again = Quantize(TheSample().quantization->model,
                              {&TheSample().calibration, 1}, {}, nullptr);
  EXPECT_TRUE(absl::IsInvalidArgument(again.status()));
  EXPECT_THAT(again.status().message(), HasSubstr("quantized already"));
}

TEST(QuantizeTest, BrokenModelsAndThreadsAreErrors) {
  const NamedTensor& calibration = TheSample().calibration;
  EXPECT_TRUE(absl::IsDataLoss(
      Quantize("no model", {&calibration, 1}, {}, nullptr).status()));
  QuantizationOptions options;
  options.threads = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(
      Quantize(TheSample().bytes, {&calibration, 1}, options, nullptr)
          .status()));
}

// Notes what it is told and cancels at a chosen phase.
class RecordingObserver : public QuantizationObserver {
 public:
  explicit RecordingObserver(std::string cancel_at = "")
      : cancel_at_(std::move(cancel_at)) {}

  absl::Status OnProgress(const QuantizationProgress& progress) override {
    seen_.push_back(progress);
    if (progress.phase == cancel_at_ && progress.done > 0) {
      return absl::CancelledError("the user left");
    }
    return absl::OkStatus();
  }
  const std::vector<QuantizationProgress>& seen() const { return seen_; }

 private:
  const std::string cancel_at_;
  std::vector<QuantizationProgress> seen_;
};

TEST(QuantizeTest, ObserverHearsOfEveryPhaseInOrder) {
  const NamedTensor good[] = {{"x", RandomFloats({5, 4}, 1)},
                              {"v", RandomFloats({5, 3}, 2)}};
  RecordingObserver observer;
  ASSERT_TRUE(Quantize(TwoInputModel(), good, {}, &observer).ok());
  std::vector<std::string> phases;
  for (const QuantizationProgress& progress : observer.seen()) {
    EXPECT_LE(progress.done, progress.total) << progress.phase;
    if (phases.empty() || phases.back() != progress.phase) {
      phases.push_back(progress.phase);
    }
  }
  EXPECT_THAT(phases, ElementsAre("import", "calibrate", "correct biases",
                                  "quantize", "check"));
  EXPECT_EQ(observer.seen().back().done, 5);
}

TEST(QuantizeTest, ObserverCancelsInAnyPhase) {
  const NamedTensor good[] = {{"x", RandomFloats({5, 4}, 1)},
                              {"v", RandomFloats({5, 3}, 2)}};
  for (const char* phase :
       {"import", "calibrate", "correct biases", "quantize", "check"}) {
    RecordingObserver observer(phase);
    const auto result = Quantize(TwoInputModel(), good, {}, &observer);
    EXPECT_EQ(result.status(), absl::CancelledError("the user left")) << phase;
    EXPECT_EQ(observer.seen().back().phase, phase);
  }
}

TEST(EngineTest, DescribesTheMachine) {
  const MachineDescription machine = DescribeMachine();
  EXPECT_THAT(machine.cpu, testing::Not(IsEmpty()));
  EXPECT_THAT(machine.isa, testing::Not(IsEmpty()));
  EXPECT_THAT(std::string(Version()), testing::ContainsRegex("^[0-9]+\\."));
}

TEST(EngineTest, TensorProtoThatIsNoneIsDataLoss) {
  EXPECT_TRUE(
      absl::IsDataLoss(ParseTensorProto("\xff\xff\xff garbage").status()));
}

}  // namespace
}  // namespace octet
