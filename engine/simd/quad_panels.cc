// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/quad_panels.h"

#include <algorithm>

namespace octet::simd::internal {

std::vector<ChannelBlock> SplitChannels(int64_t channels, int widest) {
  std::vector<ChannelBlock> blocks;
  for (int64_t first = 0; first < channels;) {
    const int64_t left = channels - first;
    const int width = left > 48 ? widest : left > 16 ? 32 : 16;
    const auto valid = static_cast<int>(std::min<int64_t>(left, width));
    blocks.push_back({first, valid, width});
    first += valid;
  }
  return blocks;
}

int32_t QuadStart(const ByteType& type, int32_t bias, int64_t weight_sum) {
  const int32_t zero = type.zero_point - LowestOf(type.dtype);
  return static_cast<int32_t>(static_cast<uint32_t>(bias) -
                              static_cast<uint32_t>(zero) *
                                  static_cast<uint32_t>(weight_sum));
}

QuadPanels::QuadPanels(const PanelSource& source, const ByteType& input,
                       int widest)
    : runs_(source.runs), run_quads_((source.run_length + 3) / 4) {
  int64_t offset = 0;
  for (int64_t g = 0; g < source.groups; ++g) {
    for (ChannelBlock block : SplitChannels(source.channels, widest)) {
      block.first += g * source.channels;
      panels_.push_back({block, g, offset});
      offset += runs_ * run_quads_ * 4 * block.width;
    }
  }
  weights_.resize(offset);
  start_.resize(panels_.size() * kQuadGroup);
  multipliers_.resize(panels_.size() * kQuadGroup);
  for (int64_t i = 0; i < size(); ++i) FillPanel(source, input, i);
}

void QuadPanels::FillPanel(const PanelSource& source, const ByteType& input,
                           int64_t i) {
  const ChannelBlock& block = panels_[i].block;
  for (int position = 0; position < kQuadGroup; ++position) {
    const int local = ProductChannel(position, block.width);
    if (local >= block.channels) continue;
    const int64_t channel = block.first + local;
    const int8_t* from = source.weights + channel * source.channel_stride;
    int64_t sum = 0;
    for (int64_t k = 0; k < source.runs * source.run_length; ++k) {
      const int8_t weight = from[k * source.input_stride];
      sum += weight;
      if (position >= block.width) continue;
      const int64_t in_run = k % source.run_length;
      const int64_t quad = k / source.run_length * run_quads_ + in_run / 4;
      weights_[panels_[i].weights + (quad * block.width + position) * 4 +
               in_run % 4] = weight;
    }
    const int64_t at = i * kQuadGroup + position;
    const int32_t bias = source.bias == nullptr ? 0 : source.bias[channel];
    start_[at] = QuadStart(input, bias, sum);
    multipliers_[at] = source.multipliers[channel];
  }
}

int64_t QuadPanels::bytes() const {
  return static_cast<int64_t>(weights_.size() + start_.size() * 4 +
                              multipliers_.size() * 4);
}

}  // namespace octet::simd::internal
