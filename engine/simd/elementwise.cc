// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/elementwise.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/simd/kernels.h"

namespace octet::simd {

absl::StatusOr<Sum> Sum::Create(const SumParams& params, Isa isa) {
  OCTET_RETURN_IF_ERROR(CheckByteType(params.a, "sum input a"));
  OCTET_RETURN_IF_ERROR(CheckOutputSpec(params.output));
  if (!std::isfinite(params.multiplier)) {
    return absl::InvalidArgumentError("sum: multiplier of a is not finite");
  }
  if (params.b.has_value()) {
    OCTET_RETURN_IF_ERROR(CheckResidualSpec(*params.b));
  }
  const ResidualSpec* b = params.b.has_value() ? &*params.b : nullptr;
  const bool fits = FitsRounding(255, params.multiplier, b);
  return Sum(params, internal::KernelsFor(fits ? isa : Isa::kPortable));
}

void Sum::Run(const void* a, const void* b, void* out, int64_t begin,
              int64_t end) const {
  OCTET_CHECK((b != nullptr) == params_.b.has_value());
  if (begin >= end) return;
  internal::SumTask task;
  task.a = static_cast<const uint8_t*>(a) + begin;
  if (b != nullptr) {
    task.b = static_cast<const uint8_t*>(b) + begin;
    task.b_spec = *params_.b;
  }
  task.a_type = params_.a;
  task.multiplier = params_.multiplier;
  task.output = params_.output;
  task.out = static_cast<uint8_t*>(out) +
             begin * static_cast<int64_t>(SizeOf(params_.output.dtype));
  task.count = end - begin;
  kernels_->sum(task);
}

absl::StatusOr<Quantizer> Quantizer::Create(float scale, const ByteType& type,
                                            Isa isa) {
  OCTET_RETURN_IF_ERROR(CheckByteType(type, "quantize"));
  if (!std::isfinite(scale) || scale <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "quantize: scale is ", scale, ", expected a finite one above 0"));
  }
  return Quantizer(scale, type, internal::KernelsFor(isa));
}

void Quantizer::Quantize(const float* x, void* q, int64_t begin,
                         int64_t end) const {
  if (begin >= end) return;
  kernels_->quantize({scale_, type_, end - begin}, x + begin,
                     static_cast<uint8_t*>(q) + begin);
}

void Quantizer::Dequantize(const void* q, float* y, int64_t begin,
                           int64_t end) const {
  if (begin >= end) return;
  kernels_->dequantize({scale_, type_, end - begin},
                       static_cast<const uint8_t*>(q) + begin, y + begin);
}

void Quantizer::QuantizePlanes(const Planes& planes, const float* x, void* q,
                               int64_t begin, int64_t end) const {
  while (begin < end) {
    const int64_t image = begin / planes.pixels;
    const int64_t first = begin % planes.pixels;
    const int64_t count = std::min(end - begin, planes.pixels - first);
    kernels_->quantize_planes(
        {scale_, type_, count, planes.mean, planes.factor},
        x + image * planes.channels * planes.pixels + first, planes.pixels,
        planes.channels, static_cast<uint8_t*>(q) + begin * planes.channels);
    begin += count;
  }
}

}  // namespace octet::simd
