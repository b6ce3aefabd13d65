// SPDX-License-Identifier: Apache-2.0
#include "engine/quantization_search.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/byte_inputs.h"
#include "engine/loaded_model.h"
#include "engine/output_error.h"
#include "engine/quant/byte_input.h"
#include "engine/quant/center_channels.h"
#include "engine/quant/fit_weights.h"
#include "engine/quant/learned_rounding.h"
#include "engine/quant/own_scales.h"
#include "engine/quant/probe_builder.h"
#include "engine/quant/threshold_choice.h"
#include "engine/quant/told_apart.h"
#include "engine/quant/weight_channels.h"

namespace octet::internal {
namespace {

constexpr size_t kMostForThresholds = 16;
constexpr size_t kMostForMoments = 200;
// Of BiasCorrector, whose last quarter of samples weighs two thirds: so all of
// them are heard.
constexpr int kPassesInLine = 4;
// A remedy that gives less is noise.
constexpr double kLeastGainDb = 0.05;
// A model below this is of little use; layers then may stay float, which costs
// time, where so much is gained.
constexpr double kUsableDb = 15;
constexpr double kLeastFloatGainDb = 1;
constexpr int kMostFloatLayers = 3;
// How much further real values reach than synthetic ones of equal moments.
constexpr float kTailRoom = 1.25f;

quant::Grid GridOf(ActivationScheme scheme) {
  return scheme == ActivationScheme::kSymmetric ? quant::Grid::kSymmetric
                                                : quant::Grid::kAsymmetric;
}

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

// Samples that batch norms were matched to have the mean and the deviation of
// real data, but not their rare large values: `range` with room for these, as
// far as the clamp that computes `id` lets any through. What the model's inputs
// span was declared.
quant::Range Widened(const ir::Graph& graph, ir::ValueId id,
                     const quant::Range& range) {
  for (const ir::Node& node : graph.nodes()) {
    if (node.outputs[0] != id) continue;
    ir::Activation clamp;
    if (quant::IsWeighted(graph, node)) clamp = quant::ActivationOf(node.op);
    if (const auto* op = std::get_if<ir::Clamp>(&node.op)) clamp = op->range;
    return {std::max(std::min(kTailRoom * range.min, range.min), clamp.lower),
            std::min(std::max(kTailRoom * range.max, range.max), clamp.upper)};
  }
  return range;
}

// The largest magnitude of the weights of each output channel.
std::vector<double> ChannelPeaks(const ir::Graph& graph, size_t node) {
  const ir::Node& layer = graph.nodes()[node];
  const Tensor& weights = *graph.value(layer.inputs[1]).constant;
  const quant::WeightChannels channels(layer.op, weights.shape());
  std::vector<double> peaks(channels.outputs(), 0.0);
  for (int64_t i = 0; i < weights.size(); ++i) {
    double& peak = peaks[channels.Output(i)];
    peak = std::max<double>(peak, std::abs(weights.data<float>()[i]));
  }
  return peaks;
}

// To what the functions behind them tell apart.
void ShortenRanges(ChosenQuantization& chosen) {
  std::vector<quant::Range> ranges;
  for (const quant::Threshold& threshold : chosen.thresholds) {
    ranges.push_back(threshold.range);
  }
  ranges = quant::ToldApart(chosen.graph, chosen.sites, ranges);
  for (size_t i = 0; i < ranges.size(); ++i) {
    chosen.thresholds[i].range = ranges[i];
  }
}

// Of `channels`, the entry of value `id`: new ones change nothing.
ChangedChannels& EntryOf(const ir::Graph& graph, ir::ValueId id, size_t count,
                         std::vector<ChangedChannels>& channels) {
  const std::string& name = graph.value(id).name;
  for (ChangedChannels& entry : channels) {
    if (entry.tensor == name) return entry;
  }
  return channels.emplace_back(ChangedChannels{
      name, quant::SiteChannelAxis(graph, id), std::vector<float>(count, 0.0f),
      std::vector<float>(count, 1.0f)});
}

void DropFirstSites(size_t count, ChosenQuantization& chosen) {
  const auto drop = [count](auto& of_sites) {
    of_sites.erase(of_sites.begin(), of_sites.begin() + count);
  };
  drop(chosen.sites.rounded);
  drop(chosen.parameters.schemes);
  drop(chosen.thresholds);
  drop(chosen.statistics);
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
      observer_(observer),
      grid_(GridOf(options.activations)),
      deadline_(absl::Now() + options.budget.time),
      samples_(run.samples()) {}

absl::StatusOr<ChosenQuantization> QuantizationSearch::Run(
    const ir::Graph& graph, std::optional<ir::Graph> stand_in) {
  graph_ = graph;
  stand_in_ = std::move(stand_in);
  // What synthetic samples are made of says nothing of real ones.
  if (options_.synthetic.empty()) {
    OCTET_ASSIGN_OR_RETURN(byte_inputs_,
                           TakeByteInputs(run_, observer_, graph_));
  }
  if (!stand_in_) {
    OCTET_ASSIGN_OR_RETURN(graph_, SeparateScales(graph_));
  }
  OCTET_RETURN_IF_ERROR(Search());
  observed_.clear();  // of the trials' samples
  answers_.clear();
  OCTET_ASSIGN_OR_RETURN(ChosenQuantization chosen, Make(best_, Basis::kAll));
  chosen.remedies = remedies_;
  chosen.left_out = left_out_;
  return chosen;
}

absl::StatusOr<ir::Graph> QuantizationSearch::SeparateScales(
    const ir::Graph& graph) {
  const std::vector<quant::ConcatInput> shared =
      quant::SharedConcatInputs(graph);
  if (shared.empty()) return graph;
  std::vector<ir::ValueId> behind;
  OCTET_ASSIGN_OR_RETURN(
      const Observed apart,
      Observe(quant::WithOwnScales(graph, shared, &behind), Basis::kTrials));
  // By group of values that share a scale.
  std::map<ir::ValueId, quant::Range> ranges;
  for (size_t i = 0; i < apart.sites.rounded.size(); ++i) {
    ranges[apart.sites.group[apart.sites.rounded[i]]] =
        *apart.statistics[i].histogram.range();
  }
  std::vector<quant::ConcatInput> kept;
  for (size_t i = 0; i < shared.size(); ++i) {
    const ir::ValueId before =
        graph.nodes()[shared[i].node].inputs[shared[i].input];
    const auto a = ranges.find(apart.sites.group[before]);
    const auto b = ranges.find(apart.sites.group[behind[i]]);
    if (a == ranges.end() || b == ranges.end()) continue;  // it stays float
    if (quant::AreWorthOwnScales(a->second, b->second)) {
      kept.push_back(shared[i]);
    }
  }
  return quant::WithOwnScales(graph, kept);
}

std::vector<int64_t> QuantizationSearch::SamplesOf(Basis basis) const {
  switch (basis) {
    case Basis::kFit:
      return samples_.fit();
    case Basis::kTrials:
      return samples_.trials();
    case Basis::kAll:
      return samples_.all();
  }
  OCTET_CHECK(false);
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
  if (!samples_.holds_out()) return absl::OkStatus();
  OCTET_ASSIGN_OR_RETURN(layers_that_round_, LayersThatRound(best_));
  if (layers_that_round_.empty()) return absl::OkStatus();
  Recipe changed = best_;
  changed.learn_rounding = true;
  return Try("learned rounding", changed, Proof::kGain);
}

absl::Status QuantizationSearch::TryFloatLayers() {
  for (int layers = 1; layers <= kMostFloatLayers; ++layers) {
    if (best_errors_.Of(samples_.held_out()).TotalDecibels() >= kUsableDb)
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
  const SampleErrors before = best_errors_.Of(samples_.held_out());
  const SampleErrors after = errors.Of(samples_.held_out());
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
  OCTET_ASSIGN_OR_RETURN(const Prepared before,
                         PreparedGraph(best_.prepared, Basis::kFit));
  OCTET_ASSIGN_OR_RETURN(const Prepared after,
                         PreparedGraph(preparation, Basis::kFit));
  if (after.changed_tensors == before.changed_tensors) return absl::OkStatus();
  Recipe changed = best_;
  changed.prepared = preparation;
  return Try(name, changed, proof);
}

absl::Status QuantizationSearch::ComputeAnswers() {
  OCTET_ASSIGN_OR_RETURN(auto executor, Executor::Create(exact_));
  for (int64_t sample : samples_.trials()) {
    OCTET_ASSIGN_OR_RETURN(answers_.emplace_back(),
                           RunSample(*executor, *exact_, run_, sample));
  }
  return absl::OkStatus();
}

absl::StatusOr<SampleErrors> QuantizationSearch::TrialErrors(
    const Recipe& recipe) {
  OCTET_ASSIGN_OR_RETURN(const ChosenQuantization chosen,
                         Make(recipe, Basis::kFit));
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
  const std::vector<int64_t>& samples = samples_.trials();
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

absl::StatusOr<ChosenQuantization> QuantizationSearch::Make(
    const Recipe& recipe, Basis basis) {
  OCTET_ASSIGN_OR_RETURN(Observed * observed,
                         ObservedFrom(recipe.prepared, basis));
  if (recipe.fit_thresholds && observed->kinds.empty()) {
    OCTET_RETURN_IF_ERROR(ChooseKinds(*observed, basis));
  }
  ChosenQuantization chosen;
  chosen.graph = observed->graph;
  chosen.sites = observed->sites;
  chosen.statistics = observed->statistics;
  chosen.changed_channels = observed->changed_channels;
  for (size_t i = 0; i < observed->sites.rounded.size(); ++i) {
    const std::vector<quant::Threshold> candidates =
        recipe.fit_thresholds ? quant::CandidateThresholds(
                                    observed->statistics[i].histogram, grid_)
                              : std::vector<quant::Threshold>();
    quant::Threshold threshold{
        "min-max", quant::MinMaxThreshold(observed->statistics[i].histogram)};
    if (stand_in_) {
      threshold.range =
          Widened(observed->graph, observed->sites.rounded[i], threshold.range);
    }
    for (const quant::Threshold& candidate : candidates) {
      if (candidate.name == observed->kinds[i]) threshold = candidate;
    }
    // What synthetic samples are made of says nothing of real ones.
    if (options_.synthetic.empty()) {
      const std::optional<quant::Range> lattice =
          quant::LatticeRange(observed->statistics[i].few_values, grid_);
      if (lattice) threshold = {"lattice", *lattice};
    }
    if (byte_inputs_.contains(
            observed->graph.value(observed->sites.rounded[i]).name)) {
      threshold = {kBytesThreshold, quant::kByteRange};
    }
    chosen.thresholds.push_back(std::move(threshold));
  }
  ShortenRanges(chosen);
  for (const quant::Threshold& threshold : chosen.thresholds) {
    chosen.parameters.schemes.push_back(
        quant::SchemeFor(threshold.range, grid_));
  }
  if (recipe.fit_weights) {
    chosen.parameters.weight_scales = quant::FittedWeightScales(
        chosen.graph, chosen.sites, observed->statistics);
  }
  if (recipe.learn_rounding) {
    if (observed->moments.empty()) {
      OCTET_RETURN_IF_ERROR(ObserveMoments(*observed, basis));
    }
    OCTET_RETURN_IF_ERROR(
        quant::LearnRounding(chosen.graph, chosen.sites, observed->moments,
                             recipe.correction == Correction::kNone
                                 ? quant::ResultMean::kKept
                                 : quant::ResultMean::kCorrectedByBias,
                             chosen.parameters));
  }
  if (recipe.correction != Correction::kNone) {
    OCTET_RETURN_IF_ERROR(
        CorrectBiases(recipe.correction, basis, *observed, chosen));
  }
  const size_t exact = quant::SitesOfFirstLayers(chosen.graph, chosen.sites,
                                                 recipe.float_layers);
  DropFirstSites(exact, chosen);
  return chosen;
}

absl::StatusOr<QuantizationSearch::Prepared> QuantizationSearch::PreparedGraph(
    const Preparation& preparation, Basis basis) {
  if (preparation == Preparation{}) return Prepared{graph_, 0, {}};
  const bool equalized = preparation.equalized != quant::EqualizationScope{};
  const Preparation first = {equalized && preparation.centered, {}};
  OCTET_ASSIGN_OR_RETURN(const Observed* known, ObservedFrom(first, basis));
  Prepared prepared{{}, known->changed_tensors, known->changed_channels};
  if (equalized) {
    OCTET_ASSIGN_OR_RETURN(
        quant::Equalization equalization,
        quant::EqualizeChannels(known->graph, known->sites, known->statistics,
                                preparation.equalized));
    for (const auto& [id, divisors] : equalization.divisors) {
      EntryOf(known->graph, id, divisors.size(), prepared.changed_channels)
          .divisors = divisors;
    }
    prepared.changed_tensors += equalization.tensors;
    prepared.graph = std::move(equalization.graph);
    return prepared;
  }
  quant::Centering centering =
      quant::CenterChannels(known->graph, known->sites, known->statistics);
  for (const auto& [id, offsets] : centering.offsets) {
    EntryOf(known->graph, id, offsets.size(), prepared.changed_channels)
        .offsets = offsets;
  }
  prepared.changed_tensors += centering.tensors;
  prepared.graph = std::move(centering.graph);
  return prepared;
}

absl::StatusOr<QuantizationSearch::Observed*> QuantizationSearch::ObservedFrom(
    const Preparation& preparation, Basis basis) {
  const auto known = observed_.find({preparation, basis});
  if (known != observed_.end()) return &known->second;
  OCTET_ASSIGN_OR_RETURN(Prepared prepared, PreparedGraph(preparation, basis));
  OCTET_ASSIGN_OR_RETURN(Observed observed,
                         Observe(std::move(prepared.graph), basis));
  observed.changed_tensors = prepared.changed_tensors;
  observed.changed_channels = std::move(prepared.changed_channels);
  return &observed_.emplace(std::pair(preparation, basis), std::move(observed))
              .first->second;
}

absl::StatusOr<QuantizationSearch::Observed> QuantizationSearch::Observe(
    ir::Graph graph, Basis basis) {
  Observed observed;
  observed.sites = quant::ChooseSites(graph);
  observed.graph = std::move(graph);
  const bool by_formula = options_.bias_correction == BiasCorrection::kAnalytic;
  quant::SiteObserver observer(stand_in_ ? *stand_in_ : observed.graph,
                               observed.sites,
                               by_formula ? quant::ObservedMeans::kLayerInputs
                                          : quant::ObservedMeans::kSites);
  OCTET_ASSIGN_OR_RETURN(const quant::WatchedGraph watched, observer.Watched());
  SampleRuns runs;
  runs.samples = SamplesOf(basis);
  runs.concurrent_sink = true;  // SiteObserver's
  OCTET_ASSIGN_OR_RETURN(const quant::ActivationSource source,
                         Source("calibrate", 1, watched, std::move(runs)));
  OCTET_RETURN_IF_ERROR(observer.Observe(source));
  OCTET_ASSIGN_OR_RETURN(observed.statistics, observer.Statistics());
  if (by_formula) {
    OCTET_ASSIGN_OR_RETURN(observed.input_means, observer.LayerInputMeans());
  }
  return observed;
}

absl::Status QuantizationSearch::ChooseKinds(Observed& observed, Basis basis) {
  std::vector<std::vector<quant::Threshold>> candidates;
  for (const quant::SiteStatistics& site : observed.statistics) {
    candidates.push_back(quant::CandidateThresholds(site.histogram, grid_));
  }
  OCTET_ASSIGN_OR_RETURN(
      quant::ThresholdChooser chooser,
      quant::ThresholdChooser::Create(observed.graph, observed.sites,
                                      candidates, grid_));
  SampleRuns runs;
  runs.samples = EvenlySpaced(SamplesOf(basis), kMostForThresholds);
  OCTET_ASSIGN_OR_RETURN(
      const quant::ActivationSource source,
      Source("choose thresholds", 1, chooser.watched(), std::move(runs)));
  OCTET_RETURN_IF_ERROR(chooser.Observe(source));
  const std::vector<size_t> best = chooser.Best();
  for (size_t i = 0; i < best.size(); ++i) {
    observed.kinds.push_back(candidates[i][best[i]].name);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<size_t>> QuantizationSearch::LayersThatRound(
    const Recipe& recipe) {
  OCTET_ASSIGN_OR_RETURN(const Observed* observed,
                         ObservedFrom(recipe.prepared, Basis::kFit));
  std::vector<std::vector<float>> scales;
  if (recipe.fit_weights) {
    scales = quant::FittedWeightScales(observed->graph, observed->sites,
                                       observed->statistics);
  }
  return quant::LayersThatRound(observed->graph, observed->sites, scales);
}

absl::Status QuantizationSearch::ObserveMoments(Observed& observed,
                                                Basis basis) {
  OCTET_ASSIGN_OR_RETURN(
      quant::MomentObserver observer,
      quant::MomentObserver::Create(observed.graph, layers_that_round_));
  SampleRuns runs;
  runs.samples = EvenlySpaced(SamplesOf(basis), kMostForMoments);
  OCTET_ASSIGN_OR_RETURN(
      const quant::ActivationSource source,
      Source("learn rounding", 1, observer.watched(), std::move(runs)));
  OCTET_RETURN_IF_ERROR(observer.Observe(source));
  observed.moments = std::move(observer).TakeMoments();
  return absl::OkStatus();
}

absl::Status QuantizationSearch::CorrectBiases(Correction correction,
                                               Basis basis,
                                               const Observed& observed,
                                               ChosenQuantization& chosen) {
  quant::LayerShifts found;
  if (correction == Correction::kAnalytic) {
    OCTET_ASSIGN_OR_RETURN(
        found, quant::AnalyticShifts(chosen.graph, chosen.sites,
                                     chosen.parameters, observed.input_means));
  } else {
    const auto upstream = correction == Correction::kMeasuredInLine
                              ? quant::Upstream::kRounded
                              : quant::Upstream::kFloat;
    OCTET_ASSIGN_OR_RETURN(found, MeasuredShifts(upstream, basis, chosen));
  }
  chosen.graph = quant::CorrectBiases(chosen.graph, found.layers, found.shifts);
  // The same sites, for a graph with more constants.
  chosen.sites = quant::ChooseSites(chosen.graph);
  return absl::OkStatus();
}

absl::StatusOr<quant::LayerShifts> QuantizationSearch::MeasuredShifts(
    quant::Upstream upstream, Basis basis, const ChosenQuantization& chosen) {
  const ir::Graph& measured = stand_in_ ? *stand_in_ : chosen.graph;
  OCTET_ASSIGN_OR_RETURN(
      quant::BiasCorrector corrector,
      quant::BiasCorrector::Create(measured, chosen.sites, chosen.parameters,
                                   upstream));
  SampleRuns runs;
  runs.samples = SamplesOf(basis);
  runs.further_input = [&](size_t index) { return corrector.Input(index); };
  const int passes = upstream == quant::Upstream::kRounded ? kPassesInLine : 1;
  OCTET_ASSIGN_OR_RETURN(
      const quant::ActivationSource source,
      Source("correct biases", passes, corrector.watched(), std::move(runs)));
  for (int pass = 0; pass < passes; ++pass) {
    OCTET_RETURN_IF_ERROR(corrector.Observe(source));
  }
  std::vector<std::vector<double>> shifts = corrector.Shifts();
  if (stand_in_) {
    for (size_t l = 0; l < shifts.size(); ++l) {
      const size_t node = corrector.layers()[l].node;
      const std::vector<double> from = ChannelPeaks(*stand_in_, node);
      const std::vector<double> to = ChannelPeaks(chosen.graph, node);
      for (size_t c = 0; c < from.size(); ++c) {
        if (from[c] > 0) shifts[l][c] *= to[c] / from[c];
      }
    }
  }
  return quant::LayerShifts{corrector.layers(), std::move(shifts)};
}

absl::StatusOr<quant::ActivationSource> QuantizationSearch::Source(
    const std::string& phase, int passes, const quant::WatchedGraph& graph,
    SampleRuns runs) const {
  runs.batches = float_model_.batches;
  runs.threads = options_.threads;
  const auto total = passes * static_cast<int64_t>(runs.samples.size());
  OCTET_ASSIGN_OR_RETURN(quant::ActivationSource source,
                         run_.ActivationsOf(graph, runs));
  auto done = std::make_shared<int64_t>(0);
  return quant::ActivationSource(
      [=, this](const quant::ActivationSink& sink) -> absl::StatusOr<int64_t> {
        if (observer_ != nullptr) {
          OCTET_RETURN_IF_ERROR(observer_->OnProgress({phase, *done, total}));
        }
        OCTET_ASSIGN_OR_RETURN(const int64_t ran, source(sink));
        *done += ran;
        return ran;
      });
}

}  // namespace octet::internal
