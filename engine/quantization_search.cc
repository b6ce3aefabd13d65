// SPDX-License-Identifier: Apache-2.0
#include "engine/quantization_search.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/loaded_model.h"
#include "engine/output_error.h"

namespace octet::internal {
namespace {

// A remedy that gives less is noise.
constexpr double kLeastGainDb = 0.05;
// A model below this is of little use; layers then may stay float, which costs
// time, where so much is gained.
constexpr double kUsableDb = 15;
constexpr double kLeastFloatGainDb = 1;
constexpr int kMostFloatLayers = 3;

// What is done before layers are corrected one after another.
Correction FirstCorrection(BiasCorrection choice) {
  switch (choice) {
    case BiasCorrection::kOff:
      return Correction::kNone;
    case BiasCorrection::kEmpirical:
      return Correction::kMeasured;
    case BiasCorrection::kAnalytic:
      return Correction::kAnalytic;
  }
  OCTET_CHECK(false);
}

}  // namespace

QuantizationSearch::QuantizationSearch(const onnx::ImportedModel& float_model,
                                       std::shared_ptr<const Model> exact,
                                       const CalibrationRun& run,
                                       const QuantizationOptions& options,
                                       QuantizationObserver* observer)
    : float_model_(float_model),
      exact_(std::move(exact)),
      run_(run),
      options_(options),
      deadline_(absl::Now() + options.budget.time),
      maker_(float_model, run, options, observer) {}

absl::StatusOr<FoundQuantization> QuantizationSearch::Run(
    const ir::Graph& graph, std::optional<ir::Graph> stand_in) {
  OCTET_RETURN_IF_ERROR(maker_.Start(graph, std::move(stand_in)));
  OCTET_RETURN_IF_ERROR(Search());
  maker_.Forget();
  answers_.clear();
  FoundQuantization found;
  OCTET_ASSIGN_OR_RETURN(found.chosen, maker_.Make(best_, Basis::kAll));
  found.remedies = remedies_;
  found.left_out = left_out_;
  return found;
}

absl::Status QuantizationSearch::Search() {
  if (options_.method == QuantizationMethod::kLinear) {
    best_.correction = FirstCorrection(options_.bias_correction);
    return absl::OkStatus();
  }
  OCTET_RETURN_IF_ERROR(ComputeAnswers());
  OCTET_ASSIGN_OR_RETURN(best_errors_, TimedTrial(best_));
  Recipe changed = best_;
  if (options_.bias_correction != BiasCorrection::kOff) {
    changed.correction = FirstCorrection(options_.bias_correction);
    OCTET_RETURN_IF_ERROR(Try(changed.correction == Correction::kAnalytic
                                  ? "bias correction, analytic"
                                  : "bias correction",
                              changed, Proof::kLikelyGain));
  }
  Preparation preparation = best_.prepared;
  preparation.centered = true;
  OCTET_RETURN_IF_ERROR(
      TryPreparing("channel centering", preparation, Proof::kLikelyGain));
  preparation = best_.prepared;
  preparation.equalized.normalizations = true;
  OCTET_RETURN_IF_ERROR(TryPreparing("smoothing behind normalizations",
                                     preparation, Proof::kGain));
  for (const auto& [layers, name] :
       {std::pair(quant::EqualizedLayers::kDepthwise,
                  "depthwise channel equalization"),
        std::pair(quant::EqualizedLayers::kAll, "channel equalization")}) {
    changed = best_;
    changed.prepared.equalized.layers = layers;
    OCTET_RETURN_IF_ERROR(Try(name, changed, Proof::kGain));
  }
  changed = best_;
  changed.fit_thresholds = true;
  OCTET_RETURN_IF_ERROR(Try("histogram thresholds", changed, Proof::kGain));
  changed = best_;
  changed.fit_weights = true;
  OCTET_RETURN_IF_ERROR(Try("fitted weight ranges", changed, Proof::kGain));
  if (options_.bias_correction == BiasCorrection::kEmpirical) {
    changed = best_;
    changed.correction = Correction::kMeasuredInLine;
    OCTET_RETURN_IF_ERROR(
        Try("bias correction, layer after layer", changed, Proof::kGain));
  }
  OCTET_RETURN_IF_ERROR(TryLearnedRounding());
  return TryFloatLayers();
}

absl::Status QuantizationSearch::TryLearnedRounding() {
  // It suits the samples it is made from, which are not to judge it.
  if (!maker_.samples().holds_out()) return absl::OkStatus();
  OCTET_ASSIGN_OR_RETURN(const std::vector<size_t> layers,
                         maker_.LayersThatRound(best_));
  if (layers.empty()) return absl::OkStatus();
  Recipe changed = best_;
  changed.learn_rounding = true;
  return Try("learned rounding", changed, Proof::kGain);
}

absl::Status QuantizationSearch::TryFloatLayers() {
  for (int layers = 1; layers <= kMostFloatLayers; ++layers) {
    if (best_errors_.Of(maker_.samples().held_out()).TotalDecibels() >=
        kUsableDb)
      break;
    Recipe changed = best_;
    changed.float_layers = layers;
    OCTET_RETURN_IF_ERROR(
        Try(layers == 1 ? "first layer in float"
                        : absl::StrCat("first ", layers, " layers in float"),
            changed, Proof::kLargeGain));
  }
  return absl::OkStatus();
}

absl::StatusOr<SampleErrors> QuantizationSearch::TimedTrial(
    const Recipe& recipe) {
  const absl::Time start = absl::Now();
  OCTET_ASSIGN_OR_RETURN(SampleErrors errors, TrialErrors(recipe));
  longest_trial_ = std::max(longest_trial_, absl::Now() - start);
  return errors;
}

absl::Status QuantizationSearch::Try(const std::string& name,
                                     const Recipe& changed, Proof proof) {
  if (absl::Now() + longest_trial_ >= deadline_) {
    left_out_.push_back(name);
    return absl::OkStatus();
  }
  OCTET_ASSIGN_OR_RETURN(SampleErrors errors, TimedTrial(changed));
  const SampleErrors before = best_errors_.Of(maker_.samples().held_out());
  const SampleErrors after = errors.Of(maker_.samples().held_out());
  RemedyEffect& effect = remedies_.emplace_back();
  effect.name = name;
  effect.before_db = before.TotalDecibels();
  effect.after_db = after.TotalDecibels();
  effect.gain_error_db = after.Over(before).total_standard_error_db;
  if (proof == Proof::kLikelyGain) {
    const Gain gain = errors.Over(best_errors_);
    effect.kept = gain.db + gain.standard_error_db >= kLeastGainDb;
  } else {
    const double least =
        proof == Proof::kLargeGain ? kLeastFloatGainDb : kLeastGainDb;
    effect.kept = effect.after_db >= effect.before_db + least;
  }
  if (!effect.kept) {
    effect.note = proof == Proof::kLikelyGain
                      ? "answers the calibration samples no better"
                      : "answers the samples that were held out no better";
    return absl::OkStatus();
  }
  if (effect.after_db < effect.before_db + kLeastGainDb) {
    effect.note = "a gain by all samples, or by what chance leaves open";
  }
  best_ = changed;
  best_errors_ = std::move(errors);
  return absl::OkStatus();
}

absl::Status QuantizationSearch::TryPreparing(const std::string& name,
                                              const Preparation& preparation,
                                              Proof proof) {
  OCTET_ASSIGN_OR_RETURN(const int before,
                         maker_.TensorsChanged(best_.prepared));
  OCTET_ASSIGN_OR_RETURN(const int after, maker_.TensorsChanged(preparation));
  if (after == before) return absl::OkStatus();
  Recipe changed = best_;
  changed.prepared = preparation;
  return Try(name, changed, proof);
}

absl::Status QuantizationSearch::ComputeAnswers() {
  OCTET_ASSIGN_OR_RETURN(auto executor, Executor::Create(exact_));
  for (int64_t sample : maker_.samples().trials()) {
    OCTET_ASSIGN_OR_RETURN(answers_.emplace_back(),
                           RunSample(*executor, *exact_, run_, sample));
  }
  return absl::OkStatus();
}

absl::StatusOr<SampleErrors> QuantizationSearch::TrialErrors(
    const Recipe& recipe) {
  OCTET_ASSIGN_OR_RETURN(const ChosenQuantization chosen,
                         maker_.Make(recipe, Basis::kFit));
  onnx::ImportedModel imported;
  imported.batches = float_model_.batches;
  imported.why_not_batched = float_model_.why_not_batched;
  OCTET_ASSIGN_OR_RETURN(
      imported.graph,
      quant::QuantizeGraph(chosen.graph, chosen.sites, chosen.parameters));
  ModelOptions model_options;
  model_options.threads = options_.threads;
  model_options.max_batch = 1;
  OCTET_ASSIGN_OR_RETURN(
      auto model, LoadedModel::Create(std::move(imported), model_options));
  OCTET_ASSIGN_OR_RETURN(auto executor, Executor::Create(model));
  const std::vector<int64_t>& samples = maker_.samples().trials();
  SampleErrors errors;
  for (size_t i = 0; i < samples.size(); ++i) {
    OCTET_ASSIGN_OR_RETURN(const std::vector<Tensor> rounded,
                           RunSample(*executor, *model, run_, samples[i]));
    OutputError error;
    for (size_t output = 0; output < rounded.size(); ++output) {
      error.Add(answers_[i][output], rounded[output]);
    }
    errors.Add(error);
  }
  return errors;
}

}  // namespace octet::internal
