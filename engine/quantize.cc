// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/byte_inputs.h"
#include "engine/calibration_run.h"
#include "engine/compile.h"
#include "engine/engine.h"
#include "engine/layer_choice.h"
#include "engine/loaded_model.h"
#include "engine/match_batch_norms.h"
#include "engine/onnx/exporter.h"
#include "engine/output_error.h"
#include "engine/quant/quantize_graph.h"
#include "engine/quantization_memory.h"
#include "engine/quantization_search.h"

namespace octet {
namespace {

using internal::CalibrationRun;

absl::Status Report(QuantizationObserver* observer, absl::string_view phase,
                    int64_t done, int64_t total) {
  if (observer == nullptr) return absl::OkStatus();
  return observer->OnProgress({std::string(phase), done, total});
}

// With the exact zeros in the bin that holds zero.
ValueHistogram Published(const quant::Histogram& histogram) {
  ValueHistogram published;
  published.min = static_cast<float>(histogram.low());
  published.max = static_cast<float>(histogram.high());
  published.counts.assign(histogram.counts().begin(), histogram.counts().end());
  if (histogram.zeros() > 0) {
    const double bin = -histogram.low() / histogram.width();
    const int last = quant::Histogram::kBins - 1;
    published.counts[std::clamp(static_cast<int>(bin), 0, last)] +=
        histogram.zeros();
  }
  return published;
}

// The SQNR of `quantized` against `exact` over the calibration samples.
absl::StatusOr<double> MeasureSqnr(std::shared_ptr<const Model> exact,
                                   std::shared_ptr<const Model> quantized,
                                   const CalibrationRun& calibration,
                                   QuantizationObserver* observer) {
  OCTET_ASSIGN_OR_RETURN(auto exact_executor, Executor::Create(exact));
  OCTET_ASSIGN_OR_RETURN(auto quantized_executor, Executor::Create(quantized));
  internal::OutputError error;
  for (int64_t s = 0; s < calibration.samples(); ++s) {
    OCTET_RETURN_IF_ERROR(Report(observer, "check", s, calibration.samples()));
    OCTET_ASSIGN_OR_RETURN(
        std::vector<Tensor> a,
        internal::RunSample(*exact_executor, *exact, calibration, s));
    OCTET_ASSIGN_OR_RETURN(
        std::vector<Tensor> b,
        internal::RunSample(*quantized_executor, *quantized, calibration, s));
    for (size_t i = 0; i < a.size(); ++i) error.Add(a[i], b[i]);
  }
  OCTET_RETURN_IF_ERROR(
      Report(observer, "check", calibration.samples(), calibration.samples()));
  return error.Decibels();
}

// The types of the integer values, for the report.
std::vector<QuantizedTensor> Describe(
    const internal::ChosenQuantization& chosen) {
  std::vector<QuantizedTensor> tensors;
  for (size_t i = 0; i < chosen.sites.rounded.size(); ++i) {
    const quant::Scheme& scheme = chosen.parameters.schemes[i];
    const quant::Histogram& histogram = chosen.statistics[i].histogram;
    QuantizedTensor tensor;
    tensor.name = chosen.graph.value(chosen.sites.rounded[i]).name;
    tensor.dtype = scheme.dtype;
    tensor.scales = {scheme.scale};
    tensor.zero_points = {scheme.zero_point};
    tensor.min = histogram.range()->min;
    tensor.max = histogram.range()->max;
    tensor.threshold = chosen.thresholds[i].name;
    tensor.clipped_share = histogram.ShareBeyond(chosen.thresholds[i].range);
    tensor.histogram = Published(histogram);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

// FNV-1a, 64 bits: tells sets of samples apart; proof against nobody.
absl::StatusOr<uint64_t> HashOf(const SampleSource& source) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t t = 0; t < source.tensors().size(); ++t) {
    for (int64_t s = 0; s < source.tensors()[t].shape[0]; ++s) {
      OCTET_ASSIGN_OR_RETURN(const Tensor row, source.Read(t, s));
      const std::byte* bytes = row.bytes();
      for (size_t i = 0; i < row.byte_size(); ++i) {
        hash = (hash ^ static_cast<uint64_t>(bytes[i])) * 0x100000001b3;
      }
    }
  }
  return hash;
}

// What the file says of how it was made.
std::vector<std::pair<std::string, std::string>> Metadata(
    const internal::FoundQuantization& found,
    const QuantizationOptions& options, int64_t samples,
    uint64_t samples_hash) {
  std::string method =
      options.method == QuantizationMethod::kLinear ? "linear" : "histogram";
  for (const RemedyEffect& remedy : found.remedies) {
    if (remedy.kept) absl::StrAppend(&method, "; ", remedy.name);
  }
  for (size_t i = 0; i < found.chosen.thresholds.size(); ++i) {
    if (found.chosen.thresholds[i].name == internal::kBytesThreshold) {
      absl::StrAppend(
          &method, "; exact bytes as ",
          found.chosen.graph.value(found.chosen.sites.rounded[i]).name);
    }
  }
  return {
      {"octet.version", std::string(Version())},
      {"octet.method", std::move(method)},
      {"octet.calibration",
       absl::StrCat(
           options.synthetic.empty() ? "" : "no data: ", samples,
           options.synthetic.empty() ? " samples" : " synthetic samples",
           ", fnv1a-64 ", absl::Hex(samples_hash, absl::kZeroPad16))},
      {"octet.isa",
       "8-bit weights: exact with VNNI or AMX and in octet; elsewhere other "
       "runtimes may saturate sums of two products at 16 bits"},
  };
}

void CountSteps(const internal::LoadedModel& model,
                QuantizationResult& result) {
  const plan::Plan& plan = model.PlanFor(1);
  for (const plan::PlannedStep& step : plan.steps()) {
    const bool integer = plan.graph().type(step.node.inputs[0]).quantization &&
                         plan.graph().type(step.node.outputs[0]).quantization;
    const bool computes = internal::ComputesInIntegers(plan.graph(), step.node);
    ++(integer || computes ? result.integer_steps : result.float_steps);
  }
}

// Takes back to float what loses in int8 on this machine.
absl::Status KeepFasterLayers(const internal::LoadedModel& exact,
                              QuantizationObserver* observer,
                              ir::Graph& quantized,
                              QuantizationResult& result) {
  OCTET_RETURN_IF_ERROR(Report(observer, "time layers", 0, 1));
  OCTET_ASSIGN_OR_RETURN(quant::FloatSegments chosen,
                         internal::ChooseFasterLayers(exact, quantized));
  result.slower_layers = internal::Published(std::move(chosen.segments));
  quantized = std::move(chosen.graph);
  return Report(observer, "time layers", 1, 1);
}

// What makes the graph that is quantized, in the form that its file can hold.
internal::FloatOptimizer OptimizerFor(QuantizedFormat format) {
  return format == QuantizedFormat::kQOperator
             ? internal::OptimizeFloatForQLinear
             : internal::OptimizeFloat;
}

absl::Status CheckSynthetic(const QuantizationOptions& options) {
  if (options.synthetic.empty() ||
      options.method == QuantizationMethod::kLinear) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "the method histogram judges its remedies on calibration samples, and "
      "synthetic ones misjudge them; give samples, or take the method linear");
}

// The graph to quantize, with one that synthetic samples run through where it
// has batch norms.
absl::StatusOr<internal::MatchedBatchNorms> Prepare(
    const onnx::ImportedModel& model, const CalibrationRun& run,
    const QuantizationOptions& options, QuantizationObserver* observer) {
  internal::MatchedBatchNorms graphs;
  if (options.synthetic.empty()) {
    OCTET_ASSIGN_OR_RETURN(graphs.graph,
                           OptimizerFor(options.format)(model.graph));
    return graphs;
  }
  internal::SampleRuns runs;
  runs.batches = model.batches;
  runs.threads = options.threads;
  runs.samples.resize(run.samples());
  std::iota(runs.samples.begin(), runs.samples.end(), 0);
  return internal::MatchBatchNorms(model.graph, run, runs,
                                   OptimizerFor(options.format), observer);
}

// A float model of fixed shapes.
absl::StatusOr<onnx::ImportedModel> ImportFloat(absl::string_view bytes) {
  OCTET_ASSIGN_OR_RETURN(
      onnx::ImportedModel imported,
      onnx::ImportModel(bytes, internal::ReferenceEvaluator()));
  if (imported.staged != nullptr) {
    return absl::UnimplementedError(absl::StrCat(
        "the model's shapes are not known before it runs (",
        imported.why_staged,
        "); octet quantizes models of fixed shapes: export it with these"));
  }
  if (internal::IsQuantized(imported.graph)) {
    return absl::InvalidArgumentError(
        "the model is quantized already; expected a float model");
  }
  return imported;
}

// The graph with pairs as the file has it.
absl::StatusOr<ir::Graph> AsWritten(ir::Graph quantized,
                                    QuantizedFormat format) {
  if (format == QuantizedFormat::kQdq) return quantized;
  return internal::FuseIntoQLinear(std::move(quantized));
}

}  // namespace

absl::StatusOr<QuantizationResult> QuantizeFrom(
    absl::string_view bytes, const SampleSource& calibration,
    const QuantizationOptions& options, QuantizationObserver* observer) {
  OCTET_RETURN_IF_ERROR(Report(observer, "import", 0, 1));
  ModelOptions model_options;
  model_options.threads = options.threads;
  model_options.max_batch = 1;
  OCTET_ASSIGN_OR_RETURN(onnx::ImportedModel imported, ImportFloat(bytes));
  OCTET_RETURN_IF_ERROR(CheckSynthetic(options));
  if (options.budget.memory_bytes) {
    OCTET_ASSIGN_OR_RETURN(const ir::Graph graph,
                           OptimizerFor(options.format)(imported.graph));
    OCTET_RETURN_IF_ERROR(internal::CheckMemoryBudget(
        internal::EstimateQuantizationMemory(graph, calibration.memory_bytes(),
                                             options.method),
        *options.budget.memory_bytes));
  }
  const onnx::ImportedModel float_model = imported;
  OCTET_ASSIGN_OR_RETURN(auto exact, internal::LoadedModel::Create(
                                         std::move(imported), model_options));
  OCTET_ASSIGN_OR_RETURN(CalibrationRun run,
                         CalibrationRun::Create(*exact, calibration));
  OCTET_RETURN_IF_ERROR(Report(observer, "import", 1, 1));

  OCTET_ASSIGN_OR_RETURN(internal::MatchedBatchNorms graphs,
                         Prepare(float_model, run, options, observer));
  internal::QuantizationSearch search(float_model, exact, run, options,
                                      observer);
  std::optional<ir::Graph> stand_in;
  if (graphs.batch_norms > 0) stand_in = std::move(graphs.matched);
  OCTET_ASSIGN_OR_RETURN(internal::FoundQuantization found,
                         search.Run(graphs.graph, std::move(stand_in)));
  internal::ChosenQuantization& chosen = found.chosen;
  OCTET_ASSIGN_OR_RETURN(
      ir::Graph quantized,
      quant::QuantizeGraph(chosen.graph, chosen.sites, chosen.parameters));

  QuantizationResult result;
  if (options.keep_faster_float) {
    OCTET_RETURN_IF_ERROR(
        KeepFasterLayers(*exact, observer, quantized, result));
  }
  OCTET_ASSIGN_OR_RETURN(quantized,
                         AsWritten(std::move(quantized), options.format));
  OCTET_ASSIGN_OR_RETURN(const uint64_t hash, HashOf(calibration));
  OCTET_ASSIGN_OR_RETURN(
      result.model,
      onnx::ExportModel(quantized,
                        Metadata(found, options, run.samples(), hash)));
  OCTET_RETURN_IF_ERROR(Report(observer, "quantize", 1, 1));
  result.tensors = Describe(chosen);
  result.changed_channels = std::move(chosen.changed_channels);
  result.remedies = std::move(found.remedies);
  result.left_out = std::move(found.left_out);
  result.float_bytes = static_cast<int64_t>(bytes.size());
  result.quantized_bytes = static_cast<int64_t>(result.model.size());
  result.samples = run.samples();
  result.batch_norms = graphs.batch_norms;
  // What is measured is what the file says, read back as a user would.
  OCTET_ASSIGN_OR_RETURN(
      imported,
      onnx::ImportModel(result.model, internal::ReferenceEvaluator()));
  OCTET_ASSIGN_OR_RETURN(auto rounded, internal::LoadedModel::Create(
                                           std::move(imported), model_options));
  CountSteps(*rounded, result);
  OCTET_ASSIGN_OR_RETURN(result.sqnr_db,
                         MeasureSqnr(exact, rounded, run, observer));
  return result;
}

absl::StatusOr<QuantizationResult> Quantize(
    absl::string_view bytes, absl::Span<const NamedTensor> calibration,
    const QuantizationOptions& options, QuantizationObserver* observer) {
  return QuantizeFrom(bytes, TensorSamples(calibration), options, observer);
}

}  // namespace octet
