// SPDX-License-Identifier: Apache-2.0
// How ONNX's operators with windows and samples become those of the graph.
#include <limits>
#include <string>
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
using testing::ElementsAre;
using testing::HasSubstr;

ModelBuilder OneInput(int64_t opset, std::vector<int64_t> dims) {
  ModelBuilder model(opset);
  model.Input("x", dims).Output("y");
  return model;
}

ImportedModel Import(const ModelBuilder& model) {
  auto imported = ImportModel(model.Bytes());
  EXPECT_TRUE(imported.ok()) << imported.status();
  return imported.ok() ? *std::move(imported) : ImportedModel();
}

// The only node's operator; a default one where there is another.
template <typename T>
T OnlyOp(const ImportedModel& model) {
  EXPECT_EQ(model.graph.nodes().size(), 1u) << DumpGraph(model.graph);
  if (model.graph.nodes().empty()) return T();
  const T* op = std::get_if<T>(&model.graph.nodes().back().op);
  EXPECT_NE(op, nullptr) << DumpGraph(model.graph);
  return op == nullptr ? T() : *op;
}

std::string OutputText(const ImportedModel& model) {
  if (model.graph.outputs().empty()) return "";
  return ir::DimsToString(model.graph.type(model.graph.outputs()[0]).dims);
}

std::string Refusal(const ModelBuilder& model) {
  const auto imported = ImportModel(model.Bytes());
  EXPECT_FALSE(imported.ok());
  return std::string(imported.status().message());
}

TEST(WindowImportTest, ConvTransposeResolvesOutputShape) {
  auto model = OneInput(11, {-1, 2, 3, 3});
  model.Weights("w", {2, 4, 3, 3});
  model.Node("ConvTranspose", {"x", "w"}, {"y"})
      .Ints("strides", {3, 2})
      .Ints("output_shape", {10, 8});
  const ImportedModel imported = Import(model);
  EXPECT_TRUE(imported.batches) << imported.why_not_batched;
  const auto op = OnlyOp<ir::ConvTranspose>(imported);
  // 9 and 7 without pads: nothing to cut, the rest comes behind.
  EXPECT_THAT(op.window.pads_begin, ElementsAre(0, 0));
  EXPECT_THAT(op.output_pads, ElementsAre(1, 1));
  EXPECT_EQ(OutputText(imported), "[rows, 4, 10, 8]");
}

TEST(WindowImportTest, ConvTransposePadsToSameUpper) {
  auto model = OneInput(11, {1, 1, 3, 3});
  model.Weights("w", {1, 2, 4, 3});
  model.Node("ConvTranspose", {"x", "w"}, {"y"})
      .Ints("strides", {2, 2})
      .String("auto_pad", "SAME_UPPER");
  const auto op = OnlyOp<ir::ConvTranspose>(Import(model));
  EXPECT_THAT(op.window.pads_begin, ElementsAre(1, 0));
  EXPECT_THAT(op.window.pads_end, ElementsAre(1, 1));
}

TEST(WindowImportTest, ConvTransposeRefusesHostileShapes) {
  auto model = OneInput(11, {1, 1, 3, 3});
  model.Weights("w", {1, 2, 4, 3});
  model.Node("ConvTranspose", {"x", "w"}, {"y"})
      .Ints("output_shape", {std::numeric_limits<int64_t>::max(), 1});
  EXPECT_THAT(Refusal(model), HasSubstr("output_shape"));
  auto strides = OneInput(11, {1, 1, 3, 3});
  strides.Weights("w", {1, 2, 4, 3});
  strides.Node("ConvTranspose", {"x", "w"}, {"y"})
      .Ints("strides", {int64_t{1} << 31, int64_t{1} << 31});
  EXPECT_FALSE(ImportModel(strides.Bytes()).ok());
}

TEST(WindowImportTest, Col2ImIsATransposedConvolution) {
  auto model = OneInput(18, {-1, 8, 6});
  model.Ints("image", {3, 4}).Ints("block", {2, 2});
  model.Node("Col2Im", {"x", "image", "block"}, {"y"});
  const ImportedModel imported = Import(model);
  EXPECT_TRUE(imported.batches) << imported.why_not_batched;
  EXPECT_EQ(OutputText(imported), "[rows, 2, 3, 4]");
}

TEST(WindowImportTest, ResizeReadsSizesOfSomeAxes) {
  auto model = OneInput(18, {-1, 3, 4, 5});
  model.Ints("sizes", {8, 6});
  model.Node("Resize", {"x", "", "", "sizes"}, {"y"})
      .String("mode", "linear")
      .Ints("axes", {3, -2});
  const ImportedModel imported = Import(model);
  EXPECT_TRUE(imported.batches) << imported.why_not_batched;
  const auto op = OnlyOp<ir::Resize>(imported);
  EXPECT_THAT(op.sizes, ElementsAre(0, 3, 6, 8));
  EXPECT_THAT(op.scales, ElementsAre(1, 1, 1.5f, 1.6f));
  EXPECT_EQ(op.coordinates, ir::ResizeCoordinates::kHalfPixel);
}

TEST(WindowImportTest, ResizeKeepsTheAspectRatio) {
  auto model = OneInput(18, {1, 1, 4, 8});
  model.Ints("sizes", {8, 12});
  model.Node("Resize", {"x", "", "", "sizes"}, {"y"})
      .String("keep_aspect_ratio_policy", "not_larger")
      .Ints("axes", {2, 3});
  EXPECT_THAT(OnlyOp<ir::Resize>(Import(model)).sizes[2], 6);
  EXPECT_THAT(OnlyOp<ir::Resize>(Import(model)).sizes[3], 12);
}

TEST(WindowImportTest, OldResizeTakesTheNextElementWhereItShrinks) {
  auto model = OneInput(10, {1, 1, 4, 4});
  model.Floats("scales", {4}, {1, 1, 0.5f, 2});
  model.Node("Resize", {"x", "scales"}, {"y"});
  const ImportedModel imported = Import(model);
  ASSERT_EQ(imported.graph.nodes().size(), 2u);
  const auto& shrink = std::get<ir::Resize>(imported.graph.nodes()[0].op);
  const auto& grow = std::get<ir::Resize>(imported.graph.nodes()[1].op);
  EXPECT_EQ(shrink.rounding, ir::ResizeRounding::kCeil);
  EXPECT_EQ(grow.rounding, ir::ResizeRounding::kFloor);
  EXPECT_EQ(
      OutputText(imported),
      ir::DimsToString(imported.batches ? Dims{Dim::Rows(), Dim::Fixed(1),
                                               Dim::Fixed(2), Dim::Fixed(8)}
                                        : ir::FixedDims({1, 1, 2, 8})));
}

TEST(WindowImportTest, ResizeRefusesScalesThatAreNoNumbers) {
  for (float scale : {0.0f, -2.0f, std::numeric_limits<float>::quiet_NaN(),
                      std::numeric_limits<float>::infinity(), 1e30f, 1e-30f}) {
    auto model = OneInput(13, {1, 1, 4, 4});
    model.Floats("scales", {4}, {1, 1, scale, 1});
    model.Node("Resize", {"x", "", "scales"}, {"y"});
    EXPECT_THAT(Refusal(model), HasSubstr("axis 2"));
  }
  auto neither = OneInput(13, {1, 1, 4, 4});
  neither.Node("Resize", {"x"}, {"y"});
  EXPECT_THAT(Refusal(neither), HasSubstr("neither scales nor sizes"));
}

TEST(WindowImportTest, LpPoolAddsUpPowers) {
  auto model = OneInput(18, {-1, 3, 5});
  model.Node("LpPool", {"x"}, {"y"})
      .Ints("kernel_shape", {2})
      .Ints("strides", {2})
      .Int("p", 3)
      .Int("ceil_mode", 1);
  const ImportedModel imported = Import(model);
  EXPECT_TRUE(imported.batches) << imported.why_not_batched;
  EXPECT_EQ(OutputText(imported), "[rows, 3, 3]");
}

TEST(WindowImportTest, MaxPoolHasASecondOutput) {
  ModelBuilder model(12);
  model.Input("x", {2, 1, 4}).Output("y").Output("i");
  model.Node("MaxPool", {"x"}, {"y", "i"})
      .Ints("kernel_shape", {2})
      .Int("storage_order", 1);
  const ImportedModel imported = Import(model);
  ASSERT_EQ(imported.graph.nodes().size(), 2u);
  EXPECT_TRUE(
      std::get<ir::MaxPoolIndices>(imported.graph.nodes()[1].op).column_major);
}

TEST(WindowImportTest, DeformConvKeepsRows) {
  ModelBuilder model(19);
  model.Input("x", {-1, 4, 6, 7})
      .Input("offset", {-1, 16, 5, 6})
      .Input("mask", {-1, 8, 5, 6})
      .Output("y");
  model.Weights("w", {6, 2, 2, 2}).Weights("b", {6});
  model.Node("DeformConv", {"x", "w", "offset", "b", "mask"}, {"y"})
      .Int("group", 2)
      .Int("offset_group", 2);
  const ImportedModel imported = Import(model);
  EXPECT_TRUE(imported.batches) << imported.why_not_batched;
  EXPECT_EQ(OutputText(imported), "[rows, 6, 5, 6]");
}

TEST(WindowImportTest, AffineGridAndGridSampleKeepRows) {
  ModelBuilder model(20);
  model.Input("x", {1, 4, 6, 7}).Input("theta", {1, 2, 3}).Output("y");
  model.Ints("size", {1, 4, 3, 5});
  model.Node("AffineGrid", {"theta", "size"}, {"grid"});
  model.Node("GridSample", {"x", "grid"}, {"y"}).String("mode", "cubic");
  const ImportedModel imported = Import(model);
  EXPECT_TRUE(imported.batches) << imported.why_not_batched;
  EXPECT_EQ(OutputText(imported), "[rows, 4, 3, 5]");
}

TEST(WindowImportTest, GemmOfIntegersHasNoFraction) {
  ModelBuilder model(13);
  model.Input("a", {2, 3}, ::onnx::TensorProto::INT32).Output("y");
  model.Constant("b", Tensor::Of<int32_t>({3, 2}, {1, 2, 3, 4, 5, 6}));
  model.Node("Gemm", {"a", "b"}, {"y"}).Float("alpha", 0.5f);
  EXPECT_THAT(Refusal(model), HasSubstr("alpha or beta is 0.5"));
  ModelBuilder whole(13);
  whole.Input("a", {2, 3}, ::onnx::TensorProto::INT32).Output("y");
  whole.Constant("b", Tensor::Of<int32_t>({3, 2}, {1, 2, 3, 4, 5, 6}));
  whole.Constant("c", Tensor::Of<int32_t>({2}, {1, 2}));
  whole.Node("Gemm", {"a", "b", "c"}, {"y"});
  const ImportedModel imported = Import(whole);
  EXPECT_EQ(imported.graph.type(imported.graph.outputs()[0]).dtype,
            DType::kInt32);
}

}  // namespace
}  // namespace octet::onnx
