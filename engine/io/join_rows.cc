// SPDX-License-Identifier: Apache-2.0
#include "engine/io/join_rows.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/shape.h"

namespace octet::io {

absl::StatusOr<Tensor> JoinRows(absl::Span<const Tensor> pieces) {
  if (pieces.size() == 1) return pieces[0];
  const Tensor& first = pieces[0];
  Shape shape = first.shape();
  if (shape.empty()) {
    return absl::InvalidArgumentError("it has no axis for the rows");
  }
  shape[0] = 0;
  for (const Tensor& piece : pieces) {
    if (piece.dtype() != first.dtype() ||
        piece.shape().size() != shape.size() ||
        !std::equal(shape.begin() + 1, shape.end(),
                    piece.shape().begin() + 1)) {
      return absl::InvalidArgumentError(
          absl::StrCat(Name(piece.dtype()), " ", ShapeToString(piece.shape()),
                       " in one piece, ", Name(first.dtype()), " ",
                       ShapeToString(first.shape()), " in another"));
    }
    shape[0] += piece.shape()[0];
  }
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
