// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_IMAGE_H_
#define OCTET_ENGINE_IO_IMAGE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/tensor.h"

// Pictures from PNG and JPEG files.
//
// Files are not trusted: a picture's size is checked before memory is
// allocated, and damaged files are refused, not shown in part.
namespace octet::io {

// Pixels that a picture may have; a 67 megapixel camera's.
inline constexpr int64_t kMaxImagePixels = int64_t{1} << 26;

// Decodes a picture into uint8 of shape [height, width, channels] with one
// channel (grey) or three (red, green, blue). Palettes become colours, 16 bits
// become 8, transparency is dropped, and JPEG's orientation tag is not looked
// at: the pixels are those that most training pipelines saw.
//
// INVALID_ARGUMENT    neither a PNG nor a JPEG file; JPEG in CMYK.
// DATA_LOSS           cut short or damaged.
// RESOURCE_EXHAUSTED  more than kMaxImagePixels.
absl::StatusOr<Tensor> ParseImage(absl::string_view bytes);

// ParseImage() of a file, which is named in the errors; also NOT_FOUND and
// PERMISSION_DENIED.
absl::StatusOr<Tensor> ReadImage(const std::string& path);

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_IMAGE_H_
