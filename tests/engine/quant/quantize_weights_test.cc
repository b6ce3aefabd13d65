// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/quantize_weights.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet::quant {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(QuantizeWeightsTest, ScalesEveryChannelByItsLargestMagnitude) {
  const Tensor weights =
      Tensor::Of<float>({2, 3}, {0.5f, -1.27f, 0.1f, 12.7f, 0, -3.2f});
  const auto q = QuantizeWeights(weights, /*axis=*/0, std::nullopt, 0.1f);
  ASSERT_TRUE(q.ok()) << q.status();
  EXPECT_EQ(q->weights.dtype(), DType::kInt8);
  EXPECT_EQ(q->weights.shape(), weights.shape());
  EXPECT_THAT(q->weights.data<int8_t>(),
              ElementsAre(50, -127, 10, 127, 0, -32));
  EXPECT_THAT(q->weight_quantization.scales,
              ElementsAre(testing::FloatEq(0.01f), testing::FloatEq(0.1f)));
  EXPECT_THAT(q->weight_quantization.zero_points, ElementsAre(0, 0));
  EXPECT_EQ(q->weight_quantization.axis, 0);
  EXPECT_FALSE(q->bias.has_value());
}

TEST(QuantizeWeightsTest, ChannelsOfTheLastAxis) {
  const Tensor weights = Tensor::Of<float>({2, 2}, {1.27f, 10, -0.5f, 12.7f});
  const auto q = QuantizeWeights(weights, /*axis=*/1, std::nullopt, 1.0f);
  ASSERT_TRUE(q.ok()) << q.status();
  EXPECT_THAT(q->weights.data<int8_t>(), ElementsAre(127, 100, -50, 127));
  EXPECT_EQ(q->weight_quantization.axis, 1);
}

TEST(QuantizeWeightsTest, EveryWeightComesBackWithinHalfAStep) {
  const Tensor weights = RandomFloats({8, 3, 3, 3}, 1, -2, 3);
  const auto q = QuantizeWeights(weights, 0, std::nullopt, 1.0f);
  ASSERT_TRUE(q.ok()) << q.status();
  for (int64_t i = 0; i < weights.size(); ++i) {
    const float scale = q->weight_quantization.scales[i / 27];
    EXPECT_NEAR(q->weights.data<int8_t>()[i] * scale, weights.data<float>()[i],
                scale * 0.5001f);
  }
}

TEST(QuantizeWeightsTest, BiasHasTheScaleOfTheProducts) {
  const Tensor weights = Tensor::Of<float>({2, 1}, {1.27f, 12.7f});
  const Tensor bias = Tensor::Of<float>({2}, {3.0f, -3.0f});
  const auto q = QuantizeWeights(weights, 0, bias, 0.5f);
  ASSERT_TRUE(q.ok()) << q.status();
  EXPECT_THAT(q->bias->data<int32_t>(), ElementsAre(600, -60));
  EXPECT_THAT(q->bias_quantization.scales,
              ElementsAre(testing::FloatEq(0.005f), testing::FloatEq(0.05f)));
  EXPECT_THAT(q->bias_quantization.zero_points, Each(0));
}

TEST(QuantizeWeightsTest, ChannelOfZerosStaysZero) {
  const Tensor weights = Tensor::Of<float>({2, 2}, {0, 0, 1, -1});
  const auto q = QuantizeWeights(weights, 0, std::nullopt, 1.0f);
  ASSERT_TRUE(q.ok()) << q.status();
  EXPECT_THAT(q->weights.data<int8_t>(), ElementsAre(0, 0, 127, -127));
  EXPECT_TRUE(std::isfinite(q->weight_quantization.scales[0]));
  EXPECT_GT(q->weight_quantization.scales[0], 0);
}

// A channel that batch norm switched off is its bias alone; no scale of its
// weights may round that away.
TEST(QuantizeWeightsTest, BiasOfAChannelOfZerosKeepsItsPrecision) {
  const Tensor weights = Tensor::Of<float>({1, 2}, {0, 0});
  const Tensor bias = Tensor::Of<float>({1}, {0.3f});
  const auto q = QuantizeWeights(weights, 0, bias, /*input_scale=*/0.25f);
  ASSERT_TRUE(q.ok()) << q.status();
  const double back = static_cast<double>(q->bias->data<int32_t>()[0]) *
                      q->bias_quantization.scales[0];
  EXPECT_NEAR(back, 0.3, 1e-6);
}

TEST(QuantizeWeightsTest, HugeBiasWidensTheScaleOfItsChannelOnly) {
  const Tensor weights = Tensor::Of<float>({2, 1}, {1e-6f, 1.27f});
  const Tensor bias = Tensor::Of<float>({2}, {5000.0f, 1.0f});
  const auto q = QuantizeWeights(weights, 0, bias, 0.001f);
  ASSERT_TRUE(q.ok()) << q.status();
  const int32_t integer = q->bias->data<int32_t>()[0];
  EXPECT_LE(std::abs(integer), 1 << 30);
  EXPECT_GT(integer, 1 << 29);
  EXPECT_NEAR(integer * static_cast<double>(q->bias_quantization.scales[0]),
              5000.0, 0.001);
  EXPECT_NEAR(q->weights.data<int8_t>()[0] *
                  static_cast<double>(q->weight_quantization.scales[0]),
              1e-6, q->weight_quantization.scales[0] / 2);
  EXPECT_FLOAT_EQ(q->weight_quantization.scales[1], 0.01f);
}

TEST(QuantizeWeightsTest, ChosenIntegersBelongToTheirScale) {
  const Tensor weights = Tensor::Of<float>({2, 2}, {1.27f, 0.5f, 1e-6f, 4e-7f});
  const std::vector<float> scales = {0.01f, 1e-8f};
  const std::vector<int8_t> integers = {127, 51, 100, 40};
  const auto q =
      QuantizeWeights(weights, 0, std::nullopt, 0.001f, {scales, integers});
  ASSERT_TRUE(q.ok()) << q.status();
  EXPECT_THAT(q->weights.data<int8_t>(), ElementsAre(127, 51, 100, 40));
  // A bias that asks for a wider one: the nearest of that.
  const Tensor bias = Tensor::Of<float>({2}, {1.0f, 5000.0f});
  const auto wide =
      QuantizeWeights(weights, 0, bias, 0.001f, {scales, integers});
  ASSERT_TRUE(wide.ok()) << wide.status();
  EXPECT_GT(wide->weight_quantization.scales[1], 1e-6f);
  EXPECT_THAT(wide->weights.data<int8_t>(), ElementsAre(127, 51, 0, 0));
}

TEST(QuantizeWeightsTest, RefusesNanAndInfinity) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const auto weights =
      QuantizeWeights(Tensor::Of<float>({2, 1}, {1, nan}), 0, std::nullopt, 1);
  EXPECT_TRUE(absl::IsInvalidArgument(weights.status()));
  EXPECT_THAT(weights.status().message(), HasSubstr("weight element 1"));
  const auto bias = QuantizeWeights(Tensor::Of<float>({1, 1}, {1}), 0,
                                    Tensor::Of<float>({1}, {infinity}), 1);
  EXPECT_TRUE(absl::IsInvalidArgument(bias.status()));
  EXPECT_THAT(bias.status().message(), HasSubstr("bias element 0"));
}

}  // namespace
}  // namespace octet::quant
