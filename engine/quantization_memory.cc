// SPDX-License-Identifier: Apache-2.0
#include "engine/quantization_memory.h"

#include <string>

#include "absl/strings/str_format.h"
#include "engine/quant/histogram.h"
#include "engine/quant/input_moments.h"
#include "engine/quant/quantization_sites.h"
#include "engine/trial_samples.h"

namespace octet::internal {
namespace {

constexpr int64_t kProgramBytes = 32'000'000;
// How often the float weights are in memory at once: the file, the graph, its
// plan packed for the kernels, the graph that is run for observation or
// correction with its plan, and what of these was let go and not given back.
// Trials add theirs, one after another, and the graphs whose channels are
// centered or made equal.
constexpr int64_t kLinearCopies = 9;
constexpr int64_t kHistogramCopies = 20;
constexpr int64_t kLinearGraphs = 1;
constexpr int64_t kHistogramGraphs = 6;
constexpr auto kTrialSamples =
    static_cast<int64_t>(TrialSamples::kMostFit + TrialSamples::kMostHeldOut);

int64_t BytesOf(const ir::TensorType& type) {
  return ElementCount(ir::ConcreteShape(type.dims, /*rows=*/1)) *
         static_cast<int64_t>(SizeOf(type.dtype));
}

std::string Megabytes(int64_t bytes) {
  return absl::StrFormat("%.1f MB", static_cast<double>(bytes) / 1e6);
}

}  // namespace

QuantizationMemory EstimateQuantizationMemory(const ir::Graph& graph,
                                              int64_t sample_bytes,
                                              QuantizationMethod method) {
  const bool linear = method == QuantizationMethod::kLinear;
  QuantizationMemory memory;
  memory.program = kProgramBytes;
  int64_t weights = 0;
  for (const ir::Value& value : graph.values()) {
    if (value.is_constant()) {
      weights += static_cast<int64_t>(value.constant->byte_size());
    } else {
      memory.activations += BytesOf(value.type);
    }
  }
  memory.weights = weights * (linear ? kLinearCopies : kHistogramCopies);
  const auto sites =
      static_cast<int64_t>(quant::ChooseSites(graph).rounded.size());
  memory.statistics = sites * (linear ? kLinearGraphs : kHistogramGraphs) *
                      quant::Histogram::kBins *
                      static_cast<int64_t>(sizeof(int64_t));
  memory.samples = sample_bytes;
  if (!linear) {
    memory.statistics += quant::MomentObserver::MemoryFor(graph);
    for (ir::ValueId output : graph.outputs()) {
      memory.samples += BytesOf(graph.type(output)) * kTrialSamples;
    }
  }
  return memory;
}

absl::Status CheckMemoryBudget(const QuantizationMemory& memory,
                               int64_t budget) {
  if (memory.total() <= budget) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrFormat(
      "quantizing this model takes about %s: %s for the program, %s for "
      "weights, %s for activations, %s for statistics, %s for the samples; the "
      "budget is %s: raise it, or give fewer samples",
      Megabytes(memory.total()), Megabytes(memory.program),
      Megabytes(memory.weights), Megabytes(memory.activations),
      Megabytes(memory.statistics), Megabytes(memory.samples),
      Megabytes(budget)));
}

}  // namespace octet::internal
