// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_JOIN_ROWS_H_
#define OCTET_ENGINE_IO_JOIN_ROWS_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"

namespace octet::io {

// The tensors put together along their first axis; a single one as it is.
// INVALID_ARGUMENT where they have no first axis, or differ in more than its
// length. REQUIRES: at least one.
absl::StatusOr<Tensor> JoinRows(absl::Span<const Tensor> pieces);

// The same for pieces that are not at hand: INVALID_ARGUMENT where pieces of
// these types and shapes cannot be put together.
absl::Status CheckRowsFit(DType a, const Shape& a_shape, DType b,
                          const Shape& b_shape);

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_JOIN_ROWS_H_
