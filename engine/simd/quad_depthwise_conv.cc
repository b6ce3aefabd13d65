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

// Which bytes of a channel are woven together. The columns of a kernel are
// `columns` quads wide, and a window moves by `step` quads.
struct QuadShape {
  int64_t rows;     // of the image, in a quad
  int64_t columns;  // of the image, in a quad
  int64_t taps_h;   // quads of a kernel
  int64_t taps_w;
  int64_t dilation_w;  // quads from one tap to the next
  int64_t step_w;      // quads from one output to the next
  // Output rows that read the same quads: their weights differ.
  int64_t output_rows;
  // Whether the next row of outputs reads all rows of quads but the first.
  bool rows_stay;

  // Quads between the first and the last tap of a row.
  int64_t reach() const { return (taps_w - 1) * dilation_w; }
};

// With a stride of 2 a quad is two rows of two columns: each byte is woven once
// (four rows of a column would be woven twice, one of them for nothing). Else
// it is four rows of a column, which two output rows share where they overlap.
QuadShape ShapeFor(const ConvParams& p) {
  if (p.stride_h == 2 && p.stride_w == 2 && p.dilation_h == 1 &&
      p.dilation_w == 1) {
    return {.rows = 2,
            .columns = 2,
            .taps_h = CeilDiv(p.kernel_h, 2),
            .taps_w = CeilDiv(p.kernel_w, 2),
            .dilation_w = 1,
            .step_w = 1,
            .output_rows = 1,
            .rows_stay = true};
  }
  const int64_t output_rows =
      p.stride_h == 1 && p.dilation_h == 1 && p.out_height() > 1 ? 2 : 1;
  return {.rows = 4,
          .columns = 1,
          .taps_h = CeilDiv(p.kernel_h + output_rows - 1, 4),
          .taps_w = p.kernel_w,
          .dilation_w = p.dilation_w,
          .step_w = p.stride_w,
          .output_rows = output_rows,
          .rows_stay = false};
}

// Weights of every block, woven like the bytes they meet: the taps of a second
// output row lie one row lower.
class QuadWeights {
 public:
  QuadWeights(const ConvParams& p, const ConvConstants& constants)
      : blocks_(SplitChannels(p.in_channels, kQuadGroup)),
        shape_(ShapeFor(p)),
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
  const QuadShape& shape() const { return shape_; }
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
    return shape_.output_rows * shape_.taps_h * shape_.taps_w * kVectors *
           kVectorBytes;
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
        for (int64_t r = 0; r < shape_.output_rows; ++r) {
          const int64_t quad_row = r * shape_.taps_h + (y + r) / shape_.rows;
          const int64_t tap = quad_row * shape_.taps_w + x / shape_.columns;
          const int64_t byte =
              (y + r) % shape_.rows * shape_.columns + x % shape_.columns;
          weights_[b * block_size() + tap * kVectors * kVectorBytes +
                   position * 4 + byte] = weight;
        }
      }
    }
    const int64_t at = static_cast<int64_t>(b) * kQuadGroup + position;
    const int32_t bias = constants.bias.empty() ? 0 : constants.bias[channel];
    start_[at] = QuadStart(p.input, bias, sum);
    multipliers_[at] = constants.multipliers[channel];
  }

  const std::vector<ChannelBlock> blocks_;
  const QuadShape shape_;
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
      : params_(params),
        out_height_(params.out_height()),
        out_width_(params.out_width()),
        kernels_(kernels),
        weights_(std::move(weights)),
        work_(params, static_cast<int64_t>(weights_->blocks().size()),
              kQuadGroup, DepthwiseBlockRows(params) / 2 * 2) {
    Plan();
  }

  std::shared_ptr<const ConvKernel> ForParams(
      const ConvParams& params) const override {
    return std::make_shared<QuadDepthwiseConv>(params, weights_, kernels_);
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
  // How the columns of a block of one width are cut and woven.
  struct Strip {
    int64_t pixels = 0;              // output columns of a strip
    int64_t plane_bytes = 0;         // see QuadWeave
    int64_t quad_bytes = 0;          // of a row of quads
    std::vector<int64_t> tap_bytes;  // where the taps of a row of quads begin
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

  using Block = DepthwiseWork::Block;

  int64_t row_bytes() const { return params_.width * params_.in_channels; }
  const QuadShape& shape() const { return weights_->shape(); }
  int64_t taps() const { return shape().taps_h * shape().taps_w; }
  static int StripIndex(int width) {
    return width == 64 ? 0 : width == 32 ? 1 : 2;
  }
  const Strip& strip(int width) const { return strips_[StripIndex(width)]; }

  // A strip of a block: what is the same for all of its rows, and where the
  // rows of quads are that the next output row reads. Those go round where they
  // stay for several.
  struct StripRun {
    Block block;
    const Strip* strip;
    const uint8_t* image;  // at the block's first channel
    int64_t first_quads = 0;
    QuadWeave weave;
    DepthwiseQuads task;
  };

  void Plan();
  Strip PlanStrip(int width) const;
  StripRun BeginStrip(const ConvArgs& args, const Block& block, int64_t pixel,
                      const Scratch& scratch) const;
  uint8_t* Quads(const StripRun& run, int64_t tap,
                 const Scratch& scratch) const;
  void Weave(StripRun& run, int64_t row, const Scratch& scratch) const;
  void PlaceTaps(const StripRun& run, const Scratch& scratch) const;
  void RunStrip(const ConvArgs& args, const Block& block, int64_t pixel,
                const Scratch& scratch) const;

  const ConvParams params_;
  // Kept, as each takes a division.
  const int64_t out_height_;
  const int64_t out_width_;
  const Kernels& kernels_;
  const std::shared_ptr<const QuadWeights> weights_;
  const DepthwiseWork work_;

  Strip strips_[3] = {};  // of widths 64, 32 and 16
  int64_t woven_bytes_ = 0;
};

QuadDepthwiseConv::Strip QuadDepthwiseConv::PlanStrip(int width) const {
  const int64_t group = kQuadGroup / width;  // pixels
  const QuadShape& q = shape();
  const int64_t columns = kWovenBytes / (q.taps_h * kVectors * width);
  const int64_t most =
      std::max((columns - q.reach()) / q.step_w / group, kMinStripGroups);
  const int64_t groups = CeilDiv(out_width_, group);
  Strip strip;
  strip.pixels = CeilDiv(groups, CeilDiv(groups, most)) * group;
  // What the last group of outputs reads; an odd number of lines keeps the four
  // planes apart in the cache.
  const int64_t phase_columns = strip.pixels + q.reach() / q.step_w + group;
  strip.plane_bytes =
      (CeilDiv(phase_columns * width, kVectorBytes) | 1) * kVectorBytes;
  strip.quad_bytes = q.step_w * kVectors * strip.plane_bytes;
  for (int64_t tap = 0; tap < q.taps_w; ++tap) {
    const int64_t column = tap * q.dilation_w;
    strip.tap_bytes.push_back(column % q.step_w * kVectors * strip.plane_bytes +
                              column / q.step_w * width);
  }
  return strip;
}

void QuadDepthwiseConv::Plan() {
  for (const ChannelBlock& block : weights_->blocks()) {
    Strip strip = PlanStrip(block.width);
    woven_bytes_ = std::max(woven_bytes_, shape().taps_h * strip.quad_bytes);
    strips_[StripIndex(block.width)] = std::move(strip);
  }
}

QuadDepthwiseConv::StripRun QuadDepthwiseConv::BeginStrip(
    const ConvArgs& args, const Block& block, int64_t pixel,
    const Scratch& scratch) const {
  const ConvParams& p = params_;
  const QuadShape& q = shape();
  const ChannelBlock& channels = weights_->blocks()[block.channels];
  StripRun run;
  run.block = block;
  run.strip = &strip(channels.width);
  run.image = static_cast<const uint8_t*>(args.input) +
              block.image * p.height * row_bytes() + channels.first;
  const int64_t pixels = std::min(run.strip->pixels, out_width_ - pixel);
  QuadWeave& weave = run.weave;
  for (int r = 0; r < 4; ++r) {
    weave.shift[r] = (r % q.columns - p.pad_left) * p.in_channels;
  }
  weave.column_bytes = q.columns * p.in_channels;
  weave.row_bytes = row_bytes() - channels.first;
  weave.whole_bytes = weave.row_bytes - channels.width;
  weave.first_column = pixel * q.step_w;
  weave.columns = (pixels - 1) * q.step_w + q.reach() + 1;
  weave.phases = q.step_w;
  weave.plane_bytes = run.strip->plane_bytes;
  weave.channels = channels.channels;
  weave.width = channels.width;
  weave.type = p.input;
  DepthwiseQuads& task = run.task;
  task.taps = scratch.taps;
  task.tap_count = static_cast<int>(taps());
  task.plane_bytes = run.strip->plane_bytes;
  task.weights = weights_->weights(block.channels);
  task.pixels = pixels;
  task.row_stride = out_width_ * p.out_channels;
  QuadOutput& out = task.out;
  out.spec = &p.output;
  out.residual = p.residual.has_value() ? &*p.residual : nullptr;
  out.start = weights_->start(block.channels);
  out.multiplier = weights_->multipliers(block.channels);
  out.stride = p.out_channels;
  out.channels = channels.channels;
  out.width = channels.width;
  const int64_t first = (block.image * out_height_ + block.first) * out_width_;
  const int64_t element = (first + pixel) * p.out_channels + channels.first;
  out.output = static_cast<uint8_t*>(args.output) +
               element * static_cast<int64_t>(SizeOf(p.output.dtype));
  if (out.residual != nullptr) {
    out.residual_data = static_cast<const uint8_t*>(args.residual) + element;
  }
  return run;
}

uint8_t* QuadDepthwiseConv::Quads(const StripRun& run, int64_t tap,
                                  const Scratch& scratch) const {
  int64_t place = run.first_quads + tap;
  if (place >= shape().taps_h) place -= shape().taps_h;
  return scratch.woven + place * run.strip->quad_bytes;
}

void QuadDepthwiseConv::Weave(StripRun& run, int64_t row,
                              const Scratch& scratch) const {
  const ConvParams& p = params_;
  const QuadShape& q = shape();
  const uint8_t* const padding =
      scratch.padding + weights_->blocks()[run.block.channels].first;
  const bool stayed = q.rows_stay && row != run.block.first;
  for (int64_t tap = stayed ? q.taps_h - 1 : 0; tap < q.taps_h; ++tap) {
    int64_t y = row * p.stride_h - p.pad_top + tap * q.rows * p.dilation_h;
    for (int r = 0; r < 4; y += p.dilation_h) {
      const bool outside = y < 0 || y >= p.height;
      const uint8_t* const from =
          outside ? padding : run.image + y * row_bytes();
      for (int64_t c = 0; c < q.columns; ++c) run.weave.rows[r++] = from;
    }
    kernels_.weave_quads(run.weave, Quads(run, tap, scratch));
  }
}

void QuadDepthwiseConv::PlaceTaps(const StripRun& run,
                                  const Scratch& scratch) const {
  const uint8_t** tap = scratch.taps;
  for (int64_t y = 0; y < shape().taps_h; ++y) {
    const uint8_t* const quads = Quads(run, y, scratch);
    for (const int64_t bytes : run.strip->tap_bytes) *tap++ = quads + bytes;
  }
}

void QuadDepthwiseConv::RunStrip(const ConvArgs& args, const Block& block,
                                 int64_t pixel, const Scratch& scratch) const {
  StripRun run = BeginStrip(args, block, pixel, scratch);
  const int64_t rows = shape().output_rows;
  const int64_t elements = rows * run.task.row_stride;
  const int64_t bytes =
      elements * static_cast<int64_t>(SizeOf(params_.output.dtype));
  for (int64_t row = block.first; row < block.last; row += rows) {
    Weave(run, row, scratch);
    PlaceTaps(run, scratch);
    run.task.rows = static_cast<int>(std::min(rows, block.last - row));
    kernels_.depthwise_quads(run.task);
    run.task.out.output += bytes;
    if (run.task.out.residual != nullptr) {
      run.task.out.residual_data += elements;
    }
    if (shape().rows_stay && ++run.first_quads == shape().taps_h) {
      run.first_quads = 0;
    }
  }
}

void QuadDepthwiseConv::Run(const ConvArgs& args, int64_t begin, int64_t end,
                            std::byte* scratch_bytes) const {
  ScratchLayout layout(scratch_bytes);
  const Scratch scratch(*this, layout);
  std::memset(scratch.padding, params_.input.zero_point, row_bytes());
  work_.ForEachBlock(begin, end, [&](const Block& block) {
    const int64_t strip_pixels =
        strip(weights_->blocks()[block.channels].width).pixels;
    for (int64_t pixel = 0; pixel < out_width_; pixel += strip_pixels) {
      RunStrip(args, block, pixel, scratch);
    }
  });
}

}  // namespace

bool QuadDepthwiseFits(const ConvParams& p, const Kernels& kernels) {
  if (kernels.depthwise_quads == nullptr || p.stride_w > kMaxStride) {
    return false;
  }
  const QuadShape q = ShapeFor(p);
  // Of the tallest image: weights are shared by all.
  const int64_t taps_h =
      q.rows_stay ? q.taps_h : CeilDiv(p.kernel_h + 1, q.rows);
  const int64_t columns = q.reach() + kMinStripGroups * kVectors * q.step_w;
  return columns <= kMaxWovenBytes / (taps_h * kVectors * kVectorBytes);
}

std::shared_ptr<const ConvKernel> MakeQuadDepthwiseConv(
    const ConvParams& params, const ConvConstants& constants,
    const Kernels& kernels) {
  return std::make_shared<QuadDepthwiseConv>(params, constants, kernels);
}

}  // namespace octet::simd::internal
