// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_RECURRENT_STEP_H_
#define OCTET_ENGINE_SIMD_RECURRENT_STEP_H_

#include <memory>

#include "absl/status/statusor.h"
#include "engine/plan/step.h"

namespace octet::simd {

// LSTM, GRU and RNN with constant weights, the default functions and whole
// sequences; UNIMPLEMENTED with the reason for others.
absl::StatusOr<std::unique_ptr<plan::Step>> CreateRecurrentStep(
    const plan::StepRequest& request, const ir::Recurrent& op);

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_RECURRENT_STEP_H_
