// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/type_rules.h"

// The rules of the operators that multiply matrices.
namespace octet::ir::internal {
namespace {

// Numbers other than float32 that stand for themselves.
bool IsPlainNumber(const TensorType& type) {
  if (type.quantization.has_value()) return false;
  switch (type.dtype) {
    case DType::kFloat64:
    case DType::kInt32:
    case DType::kUInt32:
    case DType::kInt64:
    case DType::kUInt64:
      return true;
    default:
      return false;
  }
}

// A product of plain numbers has neither bias nor limits; they are nodes of
// their own.
absl::Status ExpectOneType(const MatMul& op, InputTypes inputs) {
  if (op.has_bias || !op.activation.is_identity()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a product of ", TypeToString(inputs[0]),
        " with a bias or limits; expected these as nodes of their own"));
  }
  if (inputs[0].dtype != inputs[1].dtype || inputs[1].quantization) {
    return absl::InvalidArgumentError(
        absl::StrCat("operands are ", TypeToString(inputs[0]), " and ",
                     TypeToString(inputs[1]), "; expected one element type"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TensorType> InferOp(const MatMul& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, op.has_bias ? 3 : 2));
  OCTET_RETURN_IF_ERROR(ExpectActivation(op.activation));
  const Dims& a = inputs[0].dims;
  const Dims& b = inputs[1].dims;
  if (a.size() < 2 || b.size() < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("operands have dimensions ", DimsToString(a), " and ",
                     DimsToString(b), "; expected at least two each"));
  }
  const int last = static_cast<int>(b.size()) - 1;
  const int columns_axis = op.transpose_b ? last - 1 : last;
  const bool plain = IsPlainNumber(inputs[0]);
  if (plain) {
    OCTET_RETURN_IF_ERROR(ExpectOneType(op, inputs));
  } else if (!ExpectReal("the data input", inputs[0]).ok()) {
    return absl::UnimplementedError(
        absl::StrCat("an operand is ", TypeToString(inputs[0]),
                     "; octet multiplies float32 and float64, integers of 32 "
                     "and 64 bits, and 8-bit ones that stand for reals"));
  } else {
    OCTET_RETURN_IF_ERROR(ExpectWeights(inputs[0], inputs[1], columns_axis));
  }
  const Dim columns = b[columns_axis];
  if (a.back() != b[op.transpose_b ? last : last - 1]) {
    return absl::InvalidArgumentError(
        absl::StrCat("operands have dimensions ", DimsToString(a), " and ",
                     DimsToString(b), op.transpose_b ? " (transposed)" : "",
                     "; expected one inner dimension"));
  }
  OCTET_ASSIGN_OR_RETURN(Dims dims, BroadcastDims({a.begin(), a.end() - 2},
                                                  {b.begin(), b.end() - 2}));
  dims.push_back(a[a.size() - 2]);
  dims.push_back(columns);
  if (plain) return TensorType{inputs[0].dtype, std::move(dims), std::nullopt};
  if (op.has_bias) {
    OCTET_RETURN_IF_ERROR(ExpectBias(inputs[0], inputs[2], columns));
  }
  return Computed(std::move(dims));
}

}  // namespace octet::ir::internal
