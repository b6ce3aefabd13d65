// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/center_channels.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/quant/sampled_graph.h"
#include "tests/testing/graph_builder.h"

namespace octet::quant {
namespace {

using ir::ValueId;

ir::Conv Pointwise() {
  ir::Conv conv;
  conv.window = WindowOf({1, 1});
  return conv;
}

// A bias that puts channels far apart: 10, -20, 30, ...
Tensor FarApart(int64_t channels) {
  Tensor bias(DType::kFloat32, {channels});
  for (int64_t c = 0; c < channels; ++c) {
    bias.mutable_data<float>()[c] =
        static_cast<float>((c % 2 == 0 ? 10 : -10) * (c + 1));
  }
  return bias;
}

SampledGraph WithSamples(ir::Graph graph, const Shape& rest) {
  SampledGraph net{std::move(graph), {}};
  Shape shape = {1};
  shape.insert(shape.end(), rest.begin(), rest.end());
  for (uint32_t i = 0; i < 4; ++i) {
    net.samples.push_back(RandomFloats(shape, 50 + i));
  }
  return net;
}

// "a", a layer of `outputs` channels that lie far apart.
ValueId FarLayer(GraphBuilder& b, ValueId x, int64_t inputs, int64_t outputs,
                 ir::Conv conv = Pointwise()) {
  conv.has_bias = true;
  return b.Node("a", conv,
                {x, b.Constant("a_w", RandomFloats({outputs, inputs, 1, 1}, 1)),
                 b.Constant("a_b", FarApart(outputs))});
}

// x -> FarLayer() -> `reader` -> output.
SampledGraph FarChannels(const ir::Conv& producer, const ir::Conv& reader,
                         const Shape& reader_weights) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 4, 4}));
  const ValueId a = FarLayer(b, x, 3, 4, producer);
  b.Output(b.Node("y", reader,
                  {a, b.Constant("y_w", RandomFloats(reader_weights, 2))}));
  return WithSamples(b.Build(), {3, 4, 4});
}

Centering Centered(const SampledGraph& net) {
  return CenterChannels(net.graph, ChooseSites(net.graph),
                        StatisticsOf(net.graph, net.samples));
}

// From the least value of the site called `name` to the largest.
float WidthOf(const ir::Graph& graph, const std::string& name,
              const std::vector<Tensor>& samples) {
  const QuantizationSites sites = ChooseSites(graph);
  const auto statistics = StatisticsOf(graph, samples);
  for (size_t i = 0; i < sites.rounded.size(); ++i) {
    if (graph.value(sites.rounded[i]).name != name) continue;
    const Range range = *statistics[i].histogram.range();
    return range.max - range.min;
  }
  ADD_FAILURE() << name << " is no site";
  return 0;
}

TEST(CenterChannelsTest, OneScaleSpansTheWidestChannelAlone) {
  const SampledGraph net = FarChannels(Pointwise(), Pointwise(), {2, 4, 1, 1});
  const Centering centered = Centered(net);
  EXPECT_EQ(centered.tensors, 1);
  ExpectSameAnswers(net, centered.graph);
  EXPECT_GT(WidthOf(net.graph, "a", net.samples), 65);
  EXPECT_LT(WidthOf(centered.graph, "a", net.samples), 6);
  const auto& offsets = centered.offsets.at(IdOf(net.graph, "a"));
  ASSERT_EQ(offsets.size(), 4u);
  for (int64_t c = 0; c < 4; ++c) {
    EXPECT_NEAR(offsets[c], FarApart(4).data<float>()[c], 3);
  }
  EXPECT_EQ(centered.offsets.size(), 1u);
}

TEST(CenterChannelsTest, LayersWithoutBiasesGetThem) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 4, 4}));
  // Its channels are on one side of zero each.
  Tensor weights = RandomFloats({2, 3, 1, 1}, 1, 1, 2);
  for (float& w : weights.mutable_data<float>().subspan(3)) w = -w;
  const ValueId a = b.Node("a", Pointwise(), {x, b.Constant("a_w", weights)});
  ir::Conv all;
  all.window = WindowOf({2, 2});
  b.Output(
      b.Node("y", all, {a, b.Constant("y_w", RandomFloats({2, 2, 2, 2}, 2))}));
  SampledGraph net{b.Build(), {RandomFloats({1, 3, 4, 4}, 3, 4, 5)}};
  const Centering centered = Centered(net);
  EXPECT_EQ(centered.tensors, 1);
  ExpectSameAnswers(net, centered.graph);
}

TEST(CenterChannelsTest, DepthwiseReadersGiveBackWhatTheirOwnChannelLost) {
  ir::Conv depthwise;
  depthwise.window = WindowOf({3, 3});
  depthwise.groups = 4;
  const SampledGraph net = FarChannels(Pointwise(), depthwise, {4, 1, 3, 3});
  const Centering centered = Centered(net);
  EXPECT_EQ(centered.tensors, 1);
  ExpectSameAnswers(net, centered.graph);
}

// Blocks of a residual network whose stream nothing clamps, as MobileNetV2's:
// a -> e (ReLU) -> s = project(e) + a -> f (ReLU) -> t = project(f) + s -> y.
TEST(CenterChannelsTest, FollowsAResidualStream) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 4, 4}));
  ir::Conv expand = Pointwise();
  expand.activation = kRelu;
  ir::Conv project = Pointwise();
  project.has_bias = project.has_residual = true;
  ValueId stream = FarLayer(b, x, 3, 4);
  for (const std::string block : {"s", "t"}) {
    const ValueId wide = b.Node(
        block + "_wide", expand,
        {stream, b.Constant(block + "_e", RandomFloats({8, 4, 1, 1}, 2))});
    stream =
        b.Node(block, project,
               {wide, b.Constant(block + "_p", RandomFloats({4, 8, 1, 1}, 3)),
                b.Constant(block + "_b", RandomFloats({4}, 4)), stream});
  }
  b.Output(b.Node("y", Pointwise(),
                  {stream, b.Constant("y_w", RandomFloats({2, 4, 1, 1}, 5))}));
  const SampledGraph net = WithSamples(b.Build(), {3, 4, 4});
  const Centering centered = Centered(net);
  EXPECT_EQ(centered.tensors, 3);  // a, s, t
  ExpectSameAnswers(net, centered.graph);
  for (const char* name : {"a", "s", "t"}) {
    EXPECT_LT(WidthOf(centered.graph, name, net.samples),
              WidthOf(net.graph, name, net.samples));
  }
}

TEST(CenterChannelsTest, PassesMaxPoolAndConcatBesideWhatStays) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 4, 4}));
  ir::Conv clamped = Pointwise();
  clamped.activation = kRelu;
  const ValueId a = FarLayer(b, x, 3, 4);
  const ValueId c = b.Node(
      "c", clamped, {x, b.Constant("c_w", RandomFloats({2, 3, 1, 1}, 2))});
  ir::Pool pool;
  pool.window = WindowOf({2, 2}, 2);
  const ValueId p = b.Node("p", pool, {b.Node("cat", ir::Concat{1}, {a, c})});
  b.Output(b.Node("y", Pointwise(),
                  {p, b.Constant("y_w", RandomFloats({2, 6, 1, 1}, 3))}));
  const SampledGraph net = WithSamples(b.Build(), {3, 4, 4});
  const Centering centered = Centered(net);
  EXPECT_EQ(centered.tensors, 1);
  ExpectSameAnswers(net, centered.graph);
  EXPECT_THAT(centered.offsets.at(c), testing::Each(0));
  const std::vector<float>& pooled = centered.offsets.at(p);
  ASSERT_EQ(pooled.size(), 6u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(pooled[i], centered.offsets.at(a)[i]);
  }
  EXPECT_EQ(pooled[4], 0);
}

TEST(CenterChannelsTest, LeavesClampsAndPaddedReaders) {
  ir::Conv clamped = Pointwise();
  clamped.activation = kRelu;
  EXPECT_EQ(Centered(FarChannels(clamped, Pointwise(), {2, 4, 1, 1})).tensors,
            0);
  ir::Conv padded;
  padded.window = WindowOf({3, 3}, 1, 1);
  EXPECT_EQ(Centered(FarChannels(Pointwise(), padded, {2, 4, 3, 3})).tensors,
            0);
}

// What reads "a" beside a layer.
enum class Beside { kSum, kOutput, kPad };

TEST(CenterChannelsTest, LeavesWhatSomethingElseReads) {
  for (Beside beside : {Beside::kSum, Beside::kOutput, Beside::kPad}) {
    GraphBuilder b;
    const ValueId x = b.Input("x", RowsAnd({3, 4, 4}));
    const ValueId a = FarLayer(b, x, 3, 4);
    ValueId read = a;
    if (beside == Beside::kSum) b.Output(b.Node("sum", ir::Binary{}, {a, a}));
    if (beside == Beside::kOutput) b.Output(a);
    if (beside == Beside::kPad) {
      ir::Pad pad;
      pad.begin = pad.end = {0, 0, 1, 1};
      read = b.Node("wide", pad, {a});
    }
    b.Output(b.Node("y", Pointwise(),
                    {read, b.Constant("y_w", RandomFloats({2, 4, 1, 1}, 2))}));
    const SampledGraph net = WithSamples(b.Build(), {3, 4, 4});
    EXPECT_EQ(Centered(net).tensors, 0);
  }
}

// A matrix product whose last axis is as long as the image's channels lies
// across them.
TEST(CenterChannelsTest, LeavesAConcatOfOtherAxes) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 4, 4}));
  const ValueId a = FarLayer(b, x, 4, 4);
  ir::MatMul matmul;
  matmul.has_bias = true;
  const ValueId m = b.Node("m", matmul,
                           {x, b.Constant("m_w", RandomFloats({4, 4}, 2)),
                            b.Constant("m_b", FarApart(4))});
  const ValueId cat = b.Node("cat", ir::Concat{1}, {a, m});
  b.Output(b.Node("y", Pointwise(),
                  {cat, b.Constant("y_w", RandomFloats({2, 8, 1, 1}, 3))}));
  const SampledGraph net = WithSamples(b.Build(), {4, 4, 4});
  ExpectSameAnswers(net, Centered(net).graph);
}

// Enlarged by 1.4, two channels stay two, and both are the first.
TEST(CenterChannelsTest, LeavesAResizeOfChannels) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 4, 4}));
  const ValueId a = FarLayer(b, x, 3, 2);
  ir::Resize resize;
  resize.sizes = {0, 2, 8, 8};
  resize.scales = {1, 1.4f, 2, 2};
  resize.coordinates = ir::ResizeCoordinates::kAsymmetric;
  resize.rounding = ir::ResizeRounding::kFloor;
  const ValueId large = b.Node("large", resize, {a});
  b.Output(b.Node("y", Pointwise(),
                  {large, b.Constant("y_w", RandomFloats({2, 2, 1, 1}, 3))}));
  const SampledGraph net = WithSamples(b.Build(), {3, 4, 4});
  ExpectSameAnswers(net, Centered(net).graph);
}

enum class NormalizationEnd { kScaleAndShift, kScale, kLayerNorm };

SampledGraph NormalizationWith(NormalizationEnd spelling) {
  constexpr int64_t kWidth = 6;
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({5, kWidth}));
  const ValueId gamma = b.Constant("gamma", RandomFloats({kWidth}, 1, 0.5f, 1));
  const ValueId beta = b.Constant("beta", FarApart(kWidth));
  ValueId y = x;
  if (spelling == NormalizationEnd::kLayerNorm) {
    ir::LayerNorm norm;
    norm.axis = 2;
    norm.has_scale = norm.has_bias = true;
    y = b.Node("normal", norm, {x, gamma, beta});
  } else {
    y = b.Node("scaled", ir::Binary{ir::BinaryKind::kMul, {}}, {x, gamma});
  }
  if (spelling == NormalizationEnd::kScaleAndShift) {
    y = b.Node("normal", ir::Binary{ir::BinaryKind::kAdd, {}}, {y, beta});
  }
  for (const bool transposed : {false, true}) {
    ir::MatMul matmul;
    matmul.transpose_b = transposed;
    const Shape shape = transposed ? Shape{4, kWidth} : Shape{kWidth, 4};
    const std::string name = transposed ? "k" : "q";
    b.Output(b.Node(name, matmul,
                    {y, b.Constant(name + "_w", RandomFloats(shape, 3))}));
  }
  return WithSamples(b.Build(), {5, kWidth});
}

TEST(CenterChannelsTest, MovesNormalizationsByTheirConstant) {
  for (NormalizationEnd spelling :
       {NormalizationEnd::kScaleAndShift, NormalizationEnd::kLayerNorm}) {
    const SampledGraph net = NormalizationWith(spelling);
    const Centering centered = Centered(net);
    EXPECT_EQ(centered.tensors, 1);
    ExpectSameAnswers(net, centered.graph);
    EXPECT_LT(WidthOf(centered.graph, "normal", net.samples),
              WidthOf(net.graph, "normal", net.samples) / 5);
  }
  EXPECT_EQ(Centered(NormalizationWith(NormalizationEnd::kScale)).tensors, 0);
}

}  // namespace
}  // namespace octet::quant
