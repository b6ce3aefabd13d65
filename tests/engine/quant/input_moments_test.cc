// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/input_moments.h"

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/quant/sample_source.h"
#include "tests/testing/graph_builder.h"

namespace octet::quant {
namespace {

using ir::ValueId;

struct LayerOnSamples {
  ir::Graph graph;
  std::vector<Tensor> samples;
};

// One layer, of weights of `weights_shape`, that reads samples of `dims`.
LayerOnSamples LayerThatReads(const ir::Op& op, const ir::Dims& dims,
                              const Shape& weights_shape) {
  GraphBuilder b;
  const ValueId x = b.Input("x", dims);
  b.Output(
      b.Node("y", op, {x, b.Constant("w", RandomFloats(weights_shape, 1))}));
  LayerOnSamples layer{b.Build(), {}};
  const Shape shape = ir::ConcreteShape(dims, /*rows=*/1);
  for (uint32_t i = 0; i < 3; ++i) {
    layer.samples.push_back(RandomFloats(shape, 10 + i, -1, 2));
  }
  return layer;
}

// The same for one row of `rest`.
LayerOnSamples OneLayer(const ir::Op& op, const Shape& rest,
                        const Shape& weights_shape) {
  return LayerThatReads(op, RowsAnd(rest), weights_shape);
}

MomentObserver ObserverOf(const LayerOnSamples& layer) {
  auto observer = MomentObserver::Create(layer.graph, {0});
  EXPECT_TRUE(observer.ok()) << observer.status();
  const absl::Status observed =
      observer->Observe(SourceOf(observer->watched(), layer.samples));
  EXPECT_TRUE(observed.ok()) << observed;
  return *std::move(observer);
}

InputMoments MomentsOf(const LayerOnSamples& layer) {
  std::vector<InputMoments> moments =
      std::move(ObserverOf(layer)).TakeMoments();
  EXPECT_EQ(moments.size(), 1u);
  return moments[0];
}

// What one weight of an output channel, the others zero, makes of the samples:
// the reference Conv's own idea of what each weight meets.
std::vector<double> MetBy(const LayerOnSamples& layer, int64_t output,
                          int64_t weight) {
  ir::Graph graph = layer.graph.WithRows(1);
  const ir::Node& node = graph.nodes()[0];
  const Shape shape = graph.value(node.inputs[1]).constant->shape();
  Tensor one(DType::kFloat32, shape);
  const bool inputs_first = std::holds_alternative<ir::MatMul>(node.op) &&
                            !std::get<ir::MatMul>(node.op).transpose_b;
  const int64_t element = inputs_first
                              ? weight * shape[1] + output
                              : output * (one.size() / shape[0]) + weight;
  one.mutable_data<float>()[element] = 1;
  const ValueId w = graph.AddConstant("one", std::move(one));
  graph.mutable_nodes()[0].inputs[1] = w;
  const auto backend = reference::CreateReferenceBackend();
  std::vector<double> met;
  for (const Tensor& sample : layer.samples) {
    const auto y = Interpret(graph, *backend, {sample});
    EXPECT_TRUE(y.ok()) << y.status();
    const Tensor& result = (*y)[0];
    // A MatMul's channels lie side by side.
    const bool matmul = std::holds_alternative<ir::MatMul>(node.op);
    const int64_t channels = matmul ? result.shape().back() : result.shape()[1];
    const int64_t images = matmul ? 1 : result.shape()[0];
    const int64_t places = result.size() / channels / images;
    for (int64_t i = 0; i < images * places; ++i) {
      const int64_t at =
          matmul ? i * channels + output
                 : (i / places * channels + output) * places + i % places;
      met.push_back(result.data<float>()[at]);
    }
  }
  return met;
}

double Covariance(const std::vector<double>& a, const std::vector<double>& b) {
  double mean_a = 0;
  double mean_b = 0;
  double product = 0;
  const auto count = static_cast<double>(a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    mean_a += a[i] / count;
    mean_b += b[i] / count;
    product += a[i] * b[i] / count;
  }
  return product - mean_a * mean_b;
}

double Mean(const std::vector<double>& values) {
  double mean = 0;
  for (double value : values) mean += value;
  return mean / static_cast<double>(values.size());
}

// That the moments of a layer of `groups` are those of what its weights meet,
// `values` of them, in blocks of `block`.
void ExpectMomentsOfWhatIsMet(const LayerOnSamples& layer, int64_t groups,
                              int64_t outputs_per_group, int64_t values,
                              int64_t block) {
  const InputMoments moments = MomentsOf(layer);
  ASSERT_EQ(moments.blocks, groups * values / block);
  ASSERT_EQ(moments.block, block);
  ASSERT_EQ(moments.covariance.size(),
            static_cast<size_t>(groups * values * block));
  for (int64_t g = 0; g < groups; ++g) {
    std::vector<std::vector<double>> met;
    for (int64_t k = 0; k < values; ++k) {
      met.push_back(MetBy(layer, g * outputs_per_group, k));
      EXPECT_NEAR(moments.means[g * values + k], Mean(met[k]), 1e-5);
      EXPECT_EQ(moments.seen, static_cast<int64_t>(met[k].size()));
    }
    for (int64_t i = 0; i < values; ++i) {
      for (int64_t j = 0; j < block; ++j) {
        EXPECT_NEAR(moments.covariance[(g * values + i) * block + j],
                    Covariance(met[i], met[i / block * block + j]), 1e-5)
            << "group " << g << ", value " << i << ", beside " << j;
      }
    }
  }
}

void ExpectMomentsOfWhatIsMet(const LayerOnSamples& layer, int64_t groups,
                              int64_t outputs_per_group, int64_t values) {
  ExpectMomentsOfWhatIsMet(layer, groups, outputs_per_group, values, values);
}

ir::Conv ConvOf(ir::Window window, int64_t groups = 1) {
  ir::Conv conv;
  conv.window = std::move(window);
  conv.groups = groups;
  return conv;
}

TEST(InputMomentsTest, TapsOfAPaddedConv) {
  ir::Window window = WindowOf({3, 2}, 2, 1);
  window.dilations = {1, 2};
  window.pads_end = {0, 2};
  ExpectMomentsOfWhatIsMet(OneLayer(ConvOf(window), {3, 7, 6}, {2, 3, 3, 2}), 1,
                           2, 18);
}

TEST(InputMomentsTest, GroupsBySeparateBlocks) {
  ExpectMomentsOfWhatIsMet(
      OneLayer(ConvOf(WindowOf({1, 3}, 1, 1), 2), {4, 3, 5}, {6, 2, 1, 3}), 2,
      3, 6);
}

TEST(InputMomentsTest, ConvAlongOneAxis) {
  ExpectMomentsOfWhatIsMet(
      OneLayer(ConvOf(WindowOf({3}, 1, 1)), {2, 9}, {4, 2, 3}), 1, 4, 6);
}

TEST(InputMomentsTest, ConvAlongThreeAxes) {
  ir::Window window = WindowOf({2, 1, 3}, 1, 1);
  window.strides = {2, 1, 1};
  ExpectMomentsOfWhatIsMet(
      OneLayer(ConvOf(window), {2, 3, 2, 4}, {2, 2, 2, 1, 3}), 1, 2, 12);
}

// A video's frames, or an input of a fixed batch.
TEST(InputMomentsTest, SeveralImagesOfOneSample) {
  ExpectMomentsOfWhatIsMet(
      LayerThatReads(ConvOf(WindowOf({2, 2}, 2, 1), 2),
                     ir::FixedDims({3, 4, 5, 3}), {4, 2, 2, 2}),
      2, 2, 8);
}

TEST(InputMomentsTest, TapsThatMeetNothingButPadding) {
  ir::Window window = WindowOf({3, 3}, 1, 5);
  window.dilations = {5, 1};
  ExpectMomentsOfWhatIsMet(OneLayer(ConvOf(window), {2, 1, 1}, {1, 2, 3, 3}), 1,
                           1, 18);
}

// As much padding as no memory holds, of which two places are looked at.
TEST(InputMomentsTest, PaddingIsNotMade) {
  constexpr int64_t kMuch = int64_t{1} << 19;
  ExpectMomentsOfWhatIsMet(
      OneLayer(ConvOf(WindowOf({1, 1}, kMuch, kMuch)), {1, 2, 2}, {1, 1, 1, 1}),
      1, 1, 1);
}

TEST(InputMomentsTest, StridesBeyondTheImage) {
  ir::Window window = WindowOf({1, 1});
  window.strides = {int64_t{1} << 30, 1};
  ExpectMomentsOfWhatIsMet(OneLayer(ConvOf(window), {1, 1, 300}, {1, 1, 1, 1}),
                           1, 1, 1);
}

// The square of 1,000 in float32 leaves no more than a digit of a variance
// of 1.
TEST(InputMomentsTest, LargeMeansDoNotHideWhatVaries) {
  LayerOnSamples layer = OneLayer(ir::MatMul{}, {50, 2}, {2, 1});
  std::vector<Tensor> near = layer.samples;
  for (Tensor& sample : layer.samples) {
    for (float& value : sample.mutable_data<float>()) value += 1000;
  }
  const InputMoments far = MomentsOf(layer);
  layer.samples = near;
  const InputMoments moments = MomentsOf(layer);
  for (size_t i = 0; i < moments.covariance.size(); ++i) {
    EXPECT_NEAR(far.covariance[i], moments.covariance[i], 1e-3);
  }
}

TEST(InputMomentsTest, MatMulWhicheverWayItsWeightsLie) {
  ir::MatMul matmul;
  ExpectMomentsOfWhatIsMet(OneLayer(matmul, {5, 4}, {4, 3}), 1, 3, 4);
  matmul.transpose_b = true;
  ExpectMomentsOfWhatIsMet(OneLayer(matmul, {5, 4}, {3, 4}), 1, 3, 4);
}

// 600 x 2 values of a group in blocks of 200 channels.
TEST(InputMomentsTest, BlocksLieSideBySide) {
  LayerOnSamples layer =
      OneLayer(ConvOf(WindowOf({2}), 2), {1200, 3}, {2, 600, 2});
  layer.samples.resize(1);
  ExpectMomentsOfWhatIsMet(layer, 2, 1, 1200, 400);
}

// 512 values at 700 places are more products than are made: every fifth place,
// as a step of two or three would see a part of a pattern that repeats itself.
TEST(InputMomentsTest, OfManyPlacesThoseSomeWayApart) {
  LayerOnSamples layer = OneLayer(ir::MatMul{}, {700, 512}, {512, 1});
  layer.samples.resize(1);
  for (int64_t i = 0; i < layer.samples[0].size(); ++i) {
    if (i / 512 % 5 != 0) layer.samples[0].mutable_data<float>()[i] = 1000;
  }
  const InputMoments moments = MomentsOf(layer);
  EXPECT_EQ(moments.seen, 140);
  for (double mean : moments.means) EXPECT_LT(std::abs(mean), 2);
}

TEST(InputMomentsTest, ManyNumbersFallIntoBlocksOfWholeChannels) {
  const LayerOnSamples wide = OneLayer(ir::MatMul{}, {1200}, {1200, 1});
  EXPECT_EQ(MomentsOf(wide).blocks, 3);
  EXPECT_EQ(MomentsOf(wide).block, 400);
  const LayerOnSamples taps =
      OneLayer(ConvOf(WindowOf({3, 3}, 1, 1)), {128, 2, 2}, {1, 128, 3, 3});
  EXPECT_EQ(MomentsOf(taps).blocks, 4);
  EXPECT_EQ(MomentsOf(taps).block, 288);
  // 1,201 is a prime.
  const LayerOnSamples prime = OneLayer(ir::MatMul{}, {1201}, {1201, 1});
  EXPECT_EQ(MomentsOf(prime).blocks, 1201);
  EXPECT_EQ(MomentsOf(prime).block, 1);
}

TEST(InputMomentsTest, MoreTapsThanABlockHoldsAreNotObserved) {
  const LayerOnSamples layer =
      OneLayer(ConvOf(WindowOf({600})), {1, 700}, {1, 1, 600});
  EXPECT_THAT(ObserverOf(layer).watched().watched, testing::IsEmpty());
  EXPECT_EQ(MomentsOf(layer).blocks, 0);
}

// 200,000 inputs would have 100 million moments in blocks of 500.
TEST(InputMomentsTest, HugeLayersGetSmallerBlocks) {
  LayerOnSamples huge = OneLayer(ir::MatMul{}, {200'000}, {200'000, 1});
  huge.samples.resize(1);
  const InputMoments moments = MomentsOf(huge);
  EXPECT_EQ(moments.block, 125);
  EXPECT_LE(moments.blocks * moments.block * moments.block,
            MomentObserver::kMostMoments);
  EXPECT_GE(MomentObserver::MemoryFor(huge.graph),
            12 * moments.blocks * moments.block * moments.block);
}

TEST(InputMomentsTest, NothingIsKnownWithoutSamples) {
  LayerOnSamples layer = OneLayer(ir::MatMul{}, {4}, {4, 3});
  layer.samples.clear();
  EXPECT_EQ(MomentsOf(layer).blocks, 0);
}

}  // namespace
}  // namespace octet::quant
