// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_CALIBRATION_RUN_H_
#define OCTET_ENGINE_CALIBRATION_RUN_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/sample_source.h"
#include "engine/engine.h"
#include "engine/ir/graph.h"
#include "engine/quant/calibrate.h"

namespace octet::internal {

// How a graph is run on calibration samples.
struct SampleRuns {
  bool batches = false;
  int threads = 1;
  std::vector<int64_t> samples;  // which, in order
  // Where the graph has more inputs than the model: the values of the one that
  // is so many behind the model's, asked for before each sample.
  std::function<absl::Span<const float>(size_t index)> further_input;
  // Whether the sink may be called on all threads at once, each time for
  // another value.
  bool concurrent_sink = false;
};

// One sample: a tensor for each input of the model, of its row_shape.
class Sample {
 public:
  explicit Sample(std::vector<Tensor> tensors);

  const Tensor& tensor(size_t input) const { return tensors_[input]; }
  // The bytes of all tensors, as a RowBlock wants them; they stay while this
  // or a copy does.
  const std::vector<const void*>& inputs() const { return inputs_; }

 private:
  std::vector<Tensor> tensors_;
  std::vector<const void*> inputs_;
};

// The calibration samples, checked against a model and put in its order.
// Thread-safe.
class CalibrationRun {
 public:
  // Reads all samples once. `source` must outlive the run.
  // INVALID_ARGUMENT  an input without a tensor, a tensor without an input, a
  //                   wrong dtype or shape, unequal sample counts, none at all,
  //                   NaN or infinity: names tensor, got and expected.
  // `what` is what the samples are for, in these messages.
  static absl::StatusOr<CalibrationRun> Create(
      const Model& model, const SampleSource& source,
      absl::string_view what = "calibration");

  int64_t samples() const { return samples_; }
  size_t inputs() const { return inputs_.size(); }  // of the model
  // float32 is rounded where the model's input is of a half type. Errors as
  // SampleSource::Read().
  absl::StatusOr<Sample> Read(int64_t sample) const;

  // A source that runs `watched` (optimized, float) one sample a call, 0 at the
  // end and then from the beginning again. It refers to this object, which must
  // outlive it. Memory: one sample's activations, however many there are.
  absl::StatusOr<quant::ActivationSource> ActivationsOf(
      const quant::WatchedGraph& watched, const SampleRuns& runs) const;

 private:
  // An input of the model.
  struct Input {
    size_t tensor = 0;  // of the source
    TensorSpec spec;
  };

  explicit CalibrationRun(const SampleSource& source) : source_(&source) {}

  const SampleSource* source_;
  int64_t samples_ = 0;
  std::vector<Input> inputs_;
};

}  // namespace octet::internal

#endif  // OCTET_ENGINE_CALIBRATION_RUN_H_
