// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/rounding.h"
#include "engine/simd/conv_kernel.h"
#include "engine/simd/depthwise_work.h"

namespace octet::simd::internal {
namespace {

constexpr int64_t kColumn = 2 * kPanelWidth;  // numbers of a woven column

// Weights per block of 16 channels, woven like the rows they meet. Rows are
// woven in pairs (0, 1), (2, 3)... from the top of a block of output rows, so
// the kernel of an output row begins in the first or in the second row of a
// pair; for both there is a set of weights, with a zero beside a lone row.
class WovenWeights {
 public:
  WovenWeights(const ConvParams& p, const ConvConstants& constants)
      : blocks_(CeilDiv(p.in_channels, kPanelWidth)),
        taps_(p.kernel_w),
        bias_(blocks_ * kPanelWidth),
        multipliers_(blocks_ * kPanelWidth) {
    for (int parity : {0, 1}) {
      pairs_[parity] = CeilDiv(p.kernel_h + parity, 2);
      weights_[parity].resize(blocks_ * block_size(parity));
    }
    for (int64_t b = 0; b < blocks_; ++b) {
      for (int position = 0; position < kPanelWidth; ++position) {
        const int64_t channel = b * kPanelWidth + kPanelOrder[position];
        if (channel >= p.in_channels) continue;
        const int64_t at = b * kPanelWidth + position;
        if (!constants.bias.empty()) bias_[at] = constants.bias[channel];
        multipliers_[at] = constants.multipliers[channel];
        const int8_t* kernel =
            constants.weights.data() + channel * p.kernel_h * p.kernel_w;
        for (int parity : {0, 1}) Fill(p, kernel, parity, b, position);
      }
    }
  }

  int64_t blocks() const { return blocks_; }
  int pairs(int parity) const { return static_cast<int>(pairs_[parity]); }
  const int16_t* weights(int parity, int64_t block) const {
    return weights_[parity].data() + block * block_size(parity);
  }
  const int32_t* bias(int64_t b) const { return &bias_[b * kPanelWidth]; }
  const float* multipliers(int64_t b) const {
    return &multipliers_[b * kPanelWidth];
  }
  int64_t bytes() const {
    return static_cast<int64_t>(
        (weights_[0].size() + weights_[1].size()) * sizeof(int16_t) +
        bias_.size() * sizeof(int32_t) + multipliers_.size() * sizeof(float));
  }

 private:
  int64_t block_size(int parity) const {
    return pairs_[parity] * taps_ * kColumn;
  }
  void Fill(const ConvParams& p, const int8_t* kernel, int parity,
            int64_t block, int position) {
    int16_t* to = weights_[parity].data() + block * block_size(parity);
    for (int64_t y = 0; y < p.kernel_h; ++y) {
      const int64_t row = y + parity;
      for (int64_t x = 0; x < p.kernel_w; ++x) {
        to[(row / 2 * taps_ + x) * kColumn + 2 * position + row % 2] =
            kernel[y * p.kernel_w + x];
      }
    }
  }

  int64_t blocks_;
  int64_t taps_;
  int64_t pairs_[2];
  std::vector<int16_t> weights_[2];
  std::vector<int32_t> bias_;
  std::vector<float> multipliers_;
};

class DepthwiseConv : public ConvKernel {
 public:
  DepthwiseConv(const ConvParams& params,
                std::shared_ptr<const WovenWeights> weights,
                const Kernels& kernels)
      : params_(params),
        kernels_(kernels),
        weights_(std::move(weights)),
        work_(params, weights_->blocks(), kPanelWidth,
              // Rows a dilation apart are woven for one output row only.
              params.dilation_h > 1 ? 1 : DepthwiseBlockRows(params)) {
    Plan();
  }

  std::shared_ptr<const ConvKernel> ForParams(
      const ConvParams& params) const override {
    return std::make_shared<DepthwiseConv>(params, weights_, kernels_);
  }
  int64_t work_items() const override { return work_.items(); }
  size_t scratch_bytes() const override {
    ScratchLayout layout(nullptr);
    Scratch scratch(*this, layout);
    return layout.bytes();
  }
  void Run(const ConvArgs& args, int64_t begin, int64_t end,
           std::byte* scratch) const override;
  std::string name() const override {
    return absl::StrCat("depthwise:", IsaName(kernels_.product_isa));
  }
  int64_t weight_bytes() const override { return weights_->bytes(); }

 private:
  struct Scratch {
    Scratch(const DepthwiseConv& conv, ScratchLayout& layout)
        : rows(layout.Take<int16_t>(conv.slots_ * conv.pair_elements())),
          pairs(layout.Take<const int16_t*>(conv.slots_)) {}
    int16_t* rows;          // [slots][columns][32]: pair q in q % slots
    const int16_t** pairs;  // of the output row at work
  };

  using Block = DepthwiseWork::Block;

  int64_t pair_elements() const { return columns_ * kColumn; }
  void Plan();
  void WeavePair(const ConvArgs& args, const Block& block, int64_t pair,
                 int16_t* dst) const;
  void RunBlock(const ConvArgs& args, const Block& block,
                const Scratch& scratch) const;
  void RunRow(const ConvArgs& args, const Block& block, int64_t row,
              const Scratch& scratch) const;

  ConvParams params_;
  const Kernels& kernels_;
  std::shared_ptr<const WovenWeights> weights_;
  const DepthwiseWork work_;

  int64_t columns_ = 0;     // of a woven row, padding included
  int64_t slots_ = 0;       // pairs of rows kept
  int64_t row_step_ = 1;    // image rows between woven rows
  int64_t row_stride_ = 1;  // woven rows between output rows of a block
};

void DepthwiseConv::Plan() {
  const ConvParams& p = params_;
  columns_ =
      (p.out_width() - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w + 1;
  slots_ = weights_->pairs(1);
  row_stride_ = p.stride_h;
  if (p.dilation_h > 1) {
    row_step_ = p.dilation_h;
    row_stride_ = 0;
  }
}

void DepthwiseConv::WeavePair(const ConvArgs& args, const Block& block,
                              int64_t pair, int16_t* dst) const {
  const ConvParams& p = params_;
  const int64_t row_bytes = p.width * p.in_channels;
  const int64_t channel = block.channels * kPanelWidth;
  const auto* image = static_cast<const uint8_t*>(args.input) +
                      block.image * p.height * row_bytes;
  const int64_t top = block.first * p.stride_h - p.pad_top;
  const auto row = [&](int64_t r) -> const uint8_t* {
    const int64_t y = top + r * row_step_;
    if (y < 0 || y >= p.height) return nullptr;
    return image + y * row_bytes + channel;
  };
  const int64_t left = std::min(p.pad_left, columns_);
  WeaveArgs weave;
  weave.row_a = row(2 * pair);
  weave.row_b = row(2 * pair + 1);
  weave.readable = row_bytes - channel;
  weave.stride = p.in_channels;
  weave.columns = std::min(p.width, columns_ - left);
  weave.channels =
      static_cast<int>(std::min<int64_t>(kPanelWidth, p.in_channels - channel));
  weave.type = p.input;
  std::fill_n(dst, left * kColumn, int16_t{0});
  kernels_.weave(weave, dst + left * kColumn);
  std::fill(dst + (left + weave.columns) * kColumn, dst + pair_elements(),
            int16_t{0});
}

void DepthwiseConv::RunRow(const ConvArgs& args, const Block& block,
                           int64_t row, const Scratch& scratch) const {
  const ConvParams& p = params_;
  const int64_t top = (row - block.first) * row_stride_;
  const int parity = static_cast<int>(top % 2);
  DepthwiseRow task;
  task.pairs = scratch.pairs;
  task.pair_count = weights_->pairs(parity);
  for (int q = 0; q < task.pair_count; ++q) {
    scratch.pairs[q] = scratch.rows + (top / 2 + q) % slots_ * pair_elements();
  }
  task.weights = weights_->weights(parity, block.channels);
  task.taps = static_cast<int>(p.kernel_w);
  task.pixel_step = p.stride_w * kColumn;
  task.tap_step = p.dilation_w * kColumn;
  task.pixels = p.out_width();
  const int64_t channel = block.channels * kPanelWidth;
  const int64_t first =
      (block.image * p.out_height() + row) * p.out_width() * p.out_channels +
      channel;
  PanelOutput& out = task.out;
  out.spec = &p.output;
  out.bias = weights_->bias(block.channels);
  out.multiplier = weights_->multipliers(block.channels);
  out.output = static_cast<uint8_t*>(args.output) +
               first * static_cast<int64_t>(SizeOf(p.output.dtype));
  if (p.residual.has_value()) {
    out.residual = &*p.residual;
    out.residual_data = static_cast<const uint8_t*>(args.residual) + first;
  }
  out.stride = p.out_channels;
  out.channels = static_cast<int>(
      std::min<int64_t>(kPanelWidth, p.out_channels - channel));
  kernels_.depthwise(task);
}

void DepthwiseConv::RunBlock(const ConvArgs& args, const Block& block,
                             const Scratch& scratch) const {
  int64_t woven = 0;
  for (int64_t row = block.first; row < block.last; ++row) {
    const int64_t top = (row - block.first) * row_stride_;
    const int64_t end = top / 2 + weights_->pairs(static_cast<int>(top % 2));
    woven = std::max(woven, top / 2);
    for (; woven < end; ++woven) {
      WeavePair(args, block, woven,
                scratch.rows + woven % slots_ * pair_elements());
    }
    RunRow(args, block, row, scratch);
  }
}

void DepthwiseConv::Run(const ConvArgs& args, int64_t begin, int64_t end,
                        std::byte* scratch_bytes) const {
  ScratchLayout layout(scratch_bytes);
  const Scratch scratch(*this, layout);
  work_.ForEachBlock(
      begin, end, [&](const Block& block) { RunBlock(args, block, scratch); });
}

}  // namespace

std::shared_ptr<const ConvKernel> MakeDepthwiseConv(
    const ConvParams& params, const ConvConstants& constants,
    const Kernels& kernels) {
  return std::make_shared<DepthwiseConv>(
      params, std::make_shared<WovenWeights>(params, constants), kernels);
}

}  // namespace octet::simd::internal
