// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/conv.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/simd/conv_kernel.h"

namespace octet::simd {
namespace {

// Offsets within one block of rows are 32-bit.
constexpr int64_t kMaxRowElements = int64_t{1} << 26;

absl::Status CheckSizes(const ConvParams& p) {
  for (int64_t v : {p.batch, p.height, p.width, p.in_channels, p.out_channels,
                    p.groups, p.kernel_h, p.kernel_w, p.stride_h, p.stride_w,
                    p.dilation_h, p.dilation_w}) {
    if (v < 1 || v > std::numeric_limits<int32_t>::max()) {
      return absl::InvalidArgumentError(
          absl::StrCat("conv: a size is ", v, ", expected 1 to 2^31 - 1"));
    }
  }
  if (p.pad_top < 0 || p.pad_left < 0 || p.pad_bottom < 0 || p.pad_right < 0) {
    return absl::InvalidArgumentError("conv: a padding is negative");
  }
  if (p.in_channels % p.groups != 0 || p.out_channels % p.groups != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("conv: ", p.in_channels, " input and ", p.out_channels,
                     " output channels, ", p.groups, " groups"));
  }
  const int64_t spare_h =
      p.height + p.pad_top + p.pad_bottom - p.dilation_h * (p.kernel_h - 1);
  const int64_t spare_w =
      p.width + p.pad_left + p.pad_right - p.dilation_w * (p.kernel_w - 1);
  if (spare_h < 1 || spare_w < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "conv: the kernel ", p.kernel_h, "x", p.kernel_w,
        " is larger than the padded input ", p.height, "x", p.width));
  }
  const int64_t columns = p.width + p.pad_left + p.pad_right;
  if (columns * p.dilation_h * p.kernel_h > kMaxRowElements / p.in_channels) {
    return absl::InvalidArgumentError(absl::StrCat(
        "conv: rows of ", columns, "x", p.in_channels, " are too large"));
  }
  return absl::OkStatus();
}

absl::Status CheckConstants(const ConvParams& p, const ConvConstants& c) {
  const int64_t weights =
      p.out_channels * p.kernel_h * p.kernel_w * (p.in_channels / p.groups);
  if (static_cast<int64_t>(c.weights.size()) != weights) {
    return absl::InvalidArgumentError(absl::StrCat(
        "conv: got ", c.weights.size(), " weights, expected ", weights));
  }
  const auto channels = static_cast<size_t>(p.out_channels);
  if (!c.bias.empty() && c.bias.size() != channels) {
    return absl::InvalidArgumentError(absl::StrCat(
        "conv: got ", c.bias.size(), " biases, expected ", channels));
  }
  if (c.multipliers.size() != channels) {
    return absl::InvalidArgumentError(
        absl::StrCat("conv: got ", c.multipliers.size(),
                     " multipliers, expected ", channels));
  }
  for (float m : c.multipliers) {
    if (!std::isfinite(m)) {
      return absl::InvalidArgumentError("conv: a multiplier is not finite");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckParams(const ConvParams& p) {
  OCTET_RETURN_IF_ERROR(CheckSizes(p));
  OCTET_RETURN_IF_ERROR(CheckByteType(p.input, "conv input"));
  OCTET_RETURN_IF_ERROR(CheckOutputSpec(p.output));
  if (p.residual.has_value()) {
    OCTET_RETURN_IF_ERROR(CheckResidualSpec(*p.residual));
  }
  return absl::OkStatus();
}

// Whether no output of any channel leaves what FitsRounding() allows.
bool AllFitRounding(const ConvParams& p, const ConvConstants& c) {
  const int64_t taps = p.kernel_h * p.kernel_w * (p.in_channels / p.groups);
  const ResidualSpec* residual =
      p.residual.has_value() ? &*p.residual : nullptr;
  for (int64_t o = 0; o < p.out_channels; ++o) {
    double sum = c.bias.empty() ? 0 : std::fabs(static_cast<double>(c.bias[o]));
    for (int8_t w : c.weights.subspan(o * taps, taps)) {
      sum += 255.0 * std::abs(int{w});
    }
    // Sums wrap, so that an int32 is all they ever are.
    sum = std::min(sum, 2147483648.0);
    if (!FitsRounding(sum, c.multipliers[o], residual)) return false;
  }
  return true;
}

}  // namespace

Conv::Conv(ConvParams params,
           std::shared_ptr<const internal::ConvKernel> kernel)
    : params_(std::move(params)),
      kernel_(std::move(kernel)),
      name_(kernel_->name()) {}

absl::StatusOr<Conv> Conv::Create(const ConvParams& params,
                                  const ConvConstants& constants, Isa isa) {
  OCTET_RETURN_IF_ERROR(CheckParams(params));
  OCTET_RETURN_IF_ERROR(CheckConstants(params, constants));
  const internal::Kernels& kernels = internal::KernelsFor(
      AllFitRounding(params, constants) ? isa : Isa::kPortable);
  if (internal::IsDepthwise(params) &&
      internal::DirectDepthwiseFits(params, kernels)) {
    return Conv(params,
                internal::MakeDirectDepthwiseConv(params, constants, kernels));
  }
  if (internal::IsDepthwise(params) &&
      internal::QuadDepthwiseFits(params, kernels)) {
    return Conv(params,
                internal::MakeQuadDepthwiseConv(params, constants, kernels));
  }
  if (internal::IsDepthwise(params)) {
    // By pairs of 16 bits, which AVX2 has.
    return Conv(params,
                internal::MakeDepthwiseConv(
                    params, constants,
                    internal::KernelsFor(std::min(kernels.isa, Isa::kAvx2))));
  }
  if (internal::WinogradIsExact(params, constants, kernels) &&
      internal::WinogradIsCheaper(params, kernels)) {
    return Conv(params, internal::MakeWinogradConv(params, constants, kernels));
  }
  if (kernels.gemm_quads != nullptr) {
    const auto make = internal::SideBySideFills(params)
                          ? internal::MakeSideBySideConv
                          : internal::MakeQuadDirectConv;
    return Conv(params, make(params, constants, kernels));
  }
  return Conv(params, internal::MakeDirectConv(params, constants, kernels));
}

absl::StatusOr<Conv> Conv::ForInput(int64_t batch, int64_t height,
                                    int64_t width) const {
  ConvParams params = params_;
  params.batch = batch;
  params.height = height;
  params.width = width;
  OCTET_RETURN_IF_ERROR(CheckSizes(params));
  return Conv(params, kernel_->ForParams(params));
}

int64_t Conv::work_items() const { return kernel_->work_items(); }

size_t Conv::scratch_bytes() const { return kernel_->scratch_bytes(); }

void Conv::Run(const ConvArgs& args, int64_t begin, int64_t end,
               std::byte* scratch) const {
  OCTET_CHECK(args.residual != nullptr || !params_.residual.has_value());
  kernel_->Run(args, begin, end, scratch);
}

int64_t Conv::weight_bytes() const { return kernel_->weight_bytes(); }

absl::Span<const std::byte> Conv::first_weights() const {
  return kernel_->first_weights();
}

}  // namespace octet::simd
