// SPDX-License-Identifier: Apache-2.0
#include "engine/reference/sliding_window.h"

#include <algorithm>
#include <vector>

#include "engine/base/check.h"
#include "engine/reference/strides.h"

namespace octet::reference {
namespace {

// Smallest i >= 0 with i * stride >= distance.
int64_t FirstStep(int64_t distance, int64_t stride) {
  return distance <= 0 ? 0 : (distance + stride - 1) / stride;
}

}  // namespace

bool IsImage(const Shape& shape) {
  return shape.size() >= 3 && shape.size() <= 2 + kSpatialAxes;
}

Image ImageOf(const Shape& shape, ir::Layout layout) {
  OCTET_CHECK(IsImage(shape));
  const bool channels_last = layout == ir::Layout::kChannelsLast;
  const size_t channel_axis = channels_last ? shape.size() - 1 : 1;
  const size_t first_spatial = channels_last ? 1 : 2;
  const size_t spatial = shape.size() - 2;
  const Shape strides = StridesOf(shape);
  Image image;
  image.batch = shape[0];
  image.channels = shape[channel_axis];
  image.batch_stride = strides[0];
  image.channel_stride = strides[channel_axis];
  for (size_t i = 0; i < spatial; ++i) {
    const size_t axis = kSpatialAxes - spatial + i;
    image.size[axis] = shape[first_spatial + i];
    image.strides[axis] = strides[first_spatial + i];
  }
  return image;
}

WindowAxes WindowAxesOf(const ir::Window& window) {
  WindowAxes axes;
  const size_t spatial = window.kernel.size();
  OCTET_CHECK(spatial <= kSpatialAxes);
  for (size_t i = 0; i < spatial; ++i) {
    axes[kSpatialAxes - spatial + i] = {
        .kernel = window.kernel[i],
        .stride = window.strides[i],
        .pad_begin = window.pads_begin[i],
        .pad_end = window.pads_end[i],
        .dilation = window.dilations[i],
    };
  }
  return axes;
}

Positions OutputsInside(const WindowAxis& axis, int64_t k, int64_t inputs,
                        int64_t outputs) {
  const int64_t first = axis.Input(0, k);
  Positions positions;
  positions.begin = std::min(FirstStep(-first, axis.stride), outputs);
  positions.end = std::clamp(FirstStep(inputs - first, axis.stride),
                             positions.begin, outputs);
  return positions;
}

}  // namespace octet::reference
