// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CLI_PICTURE_H_
#define OCTET_CLIENT_CLI_PICTURE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"

// Pictures as lines of characters.
namespace octet::cli {

enum class PictureStyle {
  kColors,  // half blocks in 24 greys: two pixels a character
  kGlyphs,  // plain ASCII, denser where the picture is brighter
};

// A picture and the words below it.
struct Picture {
  std::vector<std::string> lines;  // from top to bottom
  int columns = 0;                 // characters that each line takes
  std::string caption;
};

// Draws one row of a model's input: shape [height, width], [1, height, width]
// or [3, height, width] (drawn as the mean of its channels), any real element
// type. The darkest pixel is drawn black and the brightest white, whatever the
// units. Pictures of more than `max_columns` pixels a line are made smaller.
// INVALID_ARGUMENT for other shapes and empty pictures.
absl::StatusOr<Picture> DrawPicture(const Tensor& row, PictureStyle style,
                                    int max_columns);

// Puts pictures side by side, as many as fit into `columns` characters (one at
// least), captions below, further ones underneath. Captions are cut to the
// width of their pictures.
std::string ArrangePictures(absl::Span<const Picture> pictures, int columns);

}  // namespace octet::cli

#endif  // OCTET_CLIENT_CLI_PICTURE_H_
