// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/rounding.h"
#include "engine/simd/byte_quads.h"
#include "engine/simd/conv_kernel.h"
#include "engine/simd/quad_panels.h"

namespace octet::simd::internal {
namespace {

// Input and output bytes of a block: little enough that a panel of weights and
// what its tiles read stay in an L1 or L2 cache, enough to be worth its calls.
constexpr int64_t kBlockBytes = int64_t{48} << 10;
// Weights of a layer that are larger are likely to come from beyond an L2 cache
// each time, with those of the layers around it.
constexpr int64_t kCachedBytes = int64_t{96} << 10;
// Below that, a panel of weights is fetched too often.
constexpr int64_t kMinBlockPixels = 196;

class QuadDirectConv : public ConvKernel {
 public:
  QuadDirectConv(const ConvParams& params,
                 std::shared_ptr<const QuadPanels> panels,
                 const Kernels& kernels)
      : params_(RowwiseParams(params)),
        out_height_(params_.out_height()),
        out_width_(params_.out_width()),
        group_channels_(params_.in_channels / params_.groups),
        kernels_(kernels),
        panels_(std::move(panels)),
        fetches_ahead_(panels_->bytes() > kCachedBytes) {
    PlanRows();
    PlanItems();
  }

  std::shared_ptr<const ConvKernel> ForParams(
      const ConvParams& params) const override {
    return std::make_shared<QuadDirectConv>(params, panels_, kernels_);
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
  absl::Span<const std::byte> first_weights() const override {
    if (!fetches_ahead_) return {};
    return PanelBytes(0);
  }

 private:
  struct Scratch {
    Scratch(const QuadDirectConv& conv, ScratchLayout& layout)
        : rows(layout.Take<uint8_t>(
              conv.in_place_
                  ? 0
                  : conv.block_input_rows_ * conv.row_bytes_ + kQuadBytes)) {}
    uint8_t* rows;
    int64_t copied_block = -1;  // what rows holds
  };

  // Output rows [first_row, first_row + rows) of one image.
  struct Block {
    int64_t image;
    int64_t first_row;
    int64_t rows;
  };

  static constexpr int64_t kQuadBytes = 4;

  void PlanRows();
  void PlanItems();
  bool CanReadInPlace() const;
  void CopyBlock(const ConvArgs& args, const Block& block, uint8_t* rows) const;
  void CopyRow(const uint8_t* from, uint8_t* to) const;
  absl::Span<const std::byte> PanelBytes(int64_t panel) const {
    return {reinterpret_cast<const std::byte*>(panels_->weights(panel)),
            static_cast<size_t>(panels_->weight_bytes(panel))};
  }
  void RunPanel(const ConvArgs& args, const Block& block, int64_t panel,
                const uint8_t* rows,
                absl::Span<const std::byte> next_weights) const;

  const ConvParams params_;
  // Kept, as each takes a division.
  const int64_t out_height_;
  const int64_t out_width_;
  const int64_t group_channels_;  // of the input
  const Kernels& kernels_;
  const std::shared_ptr<const QuadPanels> panels_;
  const bool fetches_ahead_;

  // The kernels read rows of bytes: the image's own, or copies with padding
  // that have the top bits flipped where the input is signed.
  bool in_place_ = false;
  int64_t row_bytes_ = 0;
  int64_t row_step_ = 1;         // image rows from one such row to the next
  int64_t rows_per_output_ = 1;  // such rows from one output row to the next
  int64_t block_rows_ = 1;       // output rows of a block
  int64_t block_input_rows_ = 1;
  int64_t row_blocks_ = 1;
  int64_t panels_per_item_ = 1;
  int64_t panel_groups_ = 1;
  std::vector<int32_t> run_offset_;
};

bool QuadDirectConv::CanReadInPlace() const {
  const ConvParams& p = params_;
  const bool pads = p.pad_top != 0 || p.pad_left != 0 || p.pad_bottom != 0 ||
                    p.pad_right != 0;
  const int64_t run =
      RowIsOneRun(p) ? p.kernel_w * p.in_channels : group_channels_;
  return !pads && p.input.dtype == DType::kUInt8 && run % kQuadBytes == 0;
}

void QuadDirectConv::PlanRows() {
  const ConvParams& p = params_;
  in_place_ = CanReadInPlace();
  const int64_t columns = in_place_ ? p.width
                                    : (out_width_ - 1) * p.stride_w +
                                          (p.kernel_w - 1) * p.dilation_w + 1;
  row_bytes_ = columns * p.in_channels;
  // With one kernel row the rows that a stride skips need not be copied.
  const bool skips = p.kernel_h == 1 && !in_place_;
  row_step_ = skips ? p.stride_h : 1;
  rows_per_output_ = skips ? 1 : p.stride_h;
  const int64_t most = std::max(kBlockBytes / (rows_per_output_ * row_bytes_ +
                                               out_width_ * p.out_channels),
                                CeilDiv(kMinBlockPixels, out_width_));
  // Blocks of equal height: a short last one would cost a panel's weights, too.
  block_rows_ = CeilDiv(out_height_, CeilDiv(out_height_, most));
  block_input_rows_ = (block_rows_ - 1) * rows_per_output_ +
                      (p.kernel_h - 1) * p.dilation_h + 1;
  row_blocks_ = CeilDiv(out_height_, block_rows_);

  const bool one_run = RowIsOneRun(p);
  for (int64_t y = 0; y < p.kernel_h; ++y) {
    const int64_t row = y * p.dilation_h * row_bytes_;
    for (int64_t x = 0; x < (one_run ? 1 : p.kernel_w); ++x) {
      run_offset_.push_back(
          static_cast<int32_t>(row + x * p.dilation_w * p.in_channels));
    }
  }
}

void QuadDirectConv::PlanItems() {
  const int64_t pixels = block_rows_ * out_width_;
  const int64_t depth = panels_->runs() * panels_->run_quads() * kQuadBytes;
  panels_per_item_ =
      std::clamp(kItemMacs / (pixels * depth * kernels_.quad_width), int64_t{1},
                 panels_->size());
  panel_groups_ = CeilDiv(panels_->size(), panels_per_item_);
}

void QuadDirectConv::CopyRow(const uint8_t* from, uint8_t* to) const {
  const ConvParams& p = params_;
  const bool is_signed = p.input.dtype == DType::kInt8;
  const int padding = p.input.zero_point - LowestOf(p.input.dtype);
  const int64_t left = from == nullptr
                           ? row_bytes_
                           : std::min(p.pad_left * p.in_channels, row_bytes_);
  const int64_t middle = std::min(p.width * p.in_channels, row_bytes_ - left);
  std::memset(to, padding, left);
  if (is_signed) {
    if (middle > 0) kernels_.flip_top_bits(from, middle, to + left);
  } else if (middle > 0) {
    std::memcpy(to + left, from, middle);
  }
  std::memset(to + left + middle, padding, row_bytes_ - left - middle);
}

void QuadDirectConv::CopyBlock(const ConvArgs& args, const Block& block,
                               uint8_t* rows) const {
  const ConvParams& p = params_;
  const int64_t image_row = p.width * p.in_channels;
  const auto* image = static_cast<const uint8_t*>(args.input) +
                      block.image * p.height * image_row;
  const int64_t count =
      (block.rows - 1) * rows_per_output_ + (p.kernel_h - 1) * p.dilation_h + 1;
  int64_t y = block.first_row * p.stride_h - p.pad_top;
  for (int64_t r = 0; r < count; ++r, y += row_step_) {
    CopyRow(y < 0 || y >= p.height ? nullptr : image + y * image_row,
            rows + r * row_bytes_);
  }
  // What the last quad of a run may read; it meets weights of zero.
  std::memset(rows + count * row_bytes_, 0, kQuadBytes);
}

void QuadDirectConv::RunPanel(const ConvArgs& args, const Block& block,
                              int64_t panel, const uint8_t* rows,
                              absl::Span<const std::byte> next_weights) const {
  const ConvParams& p = params_;
  const QuadPanels::Panel& info = panels_->panel(panel);
  QuadGemm gemm;
  gemm.pixels = rows + info.group * group_channels_;
  gemm.pixel_step = p.stride_w * p.in_channels;
  gemm.row_step = rows_per_output_ * row_bytes_;
  gemm.row_pixels = out_width_;
  gemm.rows = block.rows;
  // Rows of one pixel are a row of pixels.
  if (out_width_ == 1) {
    gemm.pixel_step = gemm.row_step;
    gemm.row_pixels = block.rows;
    gemm.rows = 1;
  }
  gemm.run_offset = run_offset_.data();
  gemm.runs = static_cast<int>(panels_->runs());
  gemm.run_quads = static_cast<int>(panels_->run_quads());
  gemm.weights = panels_->weights(panel);
  gemm.next_weights = next_weights.data();
  gemm.next_bytes = static_cast<int64_t>(next_weights.size());
  QuadOutput& out = gemm.out;
  out.spec = &p.output;
  out.residual = p.residual.has_value() ? &*p.residual : nullptr;
  out.start = panels_->start(panel);
  out.multiplier = panels_->multipliers(panel);
  out.stride = p.out_channels;
  out.channels = info.block.channels;
  out.width = info.block.width;
  const int64_t first = (block.image * out_height_ + block.first_row) *
                            out_width_ * p.out_channels +
                        info.block.first;
  const int64_t size = SizeOf(p.output.dtype);
  out.output = static_cast<uint8_t*>(args.output) + first * size;
  if (out.residual != nullptr) {
    out.residual_data = static_cast<const uint8_t*>(args.residual) + first;
  }
  kernels_.gemm_quads(gemm);
}

void QuadDirectConv::Run(const ConvArgs& args, int64_t begin, int64_t end,
                         std::byte* scratch_bytes) const {
  ScratchLayout layout(scratch_bytes);
  Scratch scratch(*this, layout);
  const ConvParams& p = params_;
  const int64_t image_row = p.width * p.in_channels;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t index = item / panel_groups_;
    Block block;
    block.image = index / row_blocks_;
    block.first_row = index % row_blocks_ * block_rows_;
    block.rows = std::min(block_rows_, out_height_ - block.first_row);
    const uint8_t* rows = scratch.rows;
    if (in_place_) {
      rows =
          static_cast<const uint8_t*>(args.input) +
          (block.image * p.height + block.first_row * p.stride_h) * image_row;
    } else if (scratch.copied_block != index) {
      CopyBlock(args, block, scratch.rows);
      scratch.copied_block = index;
    }
    const int64_t first = item % panel_groups_ * panels_per_item_;
    const int64_t last = std::min(first + panels_per_item_, panels_->size());
    for (int64_t panel = first; panel < last; ++panel) {
      absl::Span<const std::byte> next;
      if (panel + 1 < panels_->size()) {
        if (fetches_ahead_) next = PanelBytes(panel + 1);
      } else if (item + 1 == work_items()) {
        next = args.next_weights;
      }
      RunPanel(args, block, panel, rows, next);
    }
  }
}

}  // namespace

std::shared_ptr<const ConvKernel> MakeQuadDirectConv(
    const ConvParams& params, const ConvConstants& constants,
    const Kernels& kernels) {
  return std::make_shared<QuadDirectConv>(
      params,
      std::make_shared<QuadPanels>(DirectPanels(params, constants),
                                   params.input, kernels.quad_width),
      kernels);
}

}  // namespace octet::simd::internal
