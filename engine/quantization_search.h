// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANTIZATION_SEARCH_H_
#define OCTET_ENGINE_QUANTIZATION_SEARCH_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/calibration_run.h"
#include "engine/engine.h"
#include "engine/ir/graph.h"
#include "engine/onnx/importer.h"
#include "engine/quant/bias_correction.h"
#include "engine/quant/calibrate.h"
#include "engine/quant/equalize_channels.h"
#include "engine/quant/input_moments.h"
#include "engine/quant/quantization_sites.h"
#include "engine/quant/quantize_graph.h"
#include "engine/quant/threshold.h"
#include "engine/sample_errors.h"
#include "engine/trial_samples.h"

namespace octet::internal {

// What was chosen for a model, and what it gave.
struct ChosenQuantization {
  ir::Graph graph;  // float, prepared, biases corrected
  quant::QuantizationSites sites;
  quant::QuantizationParameters parameters;
  std::vector<quant::Threshold> thresholds;  // by site
  std::vector<quant::SiteStatistics> statistics;
  std::vector<ChangedChannels> changed_channels;
  std::vector<RemedyEffect> remedies;
  std::vector<std::string> left_out;  // remedies that there was no time for
};

// How biases are corrected.
enum class Correction {
  kNone,
  kAnalytic,
  kMeasured,        // each layer by itself, quant::Upstream::kFloat
  kMeasuredInLine,  // layer after layer, quant::Upstream::kRounded
};

// What is done to channels between layers before anything is rounded.
struct Preparation {
  bool centered = false;
  quant::EqualizationScope equalized;

  auto operator<=>(const Preparation&) const = default;
};

// The parts of a quantization that can be left out.
struct Recipe {
  Preparation prepared;
  bool fit_thresholds = false;
  bool fit_weights = false;
  bool learn_rounding = false;
  Correction correction = Correction::kNone;
  int float_layers = 0;  // so many of the first ones are not rounded
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
  absl::StatusOr<ChosenQuantization> Run(
      const ir::Graph& graph, std::optional<ir::Graph> stand_in = std::nullopt);

 private:
  // What is known of a graph from some samples.
  struct Observed {
    ir::Graph graph;
    quant::QuantizationSites sites;
    std::vector<quant::SiteStatistics> statistics;
    // By node, of the layers; empty where no formula asks for them.
    std::vector<std::vector<double>> input_means;
    // Groups of values whose channels were changed, once for each step.
    int changed_tensors = 0;
    std::vector<ChangedChannels> changed_channels;
    // By site, the kind of threshold that was best; empty until asked for.
    std::vector<std::string> kinds;
    // By node; empty until asked for.
    std::vector<quant::InputMoments> moments;
  };
  struct Prepared {
    ir::Graph graph;
    int changed_tensors = 0;
    std::vector<ChangedChannels> changed_channels;
  };
  // Which samples a model is made from; kTrials: those that trials fit, and
  // those that judge them.
  enum class Basis { kFit, kTrials, kAll };

  // `graph` with scales of their own where inputs of a Concat would lose by
  // sharing one.
  absl::StatusOr<ir::Graph> SeparateScales(const ir::Graph& graph);
  // Chooses best_.
  absl::Status Search();
  absl::Status ComputeAnswers();
  absl::StatusOr<ChosenQuantization> Make(const Recipe& recipe, Basis basis);
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

  // The model's graph, prepared by what is known of it before the last step: no
  // samples are run but for that.
  absl::StatusOr<Prepared> PreparedGraph(const Preparation& preparation,
                                         Basis basis);
  // What is known of the model's graph, prepared.
  absl::StatusOr<Observed*> ObservedFrom(const Preparation& preparation,
                                         Basis basis);
  // Try(), but where that changes no more tensors than what was done so far.
  absl::Status TryPreparing(const std::string& name,
                            const Preparation& preparation, Proof proof);
  absl::StatusOr<Observed> Observe(ir::Graph graph, Basis basis);
  absl::Status ChooseKinds(Observed& observed, Basis basis);
  // Those, by node, whose weights `recipe` without learned rounding rounds.
  absl::StatusOr<std::vector<size_t>> LayersThatRound(const Recipe& recipe);
  // Of layers_that_round_.
  absl::Status ObserveMoments(Observed& observed, Basis basis);
  absl::Status CorrectBiases(Correction correction, Basis basis,
                             const Observed& observed,
                             ChosenQuantization& chosen);
  absl::StatusOr<quant::LayerShifts> MeasuredShifts(
      quant::Upstream upstream, Basis basis, const ChosenQuantization& chosen);
  std::vector<int64_t> SamplesOf(Basis basis) const;
  // Runs `graph` on `samples`, `passes` times, reporting as `phase`.
  absl::StatusOr<quant::ActivationSource> Source(
      const std::string& phase, int passes, const quant::WatchedGraph& graph,
      SampleRuns runs) const;

  const onnx::ImportedModel& float_model_;
  const std::shared_ptr<const Model> exact_;
  const CalibrationRun& run_;
  const QuantizationOptions& options_;
  QuantizationObserver* const observer_;
  const quant::Grid grid_;
  const absl::Time deadline_;
  absl::Duration longest_trial_ = absl::ZeroDuration();

  const TrialSamples samples_;
  std::vector<std::vector<Tensor>> answers_;  // of the float model, to trials
  ir::Graph graph_;
  std::set<std::string> byte_inputs_;  // TakeByteInputs()
  std::optional<ir::Graph> stand_in_;
  std::map<std::pair<Preparation, Basis>, Observed> observed_;
  std::vector<size_t> layers_that_round_;
  Recipe best_;
  SampleErrors best_errors_;  // of what best_ makes
  std::vector<RemedyEffect> remedies_;
  std::vector<std::string> left_out_;
};

}  // namespace octet::internal

#endif  // OCTET_ENGINE_QUANTIZATION_SEARCH_H_
