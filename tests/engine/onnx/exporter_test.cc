// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/exporter.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/onnx/importer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/onnx/model_builder.h"

namespace octet::onnx {
namespace {

using ir::Dim;
using ir::Dims;
using ir::TensorType;

// The graph of an exported graph; both must import.
ir::Graph RoundTrip(const ir::Graph& graph) {
  const auto bytes = ExportModel(graph);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  if (!bytes.ok()) return {};
  const auto model = ImportModel(*bytes);
  EXPECT_TRUE(model.ok()) << model.status();
  if (!model.ok()) return {};
  EXPECT_TRUE(model->batches) << model->why_not_batched;
  return model->graph;
}

ir::Graph Import(const ModelBuilder& builder) {
  const auto model = ImportModel(builder.Bytes());
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? model->graph : ir::Graph();
}

TensorType Float(Dims dims) {
  return {DType::kFloat32, std::move(dims), std::nullopt};
}

TEST(ExporterTest, UnfusedGraphComesBackEqual) {
  ModelBuilder m(13);
  m.Input("x", {-1, 2, 6, 6}).Output("y").Output("z");
  m.Weights("w", {4, 1, 3, 3}).Weights("b", {4}).Floats("six", {}, {6});
  m.Node("Conv", {"x", "w", "b"}, {"c"}).Int("group", 2).Name("conv");
  m.Node("Clip", {"c", "", "six"}, {"r"});
  m.Node("AveragePool", {"r"}, {"p"})
      .Ints("kernel_shape", {2, 2})
      .Ints("pads", {1, 0, 1, 0})
      .Int("count_include_pad", 1);
  m.Node("LeakyRelu", {"p"}, {"k"}).Float("alpha", 0.25f);
  m.Ints("o", {-1}).Ints("e", {-100}).Ints("a", {3}).Ints("t", {-2});
  m.Node("Slice", {"k", "o", "e", "a", "t"}, {"s"});
  m.Ints("pads", {0, 0, 1, 0, 0, 0, 0, 2});
  m.Node("Pad", {"s", "pads"}, {"q"});
  m.Ints("axes", {2});
  m.Node("ReduceSum", {"q", "axes"}, {"z"});
  m.Node("ReduceMax", {"q"}, {"g"}).Ints("axes", {3}).Int("keepdims", 0);
  m.Node("Transpose", {"g"}, {"h"}).Ints("perm", {0, 2, 1});
  m.Node("Concat", {"h", "h"}, {"i"}).Int("axis", 2);
  m.Node("Flatten", {"i"}, {"f"});
  m.Node("Softmax", {"f"}, {"y"});
  const ir::Graph graph = Import(m);
  EXPECT_EQ(DumpGraph(RoundTrip(graph)), DumpGraph(graph));
}

TEST(ExporterTest, ResizedImagesComeBackEqual) {
  ModelBuilder m(13);
  m.Input("x", {-1, 2, 6, 6}).Output("y");
  m.Weights("w", {2, 4, 3, 3}).Weights("b", {4});
  m.Node("ConvTranspose", {"x", "w", "b"}, {"c"})
      .Ints("strides", {2, 2})
      .Ints("pads", {0, 0, 1, 1})
      .Ints("output_padding", {1, 0});
  m.Floats("scales", {4}, {1, 1, 0.5f, 1.25f});
  m.Node("Resize", {"c", "", "scales"}, {"r"})
      .String("mode", "cubic")
      .String("coordinate_transformation_mode", "align_corners");
  m.Node("LRN", {"r"}, {"y"}).Int("size", 3).Float("alpha", 0.25f);
  const ir::Graph graph = Import(m);
  EXPECT_EQ(DumpGraph(RoundTrip(graph)), DumpGraph(graph));
}

TEST(ExporterTest, QuantizationComesBackEqual) {
  ModelBuilder m(13);
  m.Input("x", {-1, 2}).Output("y");
  m.Floats("xs", {}, {0.5f});
  m.Constant("xz", Tensor::Of<uint8_t>({}, {128}));
  m.Constant("w", Tensor::Of<int8_t>({3, 2}, {1, -2, 3, -4, 5, -6}));
  m.Floats("ws", {3}, {0.5f, 0.25f, 1});
  m.Constant("b", Tensor::Of<int32_t>({3}, {100000, -5, 7}));
  m.Floats("bs", {3}, {0.25f, 0.125f, 0.5f});
  m.Node("QuantizeLinear", {"x", "xs", "xz"}, {"xq"});
  m.Node("DequantizeLinear", {"xq", "xs", "xz"}, {"xd"});
  m.Node("DequantizeLinear", {"w", "ws"}, {"wd"}).Int("axis", 0);
  m.Node("DequantizeLinear", {"b", "bs"}, {"bd"}).Int("axis", 0);
  m.Node("Gemm", {"xd", "wd", "bd"}, {"y"}).Int("transB", 1);
  const ir::Graph graph = Import(m);
  EXPECT_EQ(DumpGraph(RoundTrip(graph)), DumpGraph(graph));
}

TEST(ExporterTest, FusedConvBecomesItsParts) {
  ir::Graph graph;
  const Dims dims = {Dim::Rows(), Dim::Fixed(2), Dim::Fixed(4), Dim::Fixed(4)};
  const ir::ValueId x = graph.AddValue({"x", Float(dims), std::nullopt});
  graph.mutable_inputs() = {x};
  const ir::ValueId w =
      graph.AddConstant("w", Tensor(DType::kFloat32, {2, 2, 1, 1}));
  const ir::ValueId b = graph.AddConstant("b", Tensor(DType::kFloat32, {2}));
  ir::Conv conv;
  conv.window = {{1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}};
  conv.has_bias = true;
  conv.has_residual = true;
  conv.activation.lower = 0;
  graph.mutable_outputs() = {
      graph.AddNode("conv", conv, {x, w, b, x}, "y", Float(dims))};
  const ir::Graph back = RoundTrip(graph);
  ASSERT_EQ(back.nodes().size(), 3u);
  EXPECT_EQ(ir::OpName(back.nodes()[0].op), "Conv");
  EXPECT_EQ(ir::OpName(back.nodes()[1].op), "Add");
  EXPECT_EQ(std::get<ir::Clamp>(back.nodes()[2].op).range.lower, 0);
  EXPECT_EQ(back.value(back.outputs()[0]).name, "y");
}

TEST(ExporterTest, BatchedMatMulWithBiasKeepsItsMeaning) {
  ir::Graph graph;
  const Dims dims = {Dim::Rows(), Dim::Fixed(3), Dim::Fixed(4)};
  const ir::ValueId x = graph.AddValue({"x", Float(dims), std::nullopt});
  graph.mutable_inputs() = {x};
  const ir::ValueId w = graph.AddConstant("w", Tensor(DType::kFloat32, {5, 4}));
  const ir::ValueId b = graph.AddConstant("b", Tensor(DType::kFloat32, {5}));
  ir::MatMul op;
  op.transpose_b = true;
  op.has_bias = true;
  op.activation.upper = 6;
  graph.mutable_outputs() = {
      graph.AddNode("fc", op, {x, w, b}, "y",
                    Float({Dim::Rows(), Dim::Fixed(3), Dim::Fixed(5)}))};
  std::vector<std::string> ops;
  const ir::Graph back = RoundTrip(graph);
  for (const ir::Node& node : back.nodes()) {
    ops.push_back(std::string(ir::OpName(node.op)));
  }
  EXPECT_THAT(ops,
              testing::ElementsAre("Transpose", "MatMul", "Add", testing::_));
}

TEST(ExporterTest, OlderOpsetsBecomeTheOneThatHasScalesPerChannel) {
  // Opset 7 has Dropout's mask, Clip's limits and BatchNormalization's flags
  // where opset 17 has not.
  ModelBuilder m(7);
  m.Input("x", {-1, 2, 4, 4}).Output("y");
  m.Floats("s", {2}, {1, 2}).Floats("b", {2}, {3, 4});
  m.Floats("m", {2}, {0.5f, 1}).Floats("v", {2}, {1, 4});
  m.Node("BatchNormalization", {"x", "s", "b", "m", "v"}, {"n"});
  m.Node("Clip", {"n"}, {"c"}).Float("min", 0).Float("max", 6);
  m.Node("Dropout", {"c"}, {"y"});
  const ir::Graph graph = Import(m);
  const auto bytes = ExportModel(graph);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  ::onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(*bytes));
  EXPECT_EQ(model.opset_import(0).version(), 17);
  EXPECT_EQ(DumpGraph(RoundTrip(graph)), DumpGraph(graph));
}

TEST(ExporterTest, ReshapesToNoElementsComeBack) {
  // A 0 alone would copy what the input has there.
  ModelBuilder m(14);
  m.Input("x", {2, 3}).Output("y");
  m.Ints("end", {3}).Ints("axis", {1}).Ints("shape", {4, 0});
  m.Node("Slice", {"x", "end", "end", "axis"}, {"none"});
  m.Node("Reshape", {"none", "shape"}, {"y"}).Int("allowzero", 1);
  const ir::Graph graph = Import(m);
  const auto bytes = ExportModel(graph);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const auto back = ImportModel(*bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(DumpGraph(back->graph), DumpGraph(graph));
}

TEST(ExporterTest, SixteenBitsAreRefusedNotMadeEight) {
  ir::Graph graph;
  const TensorType real = Float({Dim::Rows(), Dim::Fixed(4)});
  TensorType wide = real;
  wide.dtype = DType::kInt16;
  wide.quantization = ir::Quantization::PerTensor(0.5f, 3);
  const ir::ValueId x = graph.AddValue({"x", real, std::nullopt});
  graph.mutable_inputs() = {x};
  const ir::ValueId q = graph.AddNode("q", ir::Quantize{}, {x}, "q", wide);
  graph.mutable_outputs() = {
      graph.AddNode("d", ir::Dequantize{}, {q}, "y", real)};
  const auto bytes = ExportModel(graph);
  EXPECT_EQ(bytes.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(bytes.status().message()),
              testing::HasSubstr("16 bits"));
}

TEST(ExporterTest, ConstantsThatGetTheRowsKeepThem) {
  // A class token before the patches of a picture, as PyTorch writes it.
  ModelBuilder m(17);
  m.Input("x", {-1, 3, 4}).Output("y").Weights("token", {1, 1, 4});
  m.Ints("rest", {1, 4});
  m.Node("Shape", {"x"}, {"rows"}).Int("start", 0).Int("end", 1);
  m.Node("Concat", {"rows", "rest"}, {"shape"}).Int("axis", 0);
  m.Node("Expand", {"token", "shape"}, {"tokens"});
  m.Node("Concat", {"tokens", "x"}, {"y"}).Int("axis", 1);
  const ir::Graph graph = Import(m);
  ASSERT_TRUE(graph.type(graph.outputs()[0]).dims[0].is_rows());
  EXPECT_EQ(DumpGraph(RoundTrip(graph)), DumpGraph(graph));
}

TEST(ExporterTest, EqualGraphsGiveEqualBytes) {
  ModelBuilder m(13);
  m.Input("x", {-1, 2}).Output("y").Weights("w", {2}).Weights("v", {2});
  m.Node("Add", {"x", "w"}, {"a"});
  m.Node("Mul", {"a", "v"}, {"y"});
  EXPECT_EQ(*ExportModel(Import(m)), *ExportModel(Import(m)));
}

TEST(ExporterTest, MetadataIsWrittenAsItIs) {
  ModelBuilder m(13);
  m.Input("x", {-1, 2}).Output("y");
  m.Node("Relu", {"x"}, {"y"});
  const auto bytes = ExportModel(Import(m), {{"made.by", "a test"}});
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  ::onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(*bytes));
  ASSERT_EQ(model.metadata_props_size(), 1);
  EXPECT_EQ(model.metadata_props(0).key(), "made.by");
  EXPECT_EQ(model.metadata_props(0).value(), "a test");
}

TEST(ExporterTest, LoweredOperatorsAreUnimplemented) {
  ir::Graph graph;
  TensorType type = Float({Dim::Rows(), Dim::Fixed(4)});
  type.dtype = DType::kUInt8;
  type.quantization = ir::Quantization::PerTensor(0.5f, 3);
  const ir::ValueId x = graph.AddValue({"x", type, std::nullopt});
  graph.mutable_inputs() = {x};
  graph.mutable_outputs() = {
      graph.AddNode("table", ir::LookUp{}, {x}, "y", type)};
  const auto bytes = ExportModel(graph);
  EXPECT_EQ(bytes.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(bytes.status().message()),
              testing::HasSubstr("table"));
}

}  // namespace
}  // namespace octet::onnx
