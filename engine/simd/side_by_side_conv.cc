// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <vector>

#include "engine/simd/conv_kernel.h"

namespace octet::simd::internal {
namespace {

constexpr int64_t kVectorSums = 16;
// The zeros between the taps of pixels side by side are multiplied, too: the
// weights should stay in an L1 cache.
constexpr int64_t kMostBytes = int64_t{16} << 10;

// All pixels in one row where they follow each other without padding.
ConvParams InOneRow(ConvParams p) {
  const bool pads = p.pad_top != 0 || p.pad_left != 0 || p.pad_bottom != 0 ||
                    p.pad_right != 0;
  if (p.kernel_h != 1 || p.kernel_w != 1 || p.stride_h != 1 ||
      p.stride_w != 1 || pads) {
    return p;
  }
  p.width *= p.batch * p.height;
  p.height = 1;
  p.batch = 1;
  return p;
}

// `count` neighbouring pixels of `p.out_channels` channels are one pixel of so
// many times as many, of a kernel that is wider by count - 1 strides and moves
// by `count` of them.
ConvParams SideBySide(const ConvParams& params, int64_t count) {
  ConvParams p = InOneRow(params);
  p.kernel_w += (count - 1) * p.stride_w;
  p.stride_w *= count;
  p.out_channels *= count;
  return p;
}

int64_t PanelBytes(const ConvParams& p) {
  return p.kernel_h * p.kernel_w * p.in_channels * kVectorSums;
}

// How many pixels' sums fill a vector best: a power of 2, 1 if no more are
// worth it.
int64_t FillingPixels(const ConvParams& p) {
  const bool dense = p.groups == 1 && p.dilation_w == 1;
  if (!dense || p.stride_w > p.kernel_w) return 1;
  int64_t count = 1;
  while (2 * count * p.out_channels <= kVectorSums) count *= 2;
  // Two pixels that share columns of their kernels are always a gain.
  const int64_t least = p.stride_w < p.kernel_w ? 2 : 1;
  while (count > least && PanelBytes(SideBySide(p, count)) > kMostBytes) {
    count /= 2;
  }
  return count;
}

// The constants of SideBySide(): each pixel's taps lie a stride further.
struct SideBySideConstants {
  SideBySideConstants(const ConvParams& p, const ConvConstants& constants,
                      int64_t count) {
    const ConvParams wide = SideBySide(p, count);
    const int64_t from_row = p.kernel_w * p.in_channels;
    const int64_t to_row = wide.kernel_w * p.in_channels;
    weights.resize(wide.out_channels * p.kernel_h * to_row);
    for (int64_t pixel = 0; pixel < count; ++pixel) {
      for (int64_t row = 0; row < p.out_channels * p.kernel_h; ++row) {
        const int64_t to = row + pixel * p.out_channels * p.kernel_h;
        std::copy_n(&constants.weights[row * from_row], from_row,
                    &weights[to * to_row + pixel * p.stride_w * p.in_channels]);
      }
      bias.insert(bias.end(), constants.bias.begin(), constants.bias.end());
      multipliers.insert(multipliers.end(), constants.multipliers.begin(),
                         constants.multipliers.end());
    }
  }

  std::vector<int8_t> weights;
  std::vector<int32_t> bias;
  std::vector<float> multipliers;
};

// Computes as many pixels at a time as divide a row of them. Of the variants
// for other numbers only the weights matter.
class SideBySideConv : public ConvKernel {
 public:
  // Of `count` pixels at a time, count / 2, ... 1.
  using Variants = std::vector<std::shared_ptr<const ConvKernel>>;

  SideBySideConv(const ConvParams& params, Variants variants)
      : variants_(std::move(variants)), active_(*variants_[IndexFor(params)]) {}

  std::shared_ptr<const ConvKernel> ForParams(
      const ConvParams& params) const override {
    Variants variants = variants_;
    const size_t used = IndexFor(params);
    variants[used] =
        variants[used]->ForParams(SideBySide(params, PixelsOf(used)));
    return std::make_shared<SideBySideConv>(params, std::move(variants));
  }
  int64_t work_items() const override { return active_.work_items(); }
  size_t scratch_bytes() const override { return active_.scratch_bytes(); }
  void Run(const ConvArgs& args, int64_t begin, int64_t end,
           std::byte* scratch) const override {
    active_.Run(args, begin, end, scratch);
  }
  std::string name() const override { return active_.name(); }
  int64_t weight_bytes() const override {
    int64_t bytes = 0;
    for (const auto& variant : variants_) bytes += variant->weight_bytes();
    return bytes;
  }

 private:
  int64_t PixelsOf(size_t index) const {
    return int64_t{1} << (variants_.size() - 1 - index);
  }
  size_t IndexFor(const ConvParams& params) const {
    const int64_t pixels = InOneRow(params).out_width();
    size_t index = 0;
    while (pixels % PixelsOf(index) != 0) ++index;
    return index;
  }

  const Variants variants_;
  const ConvKernel& active_;
};

}  // namespace

bool SideBySideFills(const ConvParams& p) { return FillingPixels(p) > 1; }

std::shared_ptr<const ConvKernel> MakeSideBySideConv(
    const ConvParams& params, const ConvConstants& constants,
    const Kernels& kernels) {
  SideBySideConv::Variants made;
  for (int64_t count = FillingPixels(params); count >= 1; count /= 2) {
    const SideBySideConstants wide(params, constants, count);
    made.push_back(MakeQuadDirectConv(
        SideBySide(params, count), {wide.weights, wide.bias, wide.multipliers},
        kernels));
  }
  return std::make_shared<SideBySideConv>(params, std::move(made));
}

}  // namespace octet::simd::internal
