// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_CALIBRATION_RUN_H_
#define OCTET_ENGINE_CALIBRATION_RUN_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/engine.h"
#include "engine/ir/graph.h"
#include "engine/quant/calibrate.h"

namespace octet::internal {

// The calibration samples, checked against a model and put in its order.
// Thread-compatible; the tensors share their bytes with the caller's.
class CalibrationRun {
 public:
  // INVALID_ARGUMENT  an input without a tensor, a tensor without an input, a
  //                   wrong dtype or shape, unequal sample counts, none at all,
  //                   NaN or infinity: names tensor, got and expected.
  // `what` is what the samples are for, in these messages.
  static absl::StatusOr<CalibrationRun> Create(
      const Model& model, absl::Span<const NamedTensor> calibration,
      absl::string_view what = "calibration");

  int64_t samples() const { return samples_; }
  // The bytes of sample `sample` of the model's input `input`.
  const void* Sample(size_t input, int64_t sample) const;

  // A source that runs `graph` (optimized, float) sample by sample on `threads`
  // threads and shows its `values`. It refers to this object, which must
  // outlive it.
  absl::StatusOr<quant::ActivationSource> ActivationsOf(
      const ir::Graph& graph, const std::vector<ir::ValueId>& values,
      bool batches, int threads) const;

 private:
  int64_t samples_ = 0;
  std::vector<Tensor> tensors_;  // per input of the model
};

}  // namespace octet::internal

#endif  // OCTET_ENGINE_CALIBRATION_RUN_H_
