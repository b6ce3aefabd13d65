// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/calibrate.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/quant/probe_builder.h"

namespace octet::quant {
namespace {

using ir::Node;
using ir::ValueId;

// The reductions of each site, in the order in which they are watched.
constexpr ChannelReduction kReductions[] = {
    ChannelReduction::kMin, ChannelReduction::kMax, ChannelReduction::kMean,
    ChannelReduction::kMeanSquare};
constexpr size_t kReductionCount = std::size(kReductions);

void Accumulate(absl::Span<const float> values, std::vector<double>& sums) {
  sums.resize(values.size(), 0.0);
  for (size_t i = 0; i < values.size(); ++i) sums[i] += values[i];
}

// By value, the site that it is.
std::vector<std::optional<size_t>> SiteOfValue(const ir::Graph& graph,
                                               const QuantizationSites& sites) {
  std::vector<std::optional<size_t>> site_of(graph.values().size());
  for (size_t i = 0; i < sites.rounded.size(); ++i) {
    site_of[sites.rounded[i]] = i;
  }
  return site_of;
}

int RankOf(const ir::Graph& graph, ValueId id) {
  return static_cast<int>(graph.type(id).dims.size());
}

}  // namespace

SiteObserver::SiteObserver(const ir::Graph& graph,
                           const QuantizationSites& sites, ObservedMeans means)
    : graph_(graph),
      sites_(sites),
      histograms_(sites.rounded.size()),
      channels_(sites.rounded.size()),
      few_values_(sites.rounded.size()) {
  FindLoneInputs();
  if (means == ObservedMeans::kLayerInputs) FindLayerInputs();
}

void SiteObserver::FindLoneInputs() {
  std::vector<int> members(graph_.values().size(), 0);
  for (ValueId id : sites_.rounded) ++members[sites_.group[id]];
  const auto& inputs = graph_.inputs();
  for (size_t i = 0; i < sites_.rounded.size(); ++i) {
    const ValueId id = sites_.rounded[i];
    if (members[sites_.group[id]] == 1 &&
        std::find(inputs.begin(), inputs.end(), id) != inputs.end()) {
      few_values_[i].emplace();
    }
  }
}

void SiteObserver::FindLayerInputs() {
  const auto site_of = SiteOfValue(graph_, sites_);
  for (const Node& node : graph_.nodes()) {
    if (!IsWeighted(graph_, node)) continue;
    const ValueId id = node.inputs[0];
    const int axis = DataChannelAxis(node.op, RankOf(graph_, id));
    if (site_of[id] && axis == SiteChannelAxis(graph_, id)) continue;
    const bool known = std::any_of(
        layer_inputs_.begin(), layer_inputs_.end(),
        [&](const LayerInput& in) { return in.id == id && in.axis == axis; });
    if (!known) layer_inputs_.push_back({id, axis, {}});
  }
}

absl::StatusOr<WatchedGraph> SiteObserver::Watched() const {
  ProbeBuilder builder(graph_);
  const auto site_of = SiteOfValue(graph_, sites_);
  const size_t of_sites = sites_.rounded.size() * kReductionCount;
  std::vector<ValueId> reductions(of_sites + layer_inputs_.size());
  const auto reduce = [&](ValueId id) -> absl::Status {
    for (size_t i = 0; i < layer_inputs_.size(); ++i) {
      if (layer_inputs_[i].id != id) continue;
      OCTET_ASSIGN_OR_RETURN(
          reductions[of_sites + i],
          builder.Reduce(id, layer_inputs_[i].axis, ChannelReduction::kMean));
    }
    if (!site_of[id]) return absl::OkStatus();
    for (size_t k = 0; k < kReductionCount; ++k) {
      OCTET_ASSIGN_OR_RETURN(
          reductions[*site_of[id] * kReductionCount + k],
          builder.Reduce(id, SiteChannelAxis(graph_, id), kReductions[k]));
    }
    return absl::OkStatus();
  };
  for (ValueId id : graph_.inputs()) OCTET_RETURN_IF_ERROR(reduce(id));
  for (const Node& node : graph_.nodes()) {
    builder.Append(node);
    for (ValueId id : node.outputs) OCTET_RETURN_IF_ERROR(reduce(id));
  }
  WatchedGraph watched{std::move(builder).Take(), sites_.rounded};
  watched.watched.insert(watched.watched.end(), reductions.begin(),
                         reductions.end());
  return watched;
}

absl::Status SiteObserver::Take(size_t index, absl::Span<const float> values) {
  if (index < histograms_.size()) {
    absl::Status observed = histograms_[index].Observe(values);
    if (observed.ok()) {
      if (few_values_[index]) few_values_[index]->Observe(values);
      return observed;
    }
    return absl::Status(
        observed.code(),
        absl::StrCat("value ", graph_.value(sites_.rounded[index]).name, ": ",
                     observed.message()));
  }
  const size_t site = (index - histograms_.size()) / kReductionCount;
  if (site >= histograms_.size()) {
    const size_t of_sites = histograms_.size() * (1 + kReductionCount);
    Accumulate(values, layer_inputs_[index - of_sites].sums);
    return absl::OkStatus();
  }
  ChannelStatistics& channels = channels_[site];
  switch (kReductions[(index - histograms_.size()) % kReductionCount]) {
    case ChannelReduction::kMin:
      channels.mins.resize(values.size(), std::numeric_limits<float>::max());
      for (size_t c = 0; c < values.size(); ++c) {
        channels.mins[c] = std::min(channels.mins[c], values[c]);
      }
      break;
    case ChannelReduction::kMax:
      channels.maxs.resize(values.size(), std::numeric_limits<float>::lowest());
      for (size_t c = 0; c < values.size(); ++c) {
        channels.maxs[c] = std::max(channels.maxs[c], values[c]);
      }
      break;
    case ChannelReduction::kMean:
      Accumulate(values, channels.means);
      break;
    case ChannelReduction::kMeanSquare:
      Accumulate(values, channels.mean_squares);
      break;
  }
  return absl::OkStatus();
}

absl::Status SiteObserver::Observe(const ActivationSource& source) {
  const ActivationSink sink = [&](size_t index,
                                  absl::Span<const float> values) {
    return Take(index, values);
  };
  for (int64_t ran = 1; ran > 0; samples_ += ran) {
    OCTET_ASSIGN_OR_RETURN(ran, source(sink));
  }
  return absl::OkStatus();
}

absl::Status SiteObserver::CheckSeen() const {
  if (samples_ > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "no calibration samples; expected at least one");
}

absl::StatusOr<std::vector<SiteStatistics>> SiteObserver::Statistics() const {
  OCTET_RETURN_IF_ERROR(CheckSeen());
  std::vector<Histogram> of_group(graph_.values().size());
  for (size_t i = 0; i < histograms_.size(); ++i) {
    of_group[sites_.group[sites_.rounded[i]]].Merge(histograms_[i]);
  }
  std::vector<SiteStatistics> statistics;
  for (size_t i = 0; i < histograms_.size(); ++i) {
    ChannelStatistics channels = channels_[i];
    for (double& mean : channels.means) mean /= samples_;
    for (double& square : channels.mean_squares) square /= samples_;
    statistics.push_back(
        {of_group[sites_.group[sites_.rounded[i]]], std::move(channels), {}});
    if (few_values_[i]) {
      statistics.back().few_values = few_values_[i]->counts();
    }
  }
  return statistics;
}

absl::StatusOr<std::vector<std::vector<double>>> SiteObserver::LayerInputMeans()
    const {
  OCTET_RETURN_IF_ERROR(CheckSeen());
  const auto site_of = SiteOfValue(graph_, sites_);
  std::vector<std::vector<double>> means(graph_.nodes().size());
  for (size_t i = 0; i < graph_.nodes().size(); ++i) {
    const Node& node = graph_.nodes()[i];
    if (!IsWeighted(graph_, node)) continue;
    const ValueId id = node.inputs[0];
    const int axis = DataChannelAxis(node.op, RankOf(graph_, id));
    const auto moved = std::find_if(
        layer_inputs_.begin(), layer_inputs_.end(),
        [&](const LayerInput& in) { return in.id == id && in.axis == axis; });
    if (moved != layer_inputs_.end()) {
      means[i] = moved->sums;
    } else {
      OCTET_CHECK(site_of[id].has_value());
      means[i] = channels_[*site_of[id]].means;
    }
    for (double& mean : means[i]) mean /= static_cast<double>(samples_);
  }
  return means;
}

int DataChannelAxis(const ir::Op& op, int rank) {
  return std::holds_alternative<ir::Conv>(op) ? std::min(1, rank - 1)
                                              : rank - 1;
}

int SiteChannelAxis(const ir::Graph& graph, ValueId id) {
  const int last = RankOf(graph, id) - 1;
  for (const Node& node : graph.nodes()) {
    const bool reads = !node.inputs.empty() && node.inputs[0] == id;
    const bool computes = node.outputs[0] == id;
    if (!reads && !computes) continue;
    if (std::holds_alternative<ir::Conv>(node.op)) return std::min(1, last);
    if (std::holds_alternative<ir::MatMul>(node.op)) return last;
  }
  // An image, unless the rows lie behind other axes.
  const ir::Dims& dims = graph.type(id).dims;
  const bool rows_behind = !dims.empty() && !dims[0].per_row && HasRows(dims);
  return last >= 3 && !rows_behind ? 1 : last;
}

}  // namespace octet::quant
