// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/lower_channels_last.h"

#include <string>
#include <utility>
#include <vector>

#include "engine/passes/permute.h"
#include "engine/passes/remove_no_ops.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/reference_run.h"

namespace octet::passes {
namespace {

using ir::ValueId;
using testing::ElementsAre;

// Lowers and cleans up, and checks that no element changes: the reference sums
// in double, so that not even the order of additions shows in float32.
ir::Graph LowerChecked(const ir::Graph& graph) {
  auto lowered = LowerChannelsLast(graph);
  EXPECT_TRUE(lowered.ok()) << lowered.status();
  if (!lowered.ok()) return graph;
  ExpectSameAnswers(graph, *lowered, 0);
  const Pass clean_up{"remove_no_ops", RemoveNoOps};
  auto cleaned = RunPasses(*lowered, {&clean_up, 1}, ReferenceEvaluation());
  EXPECT_TRUE(cleaned.ok()) << cleaned.status();
  if (!cleaned.ok()) return graph;
  ExpectSameAnswers(graph, *cleaned, 0);
  return *std::move(cleaned);
}

ValueId ConvOf(GraphBuilder& b, const std::string& name, ValueId x, int64_t in,
               int64_t out) {
  ir::Conv conv;
  conv.window = WindowOf({3, 3}, 1, 1);
  conv.has_bias = true;
  return b.Node(name, conv,
                {x, b.Constant(name + "_w", RandomFloats({out, in, 3, 3}, 11)),
                 b.Constant(name + "_b", RandomFloats({out}, 12))});
}

TEST(PermuteTest, ChannelsToLastAndBack) {
  EXPECT_THAT(PermToLast(4), ElementsAre(0, 2, 3, 1));
  EXPECT_THAT(PermToFirst(4), ElementsAre(0, 3, 1, 2));
  EXPECT_THAT(PermToLast(3), ElementsAre(0, 2, 1));
  EXPECT_THAT(PermToLast(2), ElementsAre(0, 1));
  EXPECT_EQ(AxisToLast(1, 4), 3);
  EXPECT_EQ(AxisToLast(2, 4), 1);
  const Tensor x = RandomFloats({2, 3, 4, 5}, 1);
  const Tensor back = Permuted(Permuted(x, PermToLast(4)), PermToFirst(4));
  EXPECT_EQ(back.shape(), x.shape());
  EXPECT_EQ(back.data<float>(), x.data<float>());
  EXPECT_THAT(Permuted(Tensor::Of<int8_t>({2, 3}, {1, 2, 3, 4, 5, 6}), {1, 0})
                  .data<int8_t>(),
              ElementsAre(1, 4, 2, 5, 3, 6));
}

TEST(LowerChannelsLastTest, ChainOfConvolutionsTurnsOnceAtEachEnd) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 5, 4}));
  const ValueId a = ConvOf(b, "a", x, 3, 4);
  b.Output(ConvOf(b, "y", b.Node("abs", ir::Unary{}, {a}), 4, 2));
  const ir::Graph lowered = LowerChecked(b.Build());
  EXPECT_EQ(CountOps(lowered, "Transpose"), 2) << ir::DumpGraph(lowered);
  for (const ir::Node& node : lowered.nodes()) {
    if (const auto* conv = std::get_if<ir::Conv>(&node.op)) {
      EXPECT_EQ(conv->layout, ir::Layout::kChannelsLast);
      EXPECT_EQ(lowered.type(node.inputs[1]).dims[1], ir::Dim::Fixed(3));
    }
  }
}

TEST(LowerChannelsLastTest, GroupedAndOneAndThreeDimensionalConvolutions) {
  for (const Shape& spatial : {Shape{9}, Shape{5, 6}, Shape{4, 5, 3}}) {
    GraphBuilder b;
    Shape image = {4};
    image.insert(image.end(), spatial.begin(), spatial.end());
    Shape weights = {6, 2};
    weights.insert(weights.end(), spatial.size(), 2);
    ir::Conv conv;
    conv.window = WindowOf(std::vector<int64_t>(spatial.size(), 2));
    conv.window.pads_end.back() = 1;
    conv.groups = 2;
    b.Output(b.Node("y", conv,
                    {b.Input("x", RowsAnd(image)),
                     b.Constant("w", RandomFloats(weights, 1))}));
    LowerChecked(b.Build());
  }
}

TEST(LowerChannelsLastTest, ResidualIsTurnedToo) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 4, 5}));
  ir::Conv conv;
  conv.window = WindowOf({1, 1});
  conv.has_residual = true;
  b.Output(b.Node("y", conv,
                  {x, b.Constant("w", RandomFloats({3, 3, 1, 1}, 1)), x}));
  LowerChecked(b.Build());
}

TEST(LowerChannelsLastTest, PoolsOfEveryKind) {
  for (ir::PoolKind kind : {ir::PoolKind::kMax, ir::PoolKind::kAverage}) {
    GraphBuilder b;
    const ValueId x = b.Input("x", RowsAnd({3, 7, 6}));
    ir::Pool pool;
    pool.kind = kind;
    pool.window = WindowOf({3, 2}, 2, 1);
    pool.count_include_pad = true;
    const ValueId p = b.Node("p", pool, {x});
    ir::GlobalPool global;
    global.kind = kind;
    b.Output(p);
    b.Output(b.Node("g", global, {p}));
    LowerChecked(b.Build());
  }
}

// One operator between two convolutions, none of which makes a second turn.
ir::Graph Between(const ir::Op& op, int64_t channels_after,
                  std::vector<Tensor> constants = {}) {
  GraphBuilder b;
  const ValueId a = ConvOf(b, "a", b.Input("x", RowsAnd({3, 6, 5})), 3, 4);
  std::vector<ValueId> inputs = {a};
  for (const Tensor& constant : constants) {
    inputs.push_back(b.Constant("k", constant));
  }
  const ValueId m = b.Node("m", op, inputs);
  b.Output(ConvOf(b, "y", m, channels_after, 2));
  return b.Build();
}

TEST(LowerChannelsLastTest, FollowersTakeTheLayoutOfTheirData) {
  ir::Reduce reduce;
  reduce.axes = {2, 3};
  ir::Reduce over_channels;
  over_channels.axes = {1};
  const std::pair<ir::Op, int64_t> cases[] = {
      {ir::Slice{{0, 1, 0, 4}, {1, 1, 2, -1}, {0, 2, 3, 5}}, 2},
      {ir::Pad{{0, 1, 2, 0}, {0, 0, 1, 3}, 0.5f}, 5},
      {ir::Softmax{1, false, false}, 4},
      {ir::Softmax{3, false, true}, 4},
      {reduce, 4},
      {over_channels, 1},
      {ir::Clamp{{-0.5f, 0.5f}}, 4},
      {ir::Unary{ir::UnaryKind::kSigmoid, 0, 0}, 4},
  };
  for (const auto& [op, channels] : cases) {
    SCOPED_TRACE(std::string(ir::OpName(op)) + ir::OpAttributes(op));
    const ir::Graph lowered = LowerChecked(Between(op, channels));
    // One at each end; that of a single pixel is a Reshape.
    EXPECT_LE(CountOps(lowered, "Transpose"), 2);
  }
}

TEST(LowerChannelsLastTest, ConstantsOfFewerAxesBroadcastAsBefore) {
  for (const Shape& shape : {Shape{4, 1, 1}, Shape{5}, Shape{6, 1}, Shape{},
                             Shape{1, 4, 6, 5}, Shape{4, 6, 5}}) {
    SCOPED_TRACE(ShapeToString(shape));
    const ir::Graph lowered = LowerChecked(Between(
        ir::Binary{ir::BinaryKind::kMul, {}}, 4, {RandomFloats(shape, 3)}));
    EXPECT_EQ(CountOps(lowered, "Transpose"), 2);
  }
}

TEST(LowerChannelsLastTest, ConcatOfChannelsBecomesConcatOfTheLastAxis) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 4, 5}));
  const ValueId a = ConvOf(b, "a", x, 3, 4);
  const ValueId c = ConvOf(b, "c", x, 3, 2);
  b.Output(ConvOf(b, "y", b.Node("cat", ir::Concat{1}, {a, c}), 6, 2));
  const ir::Graph lowered = LowerChecked(b.Build());
  EXPECT_EQ(CountOps(lowered, "Transpose"), 2);
  for (const ir::Node& node : lowered.nodes()) {
    if (const auto* concat = std::get_if<ir::Concat>(&node.op)) {
      EXPECT_EQ(concat->axis, 3);
    }
  }
}

TEST(LowerChannelsLastTest, OperatorsThatNeedTheOnnxOrderGetIt) {
  GraphBuilder b;
  const ValueId a = ConvOf(b, "a", b.Input("x", RowsAnd({3, 4, 5})), 3, 4);
  const ValueId flat = b.Node("flat", ir::Reshape{RowsAnd({80})}, {a});
  const ValueId m = b.Node("m", ir::MatMul{},
                           {flat, b.Constant("w", RandomFloats({80, 3}, 1))});
  ir::Reduce reduce;
  reduce.axes = {2};
  reduce.keep_dims = false;
  b.Output(m);
  b.Output(b.Node("r", reduce, {a}));
  b.Output(b.Node("t", ir::Transpose{{0, 3, 1, 2}}, {a}));
  const ir::Graph lowered = LowerChecked(b.Build());
  for (const ir::Node& node : lowered.nodes()) {
    if (const auto* matmul = std::get_if<ir::MatMul>(&node.op)) {
      EXPECT_TRUE(matmul->transpose_b);
      EXPECT_EQ(lowered.type(node.inputs[1]).dims, ir::FixedDims({3, 80}));
    }
  }
}

TEST(LowerChannelsLastTest, PerChannelWeightsOfMatMulKeepTheirChannels) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3}));
  const ValueId q = b.Node("q", ir::Quantize{}, {x}, DType::kUInt8,
                           ir::Quantization::PerTensor(0.1f, 100));
  const ValueId w =
      b.Constant("w", RandomIntegers(DType::kInt8, {3, 2}, 1, -100, 100),
                 ir::Quantization{{0.1f, 0.2f}, {0, 0}, 1});
  b.Output(b.Node("y", ir::MatMul{}, {q, w}));
  const ir::Graph lowered = LowerChecked(b.Build());
  const ir::Node& matmul = lowered.nodes().back();
  EXPECT_EQ(lowered.type(matmul.inputs[1]).quantization->axis, 0);
}

TEST(LowerChannelsLastTest, OutputsKeepTheirNames) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 4, 5}));
  const ValueId a = ConvOf(b, "a", x, 3, 3);
  b.Output(a);
  b.Output(b.Node("y", ir::Unary{}, {a}));
  const ir::Graph lowered = LowerChecked(b.Build());
  EXPECT_EQ(lowered.value(lowered.inputs()[0]).name, "x");
  EXPECT_EQ(lowered.value(lowered.outputs()[0]).name, "a");
  EXPECT_EQ(lowered.value(lowered.outputs()[1]).name, "y");
}

}  // namespace
}  // namespace octet::passes
