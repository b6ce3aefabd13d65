// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_BYTE_QUADS_H_
#define OCTET_ENGINE_SIMD_BYTE_QUADS_H_

#include <cstddef>
#include <cstdint>

#include "engine/simd/kernels.h"

// The tasks of the kernels that multiply four bytes at a time (VNNI): a byte of
// 0 to 255 times one of -128 to 127, four such products added to a 32-bit sum,
// exactly. Signed inputs have their top bit flipped, which adds 128 to them and
// to their zero point; padding is the zero point, and sums start at
// bias - zero point * (sum of the weights).
namespace octet::simd::internal {

// Channels are computed in blocks of 64, 32 or 16 (the width), and sums come in
// groups of 64: four vectors of 16, of 64 / width neighbouring pixels. Their
// order is such that packing the vectors to bytes, lane by lane, takes no
// permutation where all pixels share the vectors (depthwise), and one where
// each pixel has its own (matrix products).
inline constexpr int kQuadGroup = 64;

// The channel of a position, 16 * vector + element, of a depthwise group.
constexpr int DepthwiseChannel(int position, int width) {
  const int lane = position % 16 / 4;
  return (16 * lane + 4 * (position / 16) + position % 4) % width;
}
// The same of a matrix product's group.
constexpr int ProductChannel(int position, int width) {
  const int lane = position % 16 / 4;
  const int vector = position / 16 % (width / 16);
  return width / 4 * lane + 4 * vector + position % 4;
}

// Where the sums of one row of pixels begin and go. The constants are in
// position order.
struct QuadOutput {
  const OutputSpec* spec = nullptr;
  const ResidualSpec* residual = nullptr;  // null: no residual input
  const int32_t* start = nullptr;          // [64], where the sums begin
  const float* multiplier = nullptr;       // [64]
  uint8_t* output = nullptr;  // of pixel 0, at the block's first channel
  const uint8_t* residual_data = nullptr;
  int64_t stride = 0;  // from pixel to pixel, elements
  int channels = 0;    // valid ones, 1 to width
  int width = kQuadGroup;
};

// Four rows of columns of a block of channels, woven: every channel of a column
// becomes four bytes, one of each row. The rows are four rows of an image, or
// of two of them the even and the odd columns. Columns are sorted by phase,
// their index modulo `phases`, so that those a stride apart are neighbours.
//
// Vector v of the n-th group of phase f is at
// dst + (f * 4 + v) * plane_bytes + n * 64.
struct QuadWeave {
  // At the block's first channel of an image row; of a row of padding, as many
  // zero points. Column i of row r is at rows[r] + shift[r] + i * column_bytes,
  // and padding where that is outside of the image row.
  const uint8_t* rows[4] = {};
  int64_t shift[4] = {};
  int64_t column_bytes = 0;
  int64_t row_bytes = 0;  // of the image, from the block's first channel on
  // Of those the first ones where a column may begin that is read `width` bytes
  // wide, less than 0 if none.
  int64_t whole_bytes = 0;
  int64_t first_column = 0;  // negative in the padding
  int64_t columns = 0;       // to weave, those of the padding included
  int64_t phases = 1;
  int64_t plane_bytes = 0;
  int channels = 0;  // valid ones, 1 to width
  int width = kQuadGroup;
  ByteType type;
};

// One row of depthwise outputs, or two that read the same woven rows. Group n
// of the outputs adds, for every tap t, the products of the four vectors at
// taps[t] + v * plane_bytes + n * 64 and those at weights + (t * 4 + v) * 64.
struct DepthwiseQuads {
  const uint8_t* const* taps = nullptr;  // [tap_count]
  int tap_count = 0;
  int64_t plane_bytes = 0;
  const int8_t* weights = nullptr;  // [rows][tap_count][4][64]
  int rows = 1;                     // 1 or 2
  int64_t pixels = 0;               // of each row
  QuadOutput out;                   // of the first row
  int64_t row_stride = 0;           // to the second row, elements
};

// Rows of outputs of a depthwise convolution with 3x3 or 5x5 taps, no dilation
// and the same stride, 1 or 2, along both axes, of a block of out.width = 32 or
// 16 channels in their own order. Columns are read from the image as they come
// and woven in registers: quads of four rows, of all that two output rows read,
// or with 3 taps and a stride of 2 one. Results are bytes; no residual is
// added.
struct DirectDepthwise {
  const uint8_t* image = nullptr;  // at the block's first channel
  // A row of padding, of as many zero points as the image's rows have bytes
  // from the block's first channel on.
  const uint8_t* padding = nullptr;
  int64_t height = 0;  // of the image
  int64_t width = 0;
  int64_t pixel_bytes = 0;  // from column to column of it
  int64_t pad_top = 0;
  int64_t pad_left = 0;
  int taps = 3;  // 3 or 5
  int stride = 1;
  // Neighbouring pixels that make up a block: 1, or 2 of an image of 8
  // channels, for which out.width and out.channels are 16 and the stride is 1.
  int side_by_side = 1;
  ByteType type;
  // [output rows][taps][quads][out.width][4], quads: 1 with 3 taps, 2 with 5.
  // The taps of a second output row lie a stride lower.
  const int8_t* weights = nullptr;
  int64_t first_row = 0;   // of outputs
  int64_t last_row = 0;    // the one after
  int64_t pixels = 0;      // of an output row
  QuadOutput out;          // of first_row; constants [out.width]
  int64_t row_stride = 0;  // from output row to output row, elements
};

// Rows of pixels times a block of `out.width` output channels. The inputs of
// pixel x of row y are `runs` runs of 4 * run_quads bytes, at
// pixels + y * row_step + x * pixel_step + run_offset[r]; quad q of all runs,
// counted through, meets the weights [width / 16][64] at
// weights + q * 4 * width. The outputs of a row follow those of the row before.
struct QuadGemm {
  const uint8_t* pixels = nullptr;
  int64_t pixel_step = 0;
  int64_t row_step = 0;
  int64_t row_pixels = 0;
  int64_t rows = 1;
  const int32_t* run_offset = nullptr;  // [runs]
  int runs = 0;
  int run_quads = 0;
  const int8_t* weights = nullptr;
  // What is multiplied next, fetched meanwhile if the width is 64. Null where
  // it is likely to be in the L2 cache already.
  const std::byte* next_weights = nullptr;
  int64_t next_bytes = 0;
  QuadOutput out;
};

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_BYTE_QUADS_H_
