// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANTIZATION_SEARCH_H_
#define OCTET_ENGINE_QUANTIZATION_SEARCH_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/calibration_run.h"
#include "engine/engine.h"
#include "engine/ir/graph.h"
#include "engine/onnx/importer.h"
#include "engine/quantization_recipe.h"
#include "engine/sample_errors.h"

namespace octet::internal {

// What was chosen for a model, and what it gave.
struct FoundQuantization {
  ChosenQuantization chosen;
  std::vector<RemedyEffect> remedies;
  std::vector<std::string> left_out;  // remedies that there was no time for
};

// Chooses the recipe for one model and its numbers.
//
// A quarter of the calibration samples is held out: a remedy is kept where a
// model made from the others, with it, answers these better than without; bias
// correction and centering also where that is in doubt. What is kept is then
// made again from all samples. With few samples, nothing is held out and all
// of them do both (TrialSamples).
//
// Remedies are tried in one order, the most useful first. One is left out where
// the longest trial so far, taken again, would end after the time budget, which
// counts from when the search is made.
// Thread-compatible.
class QuantizationSearch {
 public:
  // `float_model` is the model that `exact` runs, `graph` its optimized graph;
  // all referred to must outlive the search.
  QuantizationSearch(const onnx::ImportedModel& float_model,
                     std::shared_ptr<const Model> exact,
                     const CalibrationRun& run,
                     const QuantizationOptions& options,
                     QuantizationObserver* observer);

  // `stand_in`, where given, is the graph that samples are run through instead:
  // the same but for constants, each layer's weights and bias scaled by channel
  // (MatchBatchNorms()). REQUIRES: then, kLinear.
  absl::StatusOr<FoundQuantization> Run(
      const ir::Graph& graph, std::optional<ir::Graph> stand_in = std::nullopt);

 private:
  // Chooses best_.
  absl::Status Search();
  absl::Status ComputeAnswers();
  absl::StatusOr<SampleErrors> TrialErrors(const Recipe& recipe);
  // TrialErrors(), its time remembered.
  absl::StatusOr<SampleErrors> TimedTrial(const Recipe& recipe);
  // What the samples have to show of a remedy for it to be kept.
  enum class Proof {
    // For what takes errors away, and suits the samples it is made from no
    // better than others: a gain of the mean decibels of all samples, or that a
    // standard error leaves room for one.
    kLikelyGain,
    // For what trades one error for another: a gain by those held out.
    kGain,
    // For what costs time when the model is served.
    kLargeGain,
  };
  // Makes `changed` best_ where the samples show that and there is time to see
  // it.
  absl::Status Try(const std::string& name, const Recipe& changed, Proof proof);
  // Where weights are rounded at all, and samples held out.
  absl::Status TryLearnedRounding();
  // Where nothing else gave a usable model.
  absl::Status TryFloatLayers();

  // Try(), but where that changes no more tensors than what was done so far.
  absl::Status TryPreparing(const std::string& name,
                            const Preparation& preparation, Proof proof);

  const onnx::ImportedModel& float_model_;
  const std::shared_ptr<const Model> exact_;
  const CalibrationRun& run_;
  const QuantizationOptions& options_;
  const absl::Time deadline_;
  absl::Duration longest_trial_ = absl::ZeroDuration();

  RecipeMaker maker_;
  std::vector<std::vector<Tensor>> answers_;  // of the float model, to trials
  Recipe best_;
  SampleErrors best_errors_;  // of what best_ makes
  std::vector<RemedyEffect> remedies_;
  std::vector<std::string> left_out_;
};

}  // namespace octet::internal

#endif  // OCTET_ENGINE_QUANTIZATION_SEARCH_H_
