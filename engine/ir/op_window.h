// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_OP_WINDOW_H_
#define OCTET_ENGINE_IR_OP_WINDOW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/ir/op_traits.h"

// Operators that slide a window over images, or sample them.
namespace octet::ir {

// Where the channel axis of an image tensor is: [N, C, spatial...] or
// [N, spatial..., C].
enum class Layout { kChannelsFirst, kChannelsLast };

// A sliding window, one entry per spatial axis (1 to 3 of them).
struct Window {
  std::vector<int64_t> kernel;
  std::vector<int64_t> strides;
  std::vector<int64_t> pads_begin;
  std::vector<int64_t> pads_end;
  std::vector<int64_t> dilations;
};

// inputs: x, weights, [bias [O]], [residual, shaped like the output].
// weights: [O, I/groups, kernel...] channels first, [O, kernel..., I/groups]
// channels last. output = activation(conv(x, weights) + bias + residual).
// ONNX Conv-22.
struct Conv {
  static constexpr OpTraits kTraits = {"Conv", AxisUse::kImage, RowUse::kKeeps,
                                       /*rounds=*/true};
  Window window;
  int64_t groups = 1;
  Layout layout = Layout::kChannelsFirst;
  bool has_bias = false;
  bool has_residual = false;
  Activation activation;

  std::string Attributes() const;
};

// inputs: x, weights, [bias [O]].
// weights: [I, O/groups, kernel...] channels first, [I, kernel..., O/groups]
// channels last. Each x element times the kernel is added into the output,
// which is (in - 1) * stride + (kernel - 1) * dilation + 1 - pads + output_pads
// long; negative pads make it longer. Integers in one group only.
// ONNX ConvTranspose-22, auto_pad resolved.
struct ConvTranspose {
  static constexpr OpTraits kTraits = {"ConvTranspose", AxisUse::kImage,
                                       RowUse::kKeeps, /*rounds=*/true};
  Window window;
  std::vector<int64_t> output_pads;  // at the end of each spatial axis
  int64_t groups = 1;
  Layout layout = Layout::kChannelsFirst;
  bool has_bias = false;
  Activation activation;

  std::string Attributes() const;
};

enum class PoolKind { kMax, kAverage };

// inputs: x. Padding never counts for max; for average it counts as zeros iff
// count_include_pad. What ceil_mode lets hang over the padding does not count,
// as PyTorch has it, except in a dilated window, which PyTorch has not: there
// the tests of ONNX count it. ONNX MaxPool-12, AveragePool-22.
struct Pool {
  static constexpr OpTraits kTraits = {"Pool", AxisUse::kImage, RowUse::kKeeps};
  PoolKind kind = PoolKind::kMax;
  Window window;
  bool ceil_mode = false;
  bool count_include_pad = false;
  Layout layout = Layout::kChannelsFirst;

  absl::string_view Name() const;
  bool Rounds() const { return kind == PoolKind::kAverage; }
  std::string Attributes() const;
};

// inputs: x, channels first. output: for each place of the max pool, the index
// int64 of the (first) largest element in the whole of x, flattened row-major,
// or with each image column-major if `column_major`. The second output of ONNX
// MaxPool-12.
struct MaxPoolIndices {
  static constexpr OpTraits kTraits = {"MaxPoolIndices"};
  Window window;
  bool ceil_mode = false;
  bool column_major = false;

  std::string Attributes() const;
};

// inputs: x. The spatial axes become 1. ONNX GlobalAveragePool-1.
struct GlobalPool {
  static constexpr OpTraits kTraits = {"GlobalPool", AxisUse::kImage,
                                       RowUse::kKeeps};
  PoolKind kind = PoolKind::kAverage;
  Layout layout = Layout::kChannelsFirst;

  absl::string_view Name() const;
  bool Rounds() const { return kind == PoolKind::kAverage; }
  std::string Attributes() const;
};

enum class ResizeMode { kNearest, kLinear, kCubic };
enum class ResizeCoordinates {
  kHalfPixel,
  kHalfPixelSymmetric,
  kPytorchHalfPixel,
  kAlignCorners,
  kAsymmetric,
  kTfCropAndResize,
  kTfHalfPixelForNn,
};
enum class ResizeRounding {
  kRoundPreferFloor,
  kRoundPreferCeil,
  kFloor,
  kCeil
};

// inputs: x. One entry per axis. An axis of scale 1 and equal size is left
// alone. ONNX Resize-19 with constant sizes or scales; Upsample-9.
struct Resize {
  static constexpr OpTraits kTraits = {"Resize", AxisUse::kMovable,
                                       RowUse::kAsksOp};
  ResizeMode mode = ResizeMode::kNearest;
  ResizeCoordinates coordinates = ResizeCoordinates::kHalfPixel;
  ResizeRounding rounding = ResizeRounding::kRoundPreferFloor;
  std::vector<int64_t> sizes;    // of the output; 0 on the rows axis
  std::vector<float> scales;     // what positions are computed with
  std::vector<float> roi_begin;  // for kTfCropAndResize, in [0, 1]; else empty
  std::vector<float> roi_end;
  float cubic_a = -0.75f;
  float extrapolation_value = 0;
  bool exclude_outside = false;
  bool antialias = false;

  bool Rounds() const { return mode != ResizeMode::kNearest; }
  bool MixesRows(InputTypes inputs, int rows) const;
  bool CanMoveAxes() const { return true; }
  void MoveAxes(const AxisMap& map);
  std::string Attributes() const;
};

// inputs: x. y = x / (bias + alpha / size * sum of squares of the `size`
// neighbours along `axis`, that of the channels) ^ beta: floor((size - 1) / 2)
// of them in front, the rest behind. ONNX LRN-13, whose axis is 1.
struct Lrn {
  static constexpr OpTraits kTraits = {"LRN", AxisUse::kMovable, RowUse::kKeeps,
                                       /*rounds=*/true};
  int axis = 1;
  int64_t size = 1;
  float alpha = 1e-4f;
  float beta = 0.75f;
  float bias = 1;

  bool CanMoveAxes() const { return true; }
  void MoveAxes(const AxisMap& map) { axis = map.to[axis]; }
  std::string Attributes() const;
};

// inputs: x [N, C, H, W], rois [R, 4] as (x1, y1, x2, y2), batch indices [R]
// int64. output [R, C, output_height, output_width]. Indices out of range give
// zeros. ONNX RoiAlign-22.
struct RoiAlign {
  static constexpr OpTraits kTraits = {"RoiAlign"};
  PoolKind kind = PoolKind::kAverage;
  int64_t output_height = 1;
  int64_t output_width = 1;
  int64_t sampling_ratio = 0;  // 0: as many as fit
  float spatial_scale = 1;
  bool half_pixel = true;

  std::string Attributes() const;
};

enum class GridPadding { kZeros, kBorder, kReflection };

// inputs: x [N, C, spatial...] (1 to 3), grid [N, out..., spatial axes] of
// positions in [-1, 1], innermost axis first. output [N, C, out...].
// ONNX GridSample-22.
struct GridSample {
  static constexpr OpTraits kTraits = {"GridSample", AxisUse::kFixed,
                                       RowUse::kKeeps};
  ResizeMode mode = ResizeMode::kLinear;
  GridPadding padding = GridPadding::kZeros;
  bool align_corners = false;

  std::string Attributes() const;
};

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_OP_WINDOW_H_
