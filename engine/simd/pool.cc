// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/pool.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "engine/base/rounding.h"
#include "engine/base/status_macros.h"
#include "engine/simd/kernels.h"

namespace octet::simd {
namespace {

// The taps of a window along one axis, [first, last), and where they begin.
struct Taps {
  int64_t start = 0;    // coordinate of the first one inside
  int64_t inside = 0;   // in the image
  int64_t counted = 0;  // in the padded image
};

struct Axis {
  int64_t size;
  int64_t pad_begin;
  int64_t pad_end;
  int64_t kernel;
  int64_t stride;
  int64_t dilation;
};

Taps TapsOf(const Axis& axis, int64_t output) {
  const int64_t origin = output * axis.stride - axis.pad_begin;
  const auto first_at = [&](int64_t bound) {  // first tap at >= bound
    return origin >= bound
               ? int64_t{0}
               : std::min(axis.kernel, CeilDiv(bound - origin, axis.dilation));
  };
  const int64_t first = first_at(0);
  Taps taps;
  taps.start = origin + first * axis.dilation;
  taps.inside = std::max<int64_t>(0, first_at(axis.size) - first);
  taps.counted = first_at(axis.size + axis.pad_end);
  return taps;
}

absl::Status CheckSizes(const PoolParams& p) {
  for (int64_t v : {p.batch, p.height, p.width, p.channels, p.out_height,
                    p.out_width, p.kernel_h, p.kernel_w, p.stride_h, p.stride_w,
                    p.dilation_h, p.dilation_w}) {
    if (v < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("pool: a size is ", v, ", expected 1 or more"));
    }
  }
  if (p.pad_top < 0 || p.pad_left < 0 || p.pad_bottom < 0 || p.pad_right < 0) {
    return absl::InvalidArgumentError("pool: a padding is negative");
  }
  if (p.kernel_h > (int64_t{1} << 23) / p.kernel_w) {
    return absl::InvalidArgumentError(absl::StrCat(
        "pool: the kernel ", p.kernel_h, "x", p.kernel_w, " is too large"));
  }
  return absl::OkStatus();
}

}  // namespace

Pool::Pool(const PoolParams& params, const internal::Kernels& kernels)
    : params_(params), kernels_(&kernels) {}

absl::StatusOr<Pool> Pool::Create(const PoolParams& params, Isa isa) {
  OCTET_RETURN_IF_ERROR(CheckSizes(params));
  OCTET_RETURN_IF_ERROR(CheckByteType(params.input, "pool input"));
  if (params.kind == PoolParams::Kind::kAverage) {
    OCTET_RETURN_IF_ERROR(CheckOutputSpec(params.output));
    if (!std::isfinite(params.multiplier)) {
      return absl::InvalidArgumentError("pool: the multiplier is not finite");
    }
  }
  const double positions = static_cast<double>(params.kernel_h) *
                           static_cast<double>(params.kernel_w);
  const bool fits = FitsRounding(255 * positions, params.multiplier, nullptr);
  return Pool(params, internal::KernelsFor(fits ? isa : Isa::kPortable));
}

int64_t Pool::work_items() const { return params_.batch * params_.out_height; }

void Pool::RunPixel(const uint8_t* image, int64_t y, int64_t x,
                    uint8_t* out) const {
  const PoolParams& p = params_;
  const Taps rows = TapsOf(
      {p.height, p.pad_top, p.pad_bottom, p.kernel_h, p.stride_h, p.dilation_h},
      y);
  const Taps columns = TapsOf(
      {p.width, p.pad_left, p.pad_right, p.kernel_w, p.stride_w, p.dilation_w},
      x);
  internal::PoolWindow window;
  window.rows = rows.inside;
  window.columns = columns.inside;
  if (rows.inside > 0 && columns.inside > 0) {
    window.first = image + (rows.start * p.width + columns.start) * p.channels;
  } else {
    window.rows = window.columns = 0;
  }
  window.row_stride = p.dilation_h * p.width * p.channels;
  window.column_stride = p.dilation_w * p.channels;
  window.channels = p.channels;
  window.type = p.input;
  if (p.kind == PoolParams::Kind::kMax) {
    kernels_->max_pool(window, out);
    return;
  }
  const int64_t count = p.count_include_pad ? rows.counted * columns.counted
                                            : window.rows * window.columns;
  internal::AverageOutput average;
  average.multiplier = p.multiplier;
  average.count = static_cast<float>(std::max<int64_t>(count, 1));
  average.spec = &p.output;
  average.out = out;
  kernels_->average_pool(window, average);
}

void Pool::Run(const void* input, void* output, int64_t begin,
               int64_t end) const {
  const PoolParams& p = params_;
  const bool is_max = p.kind == PoolParams::Kind::kMax;
  const int64_t pixel_bytes =
      p.channels * static_cast<int64_t>(is_max ? 1 : SizeOf(p.output.dtype));
  for (int64_t row = begin; row < end; ++row) {
    const auto* image = static_cast<const uint8_t*>(input) +
                        row / p.out_height * p.height * p.width * p.channels;
    uint8_t* out =
        static_cast<uint8_t*>(output) + row * p.out_width * pixel_bytes;
    for (int64_t x = 0; x < p.out_width; ++x, out += pixel_bytes) {
      RunPixel(image, row % p.out_height, x, out);
    }
  }
}

}  // namespace octet::simd
