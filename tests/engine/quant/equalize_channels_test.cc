// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/equalize_channels.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "engine/quant/quantize_graph.h"
#include "engine/quant/threshold.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/quant/sampled_graph.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/not_finite.h"

namespace octet::quant {
namespace {

using ir::ValueId;

const ir::Activation kRelu6{0.0f, 6.0f};

// Weights whose output channel c is `ratio` times as large as channel c - 1.
Tensor Graded(const Shape& shape, uint32_t seed, float ratio) {
  Tensor weights = RandomFloats(shape, seed);
  auto values = weights.mutable_data<float>();
  const size_t per_channel = values.size() / shape[0];
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] *= std::pow(ratio, static_cast<float>(i / per_channel));
  }
  return weights;
}

// A convolution whose channels differ much, and a depthwise one behind it.
SampledGraph Depthwise(ir::Activation activation) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 5, 5}));
  ir::Conv first;
  first.window = WindowOf({1, 1});
  first.has_bias = true;
  first.activation = activation;
  const ValueId a = b.Node("a", first,
                           {x, b.Constant("a_w", Graded({4, 3, 1, 1}, 1, 0.3f)),
                            b.Constant("a_b", RandomFloats({4}, 2, 0, 0.01f))});
  ir::Conv depthwise;
  depthwise.window = WindowOf({3, 3}, 1, 1);
  depthwise.groups = 4;
  const ValueId d = b.Node(
      "d", depthwise, {a, b.Constant("d_w", RandomFloats({4, 1, 3, 3}, 3))});
  ir::Conv last;
  last.window = WindowOf({1, 1});
  b.Output(
      b.Node("y", last, {d, b.Constant("y_w", RandomFloats({2, 4, 1, 1}, 4))}));
  SampledGraph net{b.Build(), {}};
  for (uint32_t i = 0; i < 4; ++i) {
    net.samples.push_back(RandomFloats({1, 3, 5, 5}, 10 + i, -3, 3));
  }
  return net;
}

Equalization Equalized(const SampledGraph& net,
                       const EqualizationScope& scope = {EqualizedLayers::kAll,
                                                         false}) {
  const auto result =
      EqualizeChannels(net.graph, ChooseSites(net.graph),
                       StatisticsOf(net.graph, net.samples), scope);
  EXPECT_TRUE(result.ok()) << result.status();
  return *result;
}

class EachClampTest : public testing::TestWithParam<ir::Activation> {};

TEST_P(EachClampTest, AnswersStayTheSame) {
  const SampledGraph net = Depthwise(GetParam());
  const Equalization equalized = Equalized(net);
  EXPECT_GE(equalized.tensors, 1);
  ExpectSameAnswers(net, equalized.graph);
}

TEST_P(EachClampTest, ADepthwiseReaderSeesChannelsOfOneRange) {
  const SampledGraph net = Depthwise(GetParam());
  const auto before = StatisticsOf(net.graph, net.samples);
  const auto after = StatisticsOf(Equalized(net).graph, net.samples);
  const auto spread = [](const ChannelStatistics& channels) {
    float least = kInfinity;
    float most = 0;
    for (size_t c = 0; c < channels.maxs.size(); ++c) {
      const float magnitude =
          std::max(std::abs(channels.mins[c]), std::abs(channels.maxs[c]));
      least = std::min(least, magnitude);
      most = std::max(most, magnitude);
    }
    return most / least;
  };
  // Sites are x, a, d.
  EXPECT_GT(spread(before[1].channels), 10);
  // Each has headroom for twice what was seen.
  EXPECT_LT(spread(after[1].channels), 2.001);
  EXPECT_FLOAT_EQ(after[1].histogram.range()->max,
                  before[1].histogram.range()->max);
}

std::string NameOfClamp(const testing::TestParamInfo<ir::Activation>& info) {
  constexpr const char* kNames[] = {"Relu", "Relu6", "None"};
  return kNames[info.index];
}

INSTANTIATE_TEST_SUITE_P(Clamps, EachClampTest,
                         testing::Values(ir::Activation{0, kInfinity}, kRelu6,
                                         ir::Activation{}),
                         NameOfClamp);

TEST(EqualizeChannelsTest, PassesMaxPoolAndConcat) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 4, 4}));
  ir::Conv conv;
  conv.window = WindowOf({1, 1});
  conv.activation = {0, kInfinity};
  const ValueId a =
      b.Node("a", conv, {x, b.Constant("a_w", Graded({4, 3, 1, 1}, 1, 0.2f))});
  const ValueId c =
      b.Node("c", conv, {x, b.Constant("c_w", Graded({2, 3, 1, 1}, 2, 0.1f))});
  ir::Pool pool;
  pool.window = WindowOf({2, 2}, 2);
  const ValueId p = b.Node("p", pool, {b.Node("cat", ir::Concat{1}, {a, c})});
  ir::Conv depthwise;
  depthwise.window = WindowOf({1, 1});
  depthwise.groups = 6;
  const ValueId d = b.Node(
      "d", depthwise, {p, b.Constant("d_w", RandomFloats({6, 1, 1, 1}, 3))});
  b.Output(
      b.Node("y", conv, {d, b.Constant("y_w", RandomFloats({2, 6, 1, 1}, 4))}));
  SampledGraph net{b.Build(), {RandomFloats({1, 3, 4, 4}, 5, -2, 2)}};
  const Equalization equalized = Equalized(net);
  EXPECT_GE(equalized.tensors, 1);
  ExpectSameAnswers(net, equalized.graph);
}

// A Slice of a convolution's channels, enlarged, beside an average pool, whose
// result has no weights to be scaled in.
TEST(EqualizeChannelsTest, PassesSliceAndResizeBesideWhatStays) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 4, 4}));
  ir::Conv conv;
  conv.window = WindowOf({1, 1});
  conv.activation = {0, kInfinity};
  const ValueId a =
      b.Node("a", conv, {x, b.Constant("a_w", Graded({8, 3, 1, 1}, 1, 0.3f))});
  const ir::Slice odd = {{0, 1, 0, 0}, {1, 2, 1, 1}, {0, 4, 4, 4}};
  ir::Resize resize;
  resize.sizes = {0, 4, 8, 8};
  resize.scales = {1, 1, 2, 2};
  resize.coordinates = ir::ResizeCoordinates::kAsymmetric;
  resize.rounding = ir::ResizeRounding::kFloor;
  const ValueId large = b.Node("large", resize, {b.Node("odd", odd, {a})});
  ir::Pool pool;
  pool.kind = ir::PoolKind::kAverage;
  pool.window = WindowOf({1, 1});
  ir::Resize all = resize;
  all.sizes = {0, 8, 8, 8};
  const ValueId wide = b.Node("wide", all, {b.Node("pool", pool, {a})});
  const ValueId cat = b.Node("cat", ir::Concat{1}, {large, wide});
  b.Output(b.Node("y", conv,
                  {cat, b.Constant("y_w", RandomFloats({2, 12, 1, 1}, 4))}));
  SampledGraph net{b.Build(), {RandomFloats({1, 3, 4, 4}, 5, 0, 2)}};
  // The pool reads `a` too: what it computes is fixed, and nobody scales `a`.
  EXPECT_EQ(Equalized(net).tensors, 0);

  GraphBuilder c;
  const ValueId z = c.Input("x", RowsAnd({3, 4, 4}));
  const ValueId d =
      c.Node("a", conv, {z, c.Constant("a_w", Graded({8, 3, 1, 1}, 1, 0.3f))});
  const ValueId e =
      c.Node("e", conv, {z, c.Constant("e_w", Graded({8, 3, 1, 1}, 2, 1))});
  const ValueId up = c.Node("large", resize, {c.Node("odd", odd, {d})});
  const ValueId out = c.Node("wide", all, {c.Node("pool", pool, {e})});
  const ValueId joined = c.Node("cat", ir::Concat{1}, {up, out});
  c.Output(c.Node("y", conv,
                  {joined, c.Constant("y_w", RandomFloats({2, 12, 1, 1}, 4))}));
  net.graph = c.Build();
  const Equalization equalized = Equalized(net);
  EXPECT_EQ(equalized.tensors, 1);
  ExpectSameAnswers(net, equalized.graph);
  // What each was divided by: the sliced channels, and the pool's, which stay.
  ASSERT_EQ(equalized.divisors.count(up), 1u);
  const std::vector<float>& of_a = equalized.divisors.at(d);
  EXPECT_THAT(equalized.divisors.at(up),
              testing::ElementsAre(of_a[1], of_a[3], of_a[5], of_a[7]));
  EXPECT_LT(of_a[7], 1);
  EXPECT_THAT(equalized.divisors.at(out), testing::Each(1));
}

TEST(EqualizeChannelsTest, LeavesWhatAnAdditionReads) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 4, 4}));
  ir::Conv conv;
  conv.window = WindowOf({1, 1});
  const ValueId a =
      b.Node("a", conv, {x, b.Constant("a_w", Graded({4, 4, 1, 1}, 1, 0.2f))});
  const ValueId c =
      b.Node("c", conv, {a, b.Constant("c_w", Graded({4, 4, 1, 1}, 2, 0.2f))});
  const ValueId s = b.Node("s", ir::Binary{}, {a, c});
  b.Output(
      b.Node("y", conv, {s, b.Constant("y_w", RandomFloats({2, 4, 1, 1}, 3))}));
  const SampledGraph net{b.Build(), {RandomFloats({1, 4, 4, 4}, 5)}};
  EXPECT_EQ(Equalized(net).tensors, 0);
}

TEST(EqualizeChannelsTest, LeavesAClampBelowWhatTheGroupReaches) {
  // One input of the Concat ends at 6, the other far above: a channel of the
  // first as large as the second's would be cut.
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 4, 4}));
  ir::Conv small;
  small.window = WindowOf({1, 1});
  small.activation = kRelu6;
  ir::Conv large = small;
  large.activation = {0, kInfinity};
  const ValueId a =
      b.Node("a", small, {x, b.Constant("a_w", Graded({3, 3, 1, 1}, 1, 0.3f))});
  const ValueId c =
      b.Node("c", large,
             {x, b.Constant("c_w", RandomFloats({2, 3, 1, 1}, 2, 20, 40))});
  ir::Conv depthwise;
  depthwise.window = WindowOf({1, 1});
  depthwise.groups = 5;
  const ValueId d = b.Node("d", depthwise,
                           {b.Node("cat", ir::Concat{1}, {a, c}),
                            b.Constant("d_w", RandomFloats({5, 1, 1, 1}, 3))});
  b.Output(d);
  const SampledGraph net{b.Build(), {RandomFloats({1, 3, 4, 4}, 5, 0, 2)}};
  EXPECT_EQ(Equalized(net).tensors, 0);
}

constexpr EqualizationScope kSmoothing = {EqualizedLayers::kNone, true};
constexpr int64_t kTokens = 6;
constexpr int64_t kWidth = 16;

// What follows a normalization's scale and shift.
enum class Behind { kTwoMatrices, kReshape, kSumToo, kOutputToo };

// How a file has a normalization's end: Mul and Add, Mul alone, or both in a
// LayerNormalization.
enum class Spelling { kScaleAndShift, kScale, kLayerNorm };

// gamma * x + beta with two channels that are a hundred times the others, as
// large language models have them, and matrices behind it.
SampledGraph Normalization(Behind behind,
                           Spelling spelling = Spelling::kScaleAndShift) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({kTokens, kWidth}));
  Tensor gamma = RandomFloats({kWidth}, 1, 0.5f, 1.5f);
  Tensor beta = RandomFloats({kWidth}, 2, -0.1f, 0.1f);
  for (int64_t c : {3, 11}) {
    gamma.mutable_data<float>()[c] *= 100;
    beta.mutable_data<float>()[c] *= 100;
  }
  const ValueId scale = b.Constant("gamma", gamma);
  const ValueId bias = b.Constant("beta", beta);
  ValueId y = x;
  if (spelling == Spelling::kLayerNorm) {
    ir::LayerNorm norm;
    norm.axis = 2;
    norm.has_scale = norm.has_bias = true;
    y = b.Node("normal", norm, {x, scale, bias});
  } else {
    y = b.Node("scaled", ir::Binary{ir::BinaryKind::kMul, {}}, {scale, x});
  }
  if (spelling == Spelling::kScaleAndShift) {
    y = b.Node("normal", ir::Binary{ir::BinaryKind::kAdd, {}}, {y, bias});
  }
  ValueId data = y;
  if (behind == Behind::kReshape) {
    data = b.Node("rows",
                  ir::Reshape{{ir::Dim::Rows(kTokens), ir::Dim::Fixed(kWidth)}},
                  {y});
  }
  for (uint32_t i : {0, 1}) {
    ir::MatMul matmul;
    matmul.transpose_b = i == 1;
    const std::string name = i == 0 ? "q" : "k";
    const Shape shape = i == 0 ? Shape{kWidth, 8} : Shape{8, kWidth};
    // Large channels meet small weights, as training makes them.
    Tensor weights = RandomFloats(shape, 3 + i);
    for (int64_t at = 0; at < weights.size(); ++at) {
      const int64_t c = i == 0 ? at / 8 : at % kWidth;
      if (c == 3 || c == 11) weights.mutable_data<float>()[at] *= 0.02f;
    }
    b.Output(b.Node(name, matmul, {data, b.Constant(name + "_w", weights)}));
  }
  if (behind == Behind::kSumToo) {
    b.Output(b.Node("sum", ir::Binary{}, {x, y}));
  }
  if (behind == Behind::kOutputToo) b.Output(y);
  SampledGraph net{b.Build(), {}};
  for (uint32_t i = 0; i < 8; ++i) {
    net.samples.push_back(RandomFloats({1, kTokens, kWidth}, 20 + i, -2, 2));
  }
  return net;
}

// Of the outputs, both matrices', of the graph quantized by min-max.
double QuantizedDb(const ir::Graph& graph, const SampledGraph& net) {
  const QuantizationSites sites = ChooseSites(graph);
  QuantizationParameters parameters;
  for (const SiteStatistics& site : StatisticsOf(graph, net.samples)) {
    parameters.schemes.push_back(
        SchemeFor(MinMaxThreshold(site.histogram), Grid::kAsymmetric));
  }
  const auto quantized = QuantizeGraph(graph, sites, parameters);
  EXPECT_TRUE(quantized.ok()) << quantized.status();
  const auto backend = reference::CreateReferenceBackend();
  double signal = 0;
  double noise = 0;
  for (const Tensor& sample : net.samples) {
    const auto exact = Interpret(net.graph.WithRows(1), *backend, {sample});
    const auto rounded = Interpret(quantized->WithRows(1), *backend, {sample});
    EXPECT_TRUE(exact.ok() && rounded.ok()) << rounded.status();
    for (size_t o = 0; o < exact->size(); ++o) {
      for (int64_t i = 0; i < (*exact)[o].size(); ++i) {
        const double value = (*exact)[o].data<float>()[i];
        const double error = value - (*rounded)[o].data<float>()[i];
        signal += value * value;
        noise += error * error;
      }
    }
  }
  return 10 * std::log10(signal / noise);
}

TEST(SmoothingTest, AnswersStayTheSame) {
  for (Spelling spelling :
       {Spelling::kScaleAndShift, Spelling::kScale, Spelling::kLayerNorm}) {
    for (Behind behind : {Behind::kTwoMatrices, Behind::kReshape}) {
      const SampledGraph net = Normalization(behind, spelling);
      const Equalization smoothed = Equalized(net, kSmoothing);
      EXPECT_EQ(smoothed.tensors, 1);
      ExpectSameAnswers(net, smoothed.graph);
    }
  }
}

TEST(SmoothingTest, OutliersNoLongerTakeTheStepsOfTheOthers) {
  for (Spelling spelling : {Spelling::kScaleAndShift, Spelling::kLayerNorm}) {
    const SampledGraph net = Normalization(Behind::kTwoMatrices, spelling);
    const double before = QuantizedDb(net.graph, net);
    const double after = QuantizedDb(Equalized(net, kSmoothing).graph, net);
    EXPECT_LT(before, 25);
    EXPECT_GT(after, before + 10);
  }
}

TEST(SmoothingTest, LeavesWhatSomethingElseReads) {
  for (Behind behind : {Behind::kSumToo, Behind::kOutputToo}) {
    EXPECT_EQ(Equalized(Normalization(behind), kSmoothing).tensors, 0);
  }
}

TEST(SmoothingTest, IsDoneOnlyWhereItIsAskedFor) {
  EXPECT_EQ(Equalized(Normalization(Behind::kTwoMatrices)).tensors, 0);
}

TEST(SmoothingTest, LeavesANormalizationOfAllElementsAtOnce) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({kTokens, kWidth}));
  const ValueId y =
      b.Node("scaled", ir::Binary{ir::BinaryKind::kMul, {}},
             {x, b.Constant("gamma", RandomFloats({kTokens, 1}, 1))});
  b.Output(b.Node("q", ir::MatMul{},
                  {y, b.Constant("w", RandomFloats({kWidth, 4}, 2))}));
  const SampledGraph net{b.Build(), {RandomFloats({1, kTokens, kWidth}, 3)}};
  EXPECT_EQ(Equalized(net, kSmoothing).tensors, 0);
}

TEST(EqualizeChannelsTest, LeavesTokensThatComeOneAfterAnother) {
  // A channel of the first layer's tokens and the same of the second's meet the
  // same weights.
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 3}));
  ir::MatMul matmul;
  matmul.transpose_b = true;
  const ValueId first =
      b.Node("a", matmul, {x, b.Constant("a_w", Graded({5, 3}, 1, 0.2f))});
  const ValueId second =
      b.Node("c", matmul, {x, b.Constant("c_w", Graded({5, 3}, 2, 3))});
  const ValueId tokens = b.Node("tokens", ir::Concat{1}, {first, second});
  b.Output(b.Node("y", matmul,
                  {tokens, b.Constant("y_w", RandomFloats({2, 5}, 3))}));
  const SampledGraph net{b.Build(), {RandomFloats({1, 4, 3}, 4, -2, 2)}};
  const Equalization equalized = Equalized(net);
  EXPECT_EQ(equalized.tensors, 0);
  ExpectSameAnswers(net, equalized.graph);
}

TEST(SmoothingTest, LeavesAConvolutionAlongTheNormalizedAxis) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({2, kWidth}));
  const ValueId y =
      b.Node("scaled", ir::Binary{ir::BinaryKind::kMul, {}},
             {x, b.Constant("gamma", RandomFloats({kWidth}, 1, 1, 9))});
  ir::Conv conv;
  conv.window = WindowOf({3});
  const ValueId shaped = b.Node(
      "shaped",
      ir::Reshape{{ir::Dim::Rows(), ir::Dim::Fixed(2), ir::Dim::Fixed(kWidth)}},
      {y});
  b.Output(
      b.Node("q", conv, {shaped, b.Constant("w", RandomFloats({4, 2, 3}, 2))}));
  const SampledGraph net{b.Build(), {RandomFloats({1, 2, kWidth}, 3)}};
  const Equalization smoothed = Equalized(net, kSmoothing);
  EXPECT_EQ(smoothed.tensors, 0);
  ExpectSameAnswers(net, smoothed.graph);
}

TEST(EqualizeChannelsTest, ScalesMatricesToo) {
  for (bool transposed : {false, true}) {
    GraphBuilder b;
    const ValueId x = b.Input("x", RowsAnd({3}));
    ir::MatMul first;
    first.transpose_b = true;
    first.has_bias = true;
    first.activation = {0, kInfinity};
    const ValueId a =
        b.Node("a", first,
               {x, b.Constant("a_w", Graded({5, 3}, 1, 0.2f)),
                b.Constant("a_b", RandomFloats({5}, 2, 0, 0.1f))});
    ir::MatMul second;
    second.transpose_b = transposed;
    // Weights as graded the other way, so that equalizing evens both.
    Tensor weights = RandomFloats(transposed ? Shape{2, 5} : Shape{5, 2}, 3);
    b.Output(b.Node("y", second, {a, b.Constant("y_w", std::move(weights))}));
    SampledGraph net{b.Build(), {}};
    for (uint32_t i = 0; i < 8; ++i) {
      net.samples.push_back(RandomFloats({1, 3}, 20 + i, -2, 2));
    }
    ExpectSameAnswers(net, Equalized(net).graph);
  }
}

}  // namespace
}  // namespace octet::quant
