// SPDX-License-Identifier: Apache-2.0
#include "engine/output_error.h"

#include <cmath>

#include "engine/base/half_tensors.h"
#include "engine/base/status_macros.h"

namespace octet::internal {

void OutputError::Add(const Tensor& exact, const Tensor& rounded) {
  const Tensor exact_reals = WithoutHalves(exact);
  const Tensor rounded_reals = WithoutHalves(rounded);
  if (exact_reals.dtype() != DType::kFloat32) return;
  const auto a = exact_reals.data<float>();
  const auto b = rounded_reals.data<float>();
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - b[i];
    signal_ += static_cast<double>(a[i]) * a[i];
    noise_ += difference * difference;
  }
}

double RatioDecibels(double signal, double noise) {
  constexpr double kCap = 200;
  if (noise == 0 || signal / noise > 1e20) return kCap;
  return signal == 0 ? -kCap : 10 * std::log10(signal / noise);
}

absl::StatusOr<std::vector<Tensor>> RunSample(Executor& executor,
                                              const Model& model,
                                              const CalibrationRun& calibration,
                                              int64_t sample) {
  OCTET_ASSIGN_OR_RETURN(const Sample inputs, calibration.Read(sample));
  std::vector<Tensor> outputs;
  std::vector<void*> addresses;
  for (const TensorSpec& spec : model.outputs()) {
    outputs.emplace_back(spec.dtype, spec.row_shape);
    addresses.push_back(outputs.back().mutable_bytes());
  }
  const RowBlock block{1, inputs.inputs(), addresses};
  OCTET_RETURN_IF_ERROR(executor.Run({&block, 1}, nullptr));
  return outputs;
}

}  // namespace octet::internal
