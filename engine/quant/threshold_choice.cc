// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/threshold_choice.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/quant/probe_builder.h"

namespace octet::quant {

using ir::Graph;
using ir::Node;
using ir::ValueId;

// Writes the float model with, behind each value of a group, what every
// candidate changes in the results of those who read it.
class ThresholdProbe {
 public:
  ThresholdProbe(const Graph& graph, const QuantizationSites& sites,
                 const std::vector<std::vector<Threshold>>& candidates,
                 Grid grid)
      : source_(graph), builder_(graph), group_of_(graph.values().size()) {
    std::vector<std::optional<size_t>> known(graph.values().size());
    for (size_t i = 0; i < sites.rounded.size(); ++i) {
      std::optional<size_t>& group = known[sites.group[sites.rounded[i]]];
      if (!group) {
        group = schemes_.size();
        schemes_.emplace_back();
        for (const Threshold& candidate : candidates[i]) {
          schemes_.back().push_back(SchemeFor(candidate.range, grid));
        }
        chooser_.candidates_.push_back(candidates[i].size());
      }
      chooser_.group_of_site_.push_back(*group);
    }
    for (size_t id = 0; id < group_of_.size(); ++id) {
      group_of_[id] = known[sites.group[id]];
    }
  }

  absl::StatusOr<ThresholdChooser> Build() {
    for (const Node& node : source_.nodes()) {
      builder_.Append(node);
      for (size_t slot = 0; slot < node.inputs.size(); ++slot) {
        OCTET_RETURN_IF_ERROR(AddReader(node, slot));
      }
    }
    chooser_.watched_.graph = std::move(builder_).Take();
    return std::move(chooser_);
  }

 private:
  absl::Status AddReader(const Node& node, size_t slot) {
    const ValueId data = node.inputs[slot];
    if (source_.value(data).is_constant() || !group_of_[data]) {
      return absl::OkStatus();
    }
    const size_t group = *group_of_[data];
    // Those that pass the integers on do not read them.
    const bool passes_on = group_of_[node.outputs[0]] == group_of_[data] &&
                           ir::MovesElements(node.op);
    if (passes_on || schemes_[group].size() < 2 || node.outputs.size() != 1) {
      return absl::OkStatus();
    }
    const bool weighted = IsWeighted(source_, node) && slot == 0;
    ThresholdChooser::Reader reader;
    reader.group = group;
    reader.takes_mean = weighted;
    reader.sums.resize(1 + schemes_[group].size());
    chooser_.readers_.push_back(std::move(reader));
    OCTET_RETURN_IF_ERROR(Watch(node, node.outputs[0], 0));
    for (size_t k = 0; k < schemes_[group].size(); ++k) {
      OCTET_ASSIGN_OR_RETURN(const ValueId error, AddError(node, slot, weighted,
                                                           schemes_[group][k]));
      OCTET_RETURN_IF_ERROR(Watch(node, error, 1 + k));
    }
    return absl::OkStatus();
  }

  // What rounding input `slot` of `node` to `scheme` changes in its result.
  absl::StatusOr<ValueId> AddError(const Node& node, size_t slot, bool weighted,
                                   const Scheme& scheme) {
    const ir::Op difference = ir::Binary{ir::BinaryKind::kSub, {}};
    const ValueId data = node.inputs[slot];
    OCTET_ASSIGN_OR_RETURN(const ValueId rounded, builder_.Round(data, scheme));
    if (weighted) {
      OCTET_ASSIGN_OR_RETURN(
          const ValueId change,
          builder_.Add("change", difference, {rounded, data}));
      return builder_.Add("error", BareProducts(node.op),
                          {change, node.inputs[1]});
    }
    std::vector<ValueId> inputs = node.inputs;
    inputs[slot] = rounded;
    OCTET_ASSIGN_OR_RETURN(const ValueId result,
                           builder_.Add("result", node.op, std::move(inputs)));
    return builder_.Add("error", difference, {result, node.outputs[0]});
  }

  // Sums up `value`, a result of `node` or an error of one, as sums `index` of
  // the newest reader.
  absl::Status Watch(const Node& node, ValueId value, size_t index) {
    const int axis = SiteChannelAxis(source_, node.outputs[0]);
    for (ChannelReduction kind :
         {ChannelReduction::kMean, ChannelReduction::kMeanSquare}) {
      OCTET_ASSIGN_OR_RETURN(chooser_.watched_.watched.emplace_back(),
                             builder_.Reduce(value, axis, kind));
    }
    chooser_.places_.push_back({chooser_.readers_.size() - 1, index});
    return absl::OkStatus();
  }

  const Graph& source_;
  ProbeBuilder builder_;
  ThresholdChooser chooser_;
  std::vector<std::vector<Scheme>> schemes_;     // by group and candidate
  std::vector<std::optional<size_t>> group_of_;  // by value of the source
};

absl::StatusOr<ThresholdChooser> ThresholdChooser::Create(
    const Graph& graph, const QuantizationSites& sites,
    const std::vector<std::vector<Threshold>>& candidates, Grid grid) {
  OCTET_CHECK(candidates.size() == sites.rounded.size());
  return ThresholdProbe(graph, sites, candidates, grid).Build();
}

absl::Status ThresholdChooser::Observe(const ActivationSource& source) {
  const ActivationSink sink = [&](size_t index,
                                  absl::Span<const float> values) {
    const Place& place = places_[index / 2];
    Sums& sums = readers_[place.reader].sums[place.sums];
    for (auto* target : {&sums.means, &sums.mean_squares, &sums.squares}) {
      target->resize(values.size(), 0.0);
    }
    for (size_t c = 0; c < values.size(); ++c) {
      const double value = values[c];
      if (index % 2 == 0) {
        sums.means[c] += value;
        sums.mean_squares[c] += value * value;
      } else {
        sums.squares[c] += value;
      }
    }
    return absl::OkStatus();
  };
  for (int64_t ran = 1; ran > 0; samples_ += ran) {
    OCTET_ASSIGN_OR_RETURN(ran, source(sink));
  }
  return absl::OkStatus();
}

double ThresholdChooser::Sums::Energy(int64_t samples,
                                      bool without_mean) const {
  double energy = 0;
  for (size_t c = 0; c < squares.size(); ++c) {
    const double mean = means[c] / static_cast<double>(samples);
    energy += squares[c] / static_cast<double>(samples);
    if (without_mean) energy -= mean * mean;
  }
  return std::max(energy, 0.0);
}

double ThresholdChooser::Sums::CoherentEnergy(int64_t samples,
                                              bool without_mean) const {
  double energy = 0;
  for (size_t c = 0; c < mean_squares.size(); ++c) {
    const double mean = means[c] / static_cast<double>(samples);
    energy += mean_squares[c] / static_cast<double>(samples);
    if (without_mean) energy -= mean * mean;
  }
  return std::max(energy, 0.0);
}

std::vector<size_t> ThresholdChooser::Best() const {
  std::vector<std::vector<double>> harm;
  for (size_t count : candidates_) harm.emplace_back(count, 0.0);
  for (const Reader& reader : readers_) {
    constexpr double kSmallest = std::numeric_limits<double>::min();
    const bool takes_mean = reader.takes_mean;
    const double signal = std::max(
        reader.sums[0].Energy(samples_, /*without_mean=*/true), kSmallest);
    const double coherent_signal =
        std::max(reader.sums[0].CoherentEnergy(samples_, /*without_mean=*/true),
                 kSmallest);
    for (size_t k = 0; k + 1 < reader.sums.size(); ++k) {
      const Sums& error = reader.sums[1 + k];
      harm[reader.group][k] +=
          error.Energy(samples_, takes_mean) / signal +
          error.CoherentEnergy(samples_, takes_mean) / coherent_signal;
    }
  }
  std::vector<size_t> best;
  for (size_t group : group_of_site_) {
    best.push_back(std::min_element(harm[group].begin(), harm[group].end()) -
                   harm[group].begin());
  }
  return best;
}

}  // namespace octet::quant
