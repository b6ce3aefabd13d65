// SPDX-License-Identifier: Apache-2.0
#include "engine/io/join_rows.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/shape.h"
#include "engine/base/status_macros.h"

namespace octet::io {

absl::Status CheckRowsFit(DType a, const Shape& a_shape, DType b,
                          const Shape& b_shape) {
  if (a_shape.empty() || b_shape.empty()) {
    return absl::InvalidArgumentError("it has no axis for the rows");
  }
  if (a != b || a_shape.size() != b_shape.size() ||
      !std::equal(a_shape.begin() + 1, a_shape.end(), b_shape.begin() + 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Name(b), " ", ShapeToString(b_shape), " in one piece, ",
                     Name(a), " ", ShapeToString(a_shape), " in another"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> JoinRows(absl::Span<const Tensor> pieces) {
  if (pieces.size() == 1) return pieces[0];
  const Tensor& first = pieces[0];
  Shape shape = first.shape();
  int64_t rows = 0;
  for (const Tensor& piece : pieces) {
    OCTET_RETURN_IF_ERROR(CheckRowsFit(first.dtype(), first.shape(),
                                       piece.dtype(), piece.shape()));
    rows += piece.shape()[0];
  }
  shape[0] = rows;
  Tensor joined(first.dtype(), std::move(shape));
  std::byte* to = joined.mutable_bytes();
  for (const Tensor& piece : pieces) {
    if (piece.byte_size() > 0) {
      std::memcpy(to, piece.bytes(), piece.byte_size());
    }
    to += piece.byte_size();
  }
  return joined;
}

}  // namespace octet::io
