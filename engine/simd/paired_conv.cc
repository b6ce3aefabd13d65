// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <vector>

#include "engine/simd/conv_kernel.h"

namespace octet::simd::internal {
namespace {

// Two neighbouring pixels of `p.out_channels` channels are one pixel of twice
// as many, of a kernel that is wider by a stride and moves by two.
ConvParams PairPixels(ConvParams p) {
  p.kernel_w += p.stride_w;
  p.stride_w *= 2;
  p.out_channels *= 2;
  return p;
}

// The constants of PairPixels(): the second pixel's taps lie a stride further.
struct PairedConstants {
  PairedConstants(const ConvParams& p, const ConvConstants& constants) {
    const ConvParams pair = PairPixels(p);
    const int64_t from_row = p.kernel_w * p.in_channels;
    const int64_t to_row = pair.kernel_w * p.in_channels;
    weights.resize(pair.out_channels * p.kernel_h * to_row);
    for (int64_t second : {0, 1}) {
      for (int64_t row = 0; row < p.out_channels * p.kernel_h; ++row) {
        const int64_t to = row + second * p.out_channels * p.kernel_h;
        std::copy_n(
            &constants.weights[row * from_row], from_row,
            &weights[to * to_row + second * p.stride_w * p.in_channels]);
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

// Computes pixels in pairs where rows have an even number of them.
class PairedConv : public ConvKernel {
 public:
  using Kernel = std::shared_ptr<const ConvKernel>;

  PairedConv(const ConvParams& params, Kernel single, Kernel paired)
      : single_(std::move(single)),
        paired_(std::move(paired)),
        active_(params.out_width() % 2 == 0 ? *paired_ : *single_) {}

  Kernel ForParams(const ConvParams& params) const override {
    return std::make_shared<PairedConv>(params, single_->ForParams(params),
                                        paired_->ForParams(PairPixels(params)));
  }
  int64_t work_items() const override { return active_.work_items(); }
  size_t scratch_bytes() const override { return active_.scratch_bytes(); }
  void Run(const ConvArgs& args, int64_t begin, int64_t end,
           std::byte* scratch) const override {
    active_.Run(args, begin, end, scratch);
  }
  std::string name() const override { return active_.name(); }
  int64_t weight_bytes() const override {
    return single_->weight_bytes() + paired_->weight_bytes();
  }

 private:
  const Kernel single_;
  const Kernel paired_;
  const ConvKernel& active_;
};

}  // namespace

bool PairingFills(const ConvParams& p) {
  constexpr int64_t kMostChannels = 8;  // half of a vector of sums
  return p.groups == 1 && p.out_channels <= kMostChannels && p.kernel_w > 1 &&
         p.dilation_w == 1 && p.stride_w <= p.kernel_w;
}

std::shared_ptr<const ConvKernel> MakePairedConv(const ConvParams& params,
                                                 const ConvConstants& constants,
                                                 const Kernels& kernels) {
  const PairedConstants pair(params, constants);
  return std::make_shared<PairedConv>(
      params, MakeQuadDirectConv(params, constants, kernels),
      MakeQuadDirectConv(PairPixels(params),
                         {pair.weights, pair.bias, pair.multipliers}, kernels));
}

}  // namespace octet::simd::internal
