// SPDX-License-Identifier: Apache-2.0
#include "engine/ir/infer_types.h"

#include <cmath>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/type_rules.h"

namespace octet::ir {
namespace internal {

absl::Status ExpectInputCount(InputTypes inputs, size_t expected) {
  if (inputs.size() == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("got ", inputs.size(), " inputs; expected ", expected));
}

absl::Status ExpectAxis(int axis, const Dims& dims) {
  if (axis >= 0 && static_cast<size_t>(axis) < dims.size()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("axis is ", axis, " for dimensions ", DimsToString(dims)));
}

absl::Status ExpectReal(absl::string_view what, const TensorType& type) {
  const bool is_real =
      type.quantization.has_value()
          ? type.dtype == DType::kInt8 || type.dtype == DType::kUInt8
          : type.dtype == DType::kFloat32;
  if (is_real) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is ", TypeToString(type),
                   "; expected float32, or quantized int8 or uint8"));
}

absl::Status ExpectActivation(const Activation& activation) {
  // False for NaN too.
  if (activation.lower <= activation.upper) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the result is clamped to [", activation.lower, ", ",
                   activation.upper, "]; expected lower <= upper"));
}

absl::Status ExpectWeights(const TensorType& x, const TensorType& w,
                           int channel_axis) {
  OCTET_RETURN_IF_ERROR(ExpectReal("the data input", x));
  if (!x.quantization.has_value()) {
    if (w.dtype == DType::kFloat32 && !w.quantization.has_value()) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        absl::StrCat("the weights are ", TypeToString(w),
                     "; expected float32 as the data input is"));
  }
  if (!x.quantization->per_tensor()) {
    return absl::InvalidArgumentError(
        "the data input is quantized per channel; expected per tensor");
  }
  if (w.dtype != DType::kInt8 || !w.quantization.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the weights are ", TypeToString(w),
                     "; expected quantized int8 as the data input is"));
  }
  if (!w.quantization->per_tensor() && w.quantization->axis != channel_axis) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the weights are quantized along axis ", w.quantization->axis,
        "; expected their output channels, axis ", channel_axis));
  }
  for (int32_t zero_point : w.quantization->zero_points) {
    if (zero_point != 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the weights have zero point ", zero_point, "; expected 0"));
    }
  }
  return absl::OkStatus();
}

absl::Status ExpectBias(const TensorType& x, const TensorType& bias,
                        const Dim& channels) {
  if (bias.dims != Dims{channels}) {
    return absl::InvalidArgumentError(
        absl::StrCat("the bias has dimensions ", DimsToString(bias.dims),
                     "; expected ", DimsToString({channels})));
  }
  const bool integer = x.quantization.has_value();
  if (bias.quantization.has_value() == integer &&
      bias.dtype == (integer ? DType::kInt32 : DType::kFloat32)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the bias is ", TypeToString(bias), "; expected ",
                   integer ? "quantized int32" : "float32"));
}

absl::StatusOr<Dims> BroadcastDims(const Dims& a, const Dims& b) {
  const Dims& longer = a.size() >= b.size() ? a : b;
  const Dims& shorter = a.size() >= b.size() ? b : a;
  Dims result = longer;
  const size_t offset = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    Dim& dim = result[offset + i];
    if (dim == shorter[i] || shorter[i] == Dim::Fixed(1)) continue;
    if (dim != Dim::Fixed(1)) {
      return absl::InvalidArgumentError(
          absl::StrCat("dimensions ", DimsToString(a), " and ", DimsToString(b),
                       " do not broadcast"));
    }
    dim = shorter[i];
  }
  return result;
}

TensorType Computed(Dims dims) {
  TensorType type;
  type.dims = std::move(dims);
  return type;
}

absl::StatusOr<TensorType> InferOp(const Quantize&, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  if (inputs[0].dtype != DType::kFloat32) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the input is ", TypeToString(inputs[0]), "; expected float32"));
  }
  return TensorType{DType::kUInt8, inputs[0].dims, std::nullopt};
}

absl::StatusOr<TensorType> InferOp(const Dequantize&, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  if (!inputs[0].quantization.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the input is ", TypeToString(inputs[0]), "; expected a quantization"));
  }
  return Computed(inputs[0].dims);
}

absl::StatusOr<TensorType> InferOp(const Requantize&, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  if (!inputs[0].quantization.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the input is ", TypeToString(inputs[0]), "; expected a quantization"));
  }
  return inputs[0];
}

}  // namespace internal

absl::StatusOr<std::vector<TensorType>> InferTypes(
    const Op& op, absl::Span<const TensorType> inputs) {
  return std::visit(
      [&](const auto& specific) -> absl::StatusOr<std::vector<TensorType>> {
        if constexpr (requires { internal::InferOp(specific, inputs); }) {
          auto inferred = internal::InferOp(specific, inputs);
          if (!inferred.ok()) return inferred.status();
          if constexpr (std::is_same_v<decltype(inferred),
                                       absl::StatusOr<TensorType>>) {
            return std::vector<TensorType>{*std::move(inferred)};
          } else {
            return inferred;
          }
        } else {
          return absl::UnimplementedError("octet does not run this operator");
        }
      },
      op);
}

absl::StatusOr<TensorType> InferType(const Op& op,
                                     absl::Span<const TensorType> inputs) {
  OCTET_ASSIGN_OR_RETURN(std::vector<TensorType> types, InferTypes(op, inputs));
  return std::move(types[0]);
}

}  // namespace octet::ir
