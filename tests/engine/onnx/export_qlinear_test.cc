// SPDX-License-Identifier: Apache-2.0
// Integer operators of the graph in a file: as QLinear operators where there
// are any, else float between DequantizeLinear and QuantizeLinear.
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/onnx/exporter.h"
#include "engine/onnx/importer.h"
#include "engine/passes/pass.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/quantized_weights.h"
#include "tests/testing/reference_run.h"

namespace octet::onnx {
namespace {

using ir::ValueId;
using testing::ElementsAre;

// One step of the smallest output range below.
constexpr double kOneStep = 0.03;

ValueId ConvOf(GraphBuilder& b, const std::string& name, ValueId x,
               int64_t channels, ir::Activation activation) {
  ir::Conv conv;
  conv.window = WindowOf({3, 3}, 1, 1);
  conv.has_bias = true;
  conv.activation = activation;
  return b.Node(
      name, conv,
      {x, QuantizedWeights(b, name + "_w", {channels, channels, 3, 3}, 0),
       b.Constant(name + "_b", RandomFloats({channels}, 5))});
}

ValueId ImageInput(GraphBuilder& b) {
  return b.QuantizePair("x", b.Input("input", RowsAnd({4, 6, 6})),
                        DType::kUInt8, 2.0f / 255, 128);
}

// The graph written with QLinear operators.
::onnx::ModelProto Written(const ir::Graph& graph) {
  const auto fused =
      passes::RunPasses(graph, passes::QLinearPasses(), ReferenceEvaluation());
  EXPECT_TRUE(fused.ok()) << fused.status();
  const auto bytes = ExportModel(*fused);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  ::onnx::ModelProto model;
  EXPECT_TRUE(bytes.ok() && model.ParseFromString(*bytes));
  return model;
}

std::vector<std::string> OpTypes(const ::onnx::ModelProto& model) {
  std::vector<std::string> types;
  for (const auto& node : model.graph().node()) {
    types.push_back(node.op_type());
  }
  return types;
}

// The element of a uint8 initializer.
int ScalarOf(const ::onnx::ModelProto& model, const std::string& name) {
  for (const auto& tensor : model.graph().initializer()) {
    if (tensor.name() == name && tensor.raw_data().size() == 1) {
      return static_cast<uint8_t>(tensor.raw_data()[0]);
    }
  }
  return -1;
}

// Reads the file again and expects the answers of `graph`, whose output is a
// Dequantize's: equal but where an exact sum and a float one fall on different
// sides of a half.
void ExpectAnswersOf(const ir::Graph& graph, const ::onnx::ModelProto& model) {
  const auto back = ImportModel(model.SerializeAsString());
  ASSERT_TRUE(back.ok()) << back.status();
  ExpectSameAnswers(graph, back->graph, kOneStep);
}

TEST(ExportQLinearTest, ConvHoldsItsReluWhereTheZeroPointDoes) {
  GraphBuilder b;
  b.Output(b.QuantizePair("y", ConvOf(b, "c", ImageInput(b), 4, kRelu),
                          DType::kUInt8, 0.02f, 0));
  const ir::Graph graph = b.Build();
  const ::onnx::ModelProto model = Written(graph);
  EXPECT_THAT(OpTypes(model),
              ElementsAre("QuantizeLinear", "QLinearConv", "DequantizeLinear"));
  ASSERT_EQ(model.graph().node(1).input_size(), 9);
  EXPECT_EQ(model.graph().node(1).name(), "c_node");
  EXPECT_EQ(model.opset_import_size(), 1);
  ExpectAnswersOf(graph, model);
}

TEST(ExportQLinearTest, OtherLimitsAreClippedBehind) {
  GraphBuilder b;
  b.Output(b.QuantizePair("y", ConvOf(b, "c", ImageInput(b), 4, kRelu),
                          DType::kUInt8, 0.04f, 100));
  const ir::Graph graph = b.Build();
  const ::onnx::ModelProto model = Written(graph);
  EXPECT_THAT(OpTypes(model),
              ElementsAre("QuantizeLinear", "QLinearConv", "DequantizeLinear",
                          "Relu", "QuantizeLinear", "DequantizeLinear"));
  ExpectAnswersOf(graph, model);
}

TEST(ExportQLinearTest, ResultThatNobodyRoundsStaysFloat) {
  GraphBuilder b;
  b.Output(ConvOf(b, "c", ImageInput(b), 4, kRelu));
  const ir::Graph graph = b.Build();
  const ::onnx::ModelProto model = Written(graph);
  EXPECT_THAT(OpTypes(model), ElementsAre("QuantizeLinear", "DequantizeLinear",
                                          "DequantizeLinear",
                                          "DequantizeLinear", "Conv", "Relu"));
  ExpectAnswersOf(graph, model);
}

TEST(ExportQLinearTest, TypesThatDifferStayFloat) {
  GraphBuilder b;
  b.Output(b.QuantizePair("y", ConvOf(b, "c", ImageInput(b), 4, {}),
                          DType::kInt8, 0.04f, 0));
  const ir::Graph graph = b.Build();
  const ::onnx::ModelProto model = Written(graph);
  EXPECT_THAT(OpTypes(model),
              ElementsAre("QuantizeLinear", "DequantizeLinear",
                          "DequantizeLinear", "DequantizeLinear", "Conv",
                          "QuantizeLinear", "DequantizeLinear"));
  ExpectAnswersOf(graph, model);
}

TEST(ExportQLinearTest, SumsProductsAndAveragesAreOfMicrosoftsDomain) {
  GraphBuilder b;
  const ValueId x = ImageInput(b);
  const ValueId y =
      b.QuantizePair("y", ConvOf(b, "c", x, 4, {}), DType::kUInt8, 0.05f, 120);
  ir::Binary add;
  add.activation = kRelu;
  const ValueId sum =
      b.QuantizePair("s", b.Node("sum", add, {x, y}), DType::kUInt8, 0.03f, 0);
  const ValueId product = b.QuantizePair(
      "p", b.Node("product", ir::Binary{ir::BinaryKind::kMul, {}}, {sum, x}),
      DType::kUInt8, 0.05f, 128);
  ir::Pool pool;
  pool.kind = ir::PoolKind::kAverage;
  pool.window = WindowOf({2, 2}, 2);
  const ValueId averages = b.QuantizePair(
      "a", b.Node("averages", pool, {product}), DType::kUInt8, 0.03f, 120);
  b.Output(b.QuantizePair(
      "g", b.Node("global", ir::GlobalPool{ir::PoolKind::kAverage}, {averages}),
      DType::kUInt8, 0.01f, 100));
  const ir::Graph graph = b.Build();
  const ::onnx::ModelProto model = Written(graph);
  EXPECT_THAT(OpTypes(model),
              ElementsAre("QuantizeLinear", "QLinearConv", "QLinearAdd",
                          "QLinearMul", "QLinearAveragePool",
                          "QLinearGlobalAveragePool", "DequantizeLinear"));
  ASSERT_EQ(model.opset_import_size(), 2);
  EXPECT_EQ(model.opset_import(1).domain(), "com.microsoft");
  EXPECT_EQ(model.graph().node(2).domain(), "com.microsoft");
  EXPECT_EQ(model.graph().node(1).domain(), "");
  ExpectAnswersOf(graph, model);
}

ValueId ProductOf(GraphBuilder& b, ValueId x, bool transposed, bool biased) {
  ir::MatMul op;
  op.transpose_b = transposed;
  op.has_bias = biased;
  std::vector<ValueId> inputs = {x, transposed
                                        ? QuantizedWeights(b, "w", {5, 6}, 0)
                                        : QuantizedWeights(b, "w", {6, 5}, 1)};
  if (biased) inputs.push_back(b.Constant("b", RandomFloats({5}, 5)));
  return b.Node("product", op, std::move(inputs));
}

TEST(ExportQLinearTest, MatMulWithoutBiasIsOnnxsOwn) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({3, 6})),
                                   DType::kUInt8, 2.0f / 255, 128);
  b.Output(b.QuantizePair("y", ProductOf(b, x, false, false), DType::kUInt8,
                          0.02f, 128));
  const ir::Graph graph = b.Build();
  const ::onnx::ModelProto model = Written(graph);
  EXPECT_THAT(OpTypes(model), ElementsAre("QuantizeLinear", "QLinearMatMul",
                                          "DequantizeLinear"));
  ExpectAnswersOf(graph, model);
}

TEST(ExportQLinearTest, ProductsOfMoreAxesAreJoinedAroundQGemm) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({3, 6})),
                                   DType::kUInt8, 2.0f / 255, 128);
  b.Output(b.QuantizePair("y", ProductOf(b, x, true, true), DType::kUInt8,
                          0.02f, 128));
  const ir::Graph graph = b.Build();
  const ::onnx::ModelProto model = Written(graph);
  EXPECT_THAT(OpTypes(model), ElementsAre("QuantizeLinear", "Reshape", "QGemm",
                                          "Reshape", "DequantizeLinear"));
  ExpectAnswersOf(graph, model);
}

TEST(ExportQLinearTest, QGemmGivesFloatWhereNobodyRounds) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({6})),
                                   DType::kUInt8, 2.0f / 255, 128);
  b.Output(ProductOf(b, x, true, true));
  const ir::Graph graph = b.Build();
  const ::onnx::ModelProto model = Written(graph);
  EXPECT_THAT(OpTypes(model), ElementsAre("QuantizeLinear", "QGemm"));
  ExpectAnswersOf(graph, model);
}

TEST(ExportQLinearTest, WhatMovesElementsMovesIntegers) {
  GraphBuilder b;
  ir::Pool pool;
  pool.kind = ir::PoolKind::kMax;
  pool.window = WindowOf({2, 2}, 2);
  const ValueId largest = b.Node("largest", pool, {ImageInput(b)});
  ir::Pad pad;
  pad.begin = {0, 0, 1, 0};
  pad.end = {0, 0, 0, 2};
  const ValueId padded = b.Node("padded", pad, {largest});
  b.Output(b.Node("both", ir::Concat{1}, {padded, padded}));
  const ir::Graph graph = b.Build();
  const ::onnx::ModelProto model = Written(graph);
  EXPECT_THAT(OpTypes(model), ElementsAre("QuantizeLinear", "MaxPool", "Pad",
                                          "Concat", "DequantizeLinear"));
  // Padded by the real 0.
  ASSERT_EQ(model.graph().node(2).input_size(), 3);
  EXPECT_EQ(ScalarOf(model, model.graph().node(2).input(2)), 128);
  ExpectAnswersOf(graph, model);
}

TEST(ExportQLinearTest, AnotherScaleIsAPairInBetween) {
  GraphBuilder b;
  b.Output(b.QuantizePair("y", ImageInput(b), DType::kUInt8, 0.03f, 100));
  const ir::Graph graph = b.Build();
  const ::onnx::ModelProto model = Written(graph);
  EXPECT_THAT(OpTypes(model),
              ElementsAre("QuantizeLinear", "DequantizeLinear",
                          "QuantizeLinear", "DequantizeLinear"));
  ExpectAnswersOf(graph, model);
}

TEST(ExportQLinearTest, FunctionsOfOneByteStayFloat) {
  GraphBuilder b;
  b.Output(b.QuantizePair(
      "y", b.Node("s", ir::Unary{ir::UnaryKind::kSigmoid}, {ImageInput(b)}),
      DType::kUInt8, 1.0f / 255, 0));
  const ir::Graph graph = b.Build();
  const ::onnx::ModelProto model = Written(graph);
  EXPECT_THAT(OpTypes(model),
              ElementsAre("QuantizeLinear", "DequantizeLinear", "Sigmoid",
                          "QuantizeLinear", "DequantizeLinear"));
  ExpectAnswersOf(graph, model);
}

}  // namespace
}  // namespace octet::onnx
