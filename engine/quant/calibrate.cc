// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/calibrate.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
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

}  // namespace

SiteObserver::SiteObserver(const ir::Graph& graph,
                           const QuantizationSites& sites)
    : graph_(graph),
      sites_(sites),
      histograms_(sites.rounded.size()),
      channels_(sites.rounded.size()) {}

absl::StatusOr<WatchedGraph> SiteObserver::Watched() const {
  ProbeBuilder builder(graph_);
  std::vector<std::optional<size_t>> site_of(graph_.values().size());
  for (size_t i = 0; i < sites_.rounded.size(); ++i) {
    site_of[sites_.rounded[i]] = i;
  }
  std::vector<ValueId> reductions(sites_.rounded.size() * kReductionCount);
  const auto reduce = [&](ValueId id) -> absl::Status {
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
    if (observed.ok()) return observed;
    return absl::Status(
        observed.code(),
        absl::StrCat("value ", graph_.value(sites_.rounded[index]).name, ": ",
                     observed.message()));
  }
  const size_t site = (index - histograms_.size()) / kReductionCount;
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

absl::StatusOr<std::vector<SiteStatistics>> SiteObserver::Statistics() const {
  if (samples_ == 0) {
    return absl::InvalidArgumentError(
        "no calibration samples; expected at least one");
  }
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
        {of_group[sites_.group[sites_.rounded[i]]], std::move(channels)});
  }
  return statistics;
}

int SiteChannelAxis(const ir::Graph& graph, ValueId id) {
  const int last = static_cast<int>(graph.type(id).dims.size()) - 1;
  for (const Node& node : graph.nodes()) {
    const bool reads = !node.inputs.empty() && node.inputs[0] == id;
    const bool computes = node.outputs[0] == id;
    if (!reads && !computes) continue;
    if (std::holds_alternative<ir::Conv>(node.op)) return std::min(1, last);
    if (std::holds_alternative<ir::MatMul>(node.op)) return last;
  }
  return last >= 3 ? 1 : last;
}

}  // namespace octet::quant
