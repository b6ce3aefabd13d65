// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/depthwise_work.h"

#include "engine/base/rounding.h"
#include "engine/simd/conv_kernel.h"

namespace octet::simd::internal {

int64_t DepthwiseBlockRows(const ConvParams& p) {
  constexpr int64_t kBytes = int64_t{1} << 17;
  constexpr int64_t kLeast = 4;
  const int64_t row_bytes =
      p.in_channels * (p.width * p.stride_h + p.out_width());
  return std::max(kBytes / row_bytes, kLeast);
}

DepthwiseWork::DepthwiseWork(const ConvParams& p, int64_t blocks, int64_t width,
                             int64_t rows)
    : batch_(p.batch),
      out_height_(p.out_height()),
      blocks_(blocks),
      block_rows_(std::min(rows, out_height_)),
      row_blocks_(CeilDiv(out_height_, block_rows_)) {
  const int64_t macs =
      p.out_width() * p.kernel_h * p.kernel_w * width * block_rows_;
  group_blocks_ = std::clamp(kItemMacs / macs, int64_t{1}, blocks);
  block_groups_ = CeilDiv(blocks, group_blocks_);
}

}  // namespace octet::simd::internal
