// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_CALIBRATION_RUN_H_
#define OCTET_ENGINE_CALIBRATION_RUN_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
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
};

// The calibration samples, checked against a model and put in its order.
// Thread-compatible; the tensors share their bytes with the caller's.
class CalibrationRun {
 public:
  // float32 is rounded where the model's input is of a half type.
  // INVALID_ARGUMENT  an input without a tensor, a tensor without an input, a
  //                   wrong dtype or shape, unequal sample counts, none at all,
  //                   NaN or infinity: names tensor, got and expected.
  // `what` is what the samples are for, in these messages.
  static absl::StatusOr<CalibrationRun> Create(
      const Model& model, absl::Span<const NamedTensor> calibration,
      absl::string_view what = "calibration");

  int64_t samples() const { return samples_; }
  size_t inputs() const { return tensors_.size(); }  // of the model
  // The bytes of sample `sample` of the model's input `input`.
  const void* Sample(size_t input, int64_t sample) const;

  // A source that runs `watched` (optimized, float) one sample a call, 0 at the
  // end and then from the beginning again. It refers to this object, which must
  // outlive it. Memory: one sample's activations, however many there are.
  absl::StatusOr<quant::ActivationSource> ActivationsOf(
      const quant::WatchedGraph& watched, const SampleRuns& runs) const;

 private:
  int64_t samples_ = 0;
  std::vector<Tensor> tensors_;  // per input of the model
};

}  // namespace octet::internal

#endif  // OCTET_ENGINE_CALIBRATION_RUN_H_
