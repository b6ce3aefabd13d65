// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/requantization.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

ir::TensorType Activations(DType dtype, float scale, int32_t zero_point) {
  return {dtype, ir::FixedDims({1, 4}),
          ir::Quantization::PerTensor(scale, zero_point)};
}

ir::TensorType Weights(std::vector<float> scales) {
  std::vector<int32_t> zero_points(scales.size(), 0);
  return {DType::kInt8, ir::FixedDims({3, 4}),
          ir::Quantization{std::move(scales), std::move(zero_points), 0}};
}

TEST(RequantizationTest, MultipliersAreRoundedOnce) {
  const ir::TensorType input = Activations(DType::kUInt8, 0.1f, 7);
  const ir::TensorType weights = Weights({0.3f, 0.7f, 0.9f});
  const ir::TensorType output = Activations(DType::kUInt8, 0.37f, 3);
  const auto result = RequantizeProducts(
      {.input = input, .weights = weights, .output = output, .activation = {}});
  ASSERT_TRUE(result.ok()) << result.status();
  auto expected = [](float scale) {
    return static_cast<float>(static_cast<double>(0.1f) * scale /
                              static_cast<double>(0.37f));
  };
  EXPECT_THAT(result->multipliers,
              ElementsAre(expected(0.3f), expected(0.7f), expected(0.9f)));
  EXPECT_EQ(result->input_zero_point, 7);
  EXPECT_EQ(result->output.lower, -3);
  EXPECT_EQ(result->output.upper, 252);
}

TEST(RequantizationTest, OneWeightScaleServesAllChannels) {
  const ir::TensorType input = Activations(DType::kUInt8, 2, 0);
  const ir::TensorType residual = Activations(DType::kInt8, 6, -4);
  const ir::TensorType weights = Weights({0.5f});
  const ir::TensorType output = Activations(DType::kInt8, 4, 0);
  const auto result = RequantizeProducts({.input = input,
                                          .weights = weights,
                                          .residual = &residual,
                                          .output = output,
                                          .activation = {}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->multipliers, ElementsAre(0.25, 0.25, 0.25));
  EXPECT_EQ(result->Residual(-2), 3);
  EXPECT_EQ(result->Real(10, 1, 3), 5.5);
}

TEST(RequantizationTest, ActivationNarrowsTheLimits) {
  const auto stage =
      MakeOutputStage(Activations(DType::kUInt8, 0.25f, 10), {0, 6});
  ASSERT_TRUE(stage.ok()) << stage.status();
  EXPECT_EQ(stage->lower, 0);
  EXPECT_EQ(stage->upper, 24);
  EXPECT_EQ(stage->Rounded(-3), 10);
  EXPECT_EQ(stage->Rounded(2.5), 12);
  EXPECT_EQ(stage->Rounded(3.5), 14);
  EXPECT_EQ(stage->Rounded(kInfinity), 34);
}

TEST(RequantizationTest, ActivationBeyondTheTypeLeavesItsLimits) {
  const auto stage =
      MakeOutputStage(Activations(DType::kInt8, 1, 100), {-1000, 1000});
  ASSERT_TRUE(stage.ok()) << stage.status();
  EXPECT_EQ(stage->Rounded(-kInfinity), -128);
  EXPECT_EQ(stage->Rounded(kInfinity), 127);
}

TEST(RequantizationTest, FloatOutputsKeepTheActivation) {
  const auto stage = MakeOutputStage({}, {-1.5f, kInfinity});
  ASSERT_TRUE(stage.ok()) << stage.status();
  EXPECT_EQ(stage->scale, 1);
  EXPECT_EQ(stage->Clamped(-2), -1.5);
  EXPECT_EQ(stage->Clamped(2.25), 2.25);
}

TEST(RequantizationTest, SumsAreFused) {
  const auto sum = RequantizeSum(Activations(DType::kUInt8, 0.1f, 3),
                                 Activations(DType::kInt8, 0.3f, -2),
                                 Activations(DType::kUInt8, 0.7f, 0), {});
  ASSERT_TRUE(sum.ok()) << sum.status();
  const auto ma = static_cast<float>(static_cast<double>(0.1f) / 0.7f);
  const auto mb = static_cast<float>(static_cast<double>(0.3f) / 0.7f);
  EXPECT_EQ(sum->Real(200, 100), std::fma(197.f, ma, 102.f * mb));
}

TEST(RequantizationTest, QuantizesHalfToEvenWithinTheRange) {
  const IntegerRange range{-128, 127};
  EXPECT_EQ(QuantizeOne(1, 2, 5, range), 5);
  EXPECT_EQ(QuantizeOne(3, 2, 5, range), 7);
  EXPECT_EQ(QuantizeOne(-1e30f, 1e-30f, 5, range), -128);
  EXPECT_EQ(QuantizeOne(std::nanf(""), 2, 5, range), 5);
  EXPECT_EQ(QuantizeOne(kInfinity, 1, 0, *RangeOf(DType::kInt32)),
            std::numeric_limits<int32_t>::max());
}

TEST(RequantizationTest, SaysWhatItExpects) {
  const ir::TensorType output = Activations(DType::kUInt8, 1, 0);
  EXPECT_THAT(Rescale({}, output).status().message(),
              HasSubstr("the input is float32"));
  ir::TensorType weights = Weights({1});
  weights.quantization->zero_points[0] = 3;
  const ir::TensorType input = Activations(DType::kUInt8, 1, 0);
  const auto shifted = RequantizeProducts(
      {.input = input, .weights = weights, .output = output, .activation = {}});
  EXPECT_EQ(shifted.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(shifted.status().message(), HasSubstr("zero point 3"));
  const auto infinite = Rescale(Activations(DType::kUInt8, 1e30f, 0),
                                Activations(DType::kUInt8, 1e-30f, 0));
  EXPECT_EQ(infinite.status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace octet::plan
