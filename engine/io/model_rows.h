// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_MODEL_ROWS_H_
#define OCTET_ENGINE_IO_MODEL_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/dtype.h"
#include "engine/base/shape.h"
#include "engine/base/tensor.h"
#include "engine/io/audio.h"

// Pictures and sound as rows of a model's input.
namespace octet::io {

// How a picture gets the height and the width that a model takes.
enum class Fit {
  kCover,    // its middle, as large as the model's proportions allow
  kStretch,  // the whole of it, whatever the proportions
  kExact,    // it must have them already
};

struct RowForm {
  Fit fit = Fit::kCover;
  bool reverse_channels = false;  // blue, green, red
  // Model value = (pixel - mean) * scale, pixels from 0 to 255; one number, or
  // one a channel in the model's order. Both empty: pixels as they are, for
  // inputs of uint8 alone.
  std::vector<float> mean;
  std::vector<float> scale;
  // Frames a second that sound must have; 0 takes any.
  int64_t sample_rate = 0;
};

// An input of a model, as far as rows of it are to be made.
struct RowInput {
  std::string name;
  DType dtype = DType::kFloat32;
  Shape shape;  // [rows, ...]; -1 for sizes that are free
};

// `pixels` (uint8 [height, width, 1 or 3]) as one row, [1, ...], of an input of
// shape [rows, channels, height, width], [rows, height, width, channels] or
// [rows, height, width], float32 or uint8. Free sizes take the picture's.
// Pictures are made smaller and larger with a triangle filter; grey ones become
// three equal channels and coloured ones grey (0.299, 0.587, 0.114) where the
// model wants it. INVALID_ARGUMENT names what does not fit, and the flag that
// would mend it.
absl::StatusOr<Tensor> PictureToRow(const Tensor& pixels, const RowInput& input,
                                    const RowForm& form);

// `audio` as one row of an input of shape [rows, samples], [rows, 1, samples]
// or [rows, samples, 1], float32 (-1 to 1) or int16. Channels are averaged.
// What is too short ends in silence, what is too long is cut.
// INVALID_ARGUMENT for inputs of another form, and for another rate than
// form.sample_rate.
absl::StatusOr<Tensor> SoundToRow(const Audio& audio, const RowInput& input,
                                  const RowForm& form);

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_MODEL_ROWS_H_
