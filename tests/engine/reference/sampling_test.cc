// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/engine/reference/reference_node.h"

namespace octet::reference {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

TEST(ReferenceConvTransposeTest, AddsTheKernelForEachElement) {
  ir::ConvTranspose op;
  op.window = {{3}, {2}, {0}, {0}, {1}};
  op.output_pads = {0};
  op.has_bias = true;
  op.activation = {-std::numeric_limits<float>::infinity(), 40};
  const Tensor x = TensorOf<float>({1, 1, 2}, {1, 10});
  const Tensor w = TensorOf<float>({1, 1, 3}, {1, 2, 3});
  const Tensor bias = TensorOf<float>({1}, {100});
  const auto y = RunReference<float>({op, {x, w, bias}, {}});
  EXPECT_THAT(y, ElementsAre(40, 40, 40, 40, 40));
  op.activation = {};
  // 1 2 3, and 10 20 30 two places further.
  EXPECT_THAT(RunReference<float>({op, {x, w, bias}, {}}),
              ElementsAre(101, 102, 113, 120, 130));
  op.window.pads_begin = {1};
  op.output_pads = {2};
  EXPECT_THAT(RunReference<float>({op, {x, w, bias}, {}}),
              ElementsAre(102, 113, 120, 130, 100, 100));
}

TEST(ReferenceConvTransposeTest, GroupsAndLayoutsAgree) {
  ir::ConvTranspose op;
  op.window = {{2}, {1}, {0}, {0}, {2}};
  op.output_pads = {0};
  op.groups = 2;
  // Two channels, each with a kernel for two outputs.
  const Tensor x = TensorOf<float>({1, 2, 2}, {1, 2, 3, 4});
  const Tensor w = TensorOf<float>({2, 2, 2}, {1, 10, 2, 20, 3, 30, 4, 40});
  EXPECT_THAT(RunReference<float>({op, {x, w}, {}}),
              ElementsAre(1, 2, 10, 20, 2, 4, 20, 40, 9, 12, 90, 120, 12, 16,
                          120, 160));
  op.layout = ir::Layout::kChannelsLast;
  const Tensor x_last = TensorOf<float>({1, 2, 2}, {1, 3, 2, 4});
  const Tensor w_last =
      TensorOf<float>({2, 2, 2}, {1, 2, 10, 20, 3, 4, 30, 40});
  EXPECT_THAT(RunReference<float>({op, {x_last, w_last}, {}}),
              ElementsAre(1, 2, 9, 12, 2, 4, 12, 16, 10, 20, 90, 120, 20, 40,
                          120, 160));
}

TEST(ReferenceMaxPoolIndicesTest, CountsInTheWholeTensor) {
  ir::MaxPoolIndices op;
  op.window = {{2, 2}, {1, 1}, {0, 0}, {0, 0}, {1, 1}};
  const Tensor x =
      TensorOf<float>({1, 2, 2, 3}, {1, 5, 2, 5, 5, 9, -1, -2, -3, -4, -5, -6});
  EXPECT_THAT(RunReference<int64_t>({op, {x}, {}}), ElementsAre(1, 5, 6, 7));
  op.column_major = true;
  // Place (row, column) of an image is row + 2 * column.
  EXPECT_THAT(RunReference<int64_t>({op, {x}, {}}), ElementsAre(2, 5, 6, 8));
}

TEST(ReferencePoolTest, DilatedAverageCountsBeyondThePadding) {
  const ir::Pool pool{.kind = ir::PoolKind::kAverage,
                      .window = {{2}, {3}, {0}, {0}, {2}},
                      .ceil_mode = true,
                      .count_include_pad = true};
  const Tensor x = TensorOf<float>({1, 1, 5}, {2, 4, 6, 8, 10});
  EXPECT_THAT(RunReference<float>({pool, {x}, {}}), ElementsAre(4, 4));
}

TEST(ReferenceLrnTest, DividesByTheNeighbours) {
  ir::Lrn op;
  op.size = 3;
  op.alpha = 3;
  op.beta = 0.5f;
  op.bias = 1;
  const Tensor x = TensorOf<float>({1, 3, 1}, {1, 2, 2});
  const std::vector<float> expected = {
      1 / std::sqrt(6.0f), 2 / std::sqrt(10.0f), 2 / std::sqrt(9.0f)};
  EXPECT_THAT(RunReference<float>({op, {x}, {}}),
              Pointwise(FloatNear(1e-6f), expected));
}

ir::Resize ResizeTo(std::vector<int64_t> sizes, std::vector<float> scales,
                    ir::ResizeMode mode) {
  ir::Resize op;
  op.mode = mode;
  op.sizes = std::move(sizes);
  op.scales = std::move(scales);
  return op;
}

TEST(ReferenceResizeTest, NearestMovesEveryType) {
  const ir::Resize op =
      ResizeTo({1, 2, 4}, {1, 1, 2}, ir::ResizeMode::kNearest);
  const Tensor x = TensorOf<int64_t>({1, 2, 2}, {1, int64_t{1} << 62, 3, 4});
  EXPECT_THAT(
      RunReference<int64_t>({op, {x}, {}}),
      ElementsAre(1, 1, int64_t{1} << 62, int64_t{1} << 62, 3, 3, 4, 4));
}

TEST(ReferenceResizeTest, LinearOverTwoAxes) {
  ir::Resize op = ResizeTo({3, 3}, {1.5f, 1.5f}, ir::ResizeMode::kLinear);
  op.coordinates = ir::ResizeCoordinates::kAlignCorners;
  const Tensor x = TensorOf<float>({2, 2}, {0, 2, 4, 6});
  EXPECT_THAT(RunReference<float>({op, {x}, {}}),
              ElementsAre(0, 1, 2, 2, 3, 4, 4, 5, 6));
  const Tensor integers = TensorOf<uint8_t>({2, 2}, {0, 3, 4, 7});
  EXPECT_THAT(RunReference<uint8_t>({op, {integers}, {}}),
              ElementsAre(0, 1, 3, 2, 3, 5, 4, 5, 7));
}

TEST(ReferenceResizeTest, RoundsQuantizedIntegersOnce) {
  ir::Resize op = ResizeTo({3}, {1.5f}, ir::ResizeMode::kLinear);
  op.coordinates = ir::ResizeCoordinates::kAlignCorners;
  const NodeInput x(TensorOf<uint8_t>({2}, {10, 21}),
                    ir::Quantization::PerTensor(1, 0));
  // The middle is 15.5: 31 in units of a half.
  EXPECT_THAT(
      RunReference<uint8_t>(
          {op,
           {x},
           NodeOutput{DType::kUInt8, ir::Quantization::PerTensor(0.5, 1)}}),
      ElementsAre(21, 32, 43));
}

TEST(ReferenceResizeTest, CropFillsWhatIsOutside) {
  ir::Resize op = ResizeTo({3}, {1}, ir::ResizeMode::kLinear);
  op.coordinates = ir::ResizeCoordinates::kTfCropAndResize;
  op.roi_begin = {0.5f};
  op.roi_end = {1.5f};
  op.extrapolation_value = -7;
  const Tensor x = TensorOf<float>({3}, {1, 2, 3});
  EXPECT_THAT(RunReference<float>({op, {x}, {}}), ElementsAre(2, 3, -7));
}

TEST(ReferenceRoiAlignTest, RegionsOutOfTheBatchAreZero) {
  ir::RoiAlign op;
  op.sampling_ratio = 1;
  op.half_pixel = false;
  const Tensor x = TensorOf<float>({1, 1, 2, 2}, {1, 2, 3, 4});
  const Tensor rois = TensorOf<float>(
      {4, 4}, {0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, kNaN, kNaN, kNaN, kNaN});
  const Tensor batch = TensorOf<int64_t>({4}, {0, 1, -1, 0});
  EXPECT_THAT(RunReference<float>({op, {x, rois, batch}, {}}),
              ElementsAre(2.5f, 0, 0, 0));
}

TEST(ReferenceRoiAlignTest, HugeRegionsEnd) {
  ir::RoiAlign op;
  op.half_pixel = false;
  const Tensor x = TensorOf<float>({1, 1, 1, 1}, {8});
  const Tensor rois = TensorOf<float>({1, 4}, {-3e38f, -3e38f, 3e38f, 3e38f});
  const Tensor batch = TensorOf<int64_t>({1}, {0});
  const auto y = RunReference<float>({op, {x, rois, batch}, {}});
  ASSERT_EQ(y.size(), 1u);
  EXPECT_NEAR(y[0], 0, 1e-6);
}

TEST(ReferenceGridSampleTest, ReadsBetweenElementsAndBeyondTheEnds) {
  ir::GridSample op;
  const Tensor x = TensorOf<float>({1, 1, 4}, {10, 20, 30, 40});
  // Positions -0.5, 1.5, 3.5, far outside, no number at all.
  const Tensor grid = TensorOf<float>({1, 5, 1}, {-1, 0, 1, 1e30f, kNaN});
  EXPECT_THAT(RunReference<float>({op, {x, grid}, {}}),
              ElementsAre(5, 25, 20, 0, 0));
  op.padding = ir::GridPadding::kBorder;
  EXPECT_THAT(RunReference<float>({op, {x, grid}, {}}),
              ElementsAre(10, 25, 40, 40, 40));
  op.padding = ir::GridPadding::kReflection;
  op.align_corners = true;
  const Tensor mirrored = TensorOf<float>({1, 3, 1}, {-1, 5.0f / 3, 1});
  // Position 4 of [0, 3] is mirrored to 2.
  EXPECT_THAT(RunReference<float>({op, {x, mirrored}, {}}),
              Pointwise(FloatNear(1e-4f), {10.0f, 30.0f, 40.0f}));
}

TEST(ReferenceMatMulTest, PlainNumbersWrapAround) {
  const Tensor a = TensorOf<int32_t>({1, 2}, {1 << 30, 3});
  const Tensor b = TensorOf<int32_t>({2, 1}, {4, 5});
  EXPECT_THAT(RunReference<int32_t>({ir::MatMul{}, {a, b}, {}}),
              ElementsAre(15));
  const Tensor c = TensorOf<double>({2, 1}, {1e300, 0.5});
  const Tensor d = TensorOf<double>({1, 1}, {2});
  EXPECT_THAT(RunReference<double>({ir::MatMul{}, {c, d}, {}}),
              ElementsAre(2e300, 1));
}

}  // namespace
}  // namespace octet::reference
