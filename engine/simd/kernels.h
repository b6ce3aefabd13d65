// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_KERNELS_H_
#define OCTET_ENGINE_SIMD_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "engine/simd/cpu_features.h"
#include "engine/simd/quantized_types.h"

// The inner loops that exist once per instruction set, behind one table.
// Everything else in this folder is written once and calls through it. A new
// instruction set is a new file with its functions and a row in kernels.cc.
namespace octet::simd::internal {

// Output channels are computed in panels of 16, the last one of 8 where that
// is enough. Multiplication takes inputs in pairs (vpmaddwd), so weights lie
// as [panel][pair of inputs][position][2].
// In a panel of 16, position p holds channel kPanelOrder[p]: two vectors of
// 8 sums then pack into 16 bytes in channel order without a permutation. A
// panel of 8 is in channel order.
inline constexpr int kPanelWidth = 16;
inline constexpr int kPanelOrder[kPanelWidth] = {0, 1, 2, 3, 8,  9,  10, 11,
                                                 4, 5, 6, 7, 12, 13, 14, 15};

// Where and how the results of one panel are written: pixel i's channels are
// at output + i * stride, the residual's likewise (both in elements).
struct PanelOutput {
  const OutputSpec* spec = nullptr;
  const ResidualSpec* residual = nullptr;  // null: no residual input
  const int32_t* bias = nullptr;           // [width], in position order
  const float* multiplier = nullptr;       // [width], in position order
  void* output = nullptr;
  const uint8_t* residual_data = nullptr;
  int64_t stride = 0;
  int channels = 0;  // valid ones of the panel, 1 to its width
};

// One panel times a block of pixels. The inputs of a pixel are `runs` runs of
// 2 * run_pairs numbers of `rows`, at pixel_offset[i] + run_offset[r].
struct GemmBlock {
  const int16_t* rows = nullptr;
  const int32_t* pixel_offset = nullptr;  // [pixels]
  const int32_t* run_offset = nullptr;    // [runs]
  int pixels = 0;
  int runs = 0;
  int run_pairs = 0;
  // Exactly one is set: as packed, or widened by Kernels::widen.
  const int8_t* narrow_weights = nullptr;
  const int16_t* wide_weights = nullptr;
  int width = kPanelWidth;  // 16 or 8
  PanelOutput out;
};

// One block of 16 channels of two image rows, woven for vpmaddwd: column x
// becomes 16 pairs (a, b) in position order, 32 numbers at dst + x * 32.
struct WeaveArgs {
  // At the block's first channel of column 0; null: a row of zeros.
  const uint8_t* row_a = nullptr;
  const uint8_t* row_b = nullptr;
  // Bytes of each row that may be read, from there on.
  int64_t readable = 0;
  int64_t stride = 0;  // bytes from column to column
  int64_t columns = 0;
  int channels = 0;  // valid ones, 1 to 16
  ByteType type;
};

// One row of depthwise outputs of a block of 16 channels. Pixel i multiplies,
// for every pair of rows q and tap t, the 32 numbers at
// pairs[q] + i * pixel_step + t * tap_step with those at
// weights + (q * taps + t) * 32.
struct DepthwiseRow {
  const int16_t* const* pairs = nullptr;
  const int16_t* weights = nullptr;
  int pair_count = 0;
  int taps = 0;
  int64_t pixel_step = 0;
  int64_t tap_step = 0;
  int64_t pixels = 0;
  PanelOutput out;
};

// Winograd's F(4x4, 3x3) in integers; winograd_conv.cc has the mathematics.
inline constexpr int kWinogradOutput = 4;  // outputs of a tile along an axis
inline constexpr int kWinogradInput = 6;
inline constexpr int kWinogradPoints = 36;

// One tile of 6 x 6 pixels to 36 points of `channels` numbers, a multiple of
// 16; what lies beyond the image's channels may be anything.
struct WinogradPatch {
  const int16_t* pixels = nullptr;
  int64_t row_stride = 0;     // elements
  int64_t column_stride = 0;  // elements
  int64_t channels = 0;
  int16_t* points = nullptr;
  int64_t point_stride = 0;  // elements
};

// Where the 4 x 4 outputs of a tile go; the last ones of an image are cut.
struct WinogradTarget {
  int64_t offset = 0;  // of the first pixel, elements
  int rows = kWinogradOutput;
  int columns = kWinogradOutput;
};

// A group of tiles times one panel: points [36][tiles][channels], weights
// [36][pairs][width][2].
struct WinogradGroup {
  const int16_t* points = nullptr;
  const int16_t* weights = nullptr;
  int32_t* products = nullptr;  // scratch, [36][tiles][width]
  int64_t channels = 0;
  int pairs = 0;
  int tiles = 0;  // 1 to Kernels::winograd_tiles
  int width = kPanelWidth;
  const WinogradTarget* targets = nullptr;  // [tiles]
  int64_t row_stride = 0;                   // of the output, elements
  PanelOutput out;  // its pointers at the panel's first channel of offset 0
};

// `count` elements y = value of two bytes (Sum) or of one (b null): see
// elementwise.h.
struct SumTask {
  const uint8_t* a = nullptr;
  const uint8_t* b = nullptr;
  ByteType a_type;
  ResidualSpec b_spec;
  float multiplier = 1;  // of a
  OutputSpec output;
  void* out = nullptr;
  int64_t count = 0;
};

// `count` floats to bytes or back.
struct QuantizeTask {
  float scale = 1;
  ByteType type;
  int64_t count = 0;
  // Planes only: each becomes (x - mean[c]) * factor[c] first, both operations
  // rounded. Null: they stay.
  const float* mean = nullptr;
  const float* factor = nullptr;
};

// Bytes to bytes by y = saturate(round(fma(x, multiplier, addend))), whole
// pixels in each group of lanes.
struct ByteScaling {
  static constexpr int kLanes = 16;
  int step = kLanes;      // lanes of whole pixels
  uint8_t order[kLanes];  // lane i is made of byte order[i]
  float multiplier[kLanes];
  float addend[kLanes];
  bool is_signed = false;  // y is int8
};

// One window of a pool: rows x columns positions of `channels` bytes each.
struct PoolWindow {
  const uint8_t* first = nullptr;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t row_stride = 0;
  int64_t column_stride = 0;
  int64_t channels = 0;
  ByteType type;
};

// What an average becomes: sum * multiplier / count.
struct AverageOutput {
  float multiplier = 1;
  float count = 1;
  const OutputSpec* spec = nullptr;
  void* out = nullptr;  // [channels]
};

// A matrix of words turned: y[r][c] = x[c][r]. Strides, in bytes, lead from one
// c to the next in x and from one r to the next in y.
struct TransposeTask {
  const std::byte* x = nullptr;
  int64_t x_stride = 0;
  std::byte* y = nullptr;
  int64_t y_stride = 0;
  int64_t rows = 0;     // of y
  int64_t columns = 0;  // of y
  int word_bytes = 1;   // 1, 2, 4 or 8; words need no alignment
};

// Words that lie two apart put together: y[i] = x[2 * i].
struct EverySecondTask {
  const std::byte* x = nullptr;  // 2 * count - 1 words are read at most
  std::byte* y = nullptr;
  int64_t count = 0;
  int word_bytes = 1;  // 1 or 4; words need no alignment
};

// Of byte_quads.h.
struct QuadWeave;
struct DepthwiseQuads;
struct DirectDepthwise;
struct QuadGemm;

struct Kernels {
  Isa isa;
  Isa product_isa;  // of what multiplies and adds: widen to flip_top_bits
  // dst[i] = src[i] - zero_point for i < n; src holds u8 or s8.
  void (*widen)(const void* src, const ByteType& type, int64_t n, int16_t* dst);
  void (*gemm)(const GemmBlock& block);
  void (*weave)(const WeaveArgs& args, int16_t* dst);
  void (*depthwise)(const DepthwiseRow& row);
  // 0 and null where the instruction set has none. gemm_quads takes blocks of
  // quad_width channels at most, 64 or 32.
  int quad_width;
  void (*weave_quads)(const QuadWeave& weave, uint8_t* dst);
  void (*depthwise_quads)(const DepthwiseQuads& task);
  void (*direct_depthwise)(const DirectDepthwise& task);  // null with 256 bits
  void (*gemm_quads)(const QuadGemm& gemm);
  // dst[i] = src[i] + 128, from s8 to u8.
  void (*flip_top_bits)(const void* src, int64_t n, uint8_t* dst);
  // Tiles that are multiplied at a time, at most, and channels of the narrowest
  // panel, 8 or 16; 0 and null where there are none.
  int winograd_tiles;
  int winograd_width;
  void (*winograd_patch)(const WinogradPatch& patch);
  void (*winograd_group)(const WinogradGroup& group);
  void (*sum)(const SumTask& task);
  void (*quantize)(const QuantizeTask& task, const float* src, uint8_t* dst);
  void (*dequantize)(const QuantizeTask& task, const uint8_t* src, float* dst);
  // `count` pixels of `channels` planes, plane_stride floats apart, to bytes
  // pixel by pixel.
  void (*quantize_planes)(const QuantizeTask& task, const float* src,
                          int64_t plane_stride, int64_t channels, uint8_t* dst);
  // `n` halves of any address to float32.
  void (*widen_halves)(const void* src, int64_t n, float* dst);
  // As many of `n` bytes, in steps, as groups of lanes fit; returns how many.
  // Null where the instruction set has none.
  int64_t (*scale_bytes)(const ByteScaling& task, const uint8_t* src, int64_t n,
                         uint8_t* dst);
  // The largest byte of every channel; the dtype's lowest of an empty window.
  void (*max_pool)(const PoolWindow& window, uint8_t* dst);
  void (*average_pool)(const PoolWindow& window, const AverageOutput& out);
  void (*transpose)(const TransposeTask& task);
  void (*every_second)(const EverySecondTask& task);
};

// The table of the highest instruction set that has one and is not above `isa`.
const Kernels& KernelsFor(Isa isa);

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_KERNELS_H_
