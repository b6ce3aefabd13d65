// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/rounding.h"
#include "engine/simd/aligned_vector.h"
#include "engine/simd/byte_quads.h"
#include "engine/simd/conv_kernel.h"
#include "engine/simd/depthwise_work.h"
#include "engine/simd/quad_panels.h"

namespace octet::simd::internal {
namespace {

constexpr int kWidest = 32;

// See DirectDepthwise: output rows that read the same columns, and quads that
// make up a column.
int64_t RowsOf(const ConvParams& p) {
  return p.kernel_h == 3 && p.stride_h == 2 ? 1 : 2;
}
int64_t QuadsOf(const ConvParams& p) { return p.kernel_h == 3 ? 1 : 2; }

// See DirectDepthwise.
int PixelsSideBySide(const ConvParams& p) {
  return p.in_channels == 8 && p.stride_w == 1 ? 2 : 1;
}

std::vector<ChannelBlock> BlocksOf(const ConvParams& p) {
  const int pixels = PixelsSideBySide(p);
  return SplitChannels(p.in_channels * pixels, kWidest);
}

// The constants of every block of channels, as DirectDepthwise has them.
class BlockWeights {
 public:
  BlockWeights(const ConvParams& p, const ConvConstants& constants)
      : blocks_(BlocksOf(p)),
        block_bytes_(RowsOf(p) * p.kernel_w * QuadsOf(p) * kWidest * 4),
        weights_(blocks_.size() * block_bytes_),
        start_(blocks_.size() * kWidest),
        multipliers_(blocks_.size() * kWidest) {
    for (size_t b = 0; b < blocks_.size(); ++b) {
      for (int c = 0; c < blocks_[b].channels; ++c) Fill(p, constants, b, c);
    }
  }

  const std::vector<ChannelBlock>& blocks() const { return blocks_; }
  const int8_t* weights(int64_t b) const { return &weights_[b * block_bytes_]; }
  const int32_t* start(int64_t b) const { return &start_[b * kWidest]; }
  const float* multipliers(int64_t b) const {
    return &multipliers_[b * kWidest];
  }
  int64_t bytes() const {
    return static_cast<int64_t>(weights_.size() +
                                start_.size() * sizeof(int32_t) +
                                multipliers_.size() * sizeof(float));
  }

 private:
  void Fill(const ConvParams& p, const ConvConstants& constants, size_t b,
            int c) {
    const int64_t channel = (blocks_[b].first + c) % p.in_channels;
    const int8_t* const kernel =
        constants.weights.data() + channel * p.kernel_h * p.kernel_w;
    int8_t* const to = weights_.data() + b * block_bytes_;
    int64_t sum = 0;
    for (int64_t y = 0; y < p.kernel_h; ++y) {
      for (int64_t x = 0; x < p.kernel_w; ++x) {
        const int8_t weight = kernel[y * p.kernel_w + x];
        sum += weight;
        for (int64_t r = 0; r < RowsOf(p); ++r) {
          const int64_t row = y + r * p.stride_h;
          const int64_t quad = (r * p.kernel_w + x) * QuadsOf(p) + row / 4;
          to[(quad * blocks_[b].width + c) * 4 + row % 4] = weight;
        }
      }
    }
    const size_t at = b * kWidest + c;
    const int32_t bias = constants.bias.empty() ? 0 : constants.bias[channel];
    start_[at] = QuadStart(p.input, bias, sum);
    multipliers_[at] = constants.multipliers[channel];
  }

  const std::vector<ChannelBlock> blocks_;
  const int64_t block_bytes_;
  AlignedVector<int8_t> weights_;
  AlignedVector<int32_t> start_;
  AlignedVector<float> multipliers_;
};

class DirectDepthwiseConv : public ConvKernel {
 public:
  DirectDepthwiseConv(const ConvParams& params,
                      std::shared_ptr<const BlockWeights> weights,
                      const Kernels& kernels)
      : params_(params),
        kernels_(kernels),
        weights_(std::move(weights)),
        work_(params, static_cast<int64_t>(weights_->blocks().size()), kWidest,
              DepthwiseBlockRows(params) / RowsOf(params) * RowsOf(params)) {}

  std::shared_ptr<const ConvKernel> ForParams(
      const ConvParams& params) const override {
    return std::make_shared<DirectDepthwiseConv>(params, weights_, kernels_);
  }
  int64_t work_items() const override { return work_.items(); }
  size_t scratch_bytes() const override {
    ScratchLayout layout(nullptr);
    layout.Take<uint8_t>(row_bytes());
    return layout.bytes();
  }
  void Run(const ConvArgs& args, int64_t begin, int64_t end,
           std::byte* scratch) const override;
  std::string name() const override {
    return absl::StrCat("depthwise:", IsaName(kernels_.product_isa));
  }
  int64_t weight_bytes() const override { return weights_->bytes(); }

 private:
  int64_t row_bytes() const { return params_.width * params_.in_channels; }
  void RunBlock(const ConvArgs& args, const DepthwiseWork::Block& block,
                const uint8_t* padding) const;

  const ConvParams params_;
  const Kernels& kernels_;
  const std::shared_ptr<const BlockWeights> weights_;
  const DepthwiseWork work_;
};

void DirectDepthwiseConv::RunBlock(const ConvArgs& args,
                                   const DepthwiseWork::Block& block,
                                   const uint8_t* padding) const {
  const ConvParams& p = params_;
  const ChannelBlock& channels = weights_->blocks()[block.channels];
  DirectDepthwise task;
  task.image = static_cast<const uint8_t*>(args.input) +
               block.image * p.height * row_bytes() + channels.first;
  task.padding = padding;
  task.height = p.height;
  task.width = p.width;
  task.pixel_bytes = p.in_channels;
  task.pad_top = p.pad_top;
  task.pad_left = p.pad_left;
  task.taps = static_cast<int>(p.kernel_w);
  task.stride = static_cast<int>(p.stride_w);
  task.side_by_side = PixelsSideBySide(p);
  task.type = p.input;
  task.weights = weights_->weights(block.channels);
  task.first_row = block.first;
  task.last_row = block.last;
  task.pixels = p.out_width();
  task.row_stride = p.out_width() * p.out_channels;
  QuadOutput& out = task.out;
  out.spec = &p.output;
  out.start = weights_->start(block.channels);
  out.multiplier = weights_->multipliers(block.channels);
  out.stride = p.out_channels;
  out.channels = channels.channels;
  out.width = channels.width;
  out.output = static_cast<uint8_t*>(args.output) +
               (block.image * p.out_height() + block.first) * task.row_stride +
               channels.first;
  kernels_.direct_depthwise(task);
}

void DirectDepthwiseConv::Run(const ConvArgs& args, int64_t begin, int64_t end,
                              std::byte* scratch) const {
  ScratchLayout layout(scratch);
  auto* const padding = layout.Take<uint8_t>(row_bytes());
  std::memset(padding, params_.input.zero_point, row_bytes());
  work_.ForEachBlock(begin, end, [&](const DepthwiseWork::Block& block) {
    RunBlock(args, block, padding);
  });
}

}  // namespace

bool DirectDepthwiseFits(const ConvParams& p, const Kernels& kernels) {
  return kernels.direct_depthwise != nullptr && p.kernel_h == p.kernel_w &&
         (p.kernel_h == 3 || p.kernel_h == 5) && p.dilation_h == 1 &&
         p.dilation_w == 1 && p.stride_h == p.stride_w && p.stride_h <= 2 &&
         !p.residual.has_value() && p.output.dtype != DType::kFloat32;
}

std::shared_ptr<const ConvKernel> MakeDirectDepthwiseConv(
    const ConvParams& params, const ConvConstants& constants,
    const Kernels& kernels) {
  return std::make_shared<DirectDepthwiseConv>(
      params, std::make_shared<BlockWeights>(params, constants), kernels);
}

}  // namespace octet::simd::internal
