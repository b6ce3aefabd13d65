// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <vector>

#include "tests/engine/reference/reference_node.h"
#include "tests/testing/not_finite.h"

namespace octet::reference {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

ir::Window Window2d(int64_t kernel, int64_t stride, int64_t pad,
                    int64_t dilation = 1) {
  return {{kernel, kernel},
          {stride, stride},
          {pad, pad},
          {pad, pad},
          {dilation, dilation}};
}

Tensor Counting(Shape shape, float first = 1) {
  Tensor tensor(DType::kFloat32, std::move(shape));
  for (float& value : tensor.mutable_data<float>()) value = first++;
  return tensor;
}

// 1 to 9 in a 3x3 image, a 2x2 window that adds its corners.
TEST(ReferenceConvTest, SlidesOverTheImage) {
  ir::Conv conv{.window = Window2d(2, 1, 0), .activation = {}};
  const Tensor weights = TensorOf<float>({1, 1, 2, 2}, {1, 0, 0, 10});
  // 1 + 50, 2 + 60, 4 + 80, 5 + 90
  EXPECT_THAT(
      RunReference<float>({conv, {Counting({1, 1, 3, 3}), weights}, {}}),
      ElementsAre(51, 62, 84, 95));
}

TEST(ReferenceConvTest, PadsWithZerosAndStrides) {
  ir::Conv conv{.window = Window2d(3, 2, 1), .activation = {}};
  const Tensor ones = TensorOf<float>({1, 1, 3, 3}, std::vector<float>(9, 1));
  // Corners of 1..9: 1+2+4+5, 2+3+5+6, 4+5+7+8, 5+6+8+9.
  EXPECT_THAT(RunReference<float>({conv, {Counting({1, 1, 3, 3}), ones}, {}}),
              ElementsAre(12, 16, 24, 28));
}

TEST(ReferenceConvTest, PadsEachSideByItsOwn) {
  ir::Conv conv{.window = {{2}, {1}, {1}, {0}, {1}}, .activation = {}};
  const Tensor x = TensorOf<float>({1, 1, 3}, {1, 2, 3});
  const Tensor weights = TensorOf<float>({1, 1, 2}, {10, 1});
  EXPECT_THAT(RunReference<float>({conv, {x, weights}, {}}),
              ElementsAre(1, 12, 23));
}

TEST(ReferenceConvTest, DilatesTheWindow) {
  ir::Conv conv{.window = {{2}, {1}, {0}, {0}, {3}}, .activation = {}};
  const Tensor weights = TensorOf<float>({1, 1, 2}, {1, 100});
  EXPECT_THAT(RunReference<float>({conv, {Counting({1, 1, 5}), weights}, {}}),
              ElementsAre(401, 502));
}

TEST(ReferenceConvTest, KeepsGroupsApart) {
  ir::Conv conv{
      .window = {{1}, {1}, {0}, {0}, {1}}, .groups = 2, .activation = {}};
  // Channels 1, 2 | 3, 4 of one position; two outputs per group.
  const Tensor x = TensorOf<float>({1, 4, 1}, {1, 2, 3, 4});
  const Tensor weights = TensorOf<float>({4, 2, 1}, {1, 0, 0, 1, 1, 1, 10, 1});
  EXPECT_THAT(RunReference<float>({conv, {x, weights}, {}}),
              ElementsAre(1, 2, 7, 34));
}

TEST(ReferenceConvTest, AddsBiasAndResidualThenClamps) {
  ir::Conv conv{.window = {{1}, {1}, {0}, {0}, {1}},
                .has_bias = true,
                .has_residual = true,
                .activation = {0, 6}};
  const Tensor x = TensorOf<float>({1, 1, 3}, {1, 2, 3});
  const Tensor weights = TensorOf<float>({1, 1, 1}, {2});
  const Tensor bias = TensorOf<float>({1}, {0.5});
  const Tensor residual = TensorOf<float>({1, 1, 3}, {-9, 1, 9});
  EXPECT_THAT(RunReference<float>({conv, {x, weights, bias, residual}, {}}),
              ElementsAre(0, 5.5, 6));
}

// 2^24 swallows single ones in float32, but not the sum of several.
TEST(ReferenceConvTest, SumsInOnnxRuntimesBlocksOf128Taps) {
  ir::Conv conv{.window = {{1}, {1}, {0}, {0}, {1}}, .activation = {}};
  std::vector<float> taps(130, 1);
  taps[0] = 0x1p24;
  const Tensor x = TensorOf<float>({1, 130, 1}, std::move(taps));
  const Tensor ones = TensorOf<float>({1, 130, 1}, std::vector<float>(130, 1));
  EXPECT_THAT(
      RunReference<float>({conv, {x, ones}, {}}, FloatSums::kOnnxRuntime),
      ElementsAre(0x1p24 + 2));
  EXPECT_THAT(RunReference<float>({conv, {x, ones}, {}}),
              ElementsAre(0x1p24 + 130 - 2));  // to even
}

TEST(ReferenceConvTest, SumsOneChannelInOnnxRuntimesBlocksOfFourTaps) {
  ir::Conv conv{
      .window = {{7}, {1}, {1}, {0}, {1}}, .has_bias = true, .activation = {}};
  // The first tap is padding, and counts: 0 1 1 1 | 2^24 1 1, then
  // 1 1 1 2^24 | 1 1 1 and 1 1 2^24 1 | 1 1 1; to each the bias comes last.
  const Tensor x = TensorOf<float>({1, 1, 8}, {1, 1, 1, 0x1p24, 1, 1, 1, 1});
  const Tensor ones = TensorOf<float>({1, 1, 7}, std::vector<float>(7, 1));
  const Tensor bias = TensorOf<float>({1}, {1});
  EXPECT_THAT(
      RunReference<float>({conv, {x, ones, bias}, {}}, FloatSums::kOnnxRuntime),
      ElementsAre(0x1p24 + 4, 0x1p24 + 8, 0x1p24 + 8));
}

// (1 + 2^-12)^2 is 1 + 2^-11 in float32, and 2^-24 more.
TEST(ReferenceConvTest, RoundsProductsOfOneChannelAlone) {
  const float a = 1 + 0x1p-12f;
  const float minus = -(1 + 0x1p-11f);
  const ir::Conv conv{.window = {{2}, {1}, {0}, {0}, {1}}, .activation = {}};
  const Tensor x = TensorOf<float>({1, 1, 2}, {1, a});
  EXPECT_THAT(RunReference<float>(
                  {conv, {x, TensorOf<float>({1, 1, 2}, {minus, a})}, {}},
                  FloatSums::kOnnxRuntime),
              ElementsAre(0));
  EXPECT_THAT(
      RunReference<float>(
          {conv, {x, TensorOf<float>({2, 1, 2}, {minus, a, minus, a})}, {}},
          FloatSums::kOnnxRuntime),
      ElementsAre(0x1p-24f, 0x1p-24f));
}

TEST(ReferenceConvTest, HasThreeSpatialAxes) {
  ir::Conv conv{
      .window = {{2, 1, 2}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}},
      .activation = {}};
  const Tensor weights = TensorOf<float>({1, 1, 2, 1, 2}, {1, 10, 100, 1000});
  EXPECT_THAT(
      RunReference<float>({conv, {Counting({1, 1, 2, 2, 2}), weights}, {}}),
      ElementsAre(1 + 20 + 500 + 6000, 3 + 40 + 700 + 8000));
}

TEST(ReferenceConvTest, BothLayoutsGiveTheSameBits) {
  const Tensor x = Counting({2, 4, 5, 3}, -17.3f);
  const Tensor weights = Counting({6, 2, 3, 3}, -5.1f);
  auto channels_last = [](const Tensor& tensor) {
    const ir::Transpose transpose{{0, 2, 3, 1}};
    return *RunSingleNode(*CreateReferenceBackend(), {transpose, {tensor}, {}});
  };
  ir::Conv conv{.window = Window2d(3, 2, 1), .groups = 2, .activation = {}};
  const absl::StatusOr<Tensor> first =
      RunSingleNode(*CreateReferenceBackend(), {conv, {x, weights}, {}});
  ASSERT_TRUE(first.ok()) << first.status();
  conv.layout = ir::Layout::kChannelsLast;
  EXPECT_THAT(RunReference<float>(
                  {conv, {channels_last(x), channels_last(weights)}, {}}),
              ElementsAreArray(ElementsOf<float>(channels_last(*first))));
}

TEST(ReferenceConvTest, SumsInDouble) {
  // In float32, 2^24 + 1 - 2^24 is 0.
  ir::Conv conv{.window = {{3}, {1}, {0}, {0}, {1}}, .activation = {}};
  const Tensor x = TensorOf<float>({1, 1, 3}, {16777216, 1, -16777216});
  const Tensor weights = TensorOf<float>({1, 1, 3}, {1, 1, 1});
  EXPECT_THAT(RunReference<float>({conv, {x, weights}, {}}), ElementsAre(1));
}

// x = 2 * (q - 10), w = 0.5 * q, y = 4 * (q - 3): m = 2 * 0.5 / 4 = 1/4.
struct IntegerCase {
  ir::Quantization x = ir::Quantization::PerTensor(2, 10);
  ir::Quantization w = ir::Quantization::PerTensor(0.5, 0);
  ir::Quantization bias = ir::Quantization::PerTensor(1, 0);
  NodeOutput y{DType::kUInt8, ir::Quantization::PerTensor(4, 3)};
  ir::Window pointwise{{1}, {1}, {0}, {0}, {1}};
};

TEST(ReferenceConvTest, IntegersRoundHalfToEvenOnce) {
  const IntegerCase c;
  ir::Conv conv{.window = c.pointwise, .activation = {}};
  const Tensor x = TensorOf<uint8_t>({1, 1, 6}, {10, 12, 16, 20, 8, 255});
  const Tensor w = TensorOf<int8_t>({1, 1, 1}, {1});
  // acc 0, 2, 6, 10, -2, 245; times 1/4: 0, .5, 1.5, 2.5, -.5, 61.25.
  EXPECT_THAT(RunReference<uint8_t>({conv, {{x, c.x}, {w, c.w}}, c.y}),
              ElementsAre(3, 3, 5, 5, 3, 64));
}

TEST(ReferenceConvTest, IntegersSaturate) {
  const IntegerCase c;
  ir::Conv conv{.window = c.pointwise, .activation = {}};
  const Tensor x = TensorOf<uint8_t>({1, 1, 2}, {255, 0});
  const Tensor w = TensorOf<int8_t>({1, 1, 1}, {127});
  EXPECT_THAT(RunReference<uint8_t>({conv, {{x, c.x}, {w, c.w}}, c.y}),
              ElementsAre(255, 0));
}

TEST(ReferenceConvTest, IntegerPaddingIsRealZero) {
  const IntegerCase c;
  ir::Conv conv{.window = {{3}, {1}, {1}, {1}, {1}}, .activation = {}};
  const Tensor x = TensorOf<uint8_t>({1, 1, 2}, {14, 18});
  const Tensor w = TensorOf<int8_t>({1, 1, 3}, {1, 2, 3});
  // acc 2*4 + 3*8 = 32, 1*4 + 2*8 = 20.
  EXPECT_THAT(RunReference<uint8_t>({conv, {{x, c.x}, {w, c.w}}, c.y}),
              ElementsAre(11, 8));
}

TEST(ReferenceConvTest, IntegersHaveScalesPerChannelAndBias) {
  const IntegerCase c;
  ir::Conv conv{.window = c.pointwise, .has_bias = true, .activation = {}};
  const ir::Quantization per_channel{{0.5, 4}, {0, 0}, 0};
  const ir::Quantization bias_scales{{1, 8}, {0, 0}, 0};
  const Tensor x = TensorOf<uint8_t>({1, 1, 1}, {14});
  const Tensor w = TensorOf<int8_t>({2, 1, 1}, {3, -1});
  const Tensor bias = TensorOf<int32_t>({2}, {8, 7});
  // (12 + 8) / 4 = 5; (-4 + 7) * 2 = 6.
  EXPECT_THAT(
      RunReference<uint8_t>(
          {conv, {{x, c.x}, {w, per_channel}, {bias, bias_scales}}, c.y}),
      ElementsAre(8, 9));
}

TEST(ReferenceConvTest, IntegersAddTheResidualBeforeRounding) {
  const IntegerCase c;
  ir::Conv conv{.window = c.pointwise, .has_residual = true, .activation = {}};
  const Tensor x = TensorOf<uint8_t>({1, 1, 2}, {11, 11});
  const Tensor w = TensorOf<int8_t>({1, 1, 1}, {1});
  // Steps of 1 with zero point -5: r = (q + 5) / 4.
  const Tensor residual = TensorOf<int8_t>({1, 1, 2}, {-4, 0});
  // 1/4 + 1/4 = 1/2 -> 0; 1/4 + 5/4 = 3/2 -> 2.
  EXPECT_THAT(
      RunReference<uint8_t>(
          {conv,
           {{x, c.x}, {w, c.w}, {residual, ir::Quantization::PerTensor(1, -5)}},
           c.y}),
      ElementsAre(3, 5));
}

TEST(ReferenceConvTest, IntegerActivationClampsInSteps) {
  const IntegerCase c;
  ir::Conv conv{.window = c.pointwise, .activation = {0, 6}};
  const Tensor x = TensorOf<uint8_t>({1, 1, 3}, {0, 14, 200});
  const Tensor w = TensorOf<int8_t>({1, 1, 1}, {1});
  // 0 and 6 are the steps 0 and round(1.5) = 2 above the zero point.
  EXPECT_THAT(RunReference<uint8_t>({conv, {{x, c.x}, {w, c.w}}, c.y}),
              ElementsAre(3, 4, 5));
}

TEST(ReferenceConvTest, IntegersMayEndInFloat) {
  const IntegerCase c;
  ir::Conv conv{.window = c.pointwise, .activation = {-kInfinity, 3.5}};
  const Tensor x = TensorOf<int8_t>({1, 1, 2}, {7, 127});
  const Tensor w = TensorOf<int8_t>({1, 1, 1}, {1});
  // (7 - 10) * 2 * 0.5 = -3.
  EXPECT_THAT(RunReference<float>({conv, {{x, c.x}, {w, c.w}}, {}}),
              ElementsAre(-3, 3.5));
}

TEST(ReferenceConvTest, IntegerSumsOfManyExtremesAreExact) {
  const IntegerCase c;
  constexpr int kChannels = 512;
  ir::Conv conv{.window = c.pointwise, .activation = {}};
  const Tensor x = TensorOf<uint8_t>({1, kChannels, 1},
                                     std::vector<uint8_t>(kChannels, 255));
  const Tensor w =
      TensorOf<int8_t>({1, kChannels, 1}, std::vector<int8_t>(kChannels, -128));
  // 512 * 255 * -128 = -16711680, in steps of 2^18 by scales 1 and 1/4.
  EXPECT_THAT(RunReference<float>({conv,
                                   {{x, ir::Quantization::PerTensor(1, 0)},
                                    {w, ir::Quantization::PerTensor(0.25, 0)}},
                                   {}}),
              ElementsAre(-4177920));
}

}  // namespace
}  // namespace octet::reference
