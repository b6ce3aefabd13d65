// SPDX-License-Identifier: Apache-2.0
#include "engine/layer_choice.h"

#include <map>
#include <memory>
#include <numeric>
#include <string>
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

}  // namespace

absl::StatusOr<quant::FloatSegments> ChooseFasterLayers(
    const LoadedModel& exact, const ir::Graph& quantized) {
  OCTET_ASSIGN_OR_RETURN(const TimeByNode float_times, TimesOf(exact));
  OCTET_ASSIGN_OR_RETURN(auto rounded, Reload(quantized, exact.options()));
  OCTET_ASSIGN_OR_RETURN(const TimeByNode int8_times, TimesOf(*rounded));
  std::vector<quant::LayerTimes> layers;
  for (const auto& [node, ms] : int8_times) {
    const auto found = float_times.find(node);
    if (found != float_times.end()) layers.push_back({node, found->second, ms});
  }
  return quant::KeepFasterFloat(
      quantized, layers, [&](const ir::Graph& graph) -> absl::StatusOr<double> {
        OCTET_ASSIGN_OR_RETURN(auto model, Reload(graph, exact.options()));
        OCTET_ASSIGN_OR_RETURN(const std::vector<double> ms,
                               TimeSteps(*model, /*rows=*/1, kLayerTiming));
        return std::accumulate(ms.begin(), ms.end(), 0.0);
      });
}

}  // namespace octet::internal
