// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REFERENCE_RECURRENT_STEP_H_
#define OCTET_ENGINE_REFERENCE_RECURRENT_STEP_H_

#include "absl/status/statusor.h"
#include "engine/ir/op.h"
#include "engine/reference/loop_step.h"

namespace octet::reference {

// LSTM, GRU and RNN; see steps.h.
absl::StatusOr<StepPtr> MakeStep(const ir::Recurrent& op,
                                 const NodeTypes& node);

}  // namespace octet::reference

#endif  // OCTET_ENGINE_REFERENCE_RECURRENT_STEP_H_
