// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REFERENCE_SLIDING_WINDOW_H_
#define OCTET_ENGINE_REFERENCE_SLIDING_WINDOW_H_

#include <array>
#include <cstdint>

#include "engine/base/shape.h"
#include "engine/ir/op.h"

// Images and windows with always three spatial axes (depth, height, width), the
// missing ones of size 1 in front, so that one loop serves all ranks and both
// layouts.
namespace octet::reference {

constexpr int kSpatialAxes = 3;

// Sizes and strides, in elements, of a dense image tensor.
struct Image {
  int64_t batch = 0;
  int64_t channels = 0;
  std::array<int64_t, kSpatialAxes> size = {1, 1, 1};
  int64_t batch_stride = 0;
  int64_t channel_stride = 0;
  std::array<int64_t, kSpatialAxes> strides = {0, 0, 0};

  int64_t Offset(int64_t n, int64_t c, int64_t d, int64_t h) const {
    return n * batch_stride + c * channel_stride + d * strides[0] +
           h * strides[1];
  }
};
// REQUIRES: IsImage(shape).
Image ImageOf(const Shape& shape, ir::Layout layout);
// Whether `shape` has one to three spatial axes.
bool IsImage(const Shape& shape);

// A window along one spatial axis.
struct WindowAxis {
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t pad_begin = 0;
  int64_t pad_end = 0;
  int64_t dilation = 1;

  // The input position under tap `k` at output position `out`; outside of the
  // input where it is padding.
  int64_t Input(int64_t out, int64_t k) const {
    return out * stride - pad_begin + k * dilation;
  }
};
using WindowAxes = std::array<WindowAxis, kSpatialAxes>;
WindowAxes WindowAxesOf(const ir::Window& window);

// Positions [begin, end); may be empty.
struct Positions {
  int64_t begin = 0;
  int64_t end = 0;
};
// The output positions in [0, outputs) at which tap `k` is inside an input of
// `inputs` positions.
Positions OutputsInside(const WindowAxis& axis, int64_t k, int64_t inputs,
                        int64_t outputs);

}  // namespace octet::reference

#endif  // OCTET_ENGINE_REFERENCE_SLIDING_WINDOW_H_
