// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/importer.h"

#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "engine/ir/infer_types.h"
#include "engine/onnx/tensor_proto.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/onnx/model_builder.h"

namespace octet::onnx {
namespace {

using ir::Dim;
using ir::Dims;
using testing::HasSubstr;

// One node y = op(x) and what else `fill` adds.
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

template <typename T>
const T& OnlyOp(const ImportedModel& model) {
  EXPECT_EQ(model.graph.nodes().size(), 1u) << DumpGraph(model.graph);
  return std::get<T>(model.graph.nodes().back().op);
}

Dims OutputDims(const ImportedModel& model) {
  return model.graph.type(model.graph.outputs().at(0)).dims;
}

void ExpectFails(const ModelBuilder& model, absl::StatusCode code,
                 const std::string& part) {
  const auto imported = ImportModel(model.Bytes());
  ASSERT_FALSE(imported.ok());
  EXPECT_EQ(imported.status().code(), code) << imported.status();
  EXPECT_THAT(std::string(imported.status().message()), HasSubstr(part));
}

TEST(ImporterTest, ConvTakesKernelFromWeightsAndPadsToSameUpper) {
  auto model = OneInput(11, {-1, 3, 7, 8});
  model.Weights("w", {4, 3, 3, 2}).Weights("b", {4});
  model.Node("Conv", {"x", "w", "b"}, {"y"})
      .Ints("strides", {2, 2})
      .String("auto_pad", "SAME_UPPER");
  const auto imported = Import(model);
  EXPECT_TRUE(imported.batches) << imported.why_not_batched;
  const auto& conv = OnlyOp<ir::Conv>(imported);
  EXPECT_TRUE(conv.has_bias);
  EXPECT_EQ(conv.window.kernel, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(conv.window.pads_begin, (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(conv.window.pads_end, (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(OutputDims(imported),
            (Dims{Dim::Rows(), Dim::Fixed(4), Dim::Fixed(4), Dim::Fixed(4)}));
}

TEST(ImporterTest, SameLowerPutsTheOddPadInFront) {
  auto model = OneInput(11, {1, 1, 4});
  model.Node("MaxPool", {"x"}, {"y"})
      .Ints("kernel_shape", {2})
      .String("auto_pad", "SAME_LOWER");
  const auto imported = Import(model);
  EXPECT_EQ(OnlyOp<ir::Pool>(imported).window.pads_begin[0], 1);
  EXPECT_EQ(OnlyOp<ir::Pool>(imported).window.pads_end[0], 0);
}

TEST(ImporterTest, CeilModeDropsWindowThatStartsInThePadding) {
  auto model = OneInput(12, {1, 1, 4});
  model.Node("AveragePool", {"x"}, {"y"})
      .Ints("kernel_shape", {2})
      .Ints("strides", {3})
      .Ints("pads", {1, 1})
      .Int("ceil_mode", 1)
      .Int("count_include_pad", 1);
  const auto imported = Import(model);
  EXPECT_TRUE(OnlyOp<ir::Pool>(imported).count_include_pad);
  // (4 + 2 - 2) / 3 rounds up to 2, and a third window would start at 5 of 5.
  EXPECT_EQ(OutputDims(imported)[2], Dim::Fixed(2));
}

TEST(ImporterTest, ClipReadsAttributesThenInputs) {
  auto old = OneInput(6, {-1, 4});
  old.Node("Clip", {"x"}, {"y"}).Float("min", 0).Float("max", 6);
  auto recent = OneInput(13, {-1, 4});
  recent.Floats("six", {}, {6});
  recent.Node("Clip", {"x", "", "six"}, {"y"});
  EXPECT_EQ(OnlyOp<ir::Clamp>(Import(old)).range, (ir::Activation{0.0f, 6.0f}));
  const auto range = OnlyOp<ir::Clamp>(Import(recent)).range;
  EXPECT_EQ(range.upper, 6);
  EXPECT_EQ(range.lower, -std::numeric_limits<float>::infinity());
}

TEST(ImporterTest, ClipWithMinAboveMaxGivesMax) {
  auto model = OneInput(6, {-1, 4});
  model.Node("Clip", {"x"}, {"y"}).Float("min", 3).Float("max", 1);
  EXPECT_EQ(OnlyOp<ir::Clamp>(Import(model)).range,
            (ir::Activation{1.0f, 1.0f}));
}

TEST(ImporterTest, GemmFoldsFactorsAndBroadcastsBias) {
  auto model = OneInput(13, {-1, 2});
  model.Floats("w", {3, 2}, {1, 2, 3, 4, 5, 6}).Floats("c", {1}, {3});
  model.Node("Gemm", {"x", "w", "c"}, {"y"})
      .Float("alpha", 0.5f)
      .Float("beta", 2)
      .Int("transB", 1);
  const auto imported = Import(model);
  const auto& op = OnlyOp<ir::MatMul>(imported);
  EXPECT_TRUE(op.transpose_b);
  EXPECT_TRUE(op.has_bias);
  const auto& inputs = imported.graph.nodes()[0].inputs;
  EXPECT_THAT(imported.graph.value(inputs[1]).constant->data<float>(),
              testing::ElementsAre(0.5f, 1, 1.5f, 2, 2.5f, 3));
  EXPECT_THAT(imported.graph.value(inputs[2]).constant->data<float>(),
              testing::ElementsAre(6, 6, 6));
}

TEST(ImporterTest, GemmTransposesAAndAddsFullC) {
  auto model = OneInput(13, {2, 3});
  model.Weights("w", {2, 4}).Weights("c", {3, 1});
  model.Node("Gemm", {"x", "w", "c"}, {"y"}).Int("transA", 1);
  const auto imported = Import(model);
  EXPECT_FALSE(imported.batches);
  EXPECT_EQ(imported.graph.nodes().size(), 3u);
  EXPECT_EQ(OutputDims(imported), (Dims{Dim::Fixed(3), Dim::Fixed(4)}));
}

TEST(ImporterTest, MatMulOfVectorsDropsTheAddedAxes) {
  auto model = OneInput(13, {-1, 2, 3});
  model.Weights("v", {3});
  model.Node("MatMul", {"x", "v"}, {"y"});
  EXPECT_EQ(OutputDims(Import(model)), (Dims{Dim::Rows(), Dim::Fixed(2)}));
}

TEST(ImporterTest, BroadcastAttributeOfOpset6AlignsAtAxis) {
  auto model = OneInput(6, {-1, 3, 4, 5});
  model.Weights("b", {3});
  model.Node("Add", {"x", "b"}, {"y"}).Int("broadcast", 1).Int("axis", 1);
  const auto imported = Import(model);
  EXPECT_TRUE(imported.batches) << imported.why_not_batched;
  EXPECT_EQ(imported.graph.nodes().size(), 2u);
}

TEST(ImporterTest, MaxOfThreeIsAChain) {
  auto model = OneInput(13, {-1, 2});
  model.Weights("a", {2}).Weights("b", {1});
  model.Node("Max", {"x", "a", "b"}, {"y"}).Name("top");
  const auto imported = Import(model);
  EXPECT_EQ(imported.graph.nodes().size(), 2u);
  EXPECT_EQ(imported.graph.nodes()[1].name, "top");
}

TEST(ImporterTest, SoftmaxBeforeOpset13RunsThroughTheLastAxis) {
  auto old = OneInput(9, {-1, 3, 4});
  old.Node("Softmax", {"x"}, {"y"});
  auto recent = OneInput(13, {-1, 3, 4});
  recent.Node("Softmax", {"x"}, {"y"});
  EXPECT_TRUE(OnlyOp<ir::Softmax>(Import(old)).through_last_axis);
  EXPECT_EQ(OnlyOp<ir::Softmax>(Import(old)).axis, 1);
  EXPECT_FALSE(OnlyOp<ir::Softmax>(Import(recent)).through_last_axis);
  EXPECT_EQ(OnlyOp<ir::Softmax>(Import(recent)).axis, 2);
}

TEST(ImporterTest, SliceNormalizesPositions) {
  auto model = OneInput(13, {-1, 8, 6});
  model.Ints("starts", {-1, 1}).Ints("ends", {-100, 100});
  model.Ints("axes", {1, -1}).Ints("steps", {-3, 2});
  model.Node("Slice", {"x", "starts", "ends", "axes", "steps"}, {"y"});
  const auto imported = Import(model);
  const auto& slice = OnlyOp<ir::Slice>(imported);
  EXPECT_EQ(slice.starts, (std::vector<int64_t>{0, 7, 1}));
  EXPECT_EQ(slice.steps, (std::vector<int64_t>{1, -3, 2}));
  EXPECT_EQ(slice.sizes, (std::vector<int64_t>{0, 3, 3}));
}

TEST(ImporterTest, SliceOfTheOnlyRowKeepsTheBatch) {
  auto model = OneInput(9, {1, 8});
  model.Node("Slice", {"x"}, {"y"}).Ints("starts", {0, 2}).Ints("ends", {1, 5});
  const auto imported = Import(model);
  EXPECT_TRUE(imported.batches) << imported.why_not_batched;
  EXPECT_EQ(OutputDims(imported), (Dims{Dim::Rows(), Dim::Fixed(3)}));
}

TEST(ImporterTest, SliceOfOneOfManyRowsIsNotBatched) {
  auto model = OneInput(9, {-1, 8});
  model.Node("Slice", {"x"}, {"y"}).Ints("starts", {0}).Ints("ends", {1});
  const auto imported = Import(model);
  EXPECT_FALSE(imported.batches);
  EXPECT_THAT(imported.why_not_batched, HasSubstr("carries the rows"));
}

TEST(ImporterTest, SliceToAnEndThatNoAxisReachesTakesAllRows) {
  // tf2onnx writes 1,000,000,000; 2^31 elements of 8 a row end sooner.
  for (const int64_t end : {1000000000, 2147483647, 1 << 28}) {
    auto model = OneInput(9, {-1, 8});
    model.Node("Slice", {"x"}, {"y"})
        .Ints("starts", {0, 2})
        .Ints("ends", {end, 5});
    const auto imported = Import(model);
    EXPECT_TRUE(imported.batches) << end << imported.why_not_batched;
  }
  auto model = OneInput(9, {-1, 8});
  model.Node("Slice", {"x"}, {"y"})
      .Ints("starts", {0})
      .Ints("ends", {(1 << 28) - 1});
  EXPECT_FALSE(Import(model).batches);
}

TEST(ImporterTest, PadReadsAxes) {
  auto model = OneInput(18, {-1, 2, 3});
  model.Ints("pads", {1, 2}).Ints("axes", {-1}).Floats("v", {}, {0.5f});
  model.Node("Pad", {"x", "pads", "v", "axes"}, {"y"});
  const auto imported = Import(model);
  EXPECT_EQ(OnlyOp<ir::Pad>(imported).value, 0.5f);
  EXPECT_EQ(OutputDims(imported)[2], Dim::Fixed(6));
}

TEST(ImporterTest, ReshapeThatJoinsAllRowsIsNotBatched) {
  auto model = OneInput(13, {-1, 2, 3});
  model.Ints("shape", {1, -1});
  model.Node("Reshape", {"x", "shape"}, {"y"});
  const auto imported = Import(model);
  EXPECT_FALSE(imported.batches);
  EXPECT_NE(imported.staged, nullptr);
}

// Reshape(x, Concat(Shape(x)[0], [-1])), as exporters write Flatten.
TEST(ImporterTest, FollowsTheRowsThroughShapeArithmetic) {
  for (const int64_t leading : {-1, 1}) {
    auto model = OneInput(13, {leading, 2, 3});
    model.Node("Shape", {"x"}, {"shape"});
    model.Constant("zero", Tensor::Of<int64_t>({}, {0}));
    model.Node("Gather", {"shape", "zero"}, {"rows"}).Int("axis", 0);
    model.Ints("axes", {0}).Node("Unsqueeze", {"rows", "axes"}, {"list"});
    model.Ints("two", {2}).Node("Mul", {"list", "two"}, {"double"});
    model.Ints("rest", {-1});
    model.Node("Concat", {"double", "rest"}, {"target"}).Int("axis", 0);
    model.Node("Reshape", {"x", "target"}, {"halves"});
    model.Node("Concat", {"list", "rest"}, {"back"}).Int("axis", 0);
    model.Node("Reshape", {"halves", "back"}, {"y"});
    const auto imported = Import(model);
    EXPECT_TRUE(imported.batches) << imported.why_not_batched;
    EXPECT_EQ(OutputDims(imported), (Dims{Dim::Rows(), Dim::Fixed(6)}));
  }
}

// A dense layer on all axes but the last, as tf2onnx writes it: the product of
// their lengths is that of one.
TEST(ImporterTest, FollowsTheRowsThroughAProductOfLengths) {
  for (const bool axes_are_input : {false, true}) {
    auto model = OneInput(axes_are_input ? 18 : 13, {-1, 2, 3});
    model.Node("Shape", {"x"}, {"shape"});
    model.Ints("first", {0, 1}).Ints("zero", {0});
    model.Node("Gather", {"shape", "first"}, {"lengths"}).Int("axis", 0);
    if (axes_are_input) {
      model.Node("ReduceProd", {"lengths", "zero"}, {"one"}).Int("keepdims", 1);
    } else {
      model.Node("ReduceProd", {"lengths"}, {"one"}).Ints("axes", {0});
    }
    model.Ints("three", {3});
    model.Node("Concat", {"one", "three"}, {"flat"}).Int("axis", 0);
    model.Node("Reshape", {"x", "flat"}, {"matrix"});
    model.Node("Relu", {"matrix"}, {"positive"});
    model.Node("Reshape", {"positive", "shape"}, {"y"});
    const auto imported = Import(model);
    EXPECT_TRUE(imported.batches) << imported.why_not_batched;
    EXPECT_EQ(OutputDims(imported),
              (Dims{Dim::Rows(), Dim::Fixed(2), Dim::Fixed(3)}));
  }
}

// The lengths that two shapes broadcast to.
TEST(ImporterTest, FollowsTheRowsThroughTheLargerOfTwoLengths) {
  auto model = OneInput(13, {-1, 2, 3});
  model.Node("Shape", {"x"}, {"shape"});
  model.Ints("ones", {1, 1, 1}).Node("Max", {"shape", "ones"}, {"lengths"});
  model.Ints("zeros", {0, -1, 0}).Node("Max", {"lengths", "zeros"}, {"still"});
  model.Node("Max", {"shape", "still"}, {"same"});
  model.Node("Reshape", {"x", "same"}, {"y"});
  const auto imported = Import(model);
  EXPECT_TRUE(imported.batches) << imported.why_not_batched;
  EXPECT_EQ(OutputDims(imported),
            (Dims{Dim::Rows(), Dim::Fixed(2), Dim::Fixed(3)}));
  // Of one row -1 is the larger, of nine -5.
  auto below = OneInput(13, {-1, 2});
  below.Node("Shape", {"x"}, {"shape"});
  below.Ints("minus", {-1}).Node("Mul", {"shape", "minus"}, {"less"});
  below.Ints("fives", {-5, -5}).Node("Max", {"less", "fives"}, {"larger"});
  below.Node("Mul", {"larger", "minus"}, {"lengths"});
  below.Node("Reshape", {"x", "lengths"}, {"y"});
  EXPECT_FALSE(Import(below).batches);
  // With five rows it is five, with nine it is nine.
  auto other = OneInput(13, {-1, 2, 3});
  other.Node("Shape", {"x"}, {"shape"});
  other.Ints("fives", {5, 2, 3}).Node("Max", {"shape", "fives"}, {"lengths"});
  other.Node("Expand", {"x", "lengths"}, {"y"});
  EXPECT_FALSE(Import(other).batches);
}

TEST(ImporterTest, RowsAsDataAreNotBatched) {
  auto model = OneInput(13, {-1, 2});
  model.Node("Shape", {"x"}, {"shape"});
  model.Node("Cast", {"shape"}, {"real"}).Int("to", 1);
  model.Node("Mul", {"x", "real"}, {"y"});
  const auto imported = Import(model);
  EXPECT_FALSE(imported.batches);
  EXPECT_THAT(imported.why_not_batched, HasSubstr("number of rows"));
  EXPECT_NE(imported.staged, nullptr);
}

struct ReshapeCase {
  std::vector<int64_t> input;
  std::vector<int64_t> target;
  bool batches;
  Dims output;
};

class ReshapeTest : public testing::TestWithParam<ReshapeCase> {};

TEST_P(ReshapeTest, PlacesRows) {
  auto model = OneInput(13, GetParam().input);
  model.Ints("shape", GetParam().target);
  model.Node("Reshape", {"x", "shape"}, {"y"});
  const auto imported = Import(model);
  EXPECT_EQ(imported.batches, GetParam().batches) << imported.why_not_batched;
  EXPECT_EQ(OutputDims(imported), GetParam().output);
}

INSTANTIATE_TEST_SUITE_P(
    Targets, ReshapeTest,
    testing::Values(
        ReshapeCase{{-1, 2, 3}, {-1, 6}, true, {Dim::Rows(), Dim::Fixed(6)}},
        ReshapeCase{{-1, 2, 3}, {0, -1}, true, {Dim::Rows(), Dim::Fixed(6)}},
        ReshapeCase{{1, 2, 3}, {1, -1}, true, {Dim::Rows(), Dim::Fixed(6)}},
        ReshapeCase{{1, 2, 3}, {1, 6}, true, {Dim::Rows(), Dim::Fixed(6)}},
        ReshapeCase{{-1, 2, 3}, {1, 6}, true, {Dim::Rows(), Dim::Fixed(6)}},
        ReshapeCase{{1, 2, 3}, {2, 3}, false, {Dim::Fixed(2), Dim::Fixed(3)}},
        ReshapeCase{
            {4, 2, 3}, {2, -1}, false, {Dim::Fixed(2), Dim::Fixed(12)}}));

// As PyTorch exports ShuffleNetV2 for one row: the second -1 is the row.
TEST(ImporterTest, SplitOfChannelsIsBatched) {
  auto model = OneInput(11, {1, 6, 2, 2});
  model.Ints("pairs", {3, 2, 4}).Ints("halves", {2, -1, 3, 2, 2});
  model.Node("Reshape", {"x", "pairs"}, {"a"});
  model.Node("Transpose", {"a"}, {"b"}).Ints("perm", {1, 0, 2});
  model.Node("Reshape", {"b", "halves"}, {"c"});
  model.Constant("one", Tensor::Of<int64_t>({}, {1}));
  model.Node("Gather", {"c", "one"}, {"y"}).Int("axis", 0);
  const auto imported = Import(model);
  EXPECT_TRUE(imported.batches) << imported.why_not_batched;
  EXPECT_EQ(OutputDims(imported),
            (Dims{Dim::Rows(), Dim::Fixed(3), Dim::Fixed(2), Dim::Fixed(2)}));
}

TEST(ImporterTest, ConstantReshapeIsDoneAtOnceAndSharesBytes) {
  auto model = OneInput(8, {-1, 6});
  model.Weights("w", {2, 3, 4}).Ints("shape", {6, 4});
  model.Node("Reshape", {"w", "shape"}, {"w2"});
  model.Node("MatMul", {"x", "w2"}, {"y"});
  EXPECT_EQ(Import(model).graph.nodes().size(), 1u);
}

TEST(ImporterTest, FoldsShapeArithmetic) {
  auto model = OneInput(11, {2, 3, 4});
  model.Constant("zero", Tensor::Of<int64_t>({}, {0})).Ints("minus", {-1});
  model.Node("Shape", {"x"}, {"s"});
  model.Node("Gather", {"s", "zero"}, {"n"});
  model.Node("Unsqueeze", {"n"}, {"n1"}).Ints("axes", {0});
  model.Node("Concat", {"n1", "minus"}, {"target"}).Int("axis", 0);
  model.Node("Reshape", {"x", "target"}, {"y"});
  const auto imported = Import(model);
  EXPECT_EQ(OutputDims(imported), (Dims{Dim::Fixed(2), Dim::Fixed(12)}));
  EXPECT_EQ(imported.graph.nodes().size(), 1u);
}

TEST(ImporterTest, ConstantDequantizeLinearKeepsTheIntegers) {
  auto model = OneInput(13, {-1, 1, 4, 4});
  model.Constant("w", Tensor::Of<int8_t>({2, 1, 1, 1}, {5, -7}));
  model.Floats("s", {2}, {0.5f, 0.25f});
  model.Constant("z", Tensor::Of<int8_t>({2}, {0, 0}));
  model.Node("DequantizeLinear", {"w", "s", "z"}, {"wf"}).Int("axis", 0);
  model.Node("Conv", {"x", "wf"}, {"y"});
  const auto imported = Import(model);
  const auto& node = imported.graph.nodes()[0];
  ASSERT_TRUE(std::holds_alternative<ir::Dequantize>(node.op));
  const ir::Value& w = imported.graph.value(node.inputs[0]);
  EXPECT_EQ(w.type.quantization, (ir::Quantization{{0.5f, 0.25f}, {0, 0}, 0}));
  EXPECT_THAT(w.constant->data<int8_t>(), testing::ElementsAre(5, -7));
}

TEST(ImporterTest, OneConstantMayHaveTwoQuantizations) {
  auto model = OneInput(13, {-1, 2});
  model.Constant("w", Tensor::Of<int8_t>({2}, {5, -7}));
  model.Floats("s", {}, {0.5f}).Floats("t", {}, {0.25f});
  model.Node("DequantizeLinear", {"w", "s"}, {"a"});
  model.Node("DequantizeLinear", {"w", "t"}, {"b"});
  model.Node("Add", {"x", "a"}, {"xa"});
  model.Node("Add", {"xa", "b"}, {"y"});
  const auto imported = Import(model);
  const auto& nodes = imported.graph.nodes();
  const ir::Value& first = imported.graph.value(nodes[0].inputs[0]);
  const ir::Value& second = imported.graph.value(nodes[1].inputs[0]);
  EXPECT_NE(first.type.quantization, second.type.quantization);
  EXPECT_EQ(first.constant->bytes(), second.constant->bytes());
}

TEST(ImporterTest, QuantizeLinearDefaultsToUint8) {
  auto model = OneInput(10, {-1, 2});
  model.Floats("s", {}, {0.5f});
  model.Node("QuantizeLinear", {"x", "s"}, {"q"});
  model.Node("DequantizeLinear", {"q", "s"}, {"y"});
  const auto imported = Import(model);
  const auto& quantize = imported.graph.nodes()[0];
  const auto& type = imported.graph.type(quantize.outputs[0]);
  EXPECT_EQ(type.dtype, DType::kUInt8);
  EXPECT_EQ(type.quantization, ir::Quantization::PerTensor(0.5f, 0));
}

TEST(ImporterTest, SortsNodesAndDropsWhatNobodyReads) {
  auto model = OneInput(13, {-1, 2});
  model.Node("Tanh", {"h"}, {"y"});
  model.Node("Mystery", {"h"}, {"unused"});
  model.Node("Relu", {"x"}, {"h"});
  const auto imported = Import(model);
  ASSERT_EQ(imported.graph.nodes().size(), 2u);
  EXPECT_EQ(imported.graph.nodes()[0].name, "Relu(h)");
}

TEST(ImporterTest, OutputsKeepTheirNamesBehindIdentity) {
  ModelBuilder model(13);
  model.Input("x", {-1, 2}).Output("a").Output("b").Output("h");
  model.Node("Relu", {"x"}, {"h"});
  model.Node("Identity", {"h"}, {"a"});
  model.Node("Dropout", {"x"}, {"b"});
  const auto imported = Import(model);
  std::vector<std::string> names;
  for (ir::ValueId id : imported.graph.outputs()) {
    names.push_back(imported.graph.value(id).name);
  }
  EXPECT_THAT(names, testing::ElementsAre("a", "b", "h"));
  EXPECT_EQ(imported.graph.value(imported.graph.inputs()[0]).name, "x");
}

TEST(ImporterTest, InitializersThatAreInputsAreConstants) {
  auto model = OneInput(8, {-1, 2});
  model.Input("w", {2, 2}).Weights("w", {2, 2});
  model.Node("MatMul", {"x", "w"}, {"y"});
  EXPECT_EQ(Import(model).graph.inputs().size(), 1u);
}

TEST(ImporterTest, MixedRowsWaitForTheShapeWithAReason) {
  auto model = OneInput(13, {-1, 4});
  model.Node("Softmax", {"x"}, {"y"}).Int("axis", 0).Name("over_rows");
  const auto imported = Import(model);
  EXPECT_FALSE(imported.batches);
  EXPECT_THAT(imported.why_not_batched, HasSubstr("over_rows"));
  ASSERT_NE(imported.staged, nullptr);
  EXPECT_THAT(imported.why_staged, HasSubstr("dimension 0 of input 'x'"));
}

TEST(ImporterTest, ScalarInputIsNotBatched) {
  ModelBuilder model(13);
  model.Input("x", {-1, 4}).Input("factor", {}).Output("y");
  model.Node("Mul", {"x", "factor"}, {"y"});
  const auto imported = Import(model);
  EXPECT_FALSE(imported.batches);
  EXPECT_THAT(imported.why_not_batched, HasSubstr("factor"));
}

// Everything that a file can get wrong, one line each.
struct BadModel {
  const char* name;
  absl::StatusCode code;
  const char* part;                   // of the message
  void (*fill)(ModelBuilder& model);  // x is [N, 3, 8, 8], y the output
};

void PrintTo(const BadModel& bad, std::ostream* out) { *out << bad.name; }

class BadModelTest : public testing::TestWithParam<BadModel> {};

TEST_P(BadModelTest, IsRefused) {
  auto model = OneInput(13, {-1, 3, 8, 8});
  GetParam().fill(model);
  ExpectFails(model, GetParam().code, GetParam().part);
}

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;
constexpr auto kLoss = absl::StatusCode::kDataLoss;

void Dequantize(ModelBuilder& m, float scale) {
  m.Floats("s", {}, {scale});
  m.Node("QuantizeLinear", {"x", "s"}, {"y"});
}

const BadModel kBadModels[] = {
    {"UnknownOperator", kUnimplemented,
     "node 'n' (Mystery, domain ai.onnx, opset 13)",
     [](ModelBuilder& m) { m.Node("Mystery", {"x"}, {"y"}).Name("n"); }},
    {"OtherDomain", kUnimplemented, "domain com.example",
     [](ModelBuilder& m) {
       m.Node("Relu", {"x"}, {"y"}).Domain("com.example");
     }},
    {"UnknownAttribute", kUnimplemented, "attribute 'colour'",
     [](ModelBuilder& m) { m.Node("Relu", {"x"}, {"y"}).Int("colour", 1); }},
    {"AttributeType", kInvalid, "attribute 'alpha'",
     [](ModelBuilder& m) { m.Node("Elu", {"x"}, {"y"}).Int("alpha", 1); }},
    {"OldOpset", kUnimplemented, "opset 5",
     [](ModelBuilder& m) {
       m.proto().mutable_opset_import(0)->set_version(5);
       m.Node("Relu", {"x"}, {"y"});
     }},
    {"NewOpset", kUnimplemented, "opset 99",
     [](ModelBuilder& m) {
       m.proto().mutable_opset_import(0)->set_version(99);
       m.Node("Relu", {"x"}, {"y"});
     }},
    {"Cycle", kInvalid, "cycle",
     [](ModelBuilder& m) {
       m.Node("Add", {"x", "b"}, {"a"});
       m.Node("Relu", {"a"}, {"b"});
       m.Node("Relu", {"b"}, {"y"});
     }},
    {"UnknownInput", kInvalid, "reads 'ghost'",
     [](ModelBuilder& m) {
       m.Node("Add", {"x", "ghost"}, {"y"});
     }},
    {"ComputedTwice", kInvalid, "has a value already",
     [](ModelBuilder& m) {
       m.Node("Relu", {"x"}, {"y"});
       m.Node("Tanh", {"x"}, {"y"});
     }},
    {"NoSuchOutput", kInvalid, "output 'y'", [](ModelBuilder&) {}},
    {"InitializerTwice", kInvalid, "'w'",
     [](ModelBuilder& m) {
       m.Weights("w", {1}).Weights("w", {1});
       m.Node("Add", {"x", "w"}, {"y"});
     }},
    {"MissingInput", kInvalid, "input 1 is missing",
     [](ModelBuilder& m) { m.Node("Add", {"x"}, {"y"}); }},
    {"TooManyInputs", kInvalid, "at most 1",
     [](ModelBuilder& m) {
       m.Node("Relu", {"x", "x"}, {"y"});
     }},
    {"HugeInput", kInvalid, "elements",
     [](ModelBuilder& m) {
       m.Input("z", {1, int64_t{1} << 40});
       m.Node("Relu", {"z"}, {"y"});
     }},
    {"DoubleInput", kUnimplemented, "float64",
     [](ModelBuilder& m) {
       m.Input("z", {1, 2}, ::onnx::TensorProto::DOUBLE);
       m.Node("Relu", {"z"}, {"y"});
     }},
    {"ShortRawData", kLoss, "raw_data holds 4 bytes",
     [](ModelBuilder& m) {
       m.Weights("w", {1});
       m.proto().mutable_graph()->mutable_initializer(0)->set_dims(0, 3);
       m.Node("Add", {"x", "w"}, {"y"});
     }},
    {"HugeTensor", kLoss, "elements",
     [](ModelBuilder& m) {
       m.Weights("w", {1});
       m.proto().mutable_graph()->mutable_initializer(0)->set_dims(
           0, std::numeric_limits<int64_t>::max());
       m.Node("Add", {"x", "w"}, {"y"});
     }},
    {"NegativeDim", kLoss, "negative",
     [](ModelBuilder& m) {
       m.Weights("w", {1});
       m.proto().mutable_graph()->mutable_initializer(0)->set_dims(0, -1);
       m.Node("Add", {"x", "w"}, {"y"});
     }},
    {"ExternalData", absl::StatusCode::kFailedPrecondition, "external data",
     [](ModelBuilder& m) {
       m.Weights("w", {1});
       m.proto().mutable_graph()->mutable_initializer(0)->set_data_location(
           ::onnx::TensorProto::EXTERNAL);
       m.Node("Add", {"x", "w"}, {"y"});
     }},
    {"ZeroStride", kInvalid, "strides",
     [](ModelBuilder& m) {
       m.Node("MaxPool", {"x"}, {"y"})
           .Ints("kernel_shape", {2, 2})
           .Ints("strides", {0, 1});
     }},
    {"NegativePads", kInvalid, "pads",
     [](ModelBuilder& m) {
       m.Node("MaxPool", {"x"}, {"y"})
           .Ints("kernel_shape", {2, 2})
           .Ints("pads", {0, 0, -1, 0});
     }},
    {"HugeKernel", kInvalid, "kernel_shape",
     [](ModelBuilder& m) {
       m.Node("MaxPool", {"x"}, {"y"})
           .Ints("kernel_shape", {std::numeric_limits<int64_t>::max(), 2});
     }},
    {"HugeDilation", kInvalid, "does not fit",
     [](ModelBuilder& m) {
       m.Node("MaxPool", {"x"}, {"y"})
           .Ints("kernel_shape", {int64_t{1} << 31, int64_t{1} << 31})
           .Ints("dilations", {int64_t{1} << 31, int64_t{1} << 31});
     }},
    {"PadsLikeTheWindow", kInvalid, "less than the window",
     [](ModelBuilder& m) {
       m.Node("MaxPool", {"x"}, {"y"})
           .Ints("kernel_shape", {2, 2})
           .Ints("pads", {2, 0, 0, 0});
     }},
    {"WrongChannels", kInvalid, "weights",
     [](ModelBuilder& m) {
       m.Weights("w", {4, 2, 1, 1});
       m.Node("Conv", {"x", "w"}, {"y"});
     }},
    {"ZeroGroups", kInvalid, "groups",
     [](ModelBuilder& m) {
       m.Weights("w", {4, 3, 1, 1});
       m.Node("Conv", {"x", "w"}, {"y"}).Int("group", 0);
     }},
    {"AxisOutOfRange", kInvalid, "axis 4",
     [](ModelBuilder& m) { m.Node("Softmax", {"x"}, {"y"}).Int("axis", 4); }},
    {"TransposeTwice", kInvalid, "each axis once",
     [](ModelBuilder& m) {
       m.Node("Transpose", {"x"}, {"y"}).Ints("perm", {0, 1, 1, 2});
     }},
    {"ReshapeMisfit", kInvalid, "cannot become",
     [](ModelBuilder& m) {
       m.Ints("s", {-1, 5});
       m.Node("Reshape", {"x", "s"}, {"y"});
     }},
    {"ZeroStep", kInvalid, "step",
     [](ModelBuilder& m) {
       m.Ints("o", {0}).Ints("e", {2}).Ints("a", {1});
       m.Node("Slice", {"x", "o", "e", "a", "o"}, {"y"});
     }},
    {"PadOfUnknownMode", kInvalid, "'mirror'",
     [](ModelBuilder& m) {
       m.Ints("p", {0, 0, 1, 1, 0, 0, 1, 1});
       m.Node("Pad", {"x", "p"}, {"y"}).String("mode", "mirror");
     }},
    {"ZeroScale", kInvalid, "positive",
     [](ModelBuilder& m) { Dequantize(m, 0); }},
    {"NegativeScale", kInvalid, "positive",
     [](ModelBuilder& m) { Dequantize(m, -1); }},
    {"NanScale", kInvalid, "positive",
     [](ModelBuilder& m) {
       Dequantize(m, std::numeric_limits<float>::quiet_NaN());
     }},
    {"HugeConstantOfShape", absl::StatusCode::kResourceExhausted, "expand",
     [](ModelBuilder& m) {
       m.Ints("s", {1 << 30});
       m.Node("ConstantOfShape", {"s"}, {"y"});
     }},
    {"NanClip", kInvalid, "not a number",
     [](ModelBuilder& m) {
       m.Floats("n", {}, {std::numeric_limits<float>::quiet_NaN()});
       m.Node("Clip", {"x", "n"}, {"y"});
     }},
    {"DivisionByZero", kInvalid, "divides by zero",
     [](ModelBuilder& m) {
       m.Ints("a", {8}).Ints("b", {0});
       m.Node("Div", {"a", "b"}, {"s"});
       m.Node("Reshape", {"x", "s"}, {"y"});
     }},
};

INSTANTIATE_TEST_SUITE_P(Files, BadModelTest, testing::ValuesIn(kBadModels),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

TEST(ImporterTest, BytesThatAreNoModelAreDataLoss) {
  EXPECT_EQ(ImportModel("not a model").status().code(), kLoss);
  EXPECT_EQ(ImportModel("").status().code(), kLoss);
}

TEST(ImportTensorTest, ReadsRawAndTypedData) {
  const Tensor tensor = Tensor::Of<int64_t>({2}, {7, -8});
  const auto raw = ImportTensor(TensorToProto("t", tensor).SerializeAsString());
  ASSERT_TRUE(raw.ok()) << raw.status();
  EXPECT_EQ(raw->name, "t");
  EXPECT_THAT(raw->tensor.data<int64_t>(), testing::ElementsAre(7, -8));
  ::onnx::TensorProto typed;
  typed.set_data_type(::onnx::TensorProto::UINT8);
  typed.add_dims(2);
  typed.add_int32_data(0);
  typed.add_int32_data(255);
  const auto bytes = ImportTensor(typed.SerializeAsString());
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_THAT(bytes->tensor.data<uint8_t>(), testing::ElementsAre(0, 255));
  typed.set_int32_data(1, 256);
  EXPECT_EQ(ImportTensor(typed.SerializeAsString()).status().code(), kLoss);
}

}  // namespace
}  // namespace octet::onnx
