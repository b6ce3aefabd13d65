// SPDX-License-Identifier: Apache-2.0
#include "client/cli/picture.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cli/class_scores.h"
#include "engine/base/shape.h"
#include "engine/base/status_macros.h"

namespace octet::cli {
namespace {

constexpr absl::string_view kGlyphs = " .:-=+*#%@";
constexpr int kGreys = 24;
constexpr int kFirstGrey = 232;  // in the terminals' palette of 256 colours
constexpr int kGap = 2;          // characters between two pictures

// One grey channel, row-major.
struct Grey {
  int64_t height = 0;
  int64_t width = 0;
  std::vector<float> pixels;

  float at(int64_t y, int64_t x) const { return pixels[y * width + x]; }
};

absl::StatusOr<Grey> MeanOfChannels(const Tensor& row) {
  const Shape& shape = row.shape();
  const size_t rank = shape.size();
  const int64_t channels = rank == 3 ? shape[0] : 1;
  if (rank < 2 || rank > 3 || (channels != 1 && channels != 3) ||
      row.size() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot draw a row of shape ", ShapeToString(shape),
                     ": expected [height, width] or [1 or 3, height, width]"));
  }
  OCTET_ASSIGN_OR_RETURN(const std::vector<float> values, ToFloats(row));
  Grey grey{shape[rank - 2], shape[rank - 1], {}};
  const int64_t plane = grey.height * grey.width;
  grey.pixels.assign(plane, 0.0f);
  for (size_t i = 0; i < values.size(); ++i) {
    grey.pixels[i % plane] += values[i] / static_cast<float>(channels);
  }
  return grey;
}

// Each new pixel is the mean of the old ones that it covers.
Grey Shrink(const Grey& from, int64_t height, int64_t width) {
  Grey to{height, width, std::vector<float>(height * width)};
  for (int64_t y = 0; y < height; ++y) {
    const int64_t top = y * from.height / height;
    const int64_t bottom = std::max(top + 1, (y + 1) * from.height / height);
    for (int64_t x = 0; x < width; ++x) {
      const int64_t left = x * from.width / width;
      const int64_t right = std::max(left + 1, (x + 1) * from.width / width);
      float sum = 0;
      for (int64_t v = top; v < bottom; ++v) {
        for (int64_t u = left; u < right; ++u) sum += from.at(v, u);
      }
      to.pixels[y * width + x] =
          sum / static_cast<float>((bottom - top) * (right - left));
    }
  }
  return to;
}

// Stretches the values over 0..1; a flat picture is all 0, and so is a pixel
// that is no number.
void Normalize(Grey* grey) {
  float low = INFINITY;
  float high = -INFINITY;
  for (const float pixel : grey->pixels) {
    if (!std::isfinite(pixel)) continue;
    low = std::min(low, pixel);
    high = std::max(high, pixel);
  }
  for (float& pixel : grey->pixels) {
    pixel = high > low && std::isfinite(pixel) ? (pixel - low) / (high - low)
                                               : 0.0f;
  }
}

int Level(float value, int levels) {
  return std::min(levels - 1, static_cast<int>(value * levels));
}

// Pixel rows y and y + 1 as one line of text.
std::string DrawLine(const Grey& grey, int64_t y, PictureStyle style) {
  std::string line;
  const int64_t below = std::min(y + 1, grey.height - 1);
  for (int64_t x = 0; x < grey.width; ++x) {
    if (style == PictureStyle::kGlyphs) {
      const float mean = (grey.at(y, x) + grey.at(below, x)) / 2;
      line += kGlyphs[Level(mean, static_cast<int>(kGlyphs.size()))];
    } else {
      // An upper half block: its colour is the upper pixel, its background
      // the lower one.
      absl::StrAppend(&line, "\x1b[38;5;",
                      kFirstGrey + Level(grey.at(y, x), kGreys), ";48;5;",
                      kFirstGrey + Level(grey.at(below, x), kGreys),
                      "m\xe2\x96\x80");
    }
  }
  if (style == PictureStyle::kColors) absl::StrAppend(&line, "\x1b[0m");
  return line;
}

void AppendPadded(absl::string_view text, int columns, std::string* line) {
  const absl::string_view cut = text.substr(0, columns);
  absl::StrAppend(line, cut, std::string(columns - cut.size(), ' '));
}

void AppendRowOfPictures(absl::Span<const Picture> pictures,
                         std::string* text) {
  size_t height = 0;
  for (const Picture& picture : pictures) {
    height = std::max(height, picture.lines.size());
  }
  const std::string gap(kGap, ' ');
  for (size_t y = 0; y < height; ++y) {
    for (const Picture& picture : pictures) {
      absl::StrAppend(text,
                      y < picture.lines.size()
                          ? picture.lines[y]
                          : std::string(picture.columns, ' '),
                      gap);
    }
    absl::StrAppend(text, "\n");
  }
  for (const Picture& picture : pictures) {
    AppendPadded(picture.caption, picture.columns, text);
    absl::StrAppend(text, gap);
  }
  absl::StrAppend(text, "\n");
}

}  // namespace

absl::StatusOr<Picture> DrawPicture(const Tensor& row, PictureStyle style,
                                    int max_columns) {
  OCTET_ASSIGN_OR_RETURN(Grey grey, MeanOfChannels(row));
  const int64_t width = std::min<int64_t>(grey.width, max_columns);
  const int64_t height = std::max<int64_t>(1, grey.height * width / grey.width);
  grey = Shrink(grey, height, width);
  Normalize(&grey);
  Picture picture;
  picture.columns = static_cast<int>(width);
  for (int64_t y = 0; y < height; y += 2) {
    picture.lines.push_back(DrawLine(grey, y, style));
  }
  return picture;
}

std::string ArrangePictures(absl::Span<const Picture> pictures, int columns) {
  std::string text;
  while (!pictures.empty()) {
    size_t count = 1;
    int used = pictures[0].columns;
    while (count < pictures.size() &&
           used + kGap + pictures[count].columns <= columns) {
      used += kGap + pictures[count].columns;
      ++count;
    }
    AppendRowOfPictures(pictures.subspan(0, count), &text);
    pictures.remove_prefix(count);
  }
  return text;
}

}  // namespace octet::cli
