// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_SYNTHETIC_DATA_H_
#define OCTET_ENGINE_QUANT_SYNTHETIC_DATA_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/shape.h"
#include "engine/base/tensor.h"

// Numbers to calibrate a model with where nobody has its data.
namespace octet::quant {

// How a row is seen as a picture: `channels` planes of `height` x `width`.
struct PictureForm {
  int64_t channels = 1;
  int64_t height = 0;
  int64_t width = 0;
  bool channels_last = false;
};

// Rows of two axes, or of three (the channels first, or last where that axis
// is 1 to 4 long and the first is longer), leading axes of length 1 left out,
// with planes of at least 4 x 4; other rows are none.
std::optional<PictureForm> AsPicture(const Shape& row_shape);

// What the numbers span: one pair, or one for each channel of a picture; min
// <= max, finite.
struct SyntheticRange {
  std::vector<float> min;
  std::vector<float> max;
};

// [samples, row_shape...], the same for the same seed on every machine.
//
// Pictures are discs and rectangles that cover each other, of sizes that fall
// off with the cube and of colours alike in their channels, under a little
// noise: dead leaves, whose edges and spectrum are those of photographs (Lee,
// Mumford and Huang, "Occlusion Models for Natural Images", 2001). White noise
// has none of the large areas and edges that make a network's largest
// activations. Other rows are independent numbers, uniform over the range;
// integers are whole numbers of it, both ends included; halves are float32's,
// rounded.
// REQUIRES: a range as its comment says, within the type.
Tensor SyntheticRows(DType dtype, const Shape& row_shape, int64_t samples,
                     const SyntheticRange& range, uint32_t seed);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_SYNTHETIC_DATA_H_
