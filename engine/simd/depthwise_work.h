// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_DEPTHWISE_WORK_H_
#define OCTET_ENGINE_SIMD_DEPTHWISE_WORK_H_

#include <algorithm>
#include <cstdint>

#include "engine/simd/conv.h"

namespace octet::simd::internal {

// Output rows of a depthwise convolution that one item of work makes, at least
// 4: fewer would weave too many input rows twice. Every block of channels reads
// and writes its part of the same cache lines, so what all blocks touch of
// these rows should fill a part of an L2 cache.
int64_t DepthwiseBlockRows(const ConvParams& params);

// How a depthwise convolution is cut into items of work: of some output rows of
// an image and some blocks of channels.
class DepthwiseWork {
 public:
  // Output rows [first, last) of one image and block of channels.
  struct Block {
    int64_t image;
    int64_t first;
    int64_t last;
    int64_t channels;
  };

  // `blocks` of `width` channels and, where the image has as many, `rows`
  // output rows.
  DepthwiseWork(const ConvParams& params, int64_t blocks, int64_t width,
                int64_t rows);

  int64_t items() const { return batch_ * row_blocks_ * block_groups_; }

  // Calls use(block) for all blocks of items [begin, end).
  template <typename Use>
  void ForEachBlock(int64_t begin, int64_t end, Use use) const {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t rows = item / block_groups_;
      Block block;
      block.image = rows / row_blocks_;
      block.first = rows % row_blocks_ * block_rows_;
      block.last = std::min(block.first + block_rows_, out_height_);
      const int64_t first = item % block_groups_ * group_blocks_;
      const int64_t last = std::min(first + group_blocks_, blocks_);
      for (block.channels = first; block.channels < last; ++block.channels) {
        use(block);
      }
    }
  }

 private:
  int64_t batch_;
  int64_t out_height_;
  int64_t blocks_;
  int64_t block_rows_;  // of an item
  int64_t row_blocks_;
  int64_t group_blocks_;  // blocks of channels of an item
  int64_t block_groups_;
};

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_DEPTHWISE_WORK_H_
