// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_WORK_H_
#define OCTET_ENGINE_IR_WORK_H_

#include "absl/types/span.h"
#include "engine/ir/op.h"
#include "engine/ir/tensor_type.h"

namespace octet::ir {

// About how many elementary operations `op` takes for one row: the elements
// that it reads and writes, and for products, windows and recurrences each
// multiply-accumulate or comparison. An estimate from types alone that is never
// too small by more than a constant factor, so that limits can be set on what a
// file asks for before anything is computed. A double, which does not overflow.
// REQUIRES: types that InferTypes() accepts.
double WorkOf(const Op& op, absl::Span<const TensorType> inputs,
              absl::Span<const TensorType> outputs);

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_WORK_H_
