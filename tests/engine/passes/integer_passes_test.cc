// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/passes/fold_constants.h"
#include "engine/passes/fuse_integer.h"
#include "engine/passes/lower_channels_last.h"
#include "engine/passes/pass.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/quantized_weights.h"
#include "tests/testing/reference_run.h"

namespace octet::passes {
namespace {

using ir::Quantization;
using ir::ValueId;

// The integer form rounds once from an exact sum, the float form from a float
// one: an element may differ by a step where the two fall on different sides of
// a half. All test ranges give outputs whose largest magnitude is many steps,
// so that one step is below this share.
constexpr double kOneStep = 0.03;

ValueId QuantizedConv(GraphBuilder& b, const std::string& name, ValueId x,
                      int64_t in, int64_t out,
                      std::optional<ValueId> residual = std::nullopt) {
  ir::Conv conv;
  conv.window = WindowOf({3, 3}, 1, 1);
  conv.has_bias = true;
  conv.has_residual = residual.has_value();
  conv.activation = kRelu;
  std::vector<ValueId> inputs = {
      x, QuantizedWeights(b, name + "_w", {out, in, 3, 3}, 0),
      b.Constant(name + "_b", RandomFloats({out}, 5))};
  if (residual) inputs.push_back(*residual);
  return b.Node(name, conv, inputs);
}

ir::Graph ToIntegers(const ir::Graph& graph) {
  std::vector<Pass> passes = IntegerPasses();
  auto result = RunPasses(graph, passes, ReferenceEvaluation());
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok()) return graph;
  std::vector<PassCount> counts;
  auto twice = RunPasses(*result, passes, ReferenceEvaluation(), &counts);
  EXPECT_TRUE(twice.ok()) << twice.status();
  for (const PassCount& count : counts) {
    EXPECT_EQ(count.patches, 0) << count.name << " finds more the second time";
  }
  return *std::move(result);
}

// The nodes that read or give float32, but for Quantize and Dequantize.
std::vector<std::string> FloatNodes(const ir::Graph& graph) {
  std::vector<std::string> names;
  for (const ir::Node& node : graph.nodes()) {
    if (std::holds_alternative<ir::Quantize>(node.op) ||
        std::holds_alternative<ir::Dequantize>(node.op)) {
      continue;
    }
    bool integers = graph.type(node.outputs[0]).quantization.has_value();
    for (ValueId id : node.inputs) {
      integers = integers && graph.type(id).quantization.has_value();
    }
    if (!integers) names.push_back(node.name);
  }
  return names;
}

TEST(IntegerPassesTest, ConvWithResidualAndReluRoundsOnce) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({4, 6, 6})),
                                   DType::kUInt8, 4.0f / 255, 128);
  const ValueId a = b.QuantizePair("a", QuantizedConv(b, "c1", x, 4, 4),
                                   DType::kUInt8, 0.2f, 0);
  const ValueId r = b.QuantizePair("r", QuantizedConv(b, "c2", a, 4, 4, x),
                                   DType::kUInt8, 0.9f, 3);
  b.Output(r);
  const ir::Graph graph = b.Build();
  const ir::Graph integers = ToIntegers(graph);
  EXPECT_THAT(FloatNodes(integers), testing::IsEmpty())
      << ir::DumpGraph(integers);
  EXPECT_EQ(CountOps(integers, "Conv"), 2);
  EXPECT_EQ(CountOps(integers, "Quantize"), 1);
  EXPECT_EQ(CountOps(integers, "Dequantize"), 1);
  EXPECT_EQ(CountOps(integers, "Requantize"), 0);
  ExpectSameAnswers(graph, integers, kOneStep);
}

TEST(IntegerPassesTest, BiasBecomesInt32OfTheProductsScale) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({2, 4, 4})),
                                   DType::kUInt8, 0.02f, 100);
  b.Output(b.QuantizePair("y", QuantizedConv(b, "c", x, 2, 3), DType::kUInt8,
                          0.2f, 0));
  const ir::Graph integers = ToIntegers(b.Build());
  for (const ir::Node& node : integers.nodes()) {
    if (!std::holds_alternative<ir::Conv>(node.op)) continue;
    const ir::TensorType& bias = integers.type(node.inputs[2]);
    const ir::TensorType& weights = integers.type(node.inputs[1]);
    EXPECT_EQ(bias.dtype, DType::kInt32);
    for (size_t c = 0; c < 3; ++c) {
      EXPECT_FLOAT_EQ(bias.quantization->scales[c],
                      0.02f * weights.quantization->scales[c]);
    }
  }
}

TEST(IntegerPassesTest, ConvWhoseReadersDisagreeGivesFloat) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({2, 4, 4})),
                                   DType::kUInt8, 0.02f, 100);
  const ValueId c = QuantizedConv(b, "c", x, 2, 3);
  b.Output(b.QuantizePair("y", c, DType::kUInt8, 0.2f, 0));
  b.Output(b.QuantizePair("z", c, DType::kUInt8, 0.1f, 0));
  const ir::Graph graph = b.Build();
  const ir::Graph integers = ToIntegers(graph);
  EXPECT_EQ(CountOps(integers, "Conv"), 1);
  for (const ir::Node& node : integers.nodes()) {
    if (!std::holds_alternative<ir::Conv>(node.op)) continue;
    EXPECT_EQ(integers.type(node.inputs[0]).dtype, DType::kUInt8);
    EXPECT_EQ(integers.type(node.outputs[0]).dtype, DType::kFloat32);
  }
  ExpectSameAnswers(graph, integers, kOneStep);
}

TEST(IntegerPassesTest, TwoReadersThatQuantizeAlikeShareOneResult) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({2, 4, 4})),
                                   DType::kUInt8, 0.02f, 100);
  const ValueId c = QuantizedConv(b, "c", x, 2, 3);
  b.Output(b.QuantizePair("y", c, DType::kUInt8, 0.2f, 0));
  b.Output(b.QuantizePair("z", c, DType::kUInt8, 0.2f, 0));
  const ir::Graph graph = b.Build();
  const ir::Graph integers = ToIntegers(graph);
  EXPECT_EQ(CountOps(integers, "Conv"), 1);
  EXPECT_EQ(CountOps(integers, "Quantize"), 1);
  ExpectSameAnswers(graph, integers, kOneStep);
}

TEST(IntegerPassesTest, ZeroPointOfWeightsIsTakenOffWhereTheRestFits) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({2, 4, 4})),
                                   DType::kUInt8, 0.02f, 100);
  ir::Conv conv;
  conv.window = WindowOf({1, 1});
  const Tensor q = RandomIntegers(DType::kInt8, {3, 2, 1, 1}, 1, -99, 99);
  const ValueId w =
      b.Node("w", ir::Dequantize{},
             {b.Constant("w_q", q, Quantization::PerTensor(0.1f, 5))});
  b.Output(
      b.QuantizePair("y", b.Node("c", conv, {x, w}), DType::kUInt8, 0.1f, 90));
  const ir::Graph graph = b.Build();
  const ir::Graph integers = ToIntegers(graph);
  EXPECT_THAT(FloatNodes(integers), testing::IsEmpty());
  ExpectSameAnswers(graph, integers, kOneStep);
}

TEST(IntegerPassesTest, ConvWithFloatWeightsOrFarZeroPointsStaysFloat) {
  for (bool zero_point : {false, true}) {
    GraphBuilder b;
    const ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({2, 4, 4})),
                                     DType::kUInt8, 0.02f, 100);
    ir::Conv conv;
    conv.window = WindowOf({1, 1});
    // Less the zero point, these need nine bits.
    const Tensor q = RandomIntegers(DType::kInt8, {3, 2, 1, 1}, 1, 90, 120);
    const ValueId w =
        zero_point
            ? b.Node(
                  "w", ir::Dequantize{},
                  {b.Constant("w_q", q, Quantization::PerTensor(0.1f, -100))})
            : b.Constant("w", RandomFloats({3, 2, 1, 1}, 1));
    b.Output(b.QuantizePair("y", b.Node("c", conv, {x, w}), DType::kUInt8, 0.1f,
                            90));
    const ir::Graph graph = b.Build();
    const ir::Graph integers = ToIntegers(graph);
    EXPECT_THAT(FloatNodes(integers), testing::ElementsAre("c_node"));
    ExpectSameAnswers(graph, integers, 0);
  }
}

TEST(IntegerPassesTest, MatMulWithBias) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({6})),
                                   DType::kInt8, 2.0f / 127, 0);
  ir::MatMul matmul;
  matmul.has_bias = true;
  const ValueId m = b.Node("m", matmul,
                           {x, QuantizedWeights(b, "w", {6, 5}, 1),
                            b.Constant("bias", RandomFloats({5}, 2))});
  b.Output(b.QuantizePair("y", m, DType::kInt8, 0.1f, -3));
  const ir::Graph graph = b.Build();
  const ir::Graph integers = ToIntegers(graph);
  EXPECT_THAT(FloatNodes(integers), testing::IsEmpty());
  ExpectSameAnswers(graph, integers, kOneStep);
}

TEST(IntegerPassesTest, MatMulWithoutQuantizedResultGivesFloat) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({6})),
                                   DType::kUInt8, 4.0f / 255, 128);
  const ValueId m =
      b.Node("m", ir::MatMul{}, {x, QuantizedWeights(b, "w", {6, 5}, 1)});
  b.Output(b.Node("y", ir::Softmax{1, false, false}, {m}));
  const ir::Graph graph = b.Build();
  const ir::Graph integers = ToIntegers(graph);
  EXPECT_EQ(CountOps(integers, "Dequantize"), 0) << ir::DumpGraph(integers);
  EXPECT_EQ(integers.type(integers.nodes()[1].inputs[0]).dtype, DType::kUInt8);
  ExpectSameAnswers(graph, integers, 1e-5);
}

TEST(IntegerPassesTest, AddAndAveragePool) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("p", RowsAnd({3, 4, 4})),
                                   DType::kUInt8, 4.0f / 255, 120);
  const ValueId z = b.QuantizePair("z", b.Input("q", RowsAnd({3, 4, 4})),
                                   DType::kInt8, 2.0f / 127, 0);
  const ValueId sum = b.QuantizePair(
      "sum", b.Node("add", ir::Binary{ir::BinaryKind::kAdd, kRelu}, {x, z}),
      DType::kUInt8, 4.0f / 255, 0);
  ir::Pool pool;
  pool.kind = ir::PoolKind::kAverage;
  pool.window = WindowOf({2, 2}, 2);
  b.Output(b.QuantizePair("y", b.Node("pool", pool, {sum}), DType::kUInt8,
                          4.0f / 255, 7));
  const ir::Graph graph = b.Build();
  const ir::Graph integers = ToIntegers(graph);
  EXPECT_THAT(FloatNodes(integers), testing::IsEmpty())
      << ir::DumpGraph(integers);
  ExpectSameAnswers(graph, integers, kOneStep);
}

TEST(IntegerPassesTest, AddThatNobodyQuantizesStaysFloat) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("p", RowsAnd({3})),
                                   DType::kUInt8, 4.0f / 255, 120);
  b.Output(b.Node("y", ir::Binary{}, {x, x}));
  EXPECT_THAT(FloatNodes(ToIntegers(b.Build())),
              testing::ElementsAre("y_node"));
}

TEST(IntegerPassesTest, MaxPoolAndOtherMoversPassIntegersOn) {
  GraphBuilder b;
  ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({3, 4, 4})),
                             DType::kUInt8, 4.0f / 255, 120);
  ir::Pool pool;
  pool.window = WindowOf({2, 2}, 2);
  x = b.Node("pool", pool, {x});
  x = b.Node("pad", ir::Pad{{0, 0, 1, 0}, {0, 0, 0, 1}, 0}, {x});
  x = b.Node("slice", ir::Slice{{0, 1, 0, 0}, {1, 1, 1, 1}, {0, 2, 3, 3}}, {x});
  x = b.Node("flat", ir::Reshape{RowsAnd({18})}, {x});
  x = b.Node("relu", ir::Clamp{kRelu}, {x});
  b.Output(x);
  const ir::Graph graph = b.Build();
  const ir::Graph integers = ToIntegers(graph);
  EXPECT_THAT(FloatNodes(integers), testing::IsEmpty())
      << ir::DumpGraph(integers);
  EXPECT_EQ(CountOps(integers, "Dequantize"), 1);
  ExpectSameAnswers(graph, integers, 0);
}

TEST(IntegerPassesTest, PadByAnotherValueStaysFloat) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({3})),
                                   DType::kUInt8, 4.0f / 255, 120);
  b.Output(b.Node("y", ir::Pad{{0, 1}, {0, 0}, 0.001f}, {x}));
  const ir::Graph graph = b.Build();
  const ir::Graph integers = ToIntegers(graph);
  EXPECT_THAT(FloatNodes(integers), testing::ElementsAre("y_node"));
  ExpectSameAnswers(graph, integers, 0);
}

TEST(IntegerPassesTest, ConcatOfUnequalScalesRequantizesItsInputs) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("p", RowsAnd({3, 2, 2})),
                                   DType::kUInt8, 4.0f / 255, 128);
  const ValueId z = b.QuantizePair("z", b.Input("q", RowsAnd({2, 2, 2})),
                                   DType::kUInt8, 5.0f / 255, 100);
  b.Output(b.QuantizePair("y", b.Node("cat", ir::Concat{1}, {x, z}),
                          DType::kUInt8, 5.0f / 255, 100));
  const ir::Graph graph = b.Build();
  const ir::Graph integers = ToIntegers(graph);
  EXPECT_THAT(FloatNodes(integers), testing::IsEmpty());
  EXPECT_EQ(CountOps(integers, "Requantize"), 1) << ir::DumpGraph(integers);
  ExpectSameAnswers(graph, integers, kOneStep);
}

TEST(IntegerPassesTest, ConcatOfEqualScalesOnlyMoves) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("p", RowsAnd({3, 2, 2})),
                                   DType::kUInt8, 4.0f / 255, 128);
  const ValueId z = b.QuantizePair("z", b.Input("q", RowsAnd({2, 2, 2})),
                                   DType::kUInt8, 4.0f / 255, 128);
  b.Output(b.QuantizePair("y", b.Node("cat", ir::Concat{1}, {x, z}),
                          DType::kUInt8, 4.0f / 255, 128));
  const ir::Graph graph = b.Build();
  const ir::Graph integers = ToIntegers(graph);
  EXPECT_EQ(CountOps(integers, "Requantize"), 0) << ir::DumpGraph(integers);
  EXPECT_EQ(CountOps(integers, "Quantize"), 2);
  ExpectSameAnswers(graph, integers, 0);
}

TEST(IntegerPassesTest, LookUpsMoveIntegers) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("p", RowsAnd({3, 2})),
                                   DType::kUInt8, 4.0f / 255, 128);
  const ValueId indices =
      b.Constant("i", Tensor::Of<int64_t>({2}, {2, 0}), std::nullopt);
  const ValueId picked = b.Node("pick", ir::Gather{1}, {x, indices});
  b.Output(b.QuantizePair("y", picked, DType::kUInt8, 4.0f / 255, 128));
  const ir::Graph graph = b.Build();
  const ir::Graph integers = ToIntegers(graph);
  EXPECT_EQ(CountOps(integers, "Quantize"), 1) << ir::DumpGraph(integers);
  EXPECT_EQ(CountOps(integers, "Requantize"), 0);
  ExpectSameAnswers(graph, integers, 0);
}

TEST(IntegerPassesTest, TablesStayIntegersBehindALookUp) {
  GraphBuilder b;
  const ValueId table =
      b.Constant("t", RandomIntegers(DType::kInt8, {5, 2}, 3, -127, 127),
                 Quantization::PerTensor(0.5f, 1));
  const ValueId x = b.QuantizePair("x", b.Input("p", RowsAnd({2})),
                                   DType::kUInt8, 4.0f / 255, 128);
  const ValueId indices =
      b.Constant("i", Tensor::Of<int64_t>({2}, {4, 1}), std::nullopt);
  const ValueId picked =
      b.Node("pick", ir::Gather{0},
             {b.Node("real", ir::Dequantize{}, {table}), indices});
  const ValueId row =
      b.Node("sum", ir::Reduce{ir::ReduceKind::kSum, {0}, false}, {picked});
  b.Output(b.Node("y", ir::Binary{ir::BinaryKind::kAdd, {}}, {x, row}));
  const ir::Graph graph = b.Build();
  const ir::Graph integers = ToIntegers(graph);
  EXPECT_THAT(ir::DumpGraph(integers), testing::HasSubstr("int8[2, 2]"));
  ExpectSameAnswers(graph, integers, 0);
}

TEST(IntegerPassesTest, PairOfOneScaleCancelsAndOfAnotherRequantizes) {
  for (bool equal : {true, false}) {
    GraphBuilder b;
    ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({3})),
                               DType::kUInt8, 4.0f / 255, 128);
    x = b.QuantizePair("y", x, DType::kUInt8, equal ? 4.0f / 255 : 0.05f, 128);
    b.Output(x);
    const ir::Graph graph = b.Build();
    const ir::Graph integers = ToIntegers(graph);
    EXPECT_EQ(CountOps(integers, "Quantize"), 1);
    EXPECT_EQ(CountOps(integers, "Dequantize"), 1);
    EXPECT_EQ(CountOps(integers, "Requantize"), equal ? 0 : 1);
    ExpectSameAnswers(graph, integers, kOneStep);
  }
}

TEST(IntegerPassesTest, QuantizedOutputsKeepTheirNamesAndTypes) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({3})),
                                   DType::kUInt8, 4.0f / 255, 128);
  b.Output(b.Node("y", ir::Quantize{}, {x}, DType::kUInt8,
                  Quantization::PerTensor(4.0f / 255, 128)));
  const ir::Graph integers = ToIntegers(b.Build());
  EXPECT_EQ(integers.value(integers.outputs()[0]).name, "y");
  EXPECT_EQ(integers.type(integers.outputs()[0]).dtype, DType::kUInt8);
}

TEST(IntegerPassesTest, LoweredNetworkHasNoFloatStepBetweenIntegers) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({4, 6, 6})),
                                   DType::kUInt8, 4.0f / 255, 128);
  const ValueId a = b.QuantizePair("a", QuantizedConv(b, "c1", x, 4, 4),
                                   DType::kUInt8, 0.2f, 0);
  const ValueId r = b.QuantizePair("r", QuantizedConv(b, "c2", a, 4, 4, x),
                                   DType::kUInt8, 0.9f, 0);
  const ValueId g = b.QuantizePair("g", b.Node("pool", ir::GlobalPool{}, {r}),
                                   DType::kUInt8, 0.5f, 0);
  const ValueId flat = b.Node("flat", ir::Reshape{RowsAnd({4})}, {g});
  b.Output(
      b.Node("y", ir::MatMul{}, {flat, QuantizedWeights(b, "w", {4, 3}, 1)}));
  const ir::Graph graph = b.Build();
  auto lowered = LowerChannelsLast(ToIntegers(graph));
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  ExpectSameAnswers(graph, *lowered, kOneStep);
  // The input is quantized as it comes, the classifier answers in float32.
  EXPECT_THAT(FloatNodes(*lowered), testing::ElementsAre("y_node"))
      << ir::DumpGraph(*lowered);
  EXPECT_EQ(CountOps(*lowered, "Quantize"), 1);
  EXPECT_EQ(CountOps(*lowered, "Dequantize"), 0);
}

// A GRU of 5 units on 3 features, its W and R as given.
ValueId Gru(GraphBuilder& b, const std::string& name, ValueId x, ValueId w,
            ValueId r) {
  ir::Recurrent gru;
  gru.kind = ir::RecurrentKind::kGru;
  gru.hidden = 5;
  gru.functions = {{ir::RecurrentActivation::kSigmoid},
                   {ir::RecurrentActivation::kTanh}};
  return b.Node(name, gru, {x, w, r});
}

ir::Dims StepsAndRows() {
  return {ir::Dim::Fixed(4), ir::Dim::Rows(), ir::Dim::Fixed(3)};
}

TEST(IntegerPassesTest, RecurrentLayersTakeTheirWeightsAsBytes) {
  GraphBuilder b;
  const ValueId x = b.Input("x", StepsAndRows());
  b.Output(Gru(b, "y", x, QuantizedWeights(b, "w", {1, 15, 3}, 1),
               QuantizedWeights(b, "r", {1, 15, 5}, 1)));
  const ir::Graph graph = b.Build();
  const ir::Graph integers = ToIntegers(graph);
  EXPECT_EQ(CountOps(integers, "Dequantize"), 0) << ir::DumpGraph(integers);
  EXPECT_EQ(integers.type(integers.nodes()[0].inputs[1]).dtype, DType::kInt8);
  ExpectSameAnswers(graph, integers, 1e-5);
}

TEST(IntegerPassesTest, RecurrentWeightsOfOtherScalesOrReadersStayFloat) {
  GraphBuilder b;
  const ValueId x = b.Input("x", StepsAndRows());
  // Scales along the features.
  b.Output(Gru(b, "columns", x, QuantizedWeights(b, "w", {1, 15, 3}, 2),
               QuantizedWeights(b, "r", {1, 15, 5}, 1)));
  const ValueId shared = QuantizedWeights(b, "s", {1, 15, 5}, 1);
  b.Output(Gru(b, "both", x, QuantizedWeights(b, "v", {1, 15, 3}, 1), shared));
  b.Output(b.Node("other", ir::Unary{ir::UnaryKind::kTanh, 0, 0}, {shared}));
  const ir::Graph graph = b.Build();
  const ir::Graph integers = ToIntegers(graph);
  EXPECT_EQ(CountOps(integers, "Dequantize"), 4) << ir::DumpGraph(integers);
  ExpectSameAnswers(graph, integers, 1e-5);
}

}  // namespace
}  // namespace octet::passes
