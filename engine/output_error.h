// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_OUTPUT_ERROR_H_
#define OCTET_ENGINE_OUTPUT_ERROR_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/tensor.h"
#include "engine/calibration_run.h"
#include "engine/engine.h"

namespace octet::internal {

// 10 * log10(signal / noise), within 200 dB, beyond what float32 can tell
// apart.
double RatioDecibels(double signal, double noise);

// What a quantized model's outputs lose against the float model's, summed over
// all elements. Thread-compatible.
class OutputError {
 public:
  // Outputs that are not floats do not count. REQUIRES: tensors of one shape.
  void Add(const Tensor& exact, const Tensor& rounded);

  double Decibels() const { return RatioDecibels(signal_, noise_); }
  double signal() const { return signal_; }
  double noise() const { return noise_; }

 private:
  double signal_ = 0;
  double noise_ = 0;
};

// The outputs of `executor`, which runs `model`, for one calibration sample.
absl::StatusOr<std::vector<Tensor>> RunSample(Executor& executor,
                                              const Model& model,
                                              const CalibrationRun& calibration,
                                              int64_t sample);

}  // namespace octet::internal

#endif  // OCTET_ENGINE_OUTPUT_ERROR_H_
