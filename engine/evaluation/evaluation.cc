// SPDX-License-Identifier: Apache-2.0
#include "engine/evaluation/evaluation.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/half_tensors.h"
#include "engine/base/status_macros.h"
#include "engine/calibration_run.h"
#include "engine/evaluation/estimates.h"
#include "engine/evaluation/layers.h"
#include "engine/evaluation/model_pair.h"
#include "engine/evaluation/timing.h"

namespace octet {
namespace {

using internal::CalibrationRun;
using internal::ErrorSums;
using internal::LoadedModel;
using internal::ModelPair;
using internal::Sample;

absl::Status Report(QuantizationObserver* observer, absl::string_view phase,
                    int64_t done, int64_t total) {
  if (observer == nullptr) return absl::OkStatus();
  return observer->OnProgress({std::string(phase), done, total});
}

// How many numbers the first output has to choose the largest of, or 0 where
// it is no list.
int64_t ClassesOf(const Model& model) {
  if (model.outputs().empty()) return 0;
  const TensorSpec& first = model.outputs()[0];
  const auto wide =
      std::count_if(first.row_shape.begin(), first.row_shape.end(),
                    [](int64_t extent) { return extent != 1; });
  const bool reals = first.dtype == DType::kFloat32 || IsHalf(first.dtype);
  if (!reals || wide != 1) return 0;
  return first.row_elements();
}

absl::Status CheckLabels(const EvaluationOptions& options, int64_t classes,
                         int64_t samples) {
  if (!options.labels) return absl::OkStatus();
  const std::vector<int64_t>& labels = *options.labels;
  if (classes < 1) {
    return absl::InvalidArgumentError(
        "there are labels, but the model's first output is no list of classes; "
        "leave the labels away");
  }
  if (static_cast<int64_t>(labels.size()) != samples) {
    return absl::InvalidArgumentError(
        absl::StrCat("got ", labels.size(), " labels for ", samples,
                     " samples; expected as many"));
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= 0 && labels[i] < classes) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the label of sample ", i, " is ", labels[i],
                     "; the first output has classes 0 to ", classes - 1));
  }
  return absl::OkStatus();
}

// Runs a model on single samples.
class Answers {
 public:
  static absl::StatusOr<Answers> Create(
      std::shared_ptr<const LoadedModel> model, const CalibrationRun& samples) {
    Answers answers(std::move(model), samples);
    OCTET_ASSIGN_OR_RETURN(answers.executor_, Executor::Create(answers.model_));
    for (const TensorSpec& spec : answers.model_->outputs()) {
      answers.outputs_.emplace_back(spec.dtype, spec.row_shape);
      answers.addresses_.push_back(answers.outputs_.back().mutable_bytes());
    }
    return answers;
  }

  // Half types as float32. The outputs stay until the next call.
  absl::StatusOr<const std::vector<Tensor>*> To(int64_t sample) {
    OCTET_ASSIGN_OR_RETURN(const Sample inputs, samples_.Read(sample));
    const RowBlock block{1, inputs.inputs(), addresses_};
    OCTET_RETURN_IF_ERROR(executor_->Run({&block, 1}, nullptr));
    answers_.clear();
    for (const Tensor& output : outputs_) {
      answers_.push_back(WithoutHalves(output));
    }
    return &answers_;
  }

 private:
  Answers(std::shared_ptr<const LoadedModel> model,
          const CalibrationRun& samples)
      : model_(std::move(model)), samples_(samples) {}

  std::shared_ptr<const LoadedModel> model_;
  const CalibrationRun& samples_;
  std::unique_ptr<Executor> executor_;
  std::vector<Tensor> outputs_;
  std::vector<void*> addresses_;
  std::vector<Tensor> answers_;
};

// What all samples said.
struct Tally {
  std::vector<ErrorSums> sums;  // a sample
  int64_t agreed = 0;
  int64_t exact_right = 0;
  int64_t rounded_right = 0;
  int64_t gained = 0;  // right in int8 only
  int64_t lost = 0;    // right in float only
};

// The index of the largest number, the first of equals.
int64_t Largest(const Tensor& output, bool drop_first) {
  const auto values = output.data<float>().subspan(drop_first ? 1 : 0);
  return std::max_element(values.begin(), values.end()) - values.begin();
}

void AddSample(const std::vector<Tensor>& exact,
               const std::vector<Tensor>& rounded, int64_t sample,
               int64_t classes, const EvaluationOptions& options,
               Tally& tally) {
  ErrorSums& sums = tally.sums.emplace_back();
  for (size_t i = 0; i < exact.size(); ++i) {
    if (exact[i].dtype() != DType::kFloat32) continue;
    sums.Add(exact[i].data<float>(), rounded[i].data<float>());
  }
  if (classes < 2) return;
  const int64_t a = Largest(exact[0], options.drop_first_class);
  const int64_t b = Largest(rounded[0], options.drop_first_class);
  tally.agreed += a == b;
  if (!options.labels) return;
  const int64_t label = (*options.labels)[sample];
  tally.exact_right += a == label;
  tally.rounded_right += b == label;
  tally.gained += b == label && a != label;
  tally.lost += a == label && b != label;
}

template <typename Figure>
Estimate OfSums(const std::vector<ErrorSums>& sums, Figure figure) {
  return internal::Bootstrap(sums.size(), [&](absl::Span<const size_t> drawn) {
    ErrorSums total;
    for (size_t index : drawn) total.Add(sums[index]);
    return figure(total);
  });
}

absl::Status EvaluateAnswers(const ModelPair& models,
                             const std::shared_ptr<const LoadedModel>& exact,
                             const CalibrationRun& samples,
                             const EvaluationOptions& options,
                             QuantizationObserver* observer,
                             ModelEvaluation& evaluation) {
  const int64_t classes =
      ClassesOf(*exact) - (options.drop_first_class ? 1 : 0);
  OCTET_RETURN_IF_ERROR(CheckLabels(options, classes, samples.samples()));
  OCTET_ASSIGN_OR_RETURN(const auto rounded,
                         models.LoadRounded(options.threads));
  OCTET_ASSIGN_OR_RETURN(Answers a, Answers::Create(exact, samples));
  OCTET_ASSIGN_OR_RETURN(Answers b, Answers::Create(rounded, samples));
  Tally tally;
  const int64_t count = samples.samples();
  for (int64_t s = 0; s < count; ++s) {
    OCTET_RETURN_IF_ERROR(Report(observer, "evaluate", s, count));
    OCTET_ASSIGN_OR_RETURN(const std::vector<Tensor>* from_exact, a.To(s));
    OCTET_ASSIGN_OR_RETURN(const std::vector<Tensor>* from_rounded, b.To(s));
    AddSample(*from_exact, *from_rounded, s, classes, options, tally);
  }
  OCTET_RETURN_IF_ERROR(Report(observer, "evaluate", count, count));
  evaluation.samples = count;
  evaluation.sqnr_db =
      OfSums(tally.sums, [](const ErrorSums& sums) { return sums.SqnrDb(); });
  evaluation.cosine =
      OfSums(tally.sums, [](const ErrorSums& sums) { return sums.Cosine(); });
  evaluation.identical =
      std::all_of(tally.sums.begin(), tally.sums.end(),
                  [](const ErrorSums& sums) { return sums.noise == 0; });
  if (classes < 2) return absl::OkStatus();
  evaluation.agreement = internal::Share(tally.agreed, count);
  if (!options.labels) return absl::OkStatus();
  evaluation.exact_accuracy = internal::Share(tally.exact_right, count);
  evaluation.rounded_accuracy = internal::Share(tally.rounded_right, count);
  evaluation.accuracy_change =
      internal::PairedDifference(tally.gained, tally.lost, count);
  return absl::OkStatus();
}

void AddTime(double us, const std::string& kernel, std::optional<double>& sum,
             std::string& kernels) {
  // A layer's own kernel is the one that takes longest.
  if (!sum || us > *sum / 2) kernels = kernel;
  sum = sum.value_or(0) + us;
}

absl::Status EvaluateTimes(const ModelPair& models,
                           const CalibrationRun& samples, absl::Duration budget,
                           size_t first_layer, ModelEvaluation& evaluation) {
  internal::TimedModels timed;
  OCTET_ASSIGN_OR_RETURN(timed.exact, models.LoadExact(/*threads=*/1));
  OCTET_ASSIGN_OR_RETURN(timed.rounded, models.LoadRounded(/*threads=*/1));
  OCTET_ASSIGN_OR_RETURN(evaluation.timing,
                         internal::TimeInPairs(timed, samples, budget / 3));
  if (evaluation.layers.empty()) return absl::OkStatus();
  OCTET_ASSIGN_OR_RETURN(const internal::StepTimes steps,
                         internal::TimeSteps(timed, samples, budget * 2 / 3));
  for (const internal::StepTime& step : steps.exact) {
    const int pair = models.PairOfExactStep(step.output);
    if (pair < 0) {
      evaluation.exact_other_us += step.us;
      continue;
    }
    LayerEvaluation& layer = evaluation.layers[first_layer + pair];
    AddTime(step.us, step.kernel, layer.exact_us, layer.exact_kernel);
  }
  for (const internal::StepTime& step : steps.rounded) {
    const int pair = models.PairOfRoundedStep(step.output);
    if (pair < 0) {
      evaluation.rounded_other_us += step.us;
      continue;
    }
    LayerEvaluation& layer = evaluation.layers[first_layer + pair];
    AddTime(step.us, step.kernel, layer.rounded_us, layer.rounded_kernel);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelEvaluation> EvaluateOn(absl::string_view exact,
                                           absl::string_view rounded,
                                           const SampleSource& samples,
                                           const EvaluationOptions& options,
                                           QuantizationObserver* observer) {
  OCTET_ASSIGN_OR_RETURN(const ModelPair models,
                         ModelPair::Import(exact, rounded));
  OCTET_ASSIGN_OR_RETURN(const auto loaded, models.LoadExact(options.threads));
  OCTET_ASSIGN_OR_RETURN(
      const CalibrationRun run,
      CalibrationRun::Create(*loaded, samples, "evaluation"));
  ModelEvaluation evaluation;
  evaluation.exact_bytes = static_cast<int64_t>(exact.size());
  evaluation.rounded_bytes = static_cast<int64_t>(rounded.size());
  OCTET_RETURN_IF_ERROR(
      EvaluateAnswers(models, loaded, run, options, observer, evaluation));
  size_t first_layer = 0;
  if (options.layer_samples > 0) {
    const int64_t count = std::min(options.layer_samples, run.samples());
    evaluation.layer_samples = count;
    OCTET_ASSIGN_OR_RETURN(evaluation.layers,
                           internal::EvaluateInputs(models, run, count));
    first_layer = evaluation.layers.size();
    OCTET_ASSIGN_OR_RETURN(
        std::vector<LayerEvaluation> layers,
        internal::EvaluateLayers(models, run, count, options, observer));
    std::move(layers.begin(), layers.end(),
              std::back_inserter(evaluation.layers));
  }
  if (options.timing > absl::ZeroDuration()) {
    OCTET_RETURN_IF_ERROR(Report(observer, "time", 0, 1));
    OCTET_RETURN_IF_ERROR(
        EvaluateTimes(models, run, options.timing, first_layer, evaluation));
    OCTET_RETURN_IF_ERROR(Report(observer, "time", 1, 1));
  }
  return evaluation;
}

absl::StatusOr<ModelEvaluation> Evaluate(absl::string_view exact,
                                         absl::string_view rounded,
                                         absl::Span<const NamedTensor> samples,
                                         const EvaluationOptions& options,
                                         QuantizationObserver* observer) {
  return EvaluateOn(exact, rounded, TensorSamples(samples), options, observer);
}

}  // namespace octet
