// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANTIZATION_RECIPE_H_
#define OCTET_ENGINE_QUANTIZATION_RECIPE_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
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
#include "engine/trial_samples.h"

namespace octet::internal {

// What was chosen for a model.
struct ChosenQuantization {
  ir::Graph graph;  // float, prepared, biases corrected
  quant::QuantizationSites sites;
  quant::QuantizationParameters parameters;
  std::vector<quant::Threshold> thresholds;  // by site
  std::vector<quant::SiteStatistics> statistics;
  std::vector<ChangedChannels> changed_channels;
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

// Which of the calibration samples a model is made from; kTrials: those that
// trials fit, and those that judge them.
enum class Basis { kFit, kTrials, kAll };

// Makes from the calibration samples what recipes for one model say. What the
// samples showed is kept for the next recipe that asks for it.
// Thread-compatible.
class RecipeMaker {
 public:
  // All referred to must outlive it.
  RecipeMaker(const onnx::ImportedModel& float_model, const CalibrationRun& run,
              const QuantizationOptions& options,
              QuantizationObserver* observer);

  // `graph` and `stand_in` as for QuantizationSearch::Run(). To be called once,
  // before all else: takes inputs as bytes where they were made from some, and
  // gives inputs of a Concat scales of their own where they would lose by
  // sharing one.
  absl::Status Start(const ir::Graph& graph, std::optional<ir::Graph> stand_in);

  absl::StatusOr<ChosenQuantization> Make(const Recipe& recipe, Basis basis);

  // How many groups of tensors `preparation` changes, by kFit, each counted
  // once for each step.
  absl::StatusOr<int> TensorsChanged(const Preparation& preparation);
  // The layers, by node, whose weights `recipe` rounds, by kFit.
  absl::StatusOr<std::vector<size_t>> LayersThatRound(const Recipe& recipe);

  // Gives back the memory of what samples showed so far.
  void Forget() { observed_.clear(); }

  const TrialSamples& samples() const { return samples_; }

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

  absl::StatusOr<ir::Graph> SeparateScales(const ir::Graph& graph);
  // The model's graph, prepared by what is known of it before the last step: no
  // samples are run but for that.
  absl::StatusOr<Prepared> PreparedGraph(const Preparation& preparation,
                                         Basis basis);
  // What is known of the model's graph, prepared.
  absl::StatusOr<Observed*> ObservedFrom(const Preparation& preparation,
                                         Basis basis);
  absl::StatusOr<Observed> Observe(ir::Graph graph, Basis basis);
  absl::Status ChooseKinds(Observed& observed, Basis basis);
  quant::Threshold ThresholdOf(const Observed& observed, size_t site,
                               bool fit) const;
  std::vector<std::vector<float>> WeightScales(const Recipe& recipe,
                                               const Observed& observed) const;
  // Of `layers`, by node.
  absl::Status ObserveMoments(const std::vector<size_t>& layers, Basis basis,
                              Observed& observed);
  absl::Status LearnRounding(const Recipe& recipe, Basis basis,
                             Observed& observed, ChosenQuantization& chosen);
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
  const CalibrationRun& run_;
  const QuantizationOptions& options_;
  QuantizationObserver* const observer_;
  const quant::Grid grid_;
  const TrialSamples samples_;
  ir::Graph graph_;
  std::set<std::string> byte_inputs_;  // TakeByteInputs()
  std::optional<ir::Graph> stand_in_;
  std::map<std::pair<Preparation, Basis>, Observed> observed_;
};

}  // namespace octet::internal

#endif  // OCTET_ENGINE_QUANTIZATION_RECIPE_H_
