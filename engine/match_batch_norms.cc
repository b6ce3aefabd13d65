// SPDX-License-Identifier: Apache-2.0
#include "engine/match_batch_norms.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/status_macros.h"
#include "engine/optimize.h"
#include "engine/quant/probe_builder.h"

namespace octet::internal {
namespace {

constexpr double kLeastVarianceShare = 1.0 / 256;
// Inputs of a BatchNorm.
constexpr size_t kMean = 3;
constexpr size_t kVariance = 4;

// By channel.
struct Moments {
  std::vector<double> means;
  std::vector<double> variances;
};

bool HasConstantStatistics(const ir::Graph& graph, const ir::Node& node) {
  if (!std::holds_alternative<ir::BatchNorm>(node.op)) return false;
  return std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                     [&](ir::ValueId id) {
                       return graph.value(id).is_constant() &&
                              graph.type(id).dtype == DType::kFloat32;
                     });
}

// Constants of its own for each mean and variance: files may share them.
void Unshare(ir::Graph& graph) {
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    if (!HasConstantStatistics(graph, graph.nodes()[i])) continue;
    for (size_t slot : {kMean, kVariance}) {
      ir::ValueId& id = graph.mutable_nodes()[i].inputs[slot];
      const ir::Value& shared = graph.value(id);
      const Tensor values = *shared.constant;
      const std::string name = graph.FreshName(shared.name);
      id = graph.AddConstant(name, values);
    }
  }
}

// What computes the means and mean squares of what node `index` normalizes.
absl::StatusOr<quant::WatchedGraph> UpTo(const ir::Graph& graph, size_t index) {
  quant::ProbeBuilder builder(graph);
  for (size_t i = 0; i < index; ++i) builder.Append(graph.nodes()[i]);
  const ir::ValueId data = graph.nodes()[index].inputs[0];
  OCTET_ASSIGN_OR_RETURN(
      const ir::ValueId mean,
      builder.Reduce(data, 1, quant::ChannelReduction::kMean));
  OCTET_ASSIGN_OR_RETURN(
      const ir::ValueId square,
      builder.Reduce(data, 1, quant::ChannelReduction::kMeanSquare));
  ir::Graph part = std::move(builder).Take();
  part.mutable_outputs() = {mean, square};
  OCTET_ASSIGN_OR_RETURN(part, OptimizeFloat(part.Compacted()));
  quant::WatchedGraph watched{std::move(part), {}};
  watched.watched = std::exchange(watched.graph.mutable_outputs(), {});
  return watched;
}

absl::StatusOr<Moments> Measure(const CalibrationRun& run,
                                const SampleRuns& runs,
                                const quant::WatchedGraph& watched) {
  OCTET_ASSIGN_OR_RETURN(const quant::ActivationSource source,
                         run.ActivationsOf(watched, runs));
  std::vector<double> sums[2];
  const quant::ActivationSink sink = [&](size_t index,
                                         absl::Span<const float> values) {
    sums[index].resize(values.size(), 0.0);
    for (size_t c = 0; c < values.size(); ++c) sums[index][c] += values[c];
    return absl::OkStatus();
  };
  int64_t samples = 0;
  for (int64_t ran = 1; ran > 0; samples += ran) {
    OCTET_ASSIGN_OR_RETURN(ran, source(sink));
  }
  Moments moments;
  for (size_t c = 0; c < sums[0].size(); ++c) {
    const double mean = sums[0][c] / static_cast<double>(samples);
    const double square = sums[1][c] / static_cast<double>(samples);
    moments.means.push_back(mean);
    moments.variances.push_back(square - mean * mean);
  }
  return moments;
}

void SetStatistics(ir::Graph& graph, const ir::Node& node,
                   const Moments& moments) {
  Tensor means(DType::kFloat32,
               graph.value(node.inputs[kMean]).constant->shape());
  Tensor variances(DType::kFloat32, means.shape());
  const Tensor before = *graph.value(node.inputs[kVariance]).constant;
  for (size_t c = 0; c < moments.means.size(); ++c) {
    means.mutable_data<float>()[c] = static_cast<float>(moments.means[c]);
    variances.mutable_data<float>()[c] = static_cast<float>(std::max(
        moments.variances[c], kLeastVarianceShare * before.data<float>()[c]));
  }
  graph.mutable_value(node.inputs[kMean]).constant = std::move(means);
  graph.mutable_value(node.inputs[kVariance]).constant = std::move(variances);
}

// Passes look at constants too: one that adds nothing is taken out.
bool SameButForConstants(const ir::Graph& a, const ir::Graph& b) {
  return a.values().size() == b.values().size() &&
         std::equal(a.nodes().begin(), a.nodes().end(), b.nodes().begin(),
                    b.nodes().end(), [](const ir::Node& x, const ir::Node& y) {
                      return x.op.index() == y.op.index() &&
                             x.inputs == y.inputs && x.outputs == y.outputs;
                    });
}

}  // namespace

absl::StatusOr<MatchedBatchNorms> MatchBatchNorms(
    const ir::Graph& imported, const CalibrationRun& run,
    const SampleRuns& runs, FloatOptimizer optimize,
    QuantizationObserver* observer) {
  MatchedBatchNorms result;
  ir::Graph graph = imported;
  Unshare(graph);
  OCTET_ASSIGN_OR_RETURN(result.graph, optimize(graph));
  std::vector<size_t> norms;
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    if (HasConstantStatistics(graph, graph.nodes()[i])) norms.push_back(i);
  }
  for (size_t index : norms) {
    if (observer != nullptr) {
      OCTET_RETURN_IF_ERROR(
          observer->OnProgress({"match batch norms", result.batch_norms,
                                static_cast<int64_t>(norms.size())}));
    }
    OCTET_ASSIGN_OR_RETURN(const quant::WatchedGraph watched,
                           UpTo(graph, index));
    OCTET_ASSIGN_OR_RETURN(const Moments moments, Measure(run, runs, watched));
    SetStatistics(graph, graph.nodes()[index], moments);
    ++result.batch_norms;
  }
  OCTET_ASSIGN_OR_RETURN(result.matched, optimize(std::move(graph)));
  if (!SameButForConstants(result.graph, result.matched)) {
    result.matched = result.graph;
    result.batch_norms = 0;
  }
  return result;
}

}  // namespace octet::internal
