// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/rounding.h"
#include "engine/simd/byte_quads.h"
#include "engine/simd/conv_kernel.h"

// Winograd's minimal filtering F(4x4, 3x3), exact in integers.
//
// A tile of 6 x 6 inputs d and a kernel g give 4 x 4 outputs
//   Y = AT [ (G g GT) * (BT d B) ] A      * elementwise, summed over channels
// with 36 multiplications instead of 144 (A. Lavin and S. Gray, "Fast
// algorithms for convolutional neural networks", section 4). BT and AT are
// integers; G is not, so its rows are scaled and AT makes the scales equal:
//
//        4  0 -5  0  1  0          6   0   0        1  1  1  1  1  0
//        0 -4 -4  1  1  0         -4  -4  -4        0  1 -1  2 -2  0
//   BT = 0  4 -4 -1  1  0     G = -4   4  -4   AT = 0  1  1  4  4  0
//        0 -2 -1  2  1  0          1   2   4        0  1 -1  8 -8  2
//        0  2 -1 -2  1  0          1  -2   4
//        0  4  0 -5  0  1          0   0  12
//
// and the outputs come out 24 * 24 = 576 times too large. Ranges: inputs less
// their zero point are within 255, so BT d B is within 10 * 10 * 255 = 25500;
// G g GT is within 12 * 12 * 128 = 18432: both fit 16 bits, and a pair of
// products 32. Sums of products may wrap modulo 2^32: all that follows is
// additions, and the end is 576 * Y modulo 2^32. Multiplying that by the
// inverse of 9 gives 64 * Y modulo 2^32, and an arithmetic shift by 6 gives Y,
// if |Y| < 2^25. That is checked on the weights.
namespace octet::simd::internal {
namespace {

constexpr int kIn = kWinogradInput;
constexpr int kOut = kWinogradOutput;
constexpr int kTaps = 3;
constexpr int64_t kSumLimit = int64_t{1} << 25;
// Of a core. Transformed weights that fit come from an L3 cache, once; larger
// ones from beyond, for every block of tiles. The rates are those with which
// WinogradIsCheaper() chose best for whole networks on a Zen 4 core.
constexpr int64_t kL2Bytes = int64_t{1} << 20;
constexpr int64_t kNearBytesPerCycle = 64;
constexpr int64_t kFarBytesPerCycle = 8;

constexpr int kG[kIn][kTaps] = {{6, 0, 0}, {-4, -4, -4}, {-4, 4, -4},
                                {1, 2, 4}, {1, -2, 4},   {0, 0, 12}};

int64_t TransformedBytes(const ConvParams& p) {
  return kWinogradPoints * CeilDiv(p.in_channels, 2) * 2 * p.out_channels *
         static_cast<int64_t>(sizeof(int16_t));
}

// Tiles whose transformed inputs are kept at a time: few, or, where weights are
// read again for every block, as many as half of an L2 cache holds.
int64_t MostBlockTiles(const ConvParams& p) {
  constexpr int64_t kLeast = 24;
  if (TransformedBytes(p) <= kL2Bytes) return kLeast;
  const int64_t tile_bytes =
      kWinogradPoints * p.in_channels * static_cast<int64_t>(sizeof(int16_t));
  return std::max(kL2Bytes / 2 / tile_bytes, kLeast);
}

struct Panel {
  int64_t first_channel = 0;
  int channels = 0;
  int width = kPanelWidth;
};

// Transformed weights [panel][36][pair][position][2] and the panels' constants.
class WinogradWeights {
 public:
  // Panels are `least_width` channels wide, at least.
  WinogradWeights(const ConvParams& p, const ConvConstants& constants,
                  int least_width)
      : pairs_(CeilDiv(p.in_channels, 2)) {
    for (int64_t c = 0; c < p.out_channels; c += kPanelWidth) {
      Panel panel;
      panel.first_channel = c;
      panel.channels =
          static_cast<int>(std::min<int64_t>(kPanelWidth, p.out_channels - c));
      panel.width = panel.channels <= least_width ? least_width : kPanelWidth;
      panels_.push_back(panel);
    }
    weights_.resize(size() * panel_stride());
    bias_.resize(size() * kPanelWidth);
    multipliers_.resize(size() * kPanelWidth);
    for (int64_t i = 0; i < size(); ++i) {
      for (int position = 0; position < panels_[i].width; ++position) {
        Fill(p, constants, i, position);
      }
    }
  }

  int64_t size() const { return static_cast<int64_t>(panels_.size()); }
  int64_t pairs() const { return pairs_; }
  const Panel& panel(int64_t i) const { return panels_[i]; }
  const int16_t* weights(int64_t i) const {
    return weights_.data() + i * panel_stride();
  }
  const int32_t* bias(int64_t i) const { return &bias_[i * kPanelWidth]; }
  const float* multipliers(int64_t i) const {
    return &multipliers_[i * kPanelWidth];
  }
  int64_t bytes() const {
    return static_cast<int64_t>(weights_.size() * sizeof(int16_t) +
                                bias_.size() * sizeof(int32_t) +
                                multipliers_.size() * sizeof(float));
  }

 private:
  int64_t panel_stride() const {
    return kWinogradPoints * pairs_ * 2 * kPanelWidth;
  }

  void Fill(const ConvParams& p, const ConvConstants& constants, int64_t i,
            int position) {
    const Panel& panel = panels_[i];
    const int local =
        panel.width == kPanelWidth ? kPanelOrder[position] : position;
    if (local >= panel.channels) return;
    const int64_t channel = panel.first_channel + local;
    const int64_t at = i * kPanelWidth + position;
    if (!constants.bias.empty()) bias_[at] = constants.bias[channel];
    multipliers_[at] = constants.multipliers[channel];
    int16_t* to = weights_.data() + i * panel_stride();
    for (int64_t k = 0; k < p.in_channels; ++k) {
      int points[kWinogradPoints];
      Transform(constants.weights.data() +
                    channel * kTaps * kTaps * p.in_channels + k,
                p.in_channels, points);
      for (int64_t point = 0; point < kWinogradPoints; ++point) {
        const int64_t pair = point * pairs_ + k / 2;
        to[(pair * panel.width + position) * 2 + k % 2] =
            static_cast<int16_t>(points[point]);
      }
    }
  }

  // G g GT of the kernel whose taps are `stride` apart.
  static void Transform(const int8_t* g, int64_t stride, int* points) {
    int half[kIn][kTaps] = {};
    for (int y = 0; y < kIn; ++y) {
      for (int x = 0; x < kTaps; ++x) {
        for (int k = 0; k < kTaps; ++k) {
          half[y][x] += kG[y][k] * g[(k * kTaps + x) * stride];
        }
      }
    }
    for (int y = 0; y < kIn; ++y) {
      for (int x = 0; x < kIn; ++x) {
        points[y * kIn + x] = 0;
        for (int k = 0; k < kTaps; ++k) {
          points[y * kIn + x] += half[y][k] * kG[x][k];
        }
      }
    }
  }

  int64_t pairs_;
  std::vector<Panel> panels_;
  std::vector<int16_t> weights_;
  std::vector<int32_t> bias_;
  std::vector<float> multipliers_;
};

class WinogradConv : public ConvKernel {
 public:
  WinogradConv(const ConvParams& params,
               std::shared_ptr<const WinogradWeights> weights,
               const Kernels& kernels)
      : params_(params), kernels_(kernels), weights_(std::move(weights)) {
    Plan();
  }

  std::shared_ptr<const ConvKernel> ForParams(
      const ConvParams& params) const override {
    return std::make_shared<WinogradConv>(params, weights_, kernels_);
  }
  int64_t work_items() const override { return blocks_ * panel_groups_; }
  size_t scratch_bytes() const override {
    ScratchLayout layout(nullptr);
    Scratch scratch(*this, layout);
    return layout.bytes();
  }
  void Run(const ConvArgs& args, int64_t begin, int64_t end,
           std::byte* scratch) const override;
  std::string name() const override {
    return absl::StrCat("winograd:", IsaName(kernels_.product_isa));
  }
  int64_t weight_bytes() const override { return weights_->bytes(); }

 private:
  struct Scratch {
    Scratch(const WinogradConv& conv, ScratchLayout& layout)
        : rows(layout.Take<int16_t>(kIn * conv.row_elements() + kPanelWidth)),
          points(layout.Take<int16_t>(conv.block_rows_ * conv.tiles_x_ *
                                      kWinogradPoints * conv.channels_)),
          products(layout.Take<int32_t>(kWinogradPoints * conv.group_tiles() *
                                        kPanelWidth)),
          targets(
              layout.Take<WinogradTarget>(conv.block_rows_ * conv.tiles_x_)) {}
    int16_t* rows;    // of one row of tiles: [6][columns][channels of image]
    int16_t* points;  // [group][36][tiles of the group][channels_]
    int32_t* products;
    WinogradTarget* targets;
    int64_t transformed_block = -1;  // what `points` and `targets` hold
  };

  // A run of tiles that are multiplied together.
  struct Group {
    int64_t first;  // in the block
    int tiles;
  };

  int64_t group_tiles() const { return kernels_.winograd_tiles; }
  int64_t row_elements() const { return window_.columns * params_.in_channels; }
  void Plan();
  int64_t BlockTiles(int64_t block) const;
  Group GroupAt(int64_t tiles, int64_t first) const;
  void TransformBlock(const ConvArgs& args, int64_t block,
                      Scratch& scratch) const;
  void TransformTileRow(const ConvArgs& args, int64_t tile_row,
                        int16_t* rows) const;
  void RunPanel(const ConvArgs& args, int64_t block, int64_t panel,
                const Scratch& scratch) const;
  void FillTargets(int64_t tile_row, WinogradTarget* targets) const;

  ConvParams params_;
  const Kernels& kernels_;
  std::shared_ptr<const WinogradWeights> weights_;

  RowWindow window_;
  int64_t channels_ = 0;  // of the inputs, a multiple of 16
  int64_t tiles_x_ = 0;
  int64_t tiles_y_ = 0;
  int64_t block_rows_ = 1;  // rows of tiles of a block, of all images
  int64_t blocks_ = 1;
  int64_t panels_per_item_ = 1;
  int64_t panel_groups_ = 1;
};

void WinogradConv::Plan() {
  const ConvParams& p = params_;
  channels_ = CeilDiv(p.in_channels, 16) * 16;
  tiles_x_ = CeilDiv(p.out_width(), kOut);
  tiles_y_ = CeilDiv(p.out_height(), kOut);
  window_.height = p.height;
  window_.width = p.width;
  window_.channels = p.in_channels;
  window_.left = p.pad_left;
  window_.columns = tiles_x_ * kOut + kTaps - 1;
  const int64_t rows = p.batch * tiles_y_;
  block_rows_ = std::clamp(MostBlockTiles(p) / tiles_x_, int64_t{1}, rows);
  blocks_ = CeilDiv(rows, block_rows_);
  const int64_t panel_macs = block_rows_ * tiles_x_ * kWinogradPoints *
                             weights_->pairs() * 2 * kPanelWidth;
  panels_per_item_ =
      std::clamp(kItemMacs / panel_macs, int64_t{1}, weights_->size());
  panel_groups_ = CeilDiv(weights_->size(), panels_per_item_);
}

int64_t WinogradConv::BlockTiles(int64_t block) const {
  const int64_t rows = params_.batch * tiles_y_ - block * block_rows_;
  return std::min(block_rows_, rows) * tiles_x_;
}

// Cuts `tiles` into as few groups as can be, as equal as can be.
WinogradConv::Group WinogradConv::GroupAt(int64_t tiles, int64_t first) const {
  const int64_t left = tiles - first;
  const int64_t groups = CeilDiv(left, group_tiles());
  return {first, static_cast<int>(CeilDiv(left, groups))};
}

void WinogradConv::TransformTileRow(const ConvArgs& args, int64_t tile_row,
                                    int16_t* rows) const {
  const ConvParams& p = params_;
  const auto* image = static_cast<const uint8_t*>(args.input) +
                      tile_row / tiles_y_ * p.height * p.width * p.in_channels;
  RowRange range;
  range.first_row = tile_row % tiles_y_ * kOut - p.pad_top;
  range.rows = kIn;
  WidenRows(kernels_, p.input, window_, image, range, rows);
  // The transform reads whole vectors of channels.
  std::fill_n(rows + kIn * row_elements(), kPanelWidth, int16_t{0});
}

void WinogradConv::TransformBlock(const ConvArgs& args, int64_t block,
                                  Scratch& scratch) const {
  const int64_t tiles = BlockTiles(block);
  const int64_t first_row = block * block_rows_;
  Group group = {0, 0};
  int64_t tile = 0;
  for (int64_t row = first_row; tile < tiles; ++row) {
    TransformTileRow(args, row, scratch.rows);
    for (int64_t x = 0; x < tiles_x_; ++x, ++tile) {
      if (tile == group.first + group.tiles) group = GroupAt(tiles, tile);
      WinogradPatch patch;
      patch.pixels = scratch.rows + x * kOut * params_.in_channels;
      patch.row_stride = row_elements();
      patch.column_stride = params_.in_channels;
      patch.channels = channels_;
      patch.points =
          scratch.points +
          (group.first * kWinogradPoints + (tile - group.first)) * channels_;
      patch.point_stride = group.tiles * channels_;
      kernels_.winograd_patch(patch);
    }
    FillTargets(row, scratch.targets + tile - tiles_x_);
  }
}

void WinogradConv::FillTargets(int64_t tile_row,
                               WinogradTarget* targets) const {
  const ConvParams& p = params_;
  const int64_t image = tile_row / tiles_y_;
  const int64_t y = tile_row % tiles_y_ * kOut;
  const int64_t first = (image * p.out_height() + y) * p.out_width();
  for (int64_t tile = 0; tile < tiles_x_; ++tile) {
    const int64_t x = tile * kOut;
    WinogradTarget& target = targets[tile];
    target.offset = (first + x) * p.out_channels;
    target.rows = static_cast<int>(std::min<int64_t>(kOut, p.out_height() - y));
    target.columns =
        static_cast<int>(std::min<int64_t>(kOut, p.out_width() - x));
  }
}

void WinogradConv::RunPanel(const ConvArgs& args, int64_t block, int64_t panel,
                            const Scratch& scratch) const {
  const ConvParams& p = params_;
  const Panel& info = weights_->panel(panel);
  WinogradGroup task;
  task.weights = weights_->weights(panel);
  task.products = scratch.products;
  task.channels = channels_;
  task.pairs = static_cast<int>(weights_->pairs());
  task.width = info.width;
  task.row_stride = p.out_width() * p.out_channels;
  task.out.spec = &p.output;
  task.out.residual = p.residual.has_value() ? &*p.residual : nullptr;
  task.out.bias = weights_->bias(panel);
  task.out.multiplier = weights_->multipliers(panel);
  task.out.stride = p.out_channels;
  task.out.channels = info.channels;
  task.out.output =
      static_cast<uint8_t*>(args.output) +
      info.first_channel * static_cast<int64_t>(SizeOf(p.output.dtype));
  if (p.residual.has_value()) {
    task.out.residual_data =
        static_cast<const uint8_t*>(args.residual) + info.first_channel;
  }
  const int64_t tiles = BlockTiles(block);
  for (int64_t first = 0; first < tiles; first += task.tiles) {
    const Group group = GroupAt(tiles, first);
    task.tiles = group.tiles;
    task.points = scratch.points + first * kWinogradPoints * channels_;
    task.targets = scratch.targets + first;
    kernels_.winograd_group(task);
  }
}

void WinogradConv::Run(const ConvArgs& args, int64_t begin, int64_t end,
                       std::byte* scratch_bytes) const {
  ScratchLayout layout(scratch_bytes);
  Scratch scratch(*this, layout);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t block = item / panel_groups_;
    if (scratch.transformed_block != block) {
      TransformBlock(args, block, scratch);
      scratch.transformed_block = block;
    }
    const int64_t first = item % panel_groups_ * panels_per_item_;
    const int64_t last = std::min(first + panels_per_item_, weights_->size());
    for (int64_t panel = first; panel < last; ++panel) {
      RunPanel(args, block, panel, scratch);
    }
  }
}

}  // namespace

bool WinogradIsExact(const ConvParams& p, const ConvConstants& constants,
                     const Kernels& kernels) {
  if (kernels.winograd_patch == nullptr || p.groups != 1 ||
      p.kernel_h != kTaps || p.kernel_w != kTaps || p.stride_h != 1 ||
      p.stride_w != 1 || p.dilation_h != 1 || p.dilation_w != 1) {
    return false;
  }
  const int64_t above = HighestOf(p.input.dtype) - p.input.zero_point;
  const int64_t below = p.input.zero_point - LowestOf(p.input.dtype);
  const int64_t taps = kTaps * kTaps * p.in_channels;
  for (int64_t o = 0; o < p.out_channels; ++o) {
    int64_t positive = 0;
    int64_t negative = 0;
    for (int8_t w : constants.weights.subspan(o * taps, taps)) {
      (w > 0 ? positive : negative) += std::abs(int{w});
    }
    const int64_t highest = positive * above + negative * below;
    const int64_t lowest = negative * above + positive * below;
    if (std::max(highest, lowest) >= kSumLimit) return false;
  }
  return true;
}

bool WinogradIsCheaper(const ConvParams& p, const Kernels& kernels) {
  const bool quads = kernels.gemm_quads != nullptr;
  const bool wide = kernels.quad_width == kQuadGroup;
  const int64_t sums = wide ? 16 : 8;  // of a vector
  const int64_t vectors = CeilDiv(p.out_channels, sums);
  const int64_t row =
      quads ? CeilDiv(3 * p.in_channels, 4) : CeilDiv(3 * p.in_channels, 2);
  // A dot product, or a multiplication and an addition.
  const int64_t direct = p.batch * p.out_height() * p.out_width() * row * 3 *
                         vectors * (quads ? 1 : 2);
  const int64_t pairs = CeilDiv(p.in_channels, 2);
  const int64_t tiles =
      p.batch * CeilDiv(p.out_height(), kOut) * CeilDiv(p.out_width(), kOut);
  const int64_t groups = CeilDiv(tiles, kernels.winograd_tiles);
  const int64_t products =
      tiles * kWinogradPoints * pairs * vectors * (wide ? 1 : 2);
  const int64_t weights = groups * kWinogradPoints * pairs * vectors;
  const int64_t inputs = tiles * CeilDiv(p.in_channels, 2 * sums) *
                         (12 * 17 + 2 * kWinogradPoints);
  const int64_t outputs =
      tiles * vectors * (10 * 15 + 16 * 3 + 2 * kWinogradPoints);
  const int64_t winograd = products + weights + inputs + outputs;
  if (!quads) return winograd < direct;
  const int64_t bytes = TransformedBytes(p);
  const int64_t memory = bytes <= kL2Bytes ? bytes / kNearBytesPerCycle
                                           : CeilDiv(tiles, MostBlockTiles(p)) *
                                                 bytes / kFarBytesPerCycle;
  return (winograd + memory) * 20 < direct * 19;  // by 5 % or more
}

std::shared_ptr<const ConvKernel> MakeWinogradConv(
    const ConvParams& params, const ConvConstants& constants,
    const Kernels& kernels) {
  return std::make_shared<WinogradConv>(
      params,
      std::make_shared<WinogradWeights>(params, constants,
                                        kernels.winograd_width),
      kernels);
}

}  // namespace octet::simd::internal
