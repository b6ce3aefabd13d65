// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/keep_float.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "engine/quant/quantization_sites.h"
#include "engine/quant/quantize_graph.h"
#include "engine/reference/backend.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet::quant {
namespace {

using ir::ValueId;
using testing::ElementsAre;
using testing::IsEmpty;

ValueId Conv3x3(GraphBuilder& b, const std::string& name, ValueId x) {
  ir::Conv conv;
  conv.window = WindowOf({3, 3}, 1, 1);
  conv.has_bias = true;
  return b.Node(name, conv,
                {x, b.Constant(name + "_w", RandomFloats({4, 4, 3, 3}, 7)),
                 b.Constant(name + "_b", RandomFloats({4}, 8))});
}

// Four convolutions in a row, with Tanh behind the second, quantized.
ir::Graph FourLayers() {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 8, 8}));
  const ValueId a = Conv3x3(b, "a", x);
  const ValueId c = Conv3x3(b, "c", a);
  const ValueId t = b.Node("t", ir::Unary{ir::UnaryKind::kTanh, 0, 0}, {c});
  const ValueId d = Conv3x3(b, "d", t);
  b.Output(Conv3x3(b, "e", d));
  const ir::Graph graph = b.Build();
  const QuantizationSites sites = ChooseSites(graph);
  std::vector<Scheme> schemes(sites.rounded.size(),
                              Scheme{DType::kUInt8, 0.05f, 128});
  const auto quantized = QuantizeGraph(graph, sites, {schemes, {}});
  EXPECT_TRUE(quantized.ok()) << quantized.status();
  return *quantized;
}

// The names of layers with float weights.
std::vector<std::string> FloatLayers(const ir::Graph& graph) {
  std::vector<std::string> names;
  for (const ir::Node& node : graph.nodes()) {
    if (std::holds_alternative<ir::Conv>(node.op) &&
        graph.value(node.inputs[1]).is_constant()) {
      names.push_back(node.name);
    }
  }
  return names;
}

TEST(WithoutRoundingTest, IsTheFloatGraphOfTheSameWeights) {
  const ir::Graph quantized = FourLayers();
  const ir::Graph exact = WithoutRounding(quantized);
  EXPECT_EQ(CountOps(exact, "Quantize"), 0);
  EXPECT_EQ(CountOps(exact, "Dequantize"), 0);
  EXPECT_THAT(FloatLayers(exact),
              ElementsAre("a_node", "c_node", "d_node", "e_node"));
  const auto backend = reference::CreateReferenceBackend();
  const Tensor input = RandomFloats({1, 4, 8, 8}, 3);
  const auto a = Interpret(quantized.WithRows(1), *backend, {input});
  const auto b = Interpret(exact.WithRows(1), *backend, {input});
  ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
  // Steps of 0.05, through four layers.
  const auto rounded = (*a)[0].data<float>();
  const auto real = (*b)[0].data<float>();
  double signal = 0;
  double noise = 0;
  for (size_t i = 0; i < real.size(); ++i) {
    signal += double{real[i]} * real[i];
    noise += std::pow(double{real[i]} - rounded[i], 2);
  }
  EXPECT_GT(signal, 30 * noise);
  EXPECT_GT(noise, 0);
}

TEST(WithFloatLayersTest, DropsThePairBetweenTwoAndNoOther) {
  const ir::Graph quantized = FourLayers();
  const int pairs = CountOps(quantized, "Quantize");
  const ir::Graph one = WithFloatLayers(quantized, {"a_node"});
  EXPECT_THAT(FloatLayers(one), ElementsAre("a_node"));
  EXPECT_EQ(CountOps(one, "Quantize"), pairs);
  const ir::Graph two = WithFloatLayers(quantized, {"a_node", "c_node"});
  EXPECT_THAT(FloatLayers(two), ElementsAre("a_node", "c_node"));
  EXPECT_EQ(CountOps(two, "Quantize"), pairs - 1);
  // A function between two layers keeps its roundings: it is a table.
  const ir::Graph around = WithFloatLayers(quantized, {"c_node", "d_node"});
  EXPECT_EQ(CountOps(around, "Quantize"), pairs);
}

TEST(WithFloatLayersTest, AClampBetweenTwoBelongsToTheFirst) {
  ir::Graph quantized = FourLayers();
  // As a file has it whose activation was fused: in front of the pair.
  std::vector<ir::Node>& nodes = quantized.mutable_nodes();
  const auto layer =
      std::find_if(nodes.begin(), nodes.end(),
                   [](const auto& n) { return n.name == "a_node"; });
  const ValueId exact = layer->outputs[0];
  const auto pair =
      std::find_if(nodes.begin(), nodes.end(),
                   [&](const auto& n) { return n.inputs[0] == exact; });
  ir::Value value = quantized.value(exact);
  value.name = "clamped";
  const ValueId clamped = quantized.AddValue(std::move(value));
  pair->inputs[0] = clamped;
  nodes.insert(pair, {"clamp", ir::Clamp{{0, 6}}, {exact}, {clamped}});
  const int pairs = CountOps(quantized, "Quantize");
  const ir::Graph kept = WithFloatLayers(quantized, {"a_node", "c_node"});
  EXPECT_EQ(CountOps(kept, "Quantize"), pairs - 1);
  EXPECT_EQ(CountOps(kept, "Clamp"), 1);
  const ir::Graph first = WithFloatLayers(quantized, {"a_node"});
  EXPECT_EQ(CountOps(first, "Quantize"), pairs);
}

TEST(WithFloatLayersTest, TheWeightsStandForTheSameReals) {
  const ir::Graph quantized = FourLayers();
  const ir::Graph kept = WithFloatLayers(quantized, {"c_node"});
  const auto backend = reference::CreateReferenceBackend();
  const Tensor input = RandomFloats({1, 4, 8, 8}, 3);
  const auto a = Interpret(quantized.WithRows(1), *backend, {input});
  const auto b = Interpret(kept.WithRows(1), *backend, {input});
  ASSERT_TRUE(a.ok()) << a.status();
  ASSERT_TRUE(b.ok()) << b.status();
  for (int64_t i = 0; i < (*a)[0].size(); ++i) {
    ASSERT_EQ((*a)[0].data<float>()[i], (*b)[0].data<float>()[i]) << i;
  }
}

std::vector<LayerTimes> Times(double a, double c, double d, double e) {
  return {
      {"a_node", 1, a}, {"c_node", 1, c}, {"d_node", 1, d}, {"e_node", 1, e}};
}

TEST(KeepFasterFloatTest, WhatWinsIsNotTried) {
  int runs = 0;
  const auto result =
      KeepFasterFloat(FourLayers(), Times(0.5, 1.09, 0.3, 1),
                      [&](const ir::Graph&) -> absl::StatusOr<double> {
                        ++runs;
                        return 1;
                      });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->segments, IsEmpty());
  EXPECT_EQ(runs, 0);
}

TEST(KeepFasterFloatTest, TheWholeNetworkDecides) {
  for (bool gains : {false, true}) {
    const auto result =
        KeepFasterFloat(FourLayers(), Times(2, 3, 0.5, 0.5),
                        [&](const ir::Graph& graph) -> absl::StatusOr<double> {
                          const bool changed = !FloatLayers(graph).empty();
                          return changed ? (gains ? 3.0 : 5.95) : 6.0;
                        });
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->segments.size(), 1u);
    const FloatSegment& segment = result->segments[0];
    EXPECT_THAT(segment.nodes, ElementsAre("a_node", "c_node"));
    EXPECT_EQ(segment.int8_ms, 5);
    EXPECT_EQ(segment.float_ms, 2);
    EXPECT_EQ(segment.network_int8_ms, 6);
    EXPECT_EQ(segment.kept_float, gains);
    EXPECT_EQ(FloatLayers(result->graph).size(), gains ? 2u : 0u);
  }
}

TEST(KeepFasterFloatTest, SegmentsAreTriedOnTopOfEachOtherWorstFirst) {
  const auto result = KeepFasterFloat(
      FourLayers(), Times(2, 0.5, 0.5, 4),
      [&](const ir::Graph& graph) -> absl::StatusOr<double> {
        return 7.0 - static_cast<double>(FloatLayers(graph).size());
      });
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->segments.size(), 2u);
  EXPECT_THAT(result->segments[0].nodes, ElementsAre("e_node"));
  EXPECT_EQ(result->segments[0].network_float_ms, 6);
  EXPECT_THAT(result->segments[1].nodes, ElementsAre("a_node"));
  EXPECT_EQ(result->segments[1].network_int8_ms, 6);
  EXPECT_EQ(result->segments[1].network_float_ms, 5);
  EXPECT_THAT(FloatLayers(result->graph), ElementsAre("a_node", "e_node"));
}

TEST(KeepFasterFloatTest, GainsThatTheLayersCannotMakeAreNoise) {
  const auto result =
      KeepFasterFloat(FourLayers(), Times(2, 0.5, 0.5, 0.5),
                      [&](const ir::Graph& graph) -> absl::StatusOr<double> {
                        return FloatLayers(graph).empty() ? 9.0 : 6.0;
                      });
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->segments.size(), 1u);
  EXPECT_FALSE(result->segments[0].kept_float);
  EXPECT_THAT(FloatLayers(result->graph), IsEmpty());
}

TEST(KeepFasterFloatTest, ErrorsOfTheTimerArePassedOn) {
  const auto result =
      KeepFasterFloat(FourLayers(), Times(2, 1, 1, 1),
                      [](const ir::Graph&) -> absl::StatusOr<double> {
                        return absl::CancelledError("enough");
                      });
  EXPECT_EQ(result.status(), absl::CancelledError("enough"));
}

}  // namespace
}  // namespace octet::quant
