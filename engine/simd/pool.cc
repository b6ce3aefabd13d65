// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/pool.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/rounding.h"
#include "engine/base/status_macros.h"
#include "engine/simd/kernels.h"

namespace octet::simd {
namespace {

using internal::PoolTaps;

// The longest row of an image whose maxima over several rows are kept on the
// stack.
constexpr int64_t kMergedBytes = 32 << 10;

struct Axis {
  int64_t size;
  int64_t outputs;
  int64_t pad_begin;
  int64_t pad_end;
  int64_t kernel;
  int64_t stride;
  int64_t dilation;
};

PoolTaps TapsOf(const Axis& axis, int64_t output) {
  const int64_t origin = output * axis.stride - axis.pad_begin;
  const auto first_at = [&](int64_t bound) {  // first tap at >= bound
    return origin >= bound
               ? int64_t{0}
               : std::min(axis.kernel, CeilDiv(bound - origin, axis.dilation));
  };
  const int64_t first = first_at(0);
  PoolTaps taps;
  taps.start = origin + first * axis.dilation;
  taps.inside = std::max<int64_t>(0, first_at(axis.size) - first);
  taps.counted = first_at(axis.size + axis.pad_end);
  return taps;
}

std::vector<PoolTaps> TapsOf(const Axis& axis) {
  std::vector<PoolTaps> taps(axis.outputs);
  for (int64_t i = 0; i < axis.outputs; ++i) taps[i] = TapsOf(axis, i);
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
    : params_(params),
      rows_(TapsOf({params.height, params.out_height, params.pad_top,
                    params.pad_bottom, params.kernel_h, params.stride_h,
                    params.dilation_h})),
      columns_(TapsOf({params.width, params.out_width, params.pad_left,
                       params.pad_right, params.kernel_w, params.stride_w,
                       params.dilation_w})),
      kernels_(&kernels) {}

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

internal::PoolWindow Pool::WindowAt(const uint8_t* image, const PoolTaps& rows,
                                    const PoolTaps& columns) const {
  const PoolParams& p = params_;
  internal::PoolWindow window;
  if (rows.inside > 0 && columns.inside > 0) {
    window.first = image + (rows.start * p.width + columns.start) * p.channels;
    window.rows = rows.inside;
    window.columns = columns.inside;
  }
  window.row_stride = p.dilation_h * p.width * p.channels;
  window.column_stride = p.dilation_w * p.channels;
  window.channels = p.channels;
  window.type = p.input;
  return window;
}

void Pool::RunMaxRow(const uint8_t* image, const PoolTaps& rows,
                     uint8_t* out) const {
  const PoolParams& p = params_;
  const int64_t row_bytes = p.width * p.channels;
  uint8_t merged[kMergedBytes];
  PoolTaps taps = rows;
  // The rows of the windows are one row first, all of it at once: columns that
  // windows share are then compared once, and channels fill whole vectors.
  if (taps.inside > 1 && p.kernel_w > 1 && row_bytes <= kMergedBytes) {
    internal::PoolWindow all = WindowAt(image, rows, {0, 1, 1});
    all.channels = row_bytes;
    kernels_->max_pool(all, merged);
    image = merged;
    taps = {0, 1, 1};
  }
  for (const PoolTaps& columns : columns_) {
    kernels_->max_pool(WindowAt(image, taps, columns), out);
    out += p.channels;
  }
}

void Pool::RunAverageRow(const uint8_t* image, const PoolTaps& rows,
                         uint8_t* out) const {
  const PoolParams& p = params_;
  internal::AverageOutput average;
  average.multiplier = p.multiplier;
  average.spec = &p.output;
  for (const PoolTaps& columns : columns_) {
    const internal::PoolWindow window = WindowAt(image, rows, columns);
    const int64_t count = p.count_include_pad ? rows.counted * columns.counted
                                              : window.rows * window.columns;
    average.count = static_cast<float>(std::max<int64_t>(count, 1));
    average.out = out;
    kernels_->average_pool(window, average);
    out += p.channels * static_cast<int64_t>(SizeOf(p.output.dtype));
  }
}

void Pool::Run(const void* input, void* output, int64_t begin,
               int64_t end) const {
  const PoolParams& p = params_;
  const bool is_max = p.kind == PoolParams::Kind::kMax;
  const int64_t row_bytes =
      p.out_width * p.channels *
      static_cast<int64_t>(is_max ? 1 : SizeOf(p.output.dtype));
  for (int64_t row = begin; row < end; ++row) {
    const auto* image = static_cast<const uint8_t*>(input) +
                        row / p.out_height * p.height * p.width * p.channels;
    uint8_t* out = static_cast<uint8_t*>(output) + row * row_bytes;
    const PoolTaps& rows = rows_[row % p.out_height];
    if (is_max) {
      RunMaxRow(image, rows, out);
    } else {
      RunAverageRow(image, rows, out);
    }
  }
}

}  // namespace octet::simd
