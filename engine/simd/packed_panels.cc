// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/packed_panels.h"

#include <algorithm>

namespace octet::simd::internal {

PackedPanels::PackedPanels(const PanelSource& source)
    : runs_(source.runs),
      run_pairs_((source.run_length + 1) / 2),
      depth_(runs_ * run_pairs_ * 2) {
  int64_t offset = 0;
  for (int64_t g = 0; g < source.groups; ++g) {
    for (int64_t c = 0; c < source.channels; c += kPanelWidth) {
      Panel panel;
      panel.first_channel = g * source.channels + c;
      panel.group = g;
      panel.channels =
          static_cast<int>(std::min<int64_t>(kPanelWidth, source.channels - c));
      panel.width =
          panel.channels <= kPanelWidth / 2 ? kPanelWidth / 2 : kPanelWidth;
      panel.weights = offset;
      offset += depth_ * panel.width;
      panels_.push_back(panel);
    }
  }
  weights_.resize(offset);
  bias_.resize(panels_.size() * kPanelWidth);
  multipliers_.resize(panels_.size() * kPanelWidth);
  for (int64_t i = 0; i < size(); ++i) FillPanel(source, i);
}

void PackedPanels::FillPanel(const PanelSource& source, int64_t i) {
  const Panel& panel = panels_[i];
  for (int p = 0; p < panel.width; ++p) {
    const int local = panel.width == kPanelWidth ? kPanelOrder[p] : p;
    if (local >= panel.channels) continue;
    const int64_t channel = panel.first_channel + local;
    const int64_t constant = i * kPanelWidth + p;
    if (source.bias != nullptr) bias_[constant] = source.bias[channel];
    multipliers_[constant] = source.multipliers[channel];
    const int8_t* from = source.weights + channel * source.channel_stride;
    for (int64_t k = 0; k < source.runs * source.run_length; ++k) {
      const int64_t run = k / source.run_length;
      const int64_t in_run = k % source.run_length;
      const int64_t pair = run * run_pairs_ + in_run / 2;
      weights_[panel.weights + (pair * panel.width + p) * 2 + in_run % 2] =
          from[k * source.input_stride];
    }
  }
}

int64_t PackedPanels::bytes() const {
  return static_cast<int64_t>(weights_.size() + bias_.size() * 4 +
                              multipliers_.size() * 4);
}

}  // namespace octet::simd::internal
