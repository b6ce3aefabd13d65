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
#include "engine/simd/quad_panels.h"

namespace octet::simd::internal {
namespace {
// Woven bytes that leave room in an L1 cache for the rows they come from.
constexpr int64_t kWovenBytes = int64_t{12} << 10;

// Below that, weaving columns that two strips share costs too much.
constexpr int64_t kMinStripGroups = 8;
// Above that, columns are no longer worth sorting by phase.
constexpr int64_t kMaxStride = 4;
// Of huge kernels; the scratch of one thread.
constexpr int64_t kMaxWovenBytes = int64_t{1} << 20;

constexpr int64_t kVectors = 4;
constexpr int64_t kVectorBytes = 64;

// Columns between the first and the last tap.
int64_t Reach(const ConvParams& p) { return (p.kernel_w - 1) * p.dilation_w; }

// Output rows one below the other share what is woven for them.
int64_t RowsPerQuad(const ConvParams& p) {
  return p.stride_h == 1 && p.dilation_h == 1 && p.out_height() > 1 ? 2 : 1;
}

// Weights of every block, woven like the rows they meet: the taps of a second
// output row lie one row lower. Row y of output row r is byte (y + r) % 4 of
// quad (y + r) / 4.
class QuadWeights {
 public:
  QuadWeights(const ConvParams& p, const ConvConstants& constants)
      : blocks_(SplitChannels(p.in_channels)),
        rows_(RowsPerQuad(p)),
        quads_(CeilDiv(p.kernel_h + rows_ - 1, 4)),
        columns_(p.kernel_w),
        weights_(blocks_.size() * block_size()),
        start_(blocks_.size() * kQuadGroup),
        multipliers_(blocks_.size() * kQuadGroup) {
    for (size_t b = 0; b < blocks_.size(); ++b) {
      for (int position = 0; position < kQuadGroup; ++position) {
        Fill(p, constants, b, position);
      }
    }
  }

  const std::vector<ChannelBlock>& blocks() const { return blocks_; }
  int64_t rows() const { return rows_; }
  int64_t quads() const { return quads_; }
  const int8_t* weights(int64_t b) const { return &weights_[b * block_size()]; }
  const int32_t* start(int64_t b) const { return &start_[b * kQuadGroup]; }
  const float* multipliers(int64_t b) const {
    return &multipliers_[b * kQuadGroup];
  }
  int64_t bytes() const {
    return static_cast<int64_t>(weights_.size() +
                                start_.size() * sizeof(int32_t) +
                                multipliers_.size() * sizeof(float));
  }

 private:
  int64_t block_size() const {
    return rows_ * quads_ * columns_ * kVectors * kVectorBytes;
  }

  void Fill(const ConvParams& p, const ConvConstants& constants, size_t b,
            int position) {
    const ChannelBlock& block = blocks_[b];
    const int local = DepthwiseChannel(position, block.width);
    if (local >= block.channels) return;
    const int64_t channel = block.first + local;
    const int8_t* kernel =
        constants.weights.data() + channel * p.kernel_h * p.kernel_w;
    int64_t sum = 0;
    for (int64_t y = 0; y < p.kernel_h; ++y) {
      for (int64_t x = 0; x < p.kernel_w; ++x) {
        const int8_t weight = kernel[y * p.kernel_w + x];
        sum += weight;
        for (int64_t r = 0; r < rows_; ++r) {
          const int64_t quad = (y + r) / 4;
          const int64_t tap = (r * quads_ + quad) * columns_ + x;
          weights_[b * block_size() + tap * kVectors * kVectorBytes +
                   position * 4 + (y + r) % 4] = weight;
        }
      }
    }
    const int64_t at = static_cast<int64_t>(b) * kQuadGroup + position;
    const int32_t bias = constants.bias.empty() ? 0 : constants.bias[channel];
    start_[at] = QuadStart(p.input, bias, sum);
    multipliers_[at] = constants.multipliers[channel];
  }

  const std::vector<ChannelBlock> blocks_;
  const int64_t rows_;
  const int64_t quads_;
  const int64_t columns_;
  AlignedVector<int8_t> weights_;
  AlignedVector<int32_t> start_;
  AlignedVector<float> multipliers_;
};

class QuadDepthwiseConv : public ConvKernel {
 public:
  QuadDepthwiseConv(const ConvParams& params, const ConvConstants& constants,
                    const Kernels& kernels)
      : QuadDepthwiseConv(
            params, std::make_shared<QuadWeights>(params, constants), kernels) {
  }
  QuadDepthwiseConv(const ConvParams& params,
                    std::shared_ptr<const QuadWeights> weights,
                    const Kernels& kernels)
      : params_(params), kernels_(kernels), weights_(std::move(weights)) {
    Plan();
  }

  std::shared_ptr<const ConvKernel> ForParams(
      const ConvParams& params) const override {
    return std::make_shared<QuadDepthwiseConv>(params, weights_, kernels_);
  }
  int64_t work_items() const override {
    return params_.batch * row_blocks_ * block_groups_;
  }
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
  // How the columns of a block of one width are cut and woven.
  struct Strip {
    int64_t pixels;       // output columns of a strip
    int64_t plane_bytes;  // see QuadWeave
    int64_t quad_bytes;
  };

  struct Scratch {
    Scratch(const QuadDepthwiseConv& conv, ScratchLayout& layout)
        : taps(layout.Take<const uint8_t*>(conv.taps())),
          padding(layout.Take<uint8_t>(conv.row_bytes())),
          woven(layout.Take<uint8_t>(conv.woven_bytes_)) {}
    const uint8_t** taps;
    uint8_t* padding;  // a row of zero points
    uint8_t* woven;
  };

  // Output rows [first, last) of one image and block of channels.
  struct Block {
    int64_t image;
    int64_t first;
    int64_t last;
    int64_t channels;
    int64_t whole_columns;  // see QuadWeave
  };

  int64_t row_bytes() const { return params_.width * params_.in_channels; }
  int64_t taps() const { return weights_->quads() * params_.kernel_w; }
  static int StripIndex(int width) {
    return width == 64 ? 0 : width == 32 ? 1 : 2;
  }
  const Strip& strip(int width) const { return strips_[StripIndex(width)]; }

  void Plan();
  Strip PlanStrip(int width) const;
  int64_t WholeColumns(const ChannelBlock& channels) const;
  void PlaceTaps(int width, const Scratch& scratch) const;
  void Weave(const ConvArgs& args, const Block& block, int64_t row,
             int64_t pixel, const Scratch& scratch) const;
  void Multiply(const ConvArgs& args, const Block& block, int64_t row,
                int64_t pixel, const Scratch& scratch) const;
  void RunBlock(const ConvArgs& args, const Block& block,
                const Scratch& scratch) const;

  const ConvParams params_;
  const Kernels& kernels_;
  const std::shared_ptr<const QuadWeights> weights_;

  Strip strips_[3] = {};  // of widths 64, 32 and 16
  int64_t woven_bytes_ = 0;
  int64_t block_rows_ = 1;
  int64_t row_blocks_ = 1;
  int64_t group_blocks_ = 1;  // blocks of channels of an item
  int64_t block_groups_ = 1;
};

QuadDepthwiseConv::Strip QuadDepthwiseConv::PlanStrip(int width) const {
  const ConvParams& p = params_;
  const int64_t group = kQuadGroup / width;  // pixels
  const int64_t columns = kWovenBytes / (weights_->quads() * kVectors * width);
  const int64_t most =
      std::max((columns - Reach(p)) / p.stride_w / group, kMinStripGroups);
  const int64_t groups = CeilDiv(p.out_width(), group);
  Strip strip;
  strip.pixels = CeilDiv(groups, CeilDiv(groups, most)) * group;
  // What the last group of outputs reads; an odd number of lines keeps the four
  // planes apart in the cache.
  const int64_t phase_columns = strip.pixels + Reach(p) / p.stride_w + group;
  strip.plane_bytes =
      (CeilDiv(phase_columns * width, kVectorBytes) | 1) * kVectorBytes;
  strip.quad_bytes = p.stride_w * kVectors * strip.plane_bytes;
  return strip;
}

void QuadDepthwiseConv::Plan() {
  const ConvParams& p = params_;
  for (const ChannelBlock& block : weights_->blocks()) {
    const Strip strip = PlanStrip(block.width);
    strips_[StripIndex(block.width)] = strip;
    woven_bytes_ = std::max(woven_bytes_, weights_->quads() * strip.quad_bytes);
  }
  block_rows_ = std::min(DepthwiseBlockRows(p) / 2 * 2, p.out_height());
  row_blocks_ = CeilDiv(p.out_height(), block_rows_);
  const int64_t macs =
      p.out_width() * p.kernel_h * p.kernel_w * kQuadGroup * block_rows_;
  const auto blocks = static_cast<int64_t>(weights_->blocks().size());
  group_blocks_ = std::clamp(kItemMacs / macs, int64_t{1}, blocks);
  block_groups_ = CeilDiv(blocks, group_blocks_);
}

void QuadDepthwiseConv::PlaceTaps(int width, const Scratch& scratch) const {
  const ConvParams& p = params_;
  const Strip& s = strip(width);
  for (int64_t quad = 0; quad < weights_->quads(); ++quad) {
    for (int64_t x = 0; x < p.kernel_w; ++x) {
      const int64_t column = x * p.dilation_w;
      scratch.taps[quad * p.kernel_w + x] =
          scratch.woven + quad * s.quad_bytes +
          column % p.stride_w * kVectors * s.plane_bytes +
          column / p.stride_w * width;
    }
  }
}

int64_t QuadDepthwiseConv::WholeColumns(const ChannelBlock& channels) const {
  const int64_t spare = row_bytes() - channels.first - channels.width;
  if (spare < 0) return 0;
  return std::min(spare / params_.in_channels + 1, params_.width);
}

void QuadDepthwiseConv::Weave(const ConvArgs& args, const Block& block,
                              int64_t row, int64_t pixel,
                              const Scratch& scratch) const {
  const ConvParams& p = params_;
  const ChannelBlock& channels = weights_->blocks()[block.channels];
  const Strip& s = strip(channels.width);
  const auto* image = static_cast<const uint8_t*>(args.input) +
                      block.image * p.height * row_bytes() + channels.first;
  QuadWeave weave;
  weave.column_bytes = p.in_channels;
  weave.image_columns = p.width;
  weave.whole_columns = block.whole_columns;
  weave.first_column = pixel * p.stride_w - p.pad_left;
  weave.columns = (std::min(s.pixels, p.out_width() - pixel) - 1) * p.stride_w +
                  Reach(p) + 1;
  weave.phases = p.stride_w;
  weave.plane_bytes = s.plane_bytes;
  weave.channels = channels.channels;
  weave.width = channels.width;
  weave.type = p.input;
  int64_t y = row * p.stride_h - p.pad_top;
  for (int64_t quad = 0; quad < weights_->quads(); ++quad) {
    for (const uint8_t*& from : weave.rows) {
      from = y < 0 || y >= p.height ? scratch.padding + channels.first
                                    : image + y * row_bytes();
      y += p.dilation_h;
    }
    kernels_.weave_quads(weave, scratch.woven + quad * s.quad_bytes);
  }
}

void QuadDepthwiseConv::Multiply(const ConvArgs& args, const Block& block,
                                 int64_t row, int64_t pixel,
                                 const Scratch& scratch) const {
  const ConvParams& p = params_;
  const ChannelBlock& channels = weights_->blocks()[block.channels];
  const Strip& s = strip(channels.width);
  DepthwiseQuads task;
  task.taps = scratch.taps;
  task.tap_count = static_cast<int>(taps());
  task.plane_bytes = s.plane_bytes;
  task.weights = weights_->weights(block.channels);
  task.rows = static_cast<int>(std::min(weights_->rows(), block.last - row));
  task.pixels = std::min(s.pixels, p.out_width() - pixel);
  task.row_stride = p.out_width() * p.out_channels;
  const int64_t first =
      ((block.image * p.out_height() + row) * p.out_width() + pixel) *
          p.out_channels +
      channels.first;
  QuadOutput& out = task.out;
  out.spec = &p.output;
  out.start = weights_->start(block.channels);
  out.multiplier = weights_->multipliers(block.channels);
  out.output = static_cast<uint8_t*>(args.output) +
               first * static_cast<int64_t>(SizeOf(p.output.dtype));
  if (p.residual.has_value()) {
    out.residual = &*p.residual;
    out.residual_data = static_cast<const uint8_t*>(args.residual) + first;
  }
  out.stride = p.out_channels;
  out.channels = channels.channels;
  out.width = channels.width;
  kernels_.depthwise_quads(task);
}

void QuadDepthwiseConv::RunBlock(const ConvArgs& args, const Block& block,
                                 const Scratch& scratch) const {
  const int width = weights_->blocks()[block.channels].width;
  PlaceTaps(width, scratch);
  for (int64_t row = block.first; row < block.last; row += weights_->rows()) {
    for (int64_t pixel = 0; pixel < params_.out_width();
         pixel += strip(width).pixels) {
      Weave(args, block, row, pixel, scratch);
      Multiply(args, block, row, pixel, scratch);
    }
  }
}

void QuadDepthwiseConv::Run(const ConvArgs& args, int64_t begin, int64_t end,
                            std::byte* scratch_bytes) const {
  ScratchLayout layout(scratch_bytes);
  const Scratch scratch(*this, layout);
  std::memset(scratch.padding, params_.input.zero_point, row_bytes());
  const auto blocks = static_cast<int64_t>(weights_->blocks().size());
  for (int64_t item = begin; item < end; ++item) {
    const int64_t rows = item / block_groups_;
    Block block;
    block.image = rows / row_blocks_;
    block.first = rows % row_blocks_ * block_rows_;
    block.last = std::min(block.first + block_rows_, params_.out_height());
    const int64_t first = item % block_groups_ * group_blocks_;
    const int64_t last = std::min(first + group_blocks_, blocks);
    for (block.channels = first; block.channels < last; ++block.channels) {
      block.whole_columns = WholeColumns(weights_->blocks()[block.channels]);
      RunBlock(args, block, scratch);
    }
  }
}

}  // namespace

bool QuadDepthwiseFits(const ConvParams& p, const Kernels& kernels) {
  if (kernels.depthwise_quads == nullptr || p.stride_w > kMaxStride) {
    return false;
  }
  const int64_t quads = CeilDiv(p.kernel_h + 1, 4);
  const int64_t columns = Reach(p) + kMinStripGroups * kVectors * p.stride_w;
  return columns <= kMaxWovenBytes / (quads * kVectors * kVectorBytes);
}

std::shared_ptr<const ConvKernel> MakeQuadDepthwiseConv(
    const ConvParams& params, const ConvConstants& constants,
    const Kernels& kernels) {
  return std::make_shared<QuadDepthwiseConv>(params, constants, kernels);
}

}  // namespace octet::simd::internal
