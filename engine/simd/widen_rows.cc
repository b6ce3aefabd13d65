// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "engine/simd/conv_kernel.h"

namespace octet::simd::internal {

void WidenRows(const Kernels& kernels, const ByteType& type,
               const RowWindow& window, const uint8_t* image,
               const RowRange& range, int16_t* dst) {
  const int64_t row_elements = window.columns * window.channels;
  const int64_t image_row = window.width * window.channels;
  const int64_t last_row = range.first_row + (range.rows - 1) * range.row_step;
  if (window.left == 0 && window.columns == window.width &&
      range.row_step == 1 && range.first_row >= 0 && last_row < window.height) {
    kernels.widen(image + range.first_row * image_row, type,
                  range.rows * image_row, dst);
    return;
  }
  const int64_t left = window.left * window.channels;
  const int64_t middle = std::min(image_row, row_elements - left);
  for (int64_t r = 0; r < range.rows; ++r, dst += row_elements) {
    const int64_t y = range.first_row + r * range.row_step;
    if (y < 0 || y >= window.height) {
      std::fill_n(dst, row_elements, int16_t{0});
      continue;
    }
    std::fill_n(dst, left, int16_t{0});
    kernels.widen(image + y * image_row, type, middle, dst + left);
    std::fill(dst + left + middle, dst + row_elements, int16_t{0});
  }
}

}  // namespace octet::simd::internal
