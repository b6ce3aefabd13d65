// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/rounding.h"
#include "engine/simd/conv_kernel.h"
#include "engine/simd/packed_panels.h"

namespace octet::simd::internal {
namespace {

// Pixels that share one widening of a panel's weights. The multiple of the
// kernels' tile keeps tails rare.
constexpr int64_t kBlockPixels = 96;
// Below this many pixels, widening a panel first costs more than it saves.
constexpr int64_t kMinPixelsToWiden = 12;
// Bound on the widened input of a block, elements: half of a usual L2 cache.
constexpr int64_t kBlockInputs = int64_t{1} << 16;

class DirectConv : public ConvKernel {
 public:
  DirectConv(const ConvParams& params,
             std::shared_ptr<const PackedPanels> panels, const Kernels& kernels)
      : params_(RowwiseParams(params)),
        kernels_(kernels),
        panels_(std::move(panels)) {
    PlanRows();
    PlanItems();
  }

  std::shared_ptr<const ConvKernel> ForParams(
      const ConvParams& params) const override {
    return std::make_shared<DirectConv>(params, panels_, kernels_);
  }

  int64_t work_items() const override {
    return params_.batch * row_blocks_ * panel_groups_;
  }
  size_t scratch_bytes() const override {
    ScratchLayout layout(nullptr);
    Scratch scratch(*this, layout);
    return layout.bytes();
  }
  void Run(const ConvArgs& args, int64_t begin, int64_t end,
           std::byte* scratch) const override;
  std::string name() const override {
    return absl::StrCat("direct:", IsaName(kernels_.product_isa));
  }
  int64_t weight_bytes() const override { return panels_->bytes(); }

 private:
  struct Scratch {
    Scratch(const DirectConv& conv, ScratchLayout& layout)
        : rows(layout.Take<int16_t>(
              conv.block_input_rows_ * conv.row_elements() + 2)),
          weights(layout.Take<int16_t>(conv.panels_->depth() * kPanelWidth)),
          pixels(layout.Take<int32_t>(conv.block_rows_ *
                                      conv.params_.out_width())) {}
    int16_t* rows;
    int16_t* weights;
    int32_t* pixels;
    int64_t widened_block = -1;  // what rows and weights hold
    int64_t widened_panel = -1;
  };

  // Output rows [first_row, first_row + rows) of one image.
  struct Block {
    int64_t image;
    int64_t first_row;
    int64_t rows;
  };

  int64_t row_elements() const { return window_.columns * window_.channels; }
  void PlanRows();
  void PlanItems();
  void WidenBlock(const ConvArgs& args, const Block& block,
                  int16_t* rows) const;
  void RunPanel(const ConvArgs& args, const Block& block, int64_t panel,
                Scratch& scratch) const;

  ConvParams params_;
  const Kernels& kernels_;
  std::shared_ptr<const PackedPanels> panels_;

  RowWindow window_;
  int64_t row_step_ = 1;         // image rows from one buffer row to the next
  int64_t rows_per_output_ = 1;  // buffer rows from one output row to the next
  int64_t block_rows_ = 1;       // output rows of a block
  int64_t block_input_rows_ = 1;
  int64_t row_blocks_ = 1;
  int64_t panels_per_item_ = 1;
  int64_t panel_groups_ = 1;
  std::vector<int32_t> run_offset_;
};

void DirectConv::PlanRows() {
  const ConvParams& p = params_;
  window_.height = p.height;
  window_.width = p.width;
  window_.channels = p.in_channels;
  window_.left = p.pad_left;
  window_.columns =
      (p.out_width() - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w + 1;
  // With one kernel row the rows that a stride skips need not be widened.
  row_step_ = p.kernel_h == 1 ? p.stride_h : 1;
  rows_per_output_ = p.kernel_h == 1 ? 1 : p.stride_h;
  const int64_t taps_rows = (p.kernel_h - 1) * p.dilation_h + 1;

  const int64_t per_pixel =
      rows_per_output_ * row_elements() / p.out_width() + 1;
  const int64_t pixels =
      std::clamp(kBlockInputs / per_pixel / 6 * 6, int64_t{24}, kBlockPixels);
  block_rows_ =
      std::clamp(CeilDiv(pixels, p.out_width()), int64_t{1}, p.out_height());
  block_input_rows_ = (block_rows_ - 1) * rows_per_output_ + taps_rows;
  row_blocks_ = CeilDiv(p.out_height(), block_rows_);

  const bool one_run = RowIsOneRun(p);
  for (int64_t y = 0; y < p.kernel_h; ++y) {
    const int64_t row = y * p.dilation_h * row_elements();
    for (int64_t x = 0; x < (one_run ? 1 : p.kernel_w); ++x) {
      run_offset_.push_back(
          static_cast<int32_t>(row + x * p.dilation_w * p.in_channels));
    }
  }
}

void DirectConv::PlanItems() {
  const int64_t pixels = block_rows_ * params_.out_width();
  const int64_t panel_macs = pixels * panels_->depth() * kPanelWidth;
  panels_per_item_ =
      std::clamp(kItemMacs / panel_macs, int64_t{1}, panels_->size());
  panel_groups_ = CeilDiv(panels_->size(), panels_per_item_);
}

void DirectConv::WidenBlock(const ConvArgs& args, const Block& block,
                            int16_t* rows) const {
  const ConvParams& p = params_;
  const auto* image = static_cast<const uint8_t*>(args.input) +
                      block.image * p.height * p.width * p.in_channels;
  RowRange range;
  range.first_row = block.first_row * p.stride_h - p.pad_top;
  range.row_step = row_step_;
  range.rows =
      (block.rows - 1) * rows_per_output_ + (p.kernel_h - 1) * p.dilation_h + 1;
  WidenRows(kernels_, p.input, window_, image, range, rows);
  // An odd run reads one number more, whose weight is zero.
  std::fill_n(rows + range.rows * row_elements(), 2, int16_t{0});
}

void DirectConv::RunPanel(const ConvArgs& args, const Block& block,
                          int64_t panel, Scratch& scratch) const {
  const ConvParams& p = params_;
  const PackedPanels::Panel& info = panels_->panel(panel);
  GemmBlock gemm;
  gemm.rows = scratch.rows + info.group * (p.in_channels / p.groups);
  gemm.pixel_offset = scratch.pixels;
  gemm.run_offset = run_offset_.data();
  gemm.pixels = static_cast<int>(block.rows * p.out_width());
  gemm.runs = static_cast<int>(panels_->runs());
  gemm.run_pairs = static_cast<int>(panels_->run_pairs());
  gemm.width = info.width;
  if (gemm.pixels >= kMinPixelsToWiden) {
    if (scratch.widened_panel != panel) {
      kernels_.widen(panels_->weights(panel), {DType::kInt8, 0},
                     panels_->weight_count(panel), scratch.weights);
      scratch.widened_panel = panel;
    }
    gemm.wide_weights = scratch.weights;
  } else {
    gemm.narrow_weights = panels_->weights(panel);
  }
  PanelOutput& out = gemm.out;
  out.spec = &p.output;
  out.residual = p.residual.has_value() ? &*p.residual : nullptr;
  out.bias = panels_->bias(panel);
  out.multiplier = panels_->multipliers(panel);
  out.stride = p.out_channels;
  out.channels = info.channels;
  const int64_t first = (block.image * p.out_height() + block.first_row) *
                            p.out_width() * p.out_channels +
                        info.first_channel;
  const int64_t size = SizeOf(p.output.dtype);
  out.output = static_cast<uint8_t*>(args.output) + first * size;
  if (out.residual != nullptr) {
    out.residual_data = static_cast<const uint8_t*>(args.residual) + first;
  }
  kernels_.gemm(gemm);
}

void DirectConv::Run(const ConvArgs& args, int64_t begin, int64_t end,
                     std::byte* scratch_bytes) const {
  ScratchLayout layout(scratch_bytes);
  Scratch scratch(*this, layout);
  const ConvParams& p = params_;
  const int64_t columns = p.out_width();
  for (int64_t y = 0; y < block_rows_; ++y) {
    for (int64_t x = 0; x < columns; ++x) {
      scratch.pixels[y * columns + x] =
          static_cast<int32_t>(y * rows_per_output_ * row_elements() +
                               x * p.stride_w * p.in_channels);
    }
  }
  for (int64_t item = begin; item < end; ++item) {
    const int64_t index = item / panel_groups_;
    Block block;
    block.image = index / row_blocks_;
    block.first_row = index % row_blocks_ * block_rows_;
    block.rows = std::min(block_rows_, p.out_height() - block.first_row);
    if (scratch.widened_block != index) {
      WidenBlock(args, block, scratch.rows);
      scratch.widened_block = index;
    }
    const int64_t first = item % panel_groups_ * panels_per_item_;
    const int64_t last = std::min(first + panels_per_item_, panels_->size());
    for (int64_t panel = first; panel < last; ++panel) {
      RunPanel(args, block, panel, scratch);
    }
  }
}

}  // namespace

ConvParams RowwiseParams(ConvParams p) {
  if (p.height == 1 && p.kernel_h == 1 && p.pad_top == 0 && p.pad_bottom == 0) {
    std::swap(p.height, p.width);
    std::swap(p.kernel_h, p.kernel_w);
    std::swap(p.stride_h, p.stride_w);
    std::swap(p.dilation_h, p.dilation_w);
    std::swap(p.pad_top, p.pad_left);
    std::swap(p.pad_bottom, p.pad_right);
  }
  const bool pads = p.pad_top != 0 || p.pad_left != 0 || p.pad_bottom != 0 ||
                    p.pad_right != 0;
  if (p.kernel_h == 1 && p.kernel_w == 1 && p.stride_h == 1 &&
      p.stride_w == 1 && !pads) {
    p.height *= p.batch * p.width;
    p.width = 1;
    p.batch = 1;
  }
  return p;
}

bool RowIsOneRun(const ConvParams& p) {
  return p.groups == 1 && (p.dilation_w == 1 || p.kernel_w == 1);
}

PanelSource DirectPanels(const ConvParams& params,
                         const ConvConstants& constants) {
  // Not RowwiseParams(), for those depend on the image: what they make rows is
  // one run all the same.
  const ConvParams& p = params;
  PanelSource source;
  source.weights = constants.weights.data();
  const int64_t inputs = p.in_channels / p.groups;
  source.channel_stride = p.kernel_h * p.kernel_w * inputs;
  source.groups = p.groups;
  source.channels = p.out_channels / p.groups;
  const bool one_run = RowIsOneRun(p);
  source.runs = one_run ? p.kernel_h : p.kernel_h * p.kernel_w;
  source.run_length = one_run ? p.kernel_w * inputs : inputs;
  source.bias = constants.bias.empty() ? nullptr : constants.bias.data();
  source.multipliers = constants.multipliers.data();
  return source;
}

std::shared_ptr<const ConvKernel> MakeDirectConv(const ConvParams& params,
                                                 const ConvConstants& constants,
                                                 const Kernels& kernels) {
  return std::make_shared<DirectConv>(
      params, std::make_shared<PackedPanels>(DirectPanels(params, constants)),
      kernels);
}

}  // namespace octet::simd::internal
