// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_PACKED_PANELS_H_
#define OCTET_ENGINE_SIMD_PACKED_PANELS_H_

#include <cstdint>
#include <vector>

#include "engine/simd/kernels.h"

namespace octet::simd::internal {

// Where the weights of a convolution or matrix multiplication come from.
// Output channel o of group g uses weights[(g * channels + o) * channel_stride
// + k * input_stride] for its input k = run * run_length + i.
struct PanelSource {
  const int8_t* weights = nullptr;
  int64_t channel_stride = 0;
  int64_t input_stride = 1;
  int64_t groups = 1;
  int64_t channels = 0;  // of one group
  int64_t runs = 1;
  int64_t run_length = 0;
  const int32_t* bias = nullptr;       // [groups * channels], null: zeros
  const float* multipliers = nullptr;  // [groups * channels]
};

// Weights, biases and multipliers in the layout of kernels.h. Immutable.
class PackedPanels {
 public:
  struct Panel {
    int64_t first_channel = 0;  // among all output channels
    int64_t group = 0;
    int channels = 0;
    int width = kPanelWidth;
    int64_t weights = 0;  // offset
  };

  explicit PackedPanels(const PanelSource& source);

  int64_t size() const { return static_cast<int64_t>(panels_.size()); }
  const Panel& panel(int64_t i) const { return panels_[i]; }
  const int8_t* weights(int64_t i) const {
    return weights_.data() + panels_[i].weights;
  }
  // Bytes (and, widened, elements) of one panel's weights.
  int64_t weight_count(int64_t i) const { return depth_ * panels_[i].width; }
  // [width] each, in position order.
  const int32_t* bias(int64_t i) const { return &bias_[i * kPanelWidth]; }
  const float* multipliers(int64_t i) const {
    return &multipliers_[i * kPanelWidth];
  }
  // Inputs of one output, every run padded to an even number.
  int64_t depth() const { return depth_; }
  int64_t runs() const { return runs_; }
  int64_t run_pairs() const { return run_pairs_; }
  // Memory held, bytes.
  int64_t bytes() const;

 private:
  void FillPanel(const PanelSource& source, int64_t i);

  int64_t runs_;
  int64_t run_pairs_;
  int64_t depth_;
  std::vector<Panel> panels_;
  std::vector<int8_t> weights_;
  std::vector<int32_t> bias_;
  std::vector<float> multipliers_;
};

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_PACKED_PANELS_H_
