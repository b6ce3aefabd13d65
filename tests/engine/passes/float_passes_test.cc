// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/passes/fold_batch_norm.h"
#include "engine/passes/fold_constants.h"
#include "engine/passes/fuse_into_producer.h"
#include "engine/passes/move_reshape_down.h"
#include "engine/passes/pass.h"
#include "engine/passes/remove_no_ops.h"
#include "engine/passes/slice_chains.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/reference_run.h"

namespace octet::passes {
namespace {

using ir::ValueId;
using testing::HasSubstr;

// Rewrites keep the meaning; what they change is the order of float32
// operations.
constexpr double kReordered = 1e-5;

const ir::Activation kRelu6{0.0f, 6.0f};

using PassFunction = absl::StatusOr<std::optional<ir::GraphPatch>> (*)(
    const ir::Graph&, const PassContext&);

// The graph after as many patches of one pass as it wants.
ir::Graph RunToEnd(const ir::Graph& graph, PassFunction run) {
  const Pass pass{"pass", run};
  auto result = RunPasses(graph, {&pass, 1}, ReferenceEvaluation());
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : graph;
}

bool Finds(const ir::Graph& graph, PassFunction run) {
  const auto patch = run(graph, ReferenceEvaluation());
  EXPECT_TRUE(patch.ok()) << patch.status();
  return patch.ok() && patch->has_value();
}

ValueId Conv(GraphBuilder& b, const std::string& name, ValueId x, int64_t in,
             int64_t out, bool bias = false) {
  ir::Conv conv;
  conv.window = WindowOf({3, 3}, 1, 1);
  conv.has_bias = bias;
  std::vector<ValueId> inputs = {
      x, b.Constant(name + "_w", RandomFloats({out, in, 3, 3}, 11))};
  if (bias) inputs.push_back(b.Constant(name + "_b", RandomFloats({out}, 12)));
  return b.Node(name, conv, inputs);
}

ValueId BatchNorm(GraphBuilder& b, const std::string& name, ValueId x,
                  int64_t channels) {
  return b.Node(
      name, ir::BatchNorm{1e-3f},
      {x, b.Constant(name + "_gamma", RandomFloats({channels}, 1, 0.5f, 2)),
       b.Constant(name + "_beta", RandomFloats({channels}, 2)),
       b.Constant(name + "_mean", RandomFloats({channels}, 3)),
       b.Constant(name + "_var", RandomFloats({channels}, 4, 0.1f, 3))});
}

ValueId Add(GraphBuilder& b, const std::string& name, ValueId x, ValueId y) {
  return b.Node(name, ir::Binary{}, {x, y});
}

TEST(FoldBatchNormTest, FoldsIntoConvolutionWithAndWithoutBias) {
  for (bool bias : {false, true}) {
    GraphBuilder b;
    const ValueId x = b.Input("x", RowsAnd({3, 5, 5}));
    b.Output(BatchNorm(b, "y", Conv(b, "c", x, 3, 4, bias), 4));
    const ir::Graph graph = b.Build();
    const ir::Graph folded = RunToEnd(graph, FoldBatchNorm);
    EXPECT_EQ(CountOps(folded, "BatchNorm"), 0);
    EXPECT_EQ(folded.nodes().size(), 1u);
    EXPECT_TRUE(std::get<ir::Conv>(folded.nodes()[0].op).has_bias);
    ExpectSameAnswers(graph, folded, kReordered);
  }
}

TEST(FoldBatchNormTest, KeepsBatchNormWhenConvOutputHasTwoReaders) {
  GraphBuilder b;
  const ValueId c = Conv(b, "c", b.Input("x", RowsAnd({3, 5, 5})), 3, 4);
  b.Output(Add(b, "y", BatchNorm(b, "n", c, 4), c));
  EXPECT_FALSE(Finds(b.Build(), FoldBatchNorm));
}

TEST(FoldBatchNormTest, KeepsBatchNormWhenConvOutputIsAnOutput) {
  GraphBuilder b;
  const ValueId c = Conv(b, "c", b.Input("x", RowsAnd({3, 5, 5})), 3, 4);
  b.Output(c);
  b.Output(BatchNorm(b, "n", c, 4));
  EXPECT_FALSE(Finds(b.Build(), FoldBatchNorm));
}

TEST(FoldBatchNormTest, KeepsBatchNormBehindAnActivationOrComputedWeights) {
  GraphBuilder b;
  ir::Conv conv;
  conv.window = WindowOf({3, 3}, 1, 1);
  conv.activation = kRelu;
  const ValueId x = b.Input("x", RowsAnd({3, 5, 5}));
  const ValueId c =
      b.Node("c", conv, {x, b.Constant("w", RandomFloats({4, 3, 3, 3}, 1))});
  b.Output(BatchNorm(b, "n", c, 4));
  EXPECT_FALSE(Finds(b.Build(), FoldBatchNorm));

  GraphBuilder computed;
  conv.activation = {};
  const ValueId w = computed.Input("w", ir::FixedDims({4, 3, 3, 3}));
  const ValueId d =
      computed.Node("c", conv, {computed.Input("x", RowsAnd({3, 5, 5})), w});
  computed.Output(BatchNorm(computed, "n", d, 4));
  EXPECT_FALSE(Finds(computed.Build(), FoldBatchNorm));
}

TEST(FoldBatchNormTest, KeepsBatchNormWhoseParametersAreComputed) {
  GraphBuilder b;
  const ValueId c = Conv(b, "c", b.Input("x", RowsAnd({3, 5, 5})), 3, 4);
  const ValueId gamma = b.Input("gamma", ir::FixedDims({4}));
  const Tensor ones = RandomFloats({4}, 1, 1, 2);
  b.Output(b.Node("n", ir::BatchNorm{},
                  {c, gamma, b.Constant("beta", ones), b.Constant("m", ones),
                   b.Constant("v", ones)}));
  EXPECT_FALSE(Finds(b.Build(), FoldBatchNorm));
}

TEST(FuseBiasTest, ConstantPerChannelBecomesTheBias) {
  for (bool constant_first : {false, true}) {
    GraphBuilder b;
    const ValueId c = Conv(b, "c", b.Input("x", RowsAnd({3, 5, 5})), 3, 4);
    const ValueId k = b.Constant("k", RandomFloats({1, 4, 1, 1}, 5));
    b.Output(constant_first ? Add(b, "y", k, c) : Add(b, "y", c, k));
    const ir::Graph graph = b.Build();
    const ir::Graph fused = RunToEnd(graph, FuseBias);
    EXPECT_EQ(CountOps(fused, "Add"), 0);
    EXPECT_EQ(fused.type(fused.nodes()[0].inputs[2]).dims, ir::FixedDims({4}));
    ExpectSameAnswers(graph, fused, kReordered);
  }
}

TEST(FuseBiasTest, MatMulTakesAVector) {
  GraphBuilder b;
  const ValueId m = b.Node(
      "m", ir::MatMul{},
      {b.Input("x", RowsAnd({6})), b.Constant("w", RandomFloats({6, 5}, 1))});
  b.Output(Add(b, "y", m, b.Constant("k", RandomFloats({5}, 2))));
  const ir::Graph graph = b.Build();
  const ir::Graph fused = RunToEnd(graph, FuseBias);
  EXPECT_EQ(fused.nodes().size(), 1u);
  ExpectSameAnswers(graph, fused, kReordered);
}

TEST(FuseBiasTest, KeepsAdditionsAlongAnotherAxisOrOfAScalar) {
  // [4] broadcasts along the width, which happens to be as long as the
  // channels; a scalar and a whole tensor are no bias either.
  for (const Shape& shape :
       {Shape{4}, Shape{1}, Shape{1, 1, 4, 1}, Shape{1, 4, 4, 4}}) {
    GraphBuilder b;
    const ValueId c = Conv(b, "c", b.Input("x", RowsAnd({3, 4, 4})), 3, 4);
    b.Output(Add(b, "y", c, b.Constant("k", RandomFloats(shape, 5))));
    EXPECT_FALSE(Finds(b.Build(), FuseBias)) << ShapeToString(shape);
  }
}

TEST(FuseBiasTest, KeepsAdditionsThatEnlargeTheResult) {
  GraphBuilder b;
  const ValueId m = b.Node("m", ir::MatMul{},
                           {b.Input("x", ir::FixedDims({1, 6})),
                            b.Constant("w", RandomFloats({6, 5}, 1))});
  b.Output(Add(b, "y", m, b.Constant("k", RandomFloats({3, 5}, 2))));
  EXPECT_FALSE(Finds(b.Build(), FuseBias));
}

TEST(FuseBiasTest, KeepsTheAdditionWhereTheProductIsReadTwiceOrHasABias) {
  GraphBuilder two;
  const ValueId c = Conv(two, "c", two.Input("x", RowsAnd({3, 5, 5})), 3, 4);
  const ValueId k = two.Constant("k", RandomFloats({4, 1, 1}, 5));
  two.Output(Add(two, "y", c, k));
  two.Output(c);
  EXPECT_FALSE(Finds(two.Build(), FuseBias));

  GraphBuilder biased;
  const ValueId d =
      Conv(biased, "c", biased.Input("x", RowsAnd({3, 5, 5})), 3, 4, true);
  biased.Output(
      Add(biased, "y", d, biased.Constant("k", RandomFloats({4, 1, 1}, 5))));
  EXPECT_FALSE(Finds(biased.Build(), FuseBias));
}

TEST(FuseResidualAddTest, TheLaterConvolutionTakesTheAddition) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 5, 5}));
  const ValueId first = Conv(b, "first", x, 3, 4);
  const ValueId second = Conv(b, "second", x, 3, 4, true);
  b.Output(Add(b, "y", first, second));
  const ir::Graph graph = b.Build();
  const ir::Graph fused = RunToEnd(graph, FuseResidualAdd);
  ASSERT_EQ(fused.nodes().size(), 2u);
  EXPECT_EQ(fused.nodes()[1].name, "second_node");
  EXPECT_TRUE(std::get<ir::Conv>(fused.nodes()[1].op).has_residual);
  ExpectSameAnswers(graph, fused, kReordered);
}

TEST(FuseResidualAddTest, TakesTheAdditionsActivation) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 5, 5}));
  const ValueId c = Conv(b, "c", x, 4, 4);
  b.Output(b.Node("y", ir::Binary{ir::BinaryKind::kAdd, kRelu}, {x, c}));
  const ir::Graph graph = b.Build();
  const ir::Graph fused = RunToEnd(graph, FuseResidualAdd);
  ASSERT_EQ(fused.nodes().size(), 1u);
  EXPECT_EQ(std::get<ir::Conv>(fused.nodes()[0].op).activation, kRelu);
  ExpectSameAnswers(graph, fused, kReordered);
}

TEST(FuseResidualAddTest, KeepsBroadcastsDoublesConstantsAndActivations) {
  GraphBuilder broadcast;
  ValueId x = broadcast.Input("x", RowsAnd({3, 5, 5}));
  ValueId small = broadcast.Input("s", RowsAnd({4, 1, 1}));
  broadcast.Output(Add(broadcast, "y", Conv(broadcast, "c", x, 3, 4), small));
  EXPECT_FALSE(Finds(broadcast.Build(), FuseResidualAdd));

  GraphBuilder doubled;
  ValueId c = Conv(doubled, "c", doubled.Input("x", RowsAnd({3, 5, 5})), 3, 4);
  doubled.Output(Add(doubled, "y", c, c));
  EXPECT_FALSE(Finds(doubled.Build(), FuseResidualAdd));

  GraphBuilder constant;
  x = constant.Input("x", ir::FixedDims({1, 3, 5, 5}));
  constant.Output(Add(constant, "y", Conv(constant, "c", x, 3, 4),
                      constant.Constant("k", RandomFloats({1, 4, 5, 5}, 1))));
  EXPECT_FALSE(Finds(constant.Build(), FuseResidualAdd));

  GraphBuilder active;
  x = active.Input("x", RowsAnd({4, 5, 5}));
  ir::Conv conv;
  conv.window = WindowOf({3, 3}, 1, 1);
  conv.activation = kRelu;
  c = active.Node("c", conv,
                  {x, active.Constant("w", RandomFloats({4, 4, 3, 3}, 1))});
  active.Output(Add(active, "y", c, x));
  EXPECT_FALSE(Finds(active.Build(), FuseResidualAdd));
}

TEST(FuseActivationTest, ClampGoesIntoConvMatMulAndBinary) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 5, 5}));
  const ValueId c = b.Node("relu", ir::Clamp{kRelu}, {Conv(b, "c", x, 3, 3)});
  b.Output(b.Node("y", ir::Clamp{kRelu6}, {Add(b, "sum", c, x)}));
  const ir::Graph graph = b.Build();
  const ir::Graph fused = RunToEnd(graph, FuseActivation);
  EXPECT_EQ(CountOps(fused, "Clamp"), 0);
  EXPECT_EQ(std::get<ir::Conv>(fused.nodes()[0].op).activation, kRelu);
  EXPECT_EQ(std::get<ir::Binary>(fused.nodes()[1].op).activation, kRelu6);
  ExpectSameAnswers(graph, fused, 0);
}

TEST(FuseActivationTest, TwoClampsBecomeTheirComposition) {
  for (const auto& [first, second] :
       {std::pair<ir::Activation, ir::Activation>{kRelu, kRelu6},
        {kRelu6, {-1, 3}},
        {{-1, 1}, {2, 4}},     // everything becomes 2
        {{5, 9}, {-1, 1}}}) {  // everything becomes 1
    GraphBuilder b;
    const ValueId c = Conv(b, "c", b.Input("x", RowsAnd({3, 5, 5})), 3, 3);
    b.Output(
        b.Node("y", ir::Clamp{second}, {b.Node("m", ir::Clamp{first}, {c})}));
    const ir::Graph graph = b.Build();
    const ir::Graph fused = RunToEnd(graph, FuseActivation);
    EXPECT_EQ(fused.nodes().size(), 1u);
    ExpectSameAnswers(graph, fused, 0);
  }
}

TEST(FuseActivationTest, KeepsTheClampOfAValueThatOthersSee) {
  GraphBuilder b;
  const ValueId c = Conv(b, "c", b.Input("x", RowsAnd({3, 5, 5})), 3, 3);
  b.Output(c);
  b.Output(b.Node("y", ir::Clamp{kRelu}, {c}));
  EXPECT_FALSE(Finds(b.Build(), FuseActivation));
}

// A convolution along one axis, as TensorFlow's files have it: Squeeze behind
// the Conv, the bias and the activation behind that.
ir::Graph SqueezedConv(const Shape& bias, const ir::Dims& squeezed) {
  GraphBuilder b;
  const ValueId c = Conv(b, "c", b.Input("x", RowsAnd({3, 4, 1})), 3, 4);
  const ValueId s = b.Node("s", ir::Reshape{squeezed}, {c});
  const ValueId a = Add(b, "a", b.Constant("k", RandomFloats(bias, 5)), s);
  b.Output(b.Node("y", ir::Clamp{kRelu6}, {a}));
  return b.Build();
}

TEST(MoveReshapeDownTest, BiasAndActivationReachTheOperator) {
  for (const Shape& bias : {Shape{4, 1}, Shape{1, 4, 1}}) {
    const ir::Graph graph = SqueezedConv(bias, RowsAnd({4, 4}));
    const auto fused = RunPasses(graph, FloatPasses(), ReferenceEvaluation());
    ASSERT_TRUE(fused.ok()) << fused.status();
    ASSERT_EQ(fused->nodes().size(), 2u);
    const auto& conv = std::get<ir::Conv>(fused->nodes()[0].op);
    EXPECT_TRUE(conv.has_bias);
    EXPECT_EQ(conv.activation, kRelu6);
    EXPECT_EQ(fused->value(fused->outputs()[0]).name, "y");
    ExpectSameAnswers(graph, *fused, kReordered);
  }
}

TEST(MoveReshapeDownTest, AMatMulTakesAVector) {
  GraphBuilder b;
  const ValueId m = b.Node("m", ir::MatMul{},
                           {b.Input("x", RowsAnd({3, 6})),
                            b.Constant("w", RandomFloats({6, 5}, 1))});
  const ValueId s = b.Node("s", ir::Reshape{RowsAnd({3, 1, 5})}, {m});
  b.Output(Add(b, "y", s, b.Constant("k", RandomFloats({5}, 2))));
  const ir::Graph graph = b.Build();
  const auto fused = RunPasses(graph, FloatPasses(), ReferenceEvaluation());
  ASSERT_TRUE(fused.ok()) << fused.status();
  EXPECT_EQ(CountOps(*fused, "Add"), 0);
  ExpectSameAnswers(graph, *fused, kReordered);
}

TEST(MoveReshapeDownTest, KeepsOtherConstantsOtherShapesAndWhatOthersRead) {
  // Along the height, as long as the channels; of all elements; of one.
  for (const Shape& bias : {Shape{4}, Shape{4, 4}, Shape{1}}) {
    EXPECT_FALSE(Finds(SqueezedConv(bias, RowsAnd({4, 4})), MoveReshapeDown));
  }
  // Axes that are joined and split again.
  EXPECT_FALSE(Finds(SqueezedConv({8, 1}, RowsAnd({8, 2})), MoveReshapeDown));
  for (bool product : {false, true}) {
    GraphBuilder b;
    const ValueId c = Conv(b, "c", b.Input("x", RowsAnd({3, 4, 1})), 3, 4);
    const ValueId s = b.Node("s", ir::Reshape{RowsAnd({4, 4})}, {c});
    b.Output(Add(b, "y", s, b.Constant("k", RandomFloats({4, 1}, 5))));
    b.Output(product ? c : s);
    EXPECT_FALSE(Finds(b.Build(), MoveReshapeDown)) << product;
  }
}

TEST(FoldConstantsTest, ReplacesNodesOfConstantsByTheirValue) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3}));
  const ValueId k =
      Add(b, "k", b.Constant("one", Tensor::Of<float>({3}, {1, 1, 1})),
          b.Constant("two", Tensor::Of<float>({3}, {2, 3, 4})));
  b.Output(Add(b, "y", x, b.Node("abs", ir::Unary{}, {k})));
  const ir::Graph folded = RunToEnd(b.Build(), FoldConstants);
  ASSERT_EQ(folded.nodes().size(), 1u);
  const ir::Value& constant = folded.value(folded.nodes()[0].inputs[1]);
  ASSERT_TRUE(constant.is_constant());
  EXPECT_THAT(constant.constant->data<float>(), testing::ElementsAre(3, 4, 5));
}

TEST(FoldConstantsTest, AConstantOutputKeepsItsName) {
  GraphBuilder b;
  b.Output(Add(b, "y", b.Constant("a", Tensor::Of<float>({1}, {1})),
               b.Constant("b", Tensor::Of<float>({1}, {2}))));
  const ir::Graph folded = RunToEnd(b.Build(), FoldConstants);
  EXPECT_EQ(folded.nodes().size(), 0u);
  EXPECT_EQ(folded.value(folded.outputs()[0]).name, "y");
  EXPECT_EQ(folded.value(folded.outputs()[0]).constant->data<float>()[0], 3);
}

TEST(FoldConstantsTest, LeavesDequantizeToTheOtherPass) {
  GraphBuilder b;
  const ValueId q = b.Constant("q", Tensor::Of<int8_t>({2}, {10, -10}),
                               ir::Quantization::PerTensor(0.5f, 2));
  b.Output(b.Node("y", ir::Dequantize{}, {q}));
  const ir::Graph graph = b.Build();
  EXPECT_FALSE(Finds(graph, FoldConstants));
  const ir::Graph folded = RunToEnd(graph, FoldDequantizedConstants);
  EXPECT_THAT(folded.value(folded.outputs()[0]).constant->data<float>(),
              testing::ElementsAre(4, -6));
}

TEST(FoldConstantsTest, LeavesWhatNothingCanEvaluate) {
  GraphBuilder b;
  b.Output(Add(b, "y", b.Constant("a", Tensor::Of<float>({1}, {1})),
               b.Constant("b", Tensor::Of<float>({1}, {2}))));
  const PassContext nothing{ir::NoEvaluator()};
  const auto patch = FoldConstants(b.Build(), nothing);
  ASSERT_TRUE(patch.ok());
  EXPECT_FALSE(patch->has_value());
}

TEST(RemoveNoOpsTest, RemovesWhatChangesNothing) {
  GraphBuilder b;
  ValueId x = b.Input("x", RowsAnd({4, 3, 3}));
  x = b.Node("r", ir::Reshape{RowsAnd({4, 3, 3})}, {x});
  x = b.Node("t", ir::Transpose{{0, 1, 2, 3}}, {x});
  x = b.Node("p", ir::Pad{{0, 0, 0, 0}, {0, 0, 0, 0}, 0}, {x});
  x = b.Node("c", ir::Clamp{}, {x});
  x = b.Node("k", ir::Concat{1}, {x});
  x = b.Node("cast", ir::Cast{DType::kFloat32}, {x});
  b.Output(b.Node("y", ir::Unary{}, {x}));
  const ir::Graph cleaned = RunToEnd(b.Build(), RemoveNoOps);
  EXPECT_EQ(cleaned.nodes().size(), 1u) << ir::DumpGraph(cleaned);
}

TEST(RemoveNoOpsTest, JoinsReshapesAndTransposesAndCancelsInverses) {
  GraphBuilder b;
  ValueId x = b.Input("x", RowsAnd({4, 3, 2}));
  x = b.Node("t1", ir::Transpose{{0, 2, 3, 1}}, {x});
  x = b.Node("t2", ir::Transpose{{0, 3, 1, 2}}, {x});
  x = b.Node("abs", ir::Unary{}, {x});
  x = b.Node("r1", ir::Reshape{RowsAnd({12, 2})}, {x});
  b.Output(b.Node("y", ir::Reshape{RowsAnd({24})}, {x}));
  const ir::Graph graph = b.Build();
  const ir::Graph cleaned = RunToEnd(graph, RemoveNoOps);
  EXPECT_EQ(CountOps(cleaned, "Transpose"), 0);
  EXPECT_EQ(CountOps(cleaned, "Reshape"), 1);
  ExpectSameAnswers(graph, cleaned, 0);
}

// Half of the channels of [rows, 6, 2, 2], as ShuffleNet takes it.
ValueId HalfOfChannels(GraphBuilder& b, ValueId x, int64_t half) {
  const ir::Dim rows3 = ir::Dim::Rows(3);
  ValueId y = b.Node(
      "pairs", ir::Reshape{{rows3, ir::Dim::Fixed(2), ir::Dim::Fixed(4)}}, {x});
  y = b.Node("turned", ir::Transpose{{1, 0, 2}}, {y});
  ir::Dims halves = RowsAnd({3, 2, 2});
  halves.insert(halves.begin(), ir::Dim::Fixed(2));
  y = b.Node("halves", ir::Reshape{halves}, {y});
  y = b.Node("half",
             ir::Slice{{half, 0, 0, 0, 0}, {1, 1, 1, 1, 1}, {1, 0, 3, 2, 2}},
             {y});
  return b.Node("y", ir::Reshape{RowsAnd({3, 2, 2})}, {y});
}

TEST(MergeSliceChainsTest, SplitOfChannelsBecomesASliceInStepsOfTwo) {
  for (int64_t half : {0, 1}) {
    GraphBuilder b;
    b.Output(HalfOfChannels(b, b.Input("x", RowsAnd({6, 2, 2})), half));
    const ir::Graph graph = b.Build();
    const ir::Graph merged =
        RunToEnd(RunToEnd(graph, MergeSliceChains), RemoveNoOps);
    ASSERT_EQ(merged.nodes().size(), 1u);
    const auto& slice = std::get<ir::Slice>(merged.nodes()[0].op);
    EXPECT_EQ(slice.starts, (std::vector<int64_t>{0, half, 0, 0}));
    EXPECT_EQ(slice.steps, (std::vector<int64_t>{1, 2, 1, 1}));
    EXPECT_EQ(slice.sizes, (std::vector<int64_t>{0, 3, 2, 2}));
    ExpectSameAnswers(graph, merged, 0);
  }
}

TEST(MergeSliceChainsTest, KeepsAShuffleOfChannels) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({6, 4}));
  ValueId y = b.Node("pairs", ir::Reshape{RowsAnd({3, 2, 4})}, {x});
  y = b.Node("turned", ir::Transpose{{0, 2, 1, 3}}, {y});
  b.Output(b.Node("y", ir::Reshape{RowsAnd({6, 4})}, {y}));
  EXPECT_FALSE(Finds(b.Build(), MergeSliceChains));
}

TEST(MergeSliceChainsTest, AddsAReshapeWhereAxesOfOneDiffer) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 5}));
  ValueId y = b.Node("turned", ir::Transpose{{0, 2, 1}}, {x});
  y = b.Node("part", ir::Slice{{0, 0, 1}, {1, 1, 1}, {0, 5, 1}}, {y});
  y = b.Node("y", ir::Reshape{RowsAnd({5})}, {y});
  b.Output(y);
  const ir::Graph graph = b.Build();
  const ir::Graph merged = RunToEnd(graph, MergeSliceChains);
  EXPECT_EQ(CountOps(merged, "Transpose"), 0);
  ExpectSameAnswers(graph, merged, 0);
}

TEST(RemoveNoOpsTest, TransposeOfUnitAxesBecomesReshape) {
  GraphBuilder b;
  ValueId x = b.Node("abs", ir::Unary{}, {b.Input("x", RowsAnd({4, 1, 1}))});
  b.Output(b.Node("y", ir::Transpose{{0, 2, 3, 1}}, {x}));
  const ir::Graph graph = b.Build();
  const ir::Graph cleaned = RunToEnd(graph, RemoveNoOps);
  EXPECT_EQ(CountOps(cleaned, "Transpose"), 0);
  EXPECT_EQ(CountOps(cleaned, "Reshape"), 1);
  ExpectSameAnswers(graph, cleaned, 0);
}

TEST(RemoveNoOpsTest, KeepsReverseAndShiftingSlicesAndTrueTransposes) {
  GraphBuilder b;
  const ValueId x = b.Input("x", ir::FixedDims({2, 4}));
  b.Output(b.Node("reverse", ir::Slice{{0, 3}, {1, -1}, {2, 4}}, {x}));
  b.Output(b.Node("turn", ir::Transpose{{1, 0}}, {x}));
  EXPECT_FALSE(Finds(b.Build(), RemoveNoOps));
}

TEST(RemoveNoOpsTest, AnInputThatIsAnOutputKeepsItsCopyAndNames) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4}));
  b.Output(b.Node("y", ir::Clamp{}, {x}));
  const ir::Graph cleaned = RunToEnd(b.Build(), RemoveNoOps);
  ASSERT_EQ(cleaned.nodes().size(), 1u);
  EXPECT_EQ(cleaned.value(cleaned.inputs()[0]).name, "x");
  EXPECT_EQ(cleaned.value(cleaned.outputs()[0]).name, "y");
}

TEST(RemoveNoOpsTest, OutputBehindANoOpKeepsItsName) {
  GraphBuilder b;
  const ValueId a = b.Node("a", ir::Unary{}, {b.Input("x", RowsAnd({4}))});
  b.Output(b.Node("y", ir::Clamp{}, {a}));
  const ir::Graph cleaned = RunToEnd(b.Build(), RemoveNoOps);
  EXPECT_EQ(cleaned.nodes().size(), 1u);
  EXPECT_EQ(cleaned.value(cleaned.outputs()[0]).name, "y");
}

// Batch norm, residual, activation, bias, a pool, and a classifier.
ir::Graph SmallNetwork() {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 6, 6}));
  const ValueId stem = b.Node("stem", ir::Clamp{kRelu},
                              {BatchNorm(b, "n1", Conv(b, "c1", x, 3, 4), 4)});
  const ValueId body = BatchNorm(b, "n2", Conv(b, "c2", stem, 4, 4), 4);
  const ValueId sum =
      b.Node("relu", ir::Clamp{kRelu}, {Add(b, "sum", body, stem)});
  const ValueId pool = b.Node("pool", ir::GlobalPool{}, {sum});
  const ValueId flat = b.Node("flat", ir::Reshape{RowsAnd({4})}, {pool});
  const ValueId m = b.Node("m", ir::MatMul{},
                           {flat, b.Constant("w", RandomFloats({4, 5}, 1))});
  b.Output(Add(b, "y", m, b.Constant("k", RandomFloats({5}, 2))));
  return b.Build();
}

TEST(FloatPassesTest, FuseANetworkToItsOperatorsAndKeepItsAnswers) {
  const ir::Graph graph = SmallNetwork();
  const std::vector<Pass> passes = FloatPasses();
  std::vector<PassCount> counts;
  const auto optimized =
      RunPasses(graph, passes, ReferenceEvaluation(), &counts);
  ASSERT_TRUE(optimized.ok()) << optimized.status();
  EXPECT_EQ(optimized->nodes().size(), 5u) << ir::DumpGraph(*optimized);
  EXPECT_EQ(CountOps(*optimized, "Conv"), 2);
  ExpectSameAnswers(graph, *optimized, kReordered);
  ASSERT_EQ(counts.size(), passes.size());
  for (const PassCount& count : counts) {
    if (count.name == "fold_batch_norm") {
      EXPECT_EQ(count.patches, 2);
    }
    if (count.name == "fuse_residual_add") {
      EXPECT_EQ(count.patches, 1);
    }
    if (count.name == "fuse_bias") {
      EXPECT_EQ(count.patches, 1);
    }
    if (count.name == "fuse_activation") {
      EXPECT_EQ(count.patches, 2);
    }
  }
}

TEST(FloatPassesTest, SecondRunFindsNothing) {
  auto once = RunPasses(SmallNetwork(), FloatPasses(), ReferenceEvaluation());
  ASSERT_TRUE(once.ok()) << once.status();
  std::vector<PassCount> counts;
  const auto twice =
      RunPasses(*once, FloatPasses(), ReferenceEvaluation(), &counts);
  ASSERT_TRUE(twice.ok()) << twice.status();
  for (const PassCount& count : counts)
    EXPECT_EQ(count.patches, 0) << count.name;
  EXPECT_EQ(ir::DumpGraph(*once), ir::DumpGraph(*twice));
}

absl::StatusOr<std::optional<ir::GraphPatch>> NeverStops(const ir::Graph& graph,
                                                         const PassContext&) {
  return ir::GraphPatch(graph);
}

absl::StatusOr<std::optional<ir::GraphPatch>> BreaksTheTypes(
    const ir::Graph& graph, const PassContext&) {
  ir::GraphPatch patch(graph);
  const ValueId output = graph.outputs()[0];
  if (graph.type(output).dtype == DType::kInt64) return std::nullopt;
  patch.Retype(output, {DType::kInt64, graph.type(output).dims, std::nullopt});
  return patch;
}

absl::StatusOr<std::optional<ir::GraphPatch>> Fails(const ir::Graph&,
                                                    const PassContext&) {
  return absl::InvalidArgumentError("a bad weight");
}

TEST(RunPassesTest, NamesThePassThatBreaksTheGraphFailsOrNeverStops) {
  const ir::Graph graph = SmallNetwork();
  for (const auto& [run, code, text] :
       {std::tuple<PassFunction, absl::StatusCode, const char*>{
            NeverStops, absl::StatusCode::kInternal, "did not stop"},
        {BreaksTheTypes, absl::StatusCode::kInternal, "in pass mine"},
        {Fails, absl::StatusCode::kInvalidArgument, "a bad weight"}}) {
    const Pass pass{"mine", run};
    const auto result = RunPasses(graph, {&pass, 1}, ReferenceEvaluation());
    EXPECT_EQ(result.status().code(), code);
    EXPECT_THAT(result.status().message(), HasSubstr("mine"));
    EXPECT_THAT(result.status().message(), HasSubstr(text));
  }
}

TEST(RunPassesTest, RefusesMoreConstantsThanTheContextAllows) {
  const ir::Graph graph = SmallNetwork();
  PassContext context = ReferenceEvaluation();
  const Pass pass{"fold_batch_norm", FoldBatchNorm};
  EXPECT_TRUE(RunPasses(graph, {&pass, 1}, context).ok());
  context.max_constant_bytes = 16;
  const auto result = RunPasses(graph, {&pass, 1}, context);
  EXPECT_TRUE(absl::IsResourceExhausted(result.status())) << result.status();
  EXPECT_THAT(result.status().message(), HasSubstr("fold_batch_norm"));
}

TEST(RunPassesTest, RefusesMorePatchesThanTheContextAllows) {
  const ir::Graph graph = SmallNetwork();
  PassContext context = ReferenceEvaluation();
  context.max_copies = static_cast<int64_t>(graph.nodes().size());
  const auto result = RunPasses(graph, FloatPasses(), context);
  EXPECT_TRUE(absl::IsResourceExhausted(result.status())) << result.status();
}

}  // namespace
}  // namespace octet::passes
