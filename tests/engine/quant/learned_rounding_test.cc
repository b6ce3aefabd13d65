// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/learned_rounding.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet::quant {
namespace {

using ir::ValueId;
using testing::ElementsAre;
using testing::IsEmpty;

struct LayerToRound {
  ir::Graph graph;
  QuantizationSites sites;
  QuantizationParameters parameters;
};

LayerToRound OnlyLayer(const ir::Op& op, const Shape& rest, Tensor weights) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd(rest));
  b.Output(b.Node("y", op, {x, b.Constant("w", std::move(weights))}));
  LayerToRound layer{b.Build(), {}, {}};
  layer.sites = ChooseSites(layer.graph);
  layer.parameters.schemes = {AsymmetricU8({-1, 1})};
  return layer;
}

// A MatMul of weights [K, N] whose scales all are 1: so their largest is 127.
LayerToRound MatMulOf(Tensor weights) {
  const int64_t inputs = weights.shape()[0];
  return OnlyLayer(ir::MatMul{}, {inputs}, std::move(weights));
}

std::vector<int8_t> LearnedIntegers(
    LayerToRound layer, const InputMoments& moments,
    ResultMean mean = ResultMean::kCorrectedByBias) {
  const absl::Status learned = LearnRounding(layer.graph, layer.sites,
                                             {moments}, mean, layer.parameters);
  EXPECT_TRUE(learned.ok()) << learned;
  return layer.parameters.weight_integers[0];
}

std::vector<int8_t> NearestIntegers(const LayerToRound& layer) {
  const auto quantized = WeightsOfNode(layer.graph, 0, 1, layer.parameters);
  EXPECT_TRUE(quantized.ok()) << quantized.status();
  const auto integers = quantized->weights.data<int8_t>();
  return {integers.begin(), integers.end()};
}

// Values with a common part, of mean 0, seen often.
InputMoments Correlated(int64_t blocks, int64_t block, double common) {
  InputMoments moments;
  moments.blocks = blocks;
  moments.block = block;
  moments.seen = 1'000'000;
  moments.means.assign(blocks * block, 0.0);
  for (int64_t b = 0; b < blocks; ++b) {
    for (int64_t i = 0; i < block; ++i) {
      for (int64_t j = 0; j < block; ++j) {
        moments.covariance.push_back(i == j ? 1 : common);
      }
    }
  }
  return moments;
}

// Variance of the error of one output channel whose weights, in steps, and
// integers these are.
double VarianceOfError(const std::vector<float>& steps,
                       const std::vector<int8_t>& integers, double common) {
  double sum = 0;
  double squares = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    const double error = steps[i] - integers[i];
    sum += error;
    squares += error * error;
  }
  return common * sum * sum + (1 - common) * squares;
}

// Inputs that are the same number: what counts is the sum of the weights.
TEST(LearnedRoundingTest, OneWeightMakesUpForAnother) {
  const LayerToRound layer =
      MatMulOf(Tensor::Of<float>({4, 1}, {127, 10.4f, 20.4f, 30.4f}));
  EXPECT_THAT(NearestIntegers(layer), ElementsAre(127, 10, 20, 30));
  const std::vector<int8_t> learned =
      LearnedIntegers(layer, Correlated(1, 4, 0.999));
  EXPECT_EQ(learned[0], 127);
  EXPECT_EQ(learned[1] + learned[2] + learned[3], 61);
}

TEST(LearnedRoundingTest, InputsThatDoNotVaryTogetherAreRoundedToNearest) {
  const LayerToRound layer = MatMulOf(RandomFloats({40, 3}, 1));
  EXPECT_EQ(LearnedIntegers(layer, Correlated(1, 40, 0)),
            NearestIntegers(layer));
}

TEST(LearnedRoundingTest, ErrsLessThanTheNearestIntegersDo) {
  const Tensor weights = RandomFloats({30, 8}, 2);
  const LayerToRound layer = MatMulOf(weights);
  const std::vector<int8_t> nearest = NearestIntegers(layer);
  const std::vector<int8_t> learned =
      LearnedIntegers(layer, Correlated(1, 30, 0.8));
  const auto quantized = WeightsOfNode(layer.graph, 0, 1, layer.parameters);
  double before = 0;
  double after = 0;
  for (int64_t c = 0; c < 8; ++c) {
    std::vector<float> steps;
    std::vector<int8_t> integers[2];
    for (int64_t k = 0; k < 30; ++k) {
      steps.push_back(weights.data<float>()[k * 8 + c] /
                      quantized->weight_quantization.scales[c]);
      integers[0].push_back(nearest[k * 8 + c]);
      integers[1].push_back(learned[k * 8 + c]);
    }
    before += VarianceOfError(steps, integers[0], 0.8);
    after += VarianceOfError(steps, integers[1], 0.8);
  }
  EXPECT_LT(after, before / 2);
}

// Two groups, of which the numbers of the first alone vary together.
TEST(LearnedRoundingTest, GroupsHaveMomentsOfTheirOwn) {
  ir::Conv conv;
  conv.window = WindowOf({1, 2});
  conv.groups = 2;
  LayerToRound layer =
      OnlyLayer(conv, {2, 4, 4},
                Tensor::Of<float>({2, 1, 1, 2}, {20.4f, 10.4f, 20.4f, 10.4f}));
  layer.parameters.weight_scales = {{1, 1}};
  InputMoments moments = Correlated(2, 2, 0.999);
  moments.covariance[3] = moments.covariance[7] = 1.01;  // rounded first
  moments.covariance[5] = moments.covariance[6] = 0;
  EXPECT_THAT(LearnedIntegers(layer, moments), ElementsAre(21, 10, 20, 10));
}

TEST(LearnedRoundingTest, MatMulsWeightsMayLieEitherWay) {
  const Tensor weights = RandomFloats({12, 5}, 3);
  Tensor transposed(DType::kFloat32, {5, 12});
  for (int64_t k = 0; k < 12; ++k) {
    for (int64_t c = 0; c < 5; ++c) {
      transposed.mutable_data<float>()[c * 12 + k] =
          weights.data<float>()[k * 5 + c];
    }
  }
  const InputMoments moments = Correlated(2, 6, 0.7);
  const std::vector<int8_t> a = LearnedIntegers(MatMulOf(weights), moments);
  ir::MatMul matmul;
  matmul.transpose_b = true;
  const std::vector<int8_t> b =
      LearnedIntegers(OnlyLayer(matmul, {12}, std::move(transposed)), moments);
  for (int64_t k = 0; k < 12; ++k) {
    for (int64_t c = 0; c < 5; ++c) EXPECT_EQ(a[k * 5 + c], b[c * 12 + k]);
  }
}

TEST(LearnedRoundingTest, MomentsThatSayNothingLeaveTheNearest) {
  const LayerToRound layer = MatMulOf(RandomFloats({6, 4}, 4));
  InputMoments zeros = Correlated(1, 6, 0);
  std::fill(zeros.covariance.begin(), zeros.covariance.end(), 0);
  EXPECT_EQ(LearnedIntegers(layer, zeros), NearestIntegers(layer));
  InputMoments infinite = Correlated(1, 6, 0.5);
  infinite.covariance[0] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(LearnedIntegers(layer, infinite), NearestIntegers(layer));
  InputMoments nan = Correlated(1, 6, 0.5);
  nan.covariance[8] = nan.covariance[13] =
      std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(LearnedIntegers(layer, nan), NearestIntegers(layer));
}

TEST(LearnedRoundingTest, IntegersStayWithinTheRange) {
  LayerToRound layer = MatMulOf(Tensor::Of<float>({2, 1}, {127, 126.4f}));
  layer.parameters.weight_scales = {{1}};
  InputMoments moments = Correlated(1, 2, 0.95);
  // The second is rounded first, and the first is to make up for twice that.
  moments.covariance = {1, 1.9, 1.9, 4};
  EXPECT_THAT(LearnedIntegers(layer, moments), ElementsAre(127, 126));
}

// Of values that do not vary, only the mean of the result can be kept.
TEST(LearnedRoundingTest, MeansCountWhereNoBiasCorrectsThem) {
  const LayerToRound layer =
      MatMulOf(Tensor::Of<float>({4, 1}, {127, 10.4f, 20.4f, 30.4f}));
  InputMoments moments = Correlated(1, 4, 0);
  moments.means.assign(4, 30.0);
  EXPECT_EQ(LearnedIntegers(layer, moments), NearestIntegers(layer));
  const std::vector<int8_t> kept =
      LearnedIntegers(layer, moments, ResultMean::kKept);
  EXPECT_EQ(kept[1] + kept[2] + kept[3], 61);
}

TEST(LearnedRoundingTest, WhatWasSeenSeldomIsRoundedToNearest) {
  const LayerToRound layer =
      MatMulOf(Tensor::Of<float>({4, 1}, {127, 10.4f, 20.4f, 30.4f}));
  InputMoments moments = Correlated(1, 4, 0.4);
  EXPECT_NE(LearnedIntegers(layer, moments), NearestIntegers(layer));
  moments.seen = 1;
  EXPECT_EQ(LearnedIntegers(layer, moments), NearestIntegers(layer));
}

TEST(LearnedRoundingTest, WeightsThatAreIntegersAlreadyAreNoLayersToRound) {
  const LayerToRound exact =
      MatMulOf(Tensor::Of<float>({2, 2}, {127, -3, 5, 127}));
  const auto none = LayersThatRound(exact.graph, exact.sites, {});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_THAT(*none, IsEmpty());
  // One channel of two, and of that one weight that is not zero.
  Tensor weights = Tensor::Of<float>({3, 2}, {127, 0, 5, 127, -3, 0.4f});
  const LayerToRound real = MatMulOf(std::move(weights));
  const auto one = LayersThatRound(real.graph, real.sites, {});
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_THAT(*one, ElementsAre(0));
}

TEST(LearnedRoundingTest, LayersOfFloatDataAreLeftAlone) {
  LayerToRound layer = MatMulOf(RandomFloats({4, 4}, 5));
  layer.sites.rounded.clear();
  layer.parameters.schemes.clear();
  const auto none = LayersThatRound(layer.graph, layer.sites, {});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_THAT(*none, IsEmpty());
}

}  // namespace
}  // namespace octet::quant
