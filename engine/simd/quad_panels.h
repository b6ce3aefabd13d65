// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_QUAD_PANELS_H_
#define OCTET_ENGINE_SIMD_QUAD_PANELS_H_

#include <cstdint>
#include <vector>

#include "engine/simd/aligned_vector.h"
#include "engine/simd/byte_quads.h"
#include "engine/simd/packed_panels.h"

// Constants in the layouts of byte_quads.h.
namespace octet::simd::internal {

// Neighbouring channels that are computed together.
struct ChannelBlock {
  int64_t first = 0;
  int channels = 0;        // valid ones, 1 to width
  int width = kQuadGroup;  // 64, 32 or 16
};

// Blocks of `widest` channels, 64 or 32, and the rest in the fewest vectors.
std::vector<ChannelBlock> SplitChannels(int64_t channels, int widest);

// Where a sum over `weights` begins: bias - zero point * (sum of the weights),
// modulo 2^32, with what flipping the top bit adds to the zero point of `type`.
int32_t QuadStart(const ByteType& type, int32_t bias, int64_t weight_sum);

// The weights of a convolution or matrix product for QuadGemm. Immutable.
class QuadPanels {
 public:
  struct Panel {
    ChannelBlock block;  // counted among all output channels
    int64_t group = 0;
    int64_t weights = 0;  // offset
  };

  // `widest` as above.
  QuadPanels(const PanelSource& source, const ByteType& input, int widest);

  int64_t size() const { return static_cast<int64_t>(panels_.size()); }
  const Panel& panel(int64_t i) const { return panels_[i]; }
  const int8_t* weights(int64_t i) const {
    return weights_.data() + panels_[i].weights;
  }
  int64_t weight_bytes(int64_t i) const {
    return panels_[i].block.width * runs_ * run_quads_ * 4;
  }
  // [64] each, in position order.
  const int32_t* start(int64_t i) const { return &start_[i * kQuadGroup]; }
  const float* multipliers(int64_t i) const {
    return &multipliers_[i * kQuadGroup];
  }
  int64_t runs() const { return runs_; }
  int64_t run_quads() const { return run_quads_; }
  // Memory held, bytes.
  int64_t bytes() const;

 private:
  void FillPanel(const PanelSource& source, const ByteType& input, int64_t i);

  int64_t runs_;
  int64_t run_quads_;
  std::vector<Panel> panels_;
  AlignedVector<int8_t> weights_;
  AlignedVector<int32_t> start_;
  AlignedVector<float> multipliers_;
};

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_QUAD_PANELS_H_
