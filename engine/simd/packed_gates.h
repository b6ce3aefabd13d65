// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_PACKED_GATES_H_
#define OCTET_ENGINE_SIMD_PACKED_GATES_H_

#include <cstdint>
#include <vector>

#include "engine/simd/aligned_vector.h"
#include "engine/simd/gate_bytes.h"
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
                    int64_t y_stride, int64_t rows,
                    bool backwards = false) const {
    return {x, x_stride, depth_, weights_.data(), panels_,
            y, y_stride, rows,   backwards};
  }

 private:
  int64_t panels_ = 0;
  int64_t depth_ = 0;
  AlignedVector<float> weights_;
};

// A matrix [rows, depth] of s8 with a scale a row, in the panels that
// ByteGateKernels::multiply reads. Immutable and thread-safe.
class PackedByteGates {
 public:
  PackedByteGates() = default;
  // scales[row * scale_step] is of each row: a step of 0 is one for all.
  PackedByteGates(const int8_t* matrix, int64_t rows, int64_t depth,
                  const float* scales, int64_t scale_step)
      : panels_((rows + kGatePanel - 1) / kGatePanel),
        depth_(depth),
        weights_(panels_ * quads() * kGateQuad * kGatePanel, int8_t{0}),
        offsets_(width(), 0),
        scales_(width(), 0.0f) {
    for (int64_t row = 0; row < rows; ++row) {
      int8_t* to = weights_.data() +
                   row / kGatePanel * quads() * kGateQuad * kGatePanel +
                   row % kGatePanel * kGateQuad;
      for (int64_t k = 0; k < depth; ++k) {
        const int8_t weight = matrix[row * depth + k];
        to[k / kGateQuad * kGateQuad * kGatePanel + k % kGateQuad] = weight;
        offsets_[row] += 128 * weight;
      }
      scales_[row] = scales[row * scale_step];
    }
  }

  int64_t width() const { return panels_ * kGatePanel; }
  int64_t depth() const { return depth_; }
  // Bytes of a row of codes.
  int64_t row_bytes() const { return quads() * kGateQuad; }
  int64_t bytes() const {
    return static_cast<int64_t>(weights_.size()) +
           width() * static_cast<int64_t>(sizeof(int32_t) + sizeof(float));
  }

  // The product with `rows` rows of codes, added to y.
  ByteGateProduct Times(const GateCodes& x, float* y, int64_t y_stride,
                        int64_t rows, bool backwards = false) const {
    return {x,
            quads(),
            weights_.data(),
            offsets_.data(),
            scales_.data(),
            panels_,
            y,
            y_stride,
            rows,
            backwards};
  }

 private:
  int64_t quads() const { return (depth_ + kGateQuad - 1) / kGateQuad; }

  int64_t panels_ = 0;
  int64_t depth_ = 0;
  AlignedVector<int8_t> weights_;
  std::vector<int32_t> offsets_;
  std::vector<float> scales_;
};

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_PACKED_GATES_H_
