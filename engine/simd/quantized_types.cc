// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/quantized_types.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"

namespace octet::simd {

absl::Status CheckByteType(const ByteType& type, const char* what) {
  if (type.dtype != DType::kUInt8 && type.dtype != DType::kInt8) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, ": dtype is ", Name(type.dtype), ", expected uint8 or int8"));
  }
  if (type.zero_point < LowestOf(type.dtype) ||
      type.zero_point > HighestOf(type.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": zero point ", type.zero_point, " is outside of ",
                     Name(type.dtype)));
  }
  return absl::OkStatus();
}

absl::Status CheckOutputSpec(const OutputSpec& output) {
  if (output.dtype == DType::kFloat32) {
    if (!(output.lower <= output.upper)) {
      return absl::InvalidArgumentError(
          absl::StrCat("output: clamp from ", output.lower, " to ",
                       output.upper, " is empty"));
    }
    return absl::OkStatus();
  }
  OCTET_RETURN_IF_ERROR(
      CheckByteType({output.dtype, output.zero_point}, "output"));
  if (output.lo > output.hi || output.lo < LowestOf(output.dtype) ||
      output.hi > HighestOf(output.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("output: clamp from ", output.lo, " to ", output.hi,
                     " is empty or leaves ", Name(output.dtype)));
  }
  return absl::OkStatus();
}

absl::Status CheckResidualSpec(const ResidualSpec& residual) {
  OCTET_RETURN_IF_ERROR(CheckByteType(residual.type, "residual"));
  if (!std::isfinite(residual.multiplier)) {
    return absl::InvalidArgumentError("residual: multiplier is not finite");
  }
  return absl::OkStatus();
}

bool FitsRounding(double largest_sum, double multiplier,
                  const ResidualSpec* residual) {
  constexpr double kLimit = 1 << 30;
  const double addend =
      residual == nullptr ? 0 : 255.0 * std::fabs(residual->multiplier);
  return largest_sum * std::fabs(multiplier) + addend < kLimit;
}

}  // namespace octet::simd
