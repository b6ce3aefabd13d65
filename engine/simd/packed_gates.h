// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_PACKED_GATES_H_
#define OCTET_ENGINE_SIMD_PACKED_GATES_H_

#include <cstdint>
#include <vector>

#include "engine/simd/recurrent_kernels.h"

namespace octet::simd::internal {

// A matrix [rows, depth] in the panels that RecurrentKernels::multiply reads.
// Immutable and thread-safe.
class PackedGates {
 public:
  PackedGates() = default;
  PackedGates(const float* matrix, int64_t rows, int64_t depth)
      : panels_((rows + kGatePanel - 1) / kGatePanel),
        depth_(depth),
        weights_(panels_ * depth * kGatePanel, 0.0f) {
    for (int64_t row = 0; row < rows; ++row) {
      float* to = weights_.data() + row / kGatePanel * depth * kGatePanel +
                  row % kGatePanel;
      for (int64_t k = 0; k < depth; ++k) {
        to[k * kGatePanel] = matrix[row * depth + k];
      }
    }
  }

  int64_t panels() const { return panels_; }
  // Floats that a row of sums takes, panels being whole.
  int64_t width() const { return panels_ * kGatePanel; }
  int64_t bytes() const {
    return static_cast<int64_t>(weights_.size() * sizeof(float));
  }

  // The product with `rows` rows of x, added to y.
  GateProduct Times(const float* x, int64_t x_stride, float* y,
                    int64_t y_stride, int64_t rows) const {
    return {x, x_stride, depth_, weights_.data(), panels_, y, y_stride, rows};
  }

 private:
  int64_t panels_ = 0;
  int64_t depth_ = 0;
  std::vector<float> weights_;
};

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_PACKED_GATES_H_
