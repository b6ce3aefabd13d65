// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/requantization.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"

namespace octet::plan {
namespace {

template <typename T>
IntegerRange RangeOfType() {
  return {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
}

// The one scale and zero point of an 8-bit activation.
absl::StatusOr<const ir::Quantization*> ActivationQuantization(
    const ir::TensorType& type, absl::string_view role) {
  if (type.dtype != DType::kUInt8 && type.dtype != DType::kInt8) {
    return absl::UnimplementedError(
        absl::StrCat(role, " is ", Name(type.dtype),
                     "; integer arithmetic expects uint8 or int8"));
  }
  if (!type.quantization.has_value() || !type.quantization->per_tensor()) {
    return absl::UnimplementedError(absl::StrCat(
        role, " is ", ir::TypeToString(type), "; expected one scale"));
  }
  return &*type.quantization;
}

absl::StatusOr<float> Quotient(double numerator, double denominator,
                               absl::string_view what) {
  const auto quotient = static_cast<float>(numerator / denominator);
  if (!std::isfinite(quotient)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " is ", numerator, " / ", denominator,
                     "; expected a finite float32"));
  }
  return quotient;
}

absl::Status CheckWeights(const ProductTypes& types, int64_t channels) {
  const ir::TensorType& weights = types.weights;
  if (weights.dtype != DType::kInt8 || !weights.quantization.has_value()) {
    return absl::UnimplementedError(
        absl::StrCat("the weights are ", ir::TypeToString(weights),
                     "; expected int8 with a scale"));
  }
  const ir::Quantization& quantization = *weights.quantization;
  for (int32_t zero_point : quantization.zero_points) {
    if (zero_point != 0) {
      return absl::UnimplementedError(absl::StrCat(
          "the weights have zero point ", zero_point, "; expected 0"));
    }
  }
  if (!quantization.per_tensor() &&
      (quantization.axis != types.channel_axis ||
       static_cast<int64_t>(quantization.scales.size()) != channels)) {
    return absl::UnimplementedError(absl::StrCat(
        "the weights have ", quantization.scales.size(), " scales on axis ",
        quantization.axis, "; expected one, or ", channels, " on axis ",
        types.channel_axis));
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<IntegerRange> RangeOf(DType dtype) {
  switch (dtype) {
    case DType::kInt8:
      return RangeOfType<int8_t>();
    case DType::kUInt8:
      return RangeOfType<uint8_t>();
    case DType::kInt16:
      return RangeOfType<int16_t>();
    case DType::kUInt16:
      return RangeOfType<uint16_t>();
    case DType::kInt32:
      return RangeOfType<int32_t>();
    case DType::kUInt32:
      return RangeOfType<uint32_t>();
    case DType::kInt64:
      return RangeOfType<int64_t>();
    case DType::kUInt64:
    case DType::kBool:
    case DType::kFloat32:
    case DType::kFloat64:
    case DType::kFloat16:
    case DType::kBFloat16:
      return std::nullopt;
  }
  return std::nullopt;
}

absl::StatusOr<OutputStage> MakeOutputStage(const ir::TensorType& output,
                                            const ir::Activation& activation) {
  OutputStage stage;
  stage.dtype = output.dtype;
  if (output.dtype == DType::kFloat32) {
    stage.lower = activation.lower;
    stage.upper = activation.upper;
    return stage;
  }
  const std::optional<IntegerRange> range = RangeOf(output.dtype);
  if (!range.has_value() || SizeOf(output.dtype) > 2 ||
      !output.quantization.has_value() || !output.quantization->per_tensor()) {
    return absl::UnimplementedError(absl::StrCat(
        "the output is ", ir::TypeToString(output),
        "; expected float32, or 8 or 16 bit integers with one scale"));
  }
  stage.scale = output.quantization->scales[0];
  stage.zero_point = output.quantization->zero_points[0];
  auto quantized = [&](float limit) {
    return QuantizeOne(limit, stage.scale, stage.zero_point, *range);
  };
  stage.lower =
      static_cast<float>(quantized(activation.lower) - stage.zero_point);
  stage.upper =
      static_cast<float>(quantized(activation.upper) - stage.zero_point);
  return stage;
}

absl::StatusOr<ProductRequantization> RequantizeProducts(
    const ProductTypes& types) {
  const int64_t channels = types.weights.dims[types.channel_axis].value;
  OCTET_RETURN_IF_ERROR(CheckWeights(types, channels));
  OCTET_ASSIGN_OR_RETURN(const ir::Quantization* input,
                         ActivationQuantization(types.input, "the input"));
  ProductRequantization result;
  OCTET_ASSIGN_OR_RETURN(result.output,
                         MakeOutputStage(types.output, types.activation));
  result.input_zero_point = input->zero_points[0];
  const std::vector<float>& scales = types.weights.quantization->scales;
  result.multipliers.resize(channels);
  for (int64_t c = 0; c < channels; ++c) {
    const double scale = scales.size() == 1 ? scales[0] : scales[c];
    OCTET_ASSIGN_OR_RETURN(
        result.multipliers[c],
        Quotient(input->scales[0] * scale, result.output.scale,
                 "the multiplier s_x * s_w / s_y"));
  }
  if (types.residual != nullptr) {
    OCTET_ASSIGN_OR_RETURN(
        const ir::Quantization* residual,
        ActivationQuantization(*types.residual, "the residual"));
    result.residual_zero_point = residual->zero_points[0];
    OCTET_ASSIGN_OR_RETURN(result.residual_multiplier,
                           Quotient(residual->scales[0], result.output.scale,
                                    "the multiplier s_r / s_y"));
  }
  return result;
}

absl::StatusOr<SumRequantization> RequantizeSum(
    const ir::TensorType& a, const ir::TensorType& b,
    const ir::TensorType& output, const ir::Activation& activation) {
  OCTET_ASSIGN_OR_RETURN(const ir::Quantization* a_quantization,
                         ActivationQuantization(a, "the first input"));
  OCTET_ASSIGN_OR_RETURN(const ir::Quantization* b_quantization,
                         ActivationQuantization(b, "the second input"));
  SumRequantization result;
  OCTET_ASSIGN_OR_RETURN(result.output, MakeOutputStage(output, activation));
  result.a_zero_point = a_quantization->zero_points[0];
  result.b_zero_point = b_quantization->zero_points[0];
  OCTET_ASSIGN_OR_RETURN(
      result.a_multiplier,
      Quotient(a_quantization->scales[0], result.output.scale,
               "the multiplier s_a / s_y"));
  OCTET_ASSIGN_OR_RETURN(
      result.b_multiplier,
      Quotient(b_quantization->scales[0], result.output.scale,
               "the multiplier s_b / s_y"));
  return result;
}

absl::StatusOr<FactorRequantization> RequantizeFactors(
    const ir::TensorType& a, const ir::TensorType& b,
    const ir::TensorType& output, const ir::Activation& activation) {
  OCTET_ASSIGN_OR_RETURN(const ir::Quantization* a_quantization,
                         ActivationQuantization(a, "the first input"));
  OCTET_ASSIGN_OR_RETURN(const ir::Quantization* b_quantization,
                         ActivationQuantization(b, "the second input"));
  FactorRequantization result;
  OCTET_ASSIGN_OR_RETURN(result.output, MakeOutputStage(output, activation));
  result.a_zero_point = a_quantization->zero_points[0];
  result.b_zero_point = b_quantization->zero_points[0];
  OCTET_ASSIGN_OR_RETURN(
      result.multiplier,
      Quotient(static_cast<double>(a_quantization->scales[0]) *
                   b_quantization->scales[0],
               result.output.scale, "the multiplier s_a * s_b / s_y"));
  return result;
}

absl::StatusOr<Rescaling> Rescale(const ir::TensorType& input,
                                  const ir::TensorType& output,
                                  const ir::Activation& activation) {
  OCTET_ASSIGN_OR_RETURN(const ir::Quantization* quantization,
                         ActivationQuantization(input, "the input"));
  Rescaling result;
  OCTET_ASSIGN_OR_RETURN(result.output, MakeOutputStage(output, activation));
  result.input_zero_point = quantization->zero_points[0];
  OCTET_ASSIGN_OR_RETURN(result.multiplier,
                         Quotient(quantization->scales[0], result.output.scale,
                                  "the multiplier s_x / s_y"));
  return result;
}

}  // namespace octet::plan
