// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_TESTING_FAKE_ENGINE_H_
#define OCTET_TESTS_TESTING_FAKE_ENGINE_H_

#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/engine.h"
#include "server/models/engine_functions.h"

namespace octet {

// An engine without arithmetic, for tests of the server. Its model files are a
// line of text:
//   scale <factor>      input "x" and output "y", float32 [4]; y = factor * x
//   echo                an input and an output of every type, [2] each; equal
//   whole               as "scale 1", but rows are not independent: x is [2, 2]
//   open                as "whole", but x is [-1, 2]
//   fail                as "scale 1", but every run after the warm-up fails
//   broken <message>    refused with INVALID_ARGUMENT
// Thread-safe.
class FakeEngine {
 public:
  EngineFunctions functions() {
    EngineFunctions functions;
    functions.load = [this](const std::string& path,
                            const ModelOptions& options) {
      return Load(path, options);
    };
    functions.load_bytes = [this](absl::string_view bytes,
                                  const ModelOptions& options) {
      return Parse(std::string(bytes), options);
    };
    functions.make_executor = [this](std::shared_ptr<const Model> model) {
      return MakeExecutor(std::move(model));
    };
    functions.quantize = [this](absl::string_view bytes,
                                absl::Span<const NamedTensor> calibration,
                                const QuantizationOptions&,
                                QuantizationObserver* observer) {
      return Quantize(bytes, calibration, observer);
    };
    functions.make_synthetic_samples = [](absl::string_view,
                                          absl::Span<const InputRange> ranges) {
      return Synthesize(ranges);
    };
    functions.evaluate = [](absl::string_view exact, absl::string_view rounded,
                            absl::Span<const NamedTensor> samples,
                            const EvaluationOptions& options,
                            QuantizationObserver*) {
      return Evaluate(exact, rounded, samples, options);
    };
    return functions;
  }

  // Makes every run wait until Release().
  void Hold() {
    absl::MutexLock lock(&mutex_);
    held_ = true;
  }
  void Release() {
    absl::MutexLock lock(&mutex_);
    held_ = false;
  }
  // Waits until so many runs wait for Release().
  void AwaitWaiting(int runs) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return waiting_ >= runs;
    };
    mutex_.Await(absl::Condition(&enough));
  }

  // Rows of each run since the last call, warm-up runs too.
  std::vector<int64_t> TakeRuns() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(runs_, {});
  }
  int live_models() const {
    absl::MutexLock lock(&mutex_);
    return live_models_;
  }

 private:
  class FakeModel : public Model {
   public:
    FakeModel(FakeEngine* engine, std::string kind, float factor,
              const ModelOptions& options)
        : kind_(std::move(kind)),
          factor_(factor),
          options_(options),
          engine_(engine) {
      if (kind_ == "echo") {
        for (const DType dtype :
             {DType::kFloat32, DType::kFloat64, DType::kFloat16,
              DType::kBFloat16, DType::kInt8, DType::kUInt8, DType::kInt16,
              DType::kUInt16, DType::kInt32, DType::kUInt32, DType::kInt64,
              DType::kUInt64, DType::kBool}) {
          inputs_.push_back({absl::StrCat("in_", Name(dtype)), dtype, {2}});
          outputs_.push_back({absl::StrCat("out_", Name(dtype)), dtype, {2}});
        }
      } else {
        Shape shape = {4};
        if (kind_ == "whole") shape = {2, 2};
        if (kind_ == "open") shape = {-1, 2};
        inputs_ = {{"x", DType::kFloat32, shape}};
        outputs_ = {{"y", DType::kFloat32, shape}};
      }
      for (int rows = 1; rows <= options.max_batch && batches(); rows *= 2) {
        buckets_.push_back(rows);
      }
      if (buckets_.empty()) buckets_.push_back(1);
      absl::MutexLock lock(&engine_->mutex_);
      engine_->live_models_ += 1;
    }
    ~FakeModel() override {
      absl::MutexLock lock(&engine_->mutex_);
      engine_->live_models_ -= 1;
    }

    const std::vector<TensorSpec>& inputs() const override { return inputs_; }
    const std::vector<TensorSpec>& outputs() const override { return outputs_; }
    bool batches() const override {
      return kind_ != "whole" && kind_ != "open";
    }
    const std::string& why_not_batched() const override { return why_not_; }
    bool has_dynamic_shapes() const override { return kind_ == "open"; }
    const std::string& why_dynamic() const override { return why_not_; }
    const ModelOptions& options() const override { return options_; }
    const std::vector<int>& buckets() const override { return buckets_; }
    int64_t weight_bytes() const override { return 1000; }
    int64_t arena_bytes() const override { return 200; }
    std::vector<StepDescription> Steps() const override {
      return {{"n0", "Mul", "reference", "float32 -> float32", 4},
              {"n1", "Mul", "simd:avx2", "float32 -> float32", 4}};
    }
    std::string Dump(DumpStage) const override { return kind_; }
    bool quantized() const override { return false; }
    const std::vector<SlowerLayers>& slower_layers() const override {
      return slower_layers_;
    }

    const std::string& kind() const { return kind_; }
    float factor() const { return factor_; }

   private:
    const std::string kind_;
    const float factor_;
    const ModelOptions options_;
    FakeEngine* const engine_;
    const std::string why_not_ = "a fake operator mixes rows";
    std::vector<TensorSpec> inputs_;
    std::vector<TensorSpec> outputs_;
    std::vector<int> buckets_;
    const std::vector<SlowerLayers> slower_layers_;
  };

  class FakeExecutor : public Executor {
   public:
    FakeExecutor(FakeEngine* engine, std::shared_ptr<const Model> model)
        : engine_(engine), model_(std::move(model)) {}

    absl::Status Run(absl::Span<const RowBlock> blocks,
                     RunTimes* times) override {
      int64_t rows = 0;
      for (const RowBlock& block : blocks) rows += block.rows;
      engine_->Enter(rows);
      const auto& model = static_cast<const FakeModel&>(*model_);
      ++runs_;
      if (model.kind() == "fail" &&
          runs_ > static_cast<int>(model.buckets().size())) {
        return absl::InternalError("the fake model fails");
      }
      for (const RowBlock& block : blocks) Compute(model, block);
      if (times != nullptr) {
        *times = {absl::Microseconds(10), absl::Microseconds(200),
                  absl::Microseconds(5)};
      }
      return absl::OkStatus();
    }

    absl::StatusOr<std::vector<Tensor>> RunTensors(absl::Span<const Tensor>,
                                                   RunTimes*) override {
      return absl::UnimplementedError("the fake engine takes row blocks");
    }

   private:
    static void Compute(const FakeModel& model, const RowBlock& block) {
      for (size_t i = 0; i < model.inputs().size(); ++i) {
        const TensorSpec& spec = model.inputs()[i];
        std::memcpy(block.outputs[i], block.inputs[i],
                    block.rows * spec.row_bytes());
        if (model.kind() == "echo") continue;
        std::vector<float> values(block.rows * spec.row_elements());
        std::memcpy(values.data(), block.inputs[i],
                    values.size() * sizeof(float));
        for (float& value : values) value *= model.factor();
        std::memcpy(block.outputs[i], values.data(),
                    values.size() * sizeof(float));
      }
    }

    FakeEngine* const engine_;
    const std::shared_ptr<const Model> model_;
    int runs_ = 0;
  };

  absl::StatusOr<std::shared_ptr<const Model>> Load(
      const std::string& path, const ModelOptions& options) {
    std::ifstream file(path);
    if (!file) return absl::NotFoundError(absl::StrCat("no file ", path));
    std::ostringstream text;
    text << file.rdbuf();
    return Parse(text.str(), options);
  }

  absl::StatusOr<std::shared_ptr<const Model>> Parse(
      const std::string& text, const ModelOptions& options) {
    std::istringstream words(text);
    std::string kind;
    float factor = 1;
    words >> kind;
    if (kind == "scale") words >> factor;
    if (kind == "broken") return absl::InvalidArgumentError(text);
    return std::make_shared<const FakeModel>(this, kind, factor, options);
  }

  absl::StatusOr<std::unique_ptr<Executor>> MakeExecutor(
      std::shared_ptr<const Model> model) {
    return std::make_unique<FakeExecutor>(this, std::move(model));
  }

  // Makes "scale <samples>" of whatever it is given, so that tests see that
  // the calibration samples arrived.
  absl::StatusOr<QuantizationResult> Quantize(
      absl::string_view bytes, absl::Span<const NamedTensor> calibration,
      QuantizationObserver* observer) {
    const int64_t samples = calibration[0].tensor.shape()[0];
    for (int64_t done = 0; done <= samples; ++done) {
      Enter(0);
      const absl::Status status =
          observer->OnProgress({"calibrate", done, samples});
      if (!status.ok()) return status;
    }
    QuantizationResult result;
    result.model = absl::StrCat("scale ", samples, "\n");
    result.float_bytes = static_cast<int64_t>(bytes.size());
    result.quantized_bytes = static_cast<int64_t>(result.model.size());
    result.integer_steps = 7;
    result.float_steps = 1;
    result.samples = samples;
    result.sqnr_db = 33.5;
    return result;
  }

  // With labels the first output is right, and so is its int8 version.
  // Two samples of "x" that are the last range's ends.
  static absl::StatusOr<SyntheticSamples> Synthesize(
      absl::Span<const InputRange> ranges) {
    SyntheticInput input = {"x", -1, 1, !ranges.empty(), false};
    if (!ranges.empty()) {
      input.min = ranges.back().min[0];
      input.max = ranges.back().max[0];
    }
    const std::vector<float> values = {input.min, input.min, input.min,
                                       input.min, input.max, input.max,
                                       input.max, input.max};
    return SyntheticSamples{{{"x", Tensor::Of<float>({2, 4}, values)}},
                            {input}};
  }

  static absl::StatusOr<ModelEvaluation> Evaluate(
      absl::string_view exact, absl::string_view rounded,
      absl::Span<const NamedTensor> samples, const EvaluationOptions& options) {
    ModelEvaluation evaluation;
    evaluation.samples = samples[0].tensor.shape()[0];
    evaluation.sqnr_db = {33.5, 33, 34};
    if (options.labels) {
      evaluation.exact_accuracy = Estimate{1, 0.5, 1};
      evaluation.rounded_accuracy = Estimate{1, 0.5, 1};
      evaluation.accuracy_change = Estimate{0, -0.01, 0.01};
    }
    evaluation.exact_bytes = static_cast<int64_t>(exact.size());
    evaluation.rounded_bytes = static_cast<int64_t>(rounded.size());
    return evaluation;
  }

  void Enter(int64_t rows) {
    absl::MutexLock lock(&mutex_);
    if (rows > 0) runs_.push_back(rows);
    waiting_ += 1;
    const auto released = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return !held_;
    };
    mutex_.Await(absl::Condition(&released));
    waiting_ -= 1;
  }

  mutable absl::Mutex mutex_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  int live_models_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<int64_t> runs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace octet

#endif  // OCTET_TESTS_TESTING_FAKE_ENGINE_H_
