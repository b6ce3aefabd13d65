// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_RESAMPLE_H_
#define OCTET_ENGINE_IO_RESAMPLE_H_

#include <cstdint>

#include "engine/base/tensor.h"

namespace octet::io {

// A part of a picture, in pixels from its upper left corner.
struct Box {
  double top = 0;
  double left = 0;
  double height = 0;
  double width = 0;
};

// The part `box` of `pixels` (uint8 [height, width, channels]) as float32
// [height, width, channels] with values from 0 to 255. A triangle filter takes
// every pixel into account when the picture becomes smaller.
// REQUIRES: positive sizes, and a box inside the picture.
Tensor Resample(const Tensor& pixels, const Box& box, int64_t height,
                int64_t width);

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_RESAMPLE_H_
