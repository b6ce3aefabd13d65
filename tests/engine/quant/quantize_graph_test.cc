// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/quantize_graph.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "engine/quant/quantization_sites.h"
#include "engine/reference/backend.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet::quant {
namespace {

using ir::ValueId;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const ir::Activation kRelu{0.0f, std::numeric_limits<float>::infinity()};

// A 3x3 convolution that keeps the size, with a bias.
ValueId Conv3x3(GraphBuilder& b, const std::string& name, ValueId x, int64_t in,
                int64_t out, bool relu = false,
                std::optional<ValueId> residual = std::nullopt) {
  ir::Conv conv;
  conv.window = WindowOf({3, 3}, 1, 1);
  conv.has_bias = true;
  conv.has_residual = residual.has_value();
  if (relu) conv.activation = kRelu;
  std::vector<ValueId> inputs = {
      x, b.Constant(name + "_w", RandomFloats({out, in, 3, 3}, 7)),
      b.Constant(name + "_b", RandomFloats({out}, 8))};
  if (residual) inputs.push_back(*residual);
  return b.Node(name, conv, inputs);
}

std::vector<std::string> RoundedNames(const ir::Graph& graph,
                                      const QuantizationSites& sites) {
  std::vector<std::string> names;
  for (ValueId id : sites.rounded) names.push_back(graph.value(id).name);
  return names;
}

TEST(ChooseSitesTest, RoundsWhatConvolutionsReadAndNotWhatTheyGiveTheCaller) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 8, 8}));
  const ValueId a = Conv3x3(b, "a", x, 3, 4, /*relu=*/true);
  b.Output(Conv3x3(b, "y", a, 4, 2));
  const ir::Graph graph = b.Build();
  EXPECT_THAT(RoundedNames(graph, ChooseSites(graph)), ElementsAre("x", "a"));
}

TEST(ChooseSitesTest, RoundsTheResidual) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 8, 8}));
  const ValueId a = Conv3x3(b, "a", x, 4, 4);
  const ValueId s = b.Node("s", ir::Unary{ir::UnaryKind::kTanh, 0, 0}, {x});
  const ValueId r = Conv3x3(b, "r", a, 4, 4, true, s);
  b.Output(Conv3x3(b, "y", r, 4, 4));
  const ir::Graph graph = b.Build();
  EXPECT_THAT(RoundedNames(graph, ChooseSites(graph)),
              UnorderedElementsAre("x", "a", "s", "r"));
}

TEST(ChooseSitesTest, ConcatInputsShareOneGroupAndTheResultIsNotRounded) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 8, 8}));
  const ValueId a = Conv3x3(b, "a", x, 4, 4);
  const ValueId c = Conv3x3(b, "c", x, 4, 6);
  const ValueId cat = b.Node("cat", ir::Concat{1}, {a, c});
  b.Output(Conv3x3(b, "y", cat, 10, 4));
  const ir::Graph graph = b.Build();
  const QuantizationSites sites = ChooseSites(graph);
  EXPECT_THAT(RoundedNames(graph, sites), UnorderedElementsAre("x", "a", "c"));
  EXPECT_EQ(sites.group[a], sites.group[c]);
  EXPECT_EQ(sites.group[a], sites.group[cat]);
  EXPECT_NE(sites.group[a], sites.group[x]);
}

TEST(ChooseSitesTest, MaxPoolPassesIntegersOn) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 8, 8}));
  const ValueId a = Conv3x3(b, "a", x, 4, 4);
  ir::Pool pool;
  pool.window = WindowOf({2, 2}, 2);
  const ValueId p = b.Node("p", pool, {a});
  b.Output(Conv3x3(b, "y", p, 4, 4));
  const ir::Graph graph = b.Build();
  const QuantizationSites sites = ChooseSites(graph);
  EXPECT_THAT(RoundedNames(graph, sites), ElementsAre("x", "a"));
  EXPECT_EQ(sites.group[a], sites.group[p]);
}

TEST(ChooseSitesTest, AveragePoolIsRoundedOnBothSides) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 8, 8}));
  const ValueId a = Conv3x3(b, "a", x, 4, 4);
  ir::Pool pool;
  pool.kind = ir::PoolKind::kAverage;
  pool.window = WindowOf({2, 2}, 2);
  const ValueId p = b.Node("p", pool, {a});
  b.Output(Conv3x3(b, "y", p, 4, 4));
  const ir::Graph graph = b.Build();
  const QuantizationSites sites = ChooseSites(graph);
  EXPECT_THAT(RoundedNames(graph, sites), ElementsAre("x", "a", "p"));
  EXPECT_NE(sites.group[a], sites.group[p]);
}

TEST(ChooseSitesTest, SoftmaxAndWhatFollowsStayFloat) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({6}));
  ir::MatMul matmul;
  const ValueId m =
      b.Node("m", matmul, {x, b.Constant("w", RandomFloats({6, 5}, 1))});
  b.Output(b.Node("y", ir::Softmax{1, false, false}, {m}));
  const ir::Graph graph = b.Build();
  EXPECT_THAT(RoundedNames(graph, ChooseSites(graph)), ElementsAre("x"));
}

TEST(ChooseSitesTest, GraphWithoutProductsIsLeftAlone) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 8, 8}));
  const ValueId y = b.Input("y", RowsAnd({4, 8, 8}));
  b.Output(b.Node("sum", ir::Binary{}, {x, y}));
  EXPECT_THAT(ChooseSites(b.Build()).rounded, IsEmpty());
}

TEST(ChooseSitesTest, ProductOfTwoComputedMatricesStaysFloat) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 4}));
  b.Output(b.Node("y", ir::MatMul{}, {x, x}));
  EXPECT_THAT(ChooseSites(b.Build()).rounded, IsEmpty());
}

TEST(ChooseSitesTest, AFunctionIsRoundedOnBothSidesAndNotInside) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 8, 8}));
  const ValueId a = Conv3x3(b, "a", x, 4, 4);
  const ValueId gate =
      b.Node("gate", ir::Unary{ir::UnaryKind::kSigmoid, 0, 0}, {a});
  const ValueId silu =
      b.Node("silu", ir::Binary{ir::BinaryKind::kMul, {}}, {a, gate});
  const ValueId two = b.Constant("two", Tensor::Of<float>({1}, {2.0f}));
  const ValueId more =
      b.Node("more", ir::Binary{ir::BinaryKind::kMax, {}}, {silu, two});
  b.Output(Conv3x3(b, "y", more, 4, 4));
  const ir::Graph graph = b.Build();
  const QuantizationSites sites = ChooseSites(graph);
  EXPECT_THAT(RoundedNames(graph, sites), ElementsAre("x", "a", "more"));
  EXPECT_NE(sites.group[a], sites.group[more]);
}

TEST(ChooseSitesTest, AValueInsideAFunctionThatOthersWantStartsItsOwn) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 8, 8}));
  const ValueId a = Conv3x3(b, "a", x, 4, 4);
  const ValueId f = b.Node("f", ir::Unary{ir::UnaryKind::kTanh, 0, 0}, {a});
  const ValueId g = b.Node("g", ir::Unary{ir::UnaryKind::kExp, 0, 0}, {f});
  b.Output(Conv3x3(b, "y", g, 4, 4));
  b.Output(Conv3x3(b, "z", f, 4, 4));
  const ir::Graph graph = b.Build();
  EXPECT_THAT(RoundedNames(graph, ChooseSites(graph)),
              ElementsAre("x", "a", "f", "g"));
}

TEST(ChooseSitesTest, AFunctionOfWhatOnlyFloatsGiveIsRoundedBehindItAlone) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({6}));
  const ValueId s = b.Node("s", ir::Softmax{1, false, false}, {x});
  const ValueId f = b.Node("f", ir::Unary{ir::UnaryKind::kTanh, 0, 0}, {s});
  b.Output(
      b.Node("m", ir::MatMul{}, {f, b.Constant("w", RandomFloats({6, 5}, 1))}));
  const ir::Graph graph = b.Build();
  EXPECT_THAT(RoundedNames(graph, ChooseSites(graph)), ElementsAre("f"));
}

TEST(ChooseSitesTest, ShuffledChannelsStayIntegersOfOneScale) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 8, 8}));
  const ValueId a = Conv3x3(b, "a", x, 4, 4);
  const ValueId g =
      b.Node("g", ir::Gather{1},
             {a, b.Constant("order", Tensor::Of<int64_t>({4}, {2, 0, 3, 1}))});
  b.Output(Conv3x3(b, "y", g, 4, 4));
  const ir::Graph graph = b.Build();
  const QuantizationSites sites = ChooseSites(graph);
  EXPECT_THAT(RoundedNames(graph, sites), ElementsAre("x", "a"));
  EXPECT_EQ(sites.group[a], sites.group[g]);
}

// A convolution and a float tail.
ir::Graph Sample() {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({2, 4, 4}));
  const ValueId a = Conv3x3(b, "a", x, 2, 3, /*relu=*/true);
  const ValueId g = b.Node("g", ir::GlobalPool{}, {a});
  b.Output(b.Node("y", ir::Softmax{1, false, false}, {g}));
  return b.Build();
}

TEST(QuantizeGraphTest, WritesPairsBehindSitesAndIntegersBehindDequantize) {
  const ir::Graph graph = Sample();
  const QuantizationSites sites = ChooseSites(graph);
  ASSERT_THAT(RoundedNames(graph, sites), ElementsAre("x", "a"));
  const auto quantized = QuantizeGraph(
      graph, sites,
      {{{DType::kUInt8, 0.5f, 128}, {DType::kUInt8, 0.25f, 0}}, {}});
  ASSERT_TRUE(quantized.ok()) << quantized.status();
  const std::string dump = ir::DumpGraph(*quantized);
  EXPECT_THAT(
      dump,
      HasSubstr("%x_quantized = Quantize(%x) : uint8[rows, 2, 4, 4] scale 0.5 "
                "zero_point 128\n"
                "%x_dequantized = Dequantize(%x_quantized) : "
                "float32[rows, 2, 4, 4]\n"));
  EXPECT_THAT(dump, HasSubstr("%a_w_dequantized = Dequantize(%a_w_quantized)"));
  EXPECT_THAT(dump, HasSubstr("%a_b_dequantized = Dequantize(%a_b_quantized)"));
  EXPECT_THAT(dump, HasSubstr("(%x_dequantized, %a_w_dequantized, "
                              "%a_b_dequantized) : float32[rows, 3, 4, 4]\n"));
  EXPECT_THAT(dump, HasSubstr("%g = GlobalAveragePool(%a_dequantized)"));
  EXPECT_THAT(dump, HasSubstr("%y = Softmax axis=1(%g)"));
  EXPECT_THAT(dump, HasSubstr("return %y\n"));
  EXPECT_EQ(quantized->type(IdOf(*quantized, "a_w_quantized")).dtype,
            DType::kInt8);
  EXPECT_EQ(quantized->type(IdOf(*quantized, "a_b_quantized")).dtype,
            DType::kInt32);
  EXPECT_EQ(CountOps(*quantized, "Quantize"), 2);
  EXPECT_EQ(CountOps(*quantized, "Dequantize"), 4);
}

TEST(QuantizeGraphTest, OutputsThatOthersReadTooStayAsTheyWere) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 8, 8}));
  const ValueId a = Conv3x3(b, "a", x, 4, 4);
  b.Output(a);
  b.Output(Conv3x3(b, "y", a, 4, 4));
  const ir::Graph graph = b.Build();
  const auto quantized =
      QuantizeGraph(graph, ChooseSites(graph),
                    {{{DType::kUInt8, 0.5f, 0}, {DType::kUInt8, 0.5f, 0}}, {}});
  ASSERT_TRUE(quantized.ok()) << quantized.status();
  EXPECT_THAT(ir::DumpGraph(*quantized), HasSubstr("return %a, %y\n"));
  EXPECT_FALSE(
      quantized->type(quantized->outputs()[0]).quantization.has_value());
}

// The quantized graph in float arithmetic is the float graph up to a few steps
// of its roundings.
TEST(QuantizeGraphTest, MeansTheFloatGraphUpToItsRoundings) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({2, 6, 6}));
  const ValueId a = Conv3x3(b, "a", x, 2, 4, /*relu=*/true);
  b.Output(Conv3x3(b, "y", a, 4, 2));
  const ir::Graph graph = b.Build();
  const auto quantized =
      QuantizeGraph(graph, ChooseSites(graph),
                    {{AsymmetricU8({-1, 1}), AsymmetricU8({0, 12})}, {}});
  ASSERT_TRUE(quantized.ok()) << quantized.status();
  const auto backend = reference::CreateReferenceBackend();
  const Tensor input = RandomFloats({1, 2, 6, 6}, 3);
  const auto exact = Interpret(graph.WithRows(1), *backend, {input});
  const auto rounded = Interpret(quantized->WithRows(1), *backend, {input});
  ASSERT_TRUE(exact.ok()) << exact.status();
  ASSERT_TRUE(rounded.ok()) << rounded.status();
  double signal = 0;
  double noise = 0;
  for (int64_t i = 0; i < (*exact)[0].size(); ++i) {
    const double e = (*exact)[0].data<float>()[i];
    const double r = (*rounded)[0].data<float>()[i];
    signal += e * e;
    noise += (e - r) * (e - r);
  }
  EXPECT_GT(noise, 0);
  // Eight bits with a range that fits give about 40 dB; 25 leaves room.
  EXPECT_GT(signal, noise * 300);
}

TEST(QuantizeGraphTest, RoundsTheWeightsOfARecurrentLayerAndNothingElse) {
  GraphBuilder b;
  const ValueId x =
      b.Input("x", {ir::Dim::Fixed(3), ir::Dim::Rows(), ir::Dim::Fixed(4)});
  ir::Recurrent lstm;
  lstm.hidden = 6;
  lstm.functions = {{ir::RecurrentActivation::kSigmoid},
                    {ir::RecurrentActivation::kTanh},
                    {ir::RecurrentActivation::kTanh}};
  lstm.has_bias = true;
  b.Output(b.Node("y", lstm,
                  {x, b.Constant("w", RandomFloats({1, 24, 4}, 1)),
                   b.Constant("r", RandomFloats({1, 24, 6}, 2)),
                   b.Constant("b", RandomFloats({1, 48}, 3))}));
  const ir::Graph graph = b.Build();
  const QuantizationSites sites = ChooseSites(graph);
  EXPECT_THAT(sites.rounded, IsEmpty());
  auto quantized = QuantizeGraph(graph, sites, {});
  ASSERT_TRUE(quantized.ok()) << quantized.status();
  EXPECT_EQ(CountOps(*quantized, "Quantize"), 0);
  EXPECT_EQ(CountOps(*quantized, "Dequantize"), 2);
  const ir::TensorType& w = quantized->type(IdOf(*quantized, "w_quantized"));
  EXPECT_EQ(w.dtype, DType::kInt8);
  EXPECT_EQ(w.quantization->axis, 1);
  EXPECT_EQ(w.quantization->scales.size(), 24u);
  EXPECT_TRUE(quantized->value(IdOf(*quantized, "b")).is_constant());
}

TEST(QuantizeGraphTest, NanWeightNamesTheNode) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({2}));
  Tensor weights(DType::kFloat32, {2, 2});
  weights.mutable_data<float>()[1] = std::numeric_limits<float>::quiet_NaN();
  b.Output(b.Node("m", ir::MatMul{}, {x, b.Constant("w", weights)}));
  const ir::Graph graph = b.Build();
  const auto quantized =
      QuantizeGraph(graph, ChooseSites(graph), {{{DType::kUInt8, 1, 0}}, {}});
  EXPECT_TRUE(absl::IsInvalidArgument(quantized.status()));
  EXPECT_THAT(quantized.status().message(), HasSubstr("node m_node"));
}

}  // namespace
}  // namespace octet::quant
