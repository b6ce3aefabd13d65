// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/type_rules.h"

namespace octet::ir::internal {
namespace {

// [B, H, M, D] whatever the layout.
Dims HeadsOuter(Dims dims, bool heads_inner) {
  if (heads_inner) std::swap(dims[1], dims[2]);
  return dims;
}

absl::Status DoNotFit(InputTypes inputs) {
  return absl::InvalidArgumentError(
      absl::StrCat("queries ", DimsToString(inputs[0].dims), ", keys ",
                   DimsToString(inputs[1].dims), " and values ",
                   DimsToString(inputs[2].dims), " do not fit each other"));
}

}  // namespace

absl::StatusOr<TensorType> InferOp(const Attention& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, op.has_mask ? 4 : 3));
  for (const TensorType& type : inputs) {
    if (type.dtype != DType::kFloat32 || type.quantization.has_value() ||
        type.dims.size() != 4) {
      return absl::InvalidArgumentError(
          absl::StrCat("an input is ", TypeToString(type),
                       "; expected float32 with four axes"));
    }
  }
  const Dims q = HeadsOuter(inputs[0].dims, op.heads_inner);
  const Dims k = HeadsOuter(inputs[1].dims, op.heads_inner);
  const Dims v = HeadsOuter(inputs[2].dims, op.heads_inner);
  const bool fit = q[0] == k[0] && q[0] == v[0] && q[1] == k[1] &&
                   q[1] == v[1] && q[3] == k[3] && k[2] == v[2];
  // Only the leading axis may carry rows.
  for (const Dims& dims : {q, k, v}) {
    for (int i = 1; i < 4; ++i) {
      if (dims[i].per_row) return DoNotFit(inputs);
    }
  }
  if (!fit) return DoNotFit(inputs);
  if (op.has_mask) {
    const Dims full = {q[0], q[1], q[2], k[2]};
    for (int i = 0; i < 4; ++i) {
      const Dim& dim = inputs[3].dims[i];
      if (dim == full[i] || dim == Dim::Fixed(1)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("a mask ", DimsToString(inputs[3].dims),
                       " does not broadcast to ", DimsToString(full)));
    }
  }
  Dims y = {q[0], q[1], q[2], v[3]};
  return Computed(HeadsOuter(std::move(y), op.heads_inner));
}

}  // namespace octet::ir::internal
