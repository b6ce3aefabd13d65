// SPDX-License-Identifier: Apache-2.0
#include "engine/layer_choice.h"

#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/status_macros.h"
#include "engine/compile.h"
#include "engine/onnx/exporter.h"
#include "engine/onnx/importer.h"

namespace octet::internal {
namespace {

// The model that `graph` is once it was written and read.
absl::StatusOr<std::shared_ptr<const LoadedModel>> Reload(
    const ir::Graph& graph, const ModelOptions& options) {
  OCTET_ASSIGN_OR_RETURN(const std::string bytes, onnx::ExportModel(graph));
  OCTET_ASSIGN_OR_RETURN(onnx::ImportedModel imported,
                         onnx::ImportModel(bytes, ReferenceEvaluator()));
  return LoadedModel::Create(std::move(imported), options);
}

using TimeByNode = std::map<std::string, double>;

absl::StatusOr<TimeByNode> TimesOf(const LoadedModel& model) {
  OCTET_ASSIGN_OR_RETURN(const std::vector<double> ms,
                         TimeSteps(model, /*rows=*/1, kLayerTiming));
  const std::vector<StepDescription> steps = model.Steps();
  TimeByNode times;
  for (size_t i = 0; i < steps.size(); ++i) times[steps[i].name] += ms[i];
  return times;
}

// Makes a model of a graph, to be timed.
using Loader = std::function<absl::StatusOr<std::shared_ptr<const LoadedModel>>(
    const ir::Graph&)>;

absl::StatusOr<quant::FloatSegments> Choose(const LoadedModel& exact,
                                            const ir::Graph& quantized,
                                            const Loader& load) {
  OCTET_ASSIGN_OR_RETURN(const TimeByNode float_times, TimesOf(exact));
  OCTET_ASSIGN_OR_RETURN(const auto rounded, load(quantized));
  OCTET_ASSIGN_OR_RETURN(const TimeByNode int8_times, TimesOf(*rounded));
  std::vector<quant::LayerTimes> layers;
  for (const auto& [node, ms] : int8_times) {
    const auto found = float_times.find(node);
    if (found != float_times.end()) layers.push_back({node, found->second, ms});
  }
  return quant::KeepFasterFloat(
      quantized, layers, [&](const ir::Graph& graph) -> absl::StatusOr<double> {
        OCTET_ASSIGN_OR_RETURN(const auto model, load(graph));
        OCTET_ASSIGN_OR_RETURN(const std::vector<double> ms,
                               TimeSteps(*model, /*rows=*/1, kLayerTiming));
        return std::accumulate(ms.begin(), ms.end(), 0.0);
      });
}

}  // namespace

absl::StatusOr<quant::FloatSegments> ChooseFasterLayers(
    const LoadedModel& exact, const ir::Graph& quantized) {
  return Choose(exact, quantized, [&](const ir::Graph& graph) {
    return Reload(graph, exact.options());
  });
}

absl::StatusOr<quant::FloatSegments> ChooseFasterLayers(
    const onnx::ImportedModel& quantized, const ModelOptions& options) {
  ModelOptions timed = options;
  timed.keep_faster_float = false;
  timed.max_batch = 1;
  timed.input_forms.clear();
  const Loader load = [&](const ir::Graph& graph) {
    onnx::ImportedModel model = quantized;
    model.graph = graph;
    return LoadedModel::Create(std::move(model), timed);
  };
  OCTET_ASSIGN_OR_RETURN(const auto exact,
                         load(quant::WithoutRounding(quantized.graph)));
  return Choose(*exact, quantized.graph, load);
}

std::vector<SlowerLayers> Published(std::vector<quant::FloatSegment> segments) {
  std::vector<SlowerLayers> layers;
  for (quant::FloatSegment& segment : segments) {
    layers.push_back({std::move(segment.nodes), segment.float_ms,
                      segment.int8_ms, segment.network_int8_ms,
                      segment.network_float_ms, segment.kept_float});
  }
  return layers;
}

}  // namespace octet::internal
