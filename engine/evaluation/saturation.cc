// SPDX-License-Identifier: Apache-2.0
#include "engine/evaluation/saturation.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/calibration_run.h"
#include "engine/evaluation/graph_probe.h"
#include "engine/evaluation/pair_sums.h"
#include "engine/loaded_model.h"
#include "engine/onnx/importer.h"
#include "engine/optimize.h"

namespace octet {
namespace {

using internal::CalibrationRun;
using internal::GraphProbe;
using internal::PairSums;

// A layer to count, and which of the values shown it reads.
struct CountedLayer {
  PairSums sums;
  size_t shown;
};

struct CountedLayers {
  std::vector<std::string> names;
  std::vector<CountedLayer> layers;
  std::vector<ir::ValueId> shown;
};

absl::StatusOr<CountedLayers> LayersOf(const ir::Graph& graph) {
  CountedLayers counted;
  const ir::GraphIndex index(graph);
  for (const ir::Node& node : graph.nodes()) {
    if (!PairSums::Counts(graph, node)) continue;
    const ir::ValueId data = node.inputs[0];
    if (index.Producer(data) == nullptr) {
      return absl::UnimplementedError(absl::StrCat(
          "node ", node.name, " reads ", graph.value(data).name,
          " as the caller sends it; saturation is counted behind a "
          "QuantizeLinear only"));
    }
    const auto known =
        std::find(counted.shown.begin(), counted.shown.end(), data);
    const size_t shown = known - counted.shown.begin();
    if (known == counted.shown.end()) counted.shown.push_back(data);
    counted.layers.push_back({PairSums(graph, node), shown});
    counted.names.push_back(node.name);
  }
  return counted;
}

absl::StatusOr<Saturation> CountIn(const CountedLayers& counted,
                                   GraphProbe& probe,
                                   const CalibrationRun& samples,
                                   int64_t most_samples,
                                   QuantizationObserver* observer) {
  Saturation result;
  result.samples = std::min(samples.samples(), most_samples);
  for (size_t i = 0; i < counted.layers.size(); ++i) {
    result.layers.push_back(
        {counted.names[i], counted.layers[i].sums.sums() * result.samples, 0});
  }
  for (int64_t sample = 0; sample < result.samples; ++sample) {
    if (observer != nullptr) {
      OCTET_RETURN_IF_ERROR(
          observer->OnProgress({"saturation", sample, result.samples}));
    }
    OCTET_ASSIGN_OR_RETURN(const internal::Sample inputs, samples.Read(sample));
    OCTET_RETURN_IF_ERROR(probe.Run(inputs.inputs()));
    for (size_t i = 0; i < counted.layers.size(); ++i) {
      const CountedLayer& layer = counted.layers[i];
      result.layers[i].saturated +=
          layer.sums.Saturated(probe.Output(layer.shown));
    }
  }
  return result;
}

}  // namespace

int64_t Saturation::sums() const {
  int64_t total = 0;
  for (const LayerSaturation& layer : layers) total += layer.sums;
  return total;
}

int64_t Saturation::saturated() const {
  int64_t total = 0;
  for (const LayerSaturation& layer : layers) total += layer.saturated;
  return total;
}

absl::StatusOr<Saturation> CountSaturation(
    absl::string_view model, absl::Span<const NamedTensor> samples,
    int64_t most_samples, QuantizationObserver* observer) {
  OCTET_ASSIGN_OR_RETURN(
      onnx::ImportedModel imported,
      onnx::ImportModel(model, internal::ReferenceEvaluator()));
  if (imported.staged != nullptr) {
    return absl::UnimplementedError(
        absl::StrCat("the model's shapes are not known before it runs (",
                     imported.why_staged,
                     "); saturation is counted in models of fixed shapes"));
  }
  if (!internal::IsQuantized(imported.graph)) {
    return absl::InvalidArgumentError(
        "the model is float; saturation is counted in int8 models");
  }
  OCTET_ASSIGN_OR_RETURN(
      const ir::Graph graph,
      internal::Optimize(imported.graph, /*exact_qdq=*/false));
  OCTET_ASSIGN_OR_RETURN(const CountedLayers counted, LayersOf(graph));
  if (counted.layers.empty()) return Saturation();
  ModelOptions options;
  options.max_batch = 1;
  OCTET_ASSIGN_OR_RETURN(const auto loaded, internal::LoadedModel::Create(
                                                std::move(imported), options));
  const TensorSamples source(samples);
  OCTET_ASSIGN_OR_RETURN(const CalibrationRun run,
                         CalibrationRun::Create(*loaded, source, "sample"));
  OCTET_ASSIGN_OR_RETURN(
      const auto probe,
      GraphProbe::Create(internal::Showing(graph, counted.shown), 1));
  return CountIn(counted, *probe, run, most_samples, observer);
}

}  // namespace octet
