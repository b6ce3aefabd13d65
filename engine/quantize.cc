// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/calibration_run.h"
#include "engine/compile.h"
#include "engine/engine.h"
#include "engine/loaded_model.h"
#include "engine/onnx/exporter.h"
#include "engine/quant/bias_correction.h"
#include "engine/quant/calibrate.h"
#include "engine/quant/quantize_graph.h"

namespace octet {
namespace {

using internal::CalibrationRun;

absl::Status Report(QuantizationObserver* observer, absl::string_view phase,
                    int64_t done, int64_t total) {
  if (observer == nullptr) return absl::OkStatus();
  return observer->OnProgress({std::string(phase), done, total});
}

// How calibration samples are run.
struct RunContext {
  bool batches = false;
  int threads = 1;
  QuantizationObserver* observer = nullptr;
};

quant::Scheme SchemeFor(const quant::Range& range, ActivationScheme scheme) {
  switch (scheme) {
    case ActivationScheme::kAsymmetric:
      return quant::AsymmetricU8(range);
    case ActivationScheme::kSymmetric:
      return quant::Symmetric(range);
  }
  OCTET_CHECK(false);
}

// What the quantized model's outputs lose against the float model's, summed
// over all elements.
struct ErrorSums {
  double signal = 0;
  double noise = 0;

  void Add(const Tensor& exact, const Tensor& rounded) {
    if (exact.dtype() != DType::kFloat32) return;
    const auto a = exact.data<float>();
    const auto b = rounded.data<float>();
    for (size_t i = 0; i < a.size(); ++i) {
      const double difference = static_cast<double>(a[i]) - b[i];
      signal += static_cast<double>(a[i]) * a[i];
      noise += difference * difference;
    }
  }
  // Capped at 200 dB, beyond what float32 can tell apart.
  double Decibels() const {
    constexpr double kCap = 200;
    if (noise == 0 || signal / noise > 1e20) return kCap;
    return signal == 0 ? -kCap : 10 * std::log10(signal / noise);
  }
};

// Runs one sample through `executor`.
absl::StatusOr<std::vector<Tensor>> RunSample(Executor& executor,
                                              const Model& model,
                                              const CalibrationRun& calibration,
                                              int64_t sample) {
  std::vector<const void*> inputs;
  for (size_t i = 0; i < model.inputs().size(); ++i) {
    inputs.push_back(calibration.Sample(i, sample));
  }
  std::vector<Tensor> outputs;
  std::vector<void*> addresses;
  for (const TensorSpec& spec : model.outputs()) {
    outputs.emplace_back(spec.dtype, spec.row_shape);
    addresses.push_back(outputs.back().mutable_bytes());
  }
  const RowBlock block{1, inputs, addresses};
  OCTET_RETURN_IF_ERROR(executor.Run({&block, 1}, nullptr));
  return outputs;
}

// The SQNR of `quantized` against `exact` over the calibration samples.
absl::StatusOr<double> MeasureSqnr(std::shared_ptr<const Model> exact,
                                   std::shared_ptr<const Model> quantized,
                                   const CalibrationRun& calibration,
                                   QuantizationObserver* observer) {
  OCTET_ASSIGN_OR_RETURN(auto exact_executor, Executor::Create(exact));
  OCTET_ASSIGN_OR_RETURN(auto quantized_executor, Executor::Create(quantized));
  ErrorSums sums;
  for (int64_t s = 0; s < calibration.samples(); ++s) {
    OCTET_RETURN_IF_ERROR(Report(observer, "check", s, calibration.samples()));
    OCTET_ASSIGN_OR_RETURN(std::vector<Tensor> a,
                           RunSample(*exact_executor, *exact, calibration, s));
    OCTET_ASSIGN_OR_RETURN(
        std::vector<Tensor> b,
        RunSample(*quantized_executor, *quantized, calibration, s));
    for (size_t i = 0; i < a.size(); ++i) sums.Add(a[i], b[i]);
  }
  OCTET_RETURN_IF_ERROR(
      Report(observer, "check", calibration.samples(), calibration.samples()));
  return sums.Decibels();
}

// Lets the biases of `graph` take up what rounding the weights does to the
// mean.
absl::StatusOr<ir::Graph> WithCorrectedBiases(
    const ir::Graph& graph, const quant::QuantizationSites& sites,
    const std::vector<quant::Scheme>& schemes, const CalibrationRun& run,
    const RunContext& context) {
  OCTET_ASSIGN_OR_RETURN(quant::TwinnedGraph twinned,
                         quant::AddErrorTwins(graph, sites, schemes));
  std::vector<ir::ValueId> errors;
  std::vector<quant::ChannelMean> means;
  for (const quant::RoundedLayer& layer : twinned.layers) {
    errors.push_back(layer.error);
    means.emplace_back(layer.channels);
  }
  OCTET_ASSIGN_OR_RETURN(quant::ActivationSource source,
                         run.ActivationsOf(twinned.graph, errors,
                                           context.batches, context.threads));
  const quant::ActivationSink sink = [&](size_t layer,
                                         absl::Span<const float> values) {
    means[layer].Add(values);
    return absl::OkStatus();
  };
  for (int64_t done = 0, ran = 1; ran > 0; done += ran) {
    OCTET_RETURN_IF_ERROR(
        Report(context.observer, "correct biases", done, run.samples()));
    OCTET_ASSIGN_OR_RETURN(ran, source(sink));
  }
  std::vector<std::vector<double>> shifts;
  for (const quant::ChannelMean& mean : means) shifts.push_back(mean.Means());
  return quant::CorrectBiases(graph, twinned.layers, shifts);
}

// The types of the integer values of `graph`, for the report.
std::vector<QuantizedTensor> Describe(
    const ir::Graph& graph, const quant::QuantizationSites& sites,
    const std::vector<quant::Range>& ranges,
    const std::vector<quant::Scheme>& schemes) {
  std::vector<QuantizedTensor> tensors;
  for (size_t i = 0; i < schemes.size(); ++i) {
    tensors.push_back({graph.value(sites.rounded[i]).name,
                       schemes[i].dtype,
                       {schemes[i].scale},
                       {schemes[i].zero_point},
                       ranges[i].min,
                       ranges[i].max});
  }
  return tensors;
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

}  // namespace

absl::StatusOr<QuantizationResult> Quantize(
    absl::string_view bytes, absl::Span<const NamedTensor> calibration,
    const QuantizationOptions& options, QuantizationObserver* observer) {
  OCTET_RETURN_IF_ERROR(Report(observer, "import", 0, 1));
  ModelOptions model_options;
  model_options.threads = options.threads;
  model_options.max_batch = 1;
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
  const bool batches = imported.batches;
  OCTET_ASSIGN_OR_RETURN(ir::Graph graph,
                         internal::OptimizeFloat(imported.graph));
  OCTET_ASSIGN_OR_RETURN(auto exact, internal::LoadedModel::Create(
                                         std::move(imported), model_options));
  OCTET_ASSIGN_OR_RETURN(CalibrationRun run,
                         CalibrationRun::Create(*exact, calibration));
  OCTET_RETURN_IF_ERROR(Report(observer, "import", 1, 1));

  quant::QuantizationSites sites = quant::ChooseSites(graph);
  OCTET_ASSIGN_OR_RETURN(
      quant::ActivationSource source,
      run.ActivationsOf(graph, sites.rounded, batches, options.threads));
  int64_t done = 0;
  OCTET_ASSIGN_OR_RETURN(
      const std::vector<quant::Range> ranges,
      quant::CalibrateMinMax(
          graph, sites,
          [&](const quant::ActivationSink& sink) -> absl::StatusOr<int64_t> {
            OCTET_RETURN_IF_ERROR(
                Report(observer, "calibrate", done, run.samples()));
            OCTET_ASSIGN_OR_RETURN(const int64_t ran, source(sink));
            done += ran;
            return ran;
          }));
  std::vector<quant::Scheme> schemes;
  for (const quant::Range& range : ranges) {
    schemes.push_back(SchemeFor(range, options.activations));
  }
  if (options.bias_correction) {
    OCTET_ASSIGN_OR_RETURN(
        graph, WithCorrectedBiases(graph, sites, schemes, run,
                                   {batches, options.threads, observer}));
    // The same sites, for a graph with more constants.
    sites = quant::ChooseSites(graph);
  }
  OCTET_ASSIGN_OR_RETURN(ir::Graph quantized,
                         quant::QuantizeGraph(graph, sites, schemes));

  QuantizationResult result;
  OCTET_ASSIGN_OR_RETURN(result.model, onnx::ExportModel(quantized));
  OCTET_RETURN_IF_ERROR(Report(observer, "quantize", 1, 1));
  result.tensors = Describe(graph, sites, ranges, schemes);
  result.float_bytes = static_cast<int64_t>(bytes.size());
  result.quantized_bytes = static_cast<int64_t>(result.model.size());
  result.samples = run.samples();
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

}  // namespace octet
