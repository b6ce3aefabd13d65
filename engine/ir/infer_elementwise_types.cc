// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/type_rules.h"

// The rules of the operators that work element by element.
namespace octet::ir::internal {
namespace {

enum class Domain { kReals, kNumbers, kIntegers, kBools, kAnything };

// What plain operands of `kind` may be.
Domain DomainOf(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::kEqual:
      return Domain::kAnything;
    case BinaryKind::kAnd:
    case BinaryKind::kOr:
    case BinaryKind::kXor:
      return Domain::kBools;
    case BinaryKind::kBitAnd:
    case BinaryKind::kBitOr:
    case BinaryKind::kBitXor:
    case BinaryKind::kShiftLeft:
    case BinaryKind::kShiftRight:
      return Domain::kIntegers;
    default:
      return Domain::kNumbers;
  }
}

Domain DomainOf(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::kAbs:
    case UnaryKind::kNeg:
    case UnaryKind::kSign:
    case UnaryKind::kShrink:
      return Domain::kNumbers;
    case UnaryKind::kNot:
      return Domain::kBools;
    case UnaryKind::kBitNot:
      return Domain::kIntegers;
    default:
      return Domain::kReals;
  }
}

bool Holds(Domain domain, DType dtype) {
  // Half types are widened before anything is computed.
  if (dtype == DType::kFloat16 || dtype == DType::kBFloat16) return false;
  switch (domain) {
    case Domain::kReals:
      return IsFloat(dtype);
    case Domain::kNumbers:
      return dtype != DType::kBool;
    case Domain::kIntegers:
      return dtype != DType::kBool && !IsFloat(dtype);
    case Domain::kBools:
      return dtype == DType::kBool;
    case Domain::kAnything:
      return true;
  }
  return false;
}

absl::string_view NameOf(Domain domain) {
  switch (domain) {
    case Domain::kReals:
      return "float32 or float64";
    case Domain::kNumbers:
      return "float32, float64 or integers";
    case Domain::kIntegers:
      return "integers";
    case Domain::kBools:
      return "bool";
    case Domain::kAnything:
      return "float32, float64, integers or bool";
  }
  return "";
}

absl::Status ExpectDomain(absl::string_view what, const TensorType& type,
                          Domain domain) {
  if (!type.quantization.has_value() && Holds(domain, type.dtype)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      what, " is ", TypeToString(type), "; expected ",
      type.quantization.has_value() ? "plain " : "", NameOf(domain)));
}

}  // namespace

absl::StatusOr<TensorType> InferOp(const Binary& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 2));
  OCTET_RETURN_IF_ERROR(ExpectActivation(op.activation));
  const TensorType& a = inputs[0];
  const TensorType& b = inputs[1];
  OCTET_ASSIGN_OR_RETURN(Dims dims, BroadcastDims(a.dims, b.dims));
  const bool types_may_differ =
      a.quantization.has_value() || op.kind == BinaryKind::kPow;
  if (a.quantization.has_value() != b.quantization.has_value() ||
      (!types_may_differ && a.dtype != b.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("operands are ", TypeToString(a), " and ", TypeToString(b),
                     "; expected one element type"));
  }
  const Domain domain = DomainOf(op.kind);
  if (a.quantization.has_value() && op.kind <= BinaryKind::kPow) {
    OCTET_RETURN_IF_ERROR(ExpectReal("the first operand", a));
    OCTET_RETURN_IF_ERROR(ExpectReal("the second operand", b));
    return Computed(std::move(dims));
  }
  OCTET_RETURN_IF_ERROR(ExpectDomain("the first operand", a, domain));
  OCTET_RETURN_IF_ERROR(ExpectDomain("the second operand", b, domain));
  return TensorType{GivesBool(op.kind) ? DType::kBool : a.dtype,
                    std::move(dims), std::nullopt};
}

absl::StatusOr<TensorType> InferOp(const Unary& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  const TensorType& x = inputs[0];
  if (x.quantization.has_value() && op.kind < UnaryKind::kIsNan) {
    OCTET_RETURN_IF_ERROR(ExpectReal("the input", x));
  } else {
    OCTET_RETURN_IF_ERROR(ExpectDomain("the input", x, DomainOf(op.kind)));
  }
  if (!std::isfinite(op.alpha) || !std::isfinite(op.beta)) {
    return absl::InvalidArgumentError(
        absl::StrCat("alpha is ", op.alpha, " and beta ", op.beta,
                     "; expected finite numbers"));
  }
  if (x.quantization.has_value()) return Computed(x.dims);
  return TensorType{GivesBool(op.kind) ? DType::kBool : x.dtype, x.dims,
                    std::nullopt};
}

absl::StatusOr<TensorType> InferOp(const Clamp& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  if (inputs[0].quantization.has_value()) {
    OCTET_RETURN_IF_ERROR(ExpectReal("the input", inputs[0]));
  } else {
    OCTET_RETURN_IF_ERROR(
        ExpectDomain("the input", inputs[0], Domain::kNumbers));
  }
  OCTET_RETURN_IF_ERROR(ExpectActivation(op.range));
  return inputs[0];
}

absl::StatusOr<TensorType> InferOp(const LookUp& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  const TensorType& x = inputs[0];
  if (x.dtype != DType::kInt8 && x.dtype != DType::kUInt8) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the input is ", TypeToString(x), "; expected int8 or uint8"));
  }
  const DType dtype = op.table.dtype();
  if (op.table.shape() != Shape{256} ||
      (dtype != DType::kInt8 && dtype != DType::kUInt8 &&
       dtype != DType::kFloat32)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the table is ", Name(dtype), ShapeToString(op.table.shape()),
        "; expected int8, uint8 or float32 [256]"));
  }
  return TensorType{dtype, x.dims, std::nullopt};
}

absl::StatusOr<TensorType> InferOp(const Where&, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 3));
  OCTET_RETURN_IF_ERROR(
      ExpectDomain("the condition", inputs[0], Domain::kBools));
  const TensorType& a = inputs[1];
  const TensorType& b = inputs[2];
  const bool per_channel =
      a.quantization.has_value() && !a.quantization->per_tensor();
  if (a.dtype != b.dtype || a.quantization != b.quantization || per_channel) {
    return absl::InvalidArgumentError(
        absl::StrCat("the choices are ", TypeToString(a), " and ",
                     TypeToString(b), "; expected one element type"));
  }
  OCTET_ASSIGN_OR_RETURN(Dims dims, BroadcastDims(a.dims, b.dims));
  OCTET_ASSIGN_OR_RETURN(dims, BroadcastDims(inputs[0].dims, dims));
  return TensorType{a.dtype, std::move(dims), a.quantization};
}

absl::StatusOr<TensorType> InferOp(const BatchNorm& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 5));
  if (!(op.epsilon >= 0) || !std::isfinite(op.epsilon)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "epsilon is ", op.epsilon, "; expected a finite number >= 0"));
  }
  const Dims& x = inputs[0].dims;
  if (x.size() < 2) {
    return absl::InvalidArgumentError(absl::StrCat("the input has dimensions ",
                                                   DimsToString(x),
                                                   "; expected [N, C, ...]"));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    OCTET_RETURN_IF_ERROR(
        ExpectDomain(absl::StrCat("input ", i), inputs[i], Domain::kReals));
    if (inputs[i].dtype != inputs[0].dtype) {
      return absl::InvalidArgumentError(
          absl::StrCat("input ", i, " is ", TypeToString(inputs[i]),
                       "; expected ", Name(inputs[0].dtype), " as input 0"));
    }
    if (i > 0 && inputs[i].dims != Dims{x[1]}) {
      return absl::InvalidArgumentError(absl::StrCat(
          "input ", i, " has dimensions ", DimsToString(inputs[i].dims),
          "; expected ", DimsToString({x[1]})));
    }
  }
  return inputs[0];
}

absl::StatusOr<TensorType> InferOp(const Cast& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  // Of integers that stand for reals, it takes the integers.
  return TensorType{op.to, inputs[0].dims, std::nullopt};
}

}  // namespace octet::ir::internal
