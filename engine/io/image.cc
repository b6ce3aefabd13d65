// SPDX-License-Identifier: Apache-2.0
#include "engine/io/image.h"

#include <png.h>
#include <turbojpeg.h>

#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/io/file.h"

namespace octet::io {
namespace {

constexpr absl::string_view kPngStart = "\x89PNG\r\n\x1a\n";
constexpr absl::string_view kJpegStart = "\xff\xd8\xff";

// Compressed files of the largest pictures stay well below this.
constexpr int64_t kMaxImageFileBytes = int64_t{256} << 20;

absl::Status CheckPixels(int64_t height, int64_t width) {
  if (height < 1 || width < 1) {
    return absl::DataLossError(
        absl::StrCat("a picture of ", height, " x ", width, " pixels"));
  }
  if (width > kMaxImagePixels / height) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a picture of ", height, " x ", width,
                     " pixels; expected at most ", kMaxImagePixels));
  }
  return absl::OkStatus();
}

// The colours of pixels that are followed by their opacity.
Tensor DropOpacity(const Tensor& pixels) {
  const Shape& from = pixels.shape();
  const int64_t channels = from[2] - 1;
  Tensor result(DType::kUInt8, {from[0], from[1], channels});
  const uint8_t* in = pixels.data<uint8_t>().data();
  uint8_t* out = result.mutable_data<uint8_t>().data();
  for (int64_t i = 0; i < from[0] * from[1]; ++i) {
    for (int64_t c = 0; c < channels; ++c) *out++ = *in++;
    ++in;
  }
  return result;
}

absl::StatusOr<Tensor> ParsePng(absl::string_view bytes) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  const absl::Cleanup free_image = [&image] { png_image_free(&image); };
  if (!png_image_begin_read_from_memory(&image, bytes.data(), bytes.size())) {
    return absl::DataLossError(absl::StrCat("PNG: ", image.message));
  }
  OCTET_RETURN_IF_ERROR(CheckPixels(image.height, image.width));
  const bool color = (image.format & PNG_FORMAT_FLAG_COLOR) != 0;
  const bool opacity = (image.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  // Opacity is read and dropped here: the library would blend with it.
  image.format = (color ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY) |
                 (opacity ? PNG_FORMAT_FLAG_ALPHA : 0);
  const int64_t channels = (color ? 3 : 1) + (opacity ? 1 : 0);
  Tensor pixels(DType::kUInt8, {static_cast<int64_t>(image.height),
                                static_cast<int64_t>(image.width), channels});
  if (!png_image_finish_read(&image, nullptr, pixels.mutable_bytes(), 0,
                             nullptr)) {
    return absl::DataLossError(absl::StrCat("PNG: ", image.message));
  }
  return opacity ? DropOpacity(pixels) : pixels;
}

struct DestroyDecompressor {
  void operator()(void* handle) const { tjDestroy(handle); }
};

absl::StatusOr<Tensor> ParseJpeg(absl::string_view bytes) {
  const std::unique_ptr<void, DestroyDecompressor> decompressor(
      tjInitDecompress());
  if (decompressor == nullptr) {
    return absl::ResourceExhaustedError("JPEG: no memory for a decoder");
  }
  const auto* const data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int colors = 0;
  if (tjDecompressHeader3(decompressor.get(), data, bytes.size(), &width,
                          &height, &subsampling, &colors) != 0) {
    return absl::DataLossError(
        absl::StrCat("JPEG: ", tjGetErrorStr2(decompressor.get())));
  }
  OCTET_RETURN_IF_ERROR(CheckPixels(height, width));
  if (colors == TJCS_CMYK || colors == TJCS_YCCK) {
    return absl::InvalidArgumentError(
        "JPEG: the picture is in CMYK, for print; expected RGB or grey");
  }
  const bool gray = colors == TJCS_GRAY;
  Tensor pixels(DType::kUInt8, {height, width, gray ? 1 : 3});
  // A file of hundreds of empty scans would take minutes; warnings are damage.
  if (tjDecompress2(decompressor.get(), data, bytes.size(),
                    reinterpret_cast<unsigned char*>(pixels.mutable_bytes()),
                    width, 0, height, gray ? TJPF_GRAY : TJPF_RGB,
                    TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS) != 0) {
    return absl::DataLossError(
        absl::StrCat("JPEG: ", tjGetErrorStr2(decompressor.get())));
  }
  return pixels;
}

}  // namespace

absl::StatusOr<Tensor> ParseImage(absl::string_view bytes) {
  if (absl::StartsWith(bytes, kPngStart)) return ParsePng(bytes);
  if (absl::StartsWith(bytes, kJpegStart)) return ParseJpeg(bytes);
  return absl::InvalidArgumentError(
      "neither a PNG nor a JPEG picture: its first bytes are neither's");
}

absl::StatusOr<Tensor> ReadImage(const std::string& path) {
  OCTET_ASSIGN_OR_RETURN(const std::string bytes,
                         ReadFile(path, kMaxImageFileBytes));
  absl::StatusOr<Tensor> pixels = ParseImage(bytes);
  if (!pixels.ok()) {
    return absl::Status(pixels.status().code(),
                        absl::StrCat(path, ": ", pixels.status().message()));
  }
  return pixels;
}

}  // namespace octet::io
