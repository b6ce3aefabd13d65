// SPDX-License-Identifier: Apache-2.0
#include "engine/quantization_recipe.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/byte_inputs.h"
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
// How much further real values reach than synthetic ones of equal moments.
constexpr float kTailRoom = 1.25f;

quant::Grid GridOf(ActivationScheme scheme) {
  return scheme == ActivationScheme::kSymmetric ? quant::Grid::kSymmetric
                                                : quant::Grid::kAsymmetric;
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

RecipeMaker::RecipeMaker(const onnx::ImportedModel& float_model,
                         const CalibrationRun& run,
                         const QuantizationOptions& options,
                         QuantizationObserver* observer)
    : float_model_(float_model),
      run_(run),
      options_(options),
      observer_(observer),
      grid_(GridOf(options.activations)),
      samples_(run.samples()) {}

absl::Status RecipeMaker::Start(const ir::Graph& graph,
                                std::optional<ir::Graph> stand_in) {
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
  return absl::OkStatus();
}

absl::StatusOr<ir::Graph> RecipeMaker::SeparateScales(const ir::Graph& graph) {
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

std::vector<int64_t> RecipeMaker::SamplesOf(Basis basis) const {
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

absl::StatusOr<ChosenQuantization> RecipeMaker::Make(const Recipe& recipe,
                                                     Basis basis) {
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
    chosen.thresholds.push_back(
        ThresholdOf(*observed, i, recipe.fit_thresholds));
  }
  ShortenRanges(chosen);
  for (const quant::Threshold& threshold : chosen.thresholds) {
    chosen.parameters.schemes.push_back(
        quant::SchemeFor(threshold.range, grid_));
  }
  chosen.parameters.weight_scales = WeightScales(recipe, *observed);
  if (recipe.learn_rounding) {
    OCTET_RETURN_IF_ERROR(LearnRounding(recipe, basis, *observed, chosen));
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

quant::Threshold RecipeMaker::ThresholdOf(const Observed& observed, size_t site,
                                          bool fit) const {
  const quant::Histogram& histogram = observed.statistics[site].histogram;
  quant::Threshold threshold{"min-max", quant::MinMaxThreshold(histogram)};
  if (stand_in_) {
    threshold.range =
        Widened(observed.graph, observed.sites.rounded[site], threshold.range);
  }
  if (fit) {
    for (const quant::Threshold& candidate :
         quant::CandidateThresholds(histogram, grid_)) {
      if (candidate.name == observed.kinds[site]) threshold = candidate;
    }
  }
  // What synthetic samples are made of says nothing of real ones.
  if (options_.synthetic.empty()) {
    const std::optional<quant::Range> lattice =
        quant::LatticeRange(observed.statistics[site].few_values, grid_);
    if (lattice) threshold = {"lattice", *lattice};
  }
  if (byte_inputs_.contains(
          observed.graph.value(observed.sites.rounded[site]).name)) {
    threshold = {kBytesThreshold, quant::kByteRange};
  }
  return threshold;
}

absl::StatusOr<RecipeMaker::Prepared> RecipeMaker::PreparedGraph(
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

absl::StatusOr<int> RecipeMaker::TensorsChanged(
    const Preparation& preparation) {
  OCTET_ASSIGN_OR_RETURN(const Prepared prepared,
                         PreparedGraph(preparation, Basis::kFit));
  return prepared.changed_tensors;
}

absl::StatusOr<RecipeMaker::Observed*> RecipeMaker::ObservedFrom(
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

absl::StatusOr<RecipeMaker::Observed> RecipeMaker::Observe(ir::Graph graph,
                                                           Basis basis) {
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

absl::Status RecipeMaker::ChooseKinds(Observed& observed, Basis basis) {
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

std::vector<std::vector<float>> RecipeMaker::WeightScales(
    const Recipe& recipe, const Observed& observed) const {
  if (!recipe.fit_weights) return {};
  return quant::FittedWeightScales(observed.graph, observed.sites,
                                   observed.statistics);
}

absl::StatusOr<std::vector<size_t>> RecipeMaker::LayersThatRound(
    const Recipe& recipe) {
  OCTET_ASSIGN_OR_RETURN(const Observed* observed,
                         ObservedFrom(recipe.prepared, Basis::kFit));
  return quant::LayersThatRound(observed->graph, observed->sites,
                                WeightScales(recipe, *observed));
}

absl::Status RecipeMaker::LearnRounding(const Recipe& recipe, Basis basis,
                                        Observed& observed,
                                        ChosenQuantization& chosen) {
  if (observed.moments.empty()) {
    OCTET_ASSIGN_OR_RETURN(
        const std::vector<size_t> layers,
        quant::LayersThatRound(observed.graph, observed.sites,
                               chosen.parameters.weight_scales));
    OCTET_RETURN_IF_ERROR(ObserveMoments(layers, basis, observed));
  }
  return quant::LearnRounding(chosen.graph, chosen.sites, observed.moments,
                              recipe.correction == Correction::kNone
                                  ? quant::ResultMean::kKept
                                  : quant::ResultMean::kCorrectedByBias,
                              chosen.parameters);
}

absl::Status RecipeMaker::ObserveMoments(const std::vector<size_t>& layers,
                                         Basis basis, Observed& observed) {
  OCTET_ASSIGN_OR_RETURN(quant::MomentObserver observer,
                         quant::MomentObserver::Create(observed.graph, layers));
  SampleRuns runs;
  runs.samples = EvenlySpaced(SamplesOf(basis), kMostForMoments);
  OCTET_ASSIGN_OR_RETURN(
      const quant::ActivationSource source,
      Source("learn rounding", 1, observer.watched(), std::move(runs)));
  OCTET_RETURN_IF_ERROR(observer.Observe(source));
  observed.moments = std::move(observer).TakeMoments();
  return absl::OkStatus();
}

absl::Status RecipeMaker::CorrectBiases(Correction correction, Basis basis,
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

absl::StatusOr<quant::LayerShifts> RecipeMaker::MeasuredShifts(
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

absl::StatusOr<quant::ActivationSource> RecipeMaker::Source(
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
