// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_EVALUATION_EVALUATION_H_
#define OCTET_ENGINE_EVALUATION_EVALUATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/base/dtype.h"
#include "engine/base/tensor.h"
#include "engine/engine.h"

// What a quantization cost and what it won: a float model and its int8 version
// side by side on the same samples, as a whole and layer by layer.
namespace octet {

// A figure with the interval that holds the true one with 95 % confidence, the
// samples being a random draw of what the model will see.
struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;
};

struct EvaluationOptions {
  // The right class of each sample, from 0.
  std::optional<std::vector<int64_t>> labels;
  // Leaves class 0 out and counts from class 1: models with a background class.
  bool drop_first_class = false;
  // How many samples, the first ones, the layers are looked at with; 0: no
  // layers. Costs about four runs of the float model a sample.
  int64_t layer_samples = 32;
  // About how long the two models are timed, one third of it as wholes; zero:
  // not at all.
  absl::Duration timing = absl::Seconds(3);
  // Of the quantization that made the int8 model: its layers are then held
  // against the float model's values in its own units.
  std::vector<ChangedChannels> changed_channels;
  // Of the runs for accuracy; times are always taken on one thread.
  int threads = 1;
};

// Milliseconds of one run, one row, one thread.
struct RunTiming {
  double min_ms = 0;
  double median_ms = 0;
};

// Both models in turn, so that both see the same state of the machine.
struct PairedTiming {
  int64_t pairs = 0;
  RunTiming exact;
  RunTiming rounded;
  Estimate speedup;  // the median over the pairs of float over int8
};

// The integers that stand for a layer's output, and what they make of it.
struct LayerRounding {
  DType dtype = DType::kUInt8;
  float scale = 1;  // real units a step
  int32_t zero_point = 0;
  double low = 0;  // what the integers reach, real units
  double high = 0;
  // Of the float model's values: more than half a step beyond [low, high].
  double clipped_share = 0;
};

// One value that both models compute, or an input of theirs.
struct LayerEvaluation {
  std::string name;    // the node's; the tensor's where that is empty
  std::string op;      // "Conv", ...; "input"
  std::string tensor;  // its output, by the float model's name
  // Absent where the int8 model keeps the output float.
  std::optional<LayerRounding> rounding;
  // What its own node computes in.
  bool integer = false;
  // Of the output against the float model's: with the error of everything
  // before it, and with its inputs exact but for their own rounding. In
  // decibels; infinite where nothing differs.
  double sqnr_db = 0;
  double own_sqnr_db = 0;
  double cosine = 1;
  double min = 0;  // of the float model's values, in the int8 model's units
  double max = 0;
  ValueHistogram histogram;  // of the float model's values
  // Microseconds of its steps, one row, one thread; absent where the times
  // were not taken or the model has no step of that name.
  std::optional<double> exact_us;
  std::optional<double> rounded_us;
  std::string exact_kernel;
  std::string rounded_kernel;
};

struct ModelEvaluation {
  int64_t samples = 0;
  // Of all float32 outputs against the float model's; infinite where nothing
  // differs.
  Estimate sqnr_db;
  Estimate cosine;
  bool identical = false;
  // Of the first output, where its rows are a list of at least two numbers:
  // the share of samples with the same largest one.
  std::optional<Estimate> agreement;
  // With labels: the share of samples whose largest number is the label's, and
  // by how much the int8 model's is higher (lower: negative).
  std::optional<Estimate> exact_accuracy;
  std::optional<Estimate> rounded_accuracy;
  std::optional<Estimate> accuracy_change;
  int64_t exact_bytes = 0;
  int64_t rounded_bytes = 0;
  std::optional<PairedTiming> timing;
  int64_t layer_samples = 0;
  std::vector<LayerEvaluation> layers;  // inputs first, then in graph order
  // Steps that belong to no layer above (changes of layout, conversions),
  // microseconds.
  double exact_other_us = 0;
  double rounded_other_us = 0;
};

// Compares the float ONNX model `exact` with `rounded`, an int8 version of it,
// on `samples`: one tensor an input, [samples, row_shape...], as Quantize()
// takes them. `observer` may be null; its phases are "evaluate", "layers" and
// "time".
// The same input gives the same figures, but for the times.
// INVALID_ARGUMENT  the models' signatures differ, or samples or labels do not
//                   fit them.
// UNIMPLEMENTED     a model whose shapes are not known before it runs.
// Otherwise as Model::FromBytes().
absl::StatusOr<ModelEvaluation> EvaluateOn(absl::string_view exact,
                                           absl::string_view rounded,
                                           const SampleSource& samples,
                                           const EvaluationOptions& options,
                                           QuantizationObserver* observer);

// EvaluateOn() samples in memory.
absl::StatusOr<ModelEvaluation> Evaluate(absl::string_view exact,
                                         absl::string_view rounded,
                                         absl::Span<const NamedTensor> samples,
                                         const EvaluationOptions& options,
                                         QuantizationObserver* observer);

}  // namespace octet

#endif  // OCTET_ENGINE_EVALUATION_EVALUATION_H_
