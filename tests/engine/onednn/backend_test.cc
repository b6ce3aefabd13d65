// SPDX-License-Identifier: Apache-2.0
#include "engine/onednn/backend.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "engine/plan/weight_cache.h"
#include "engine/reference/backend.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/node_cases.h"
#include "tests/testing/single_node.h"

namespace octet::onednn {
namespace {

// Of the largest magnitude of the output: float32 sums of up to a few thousand
// products in another order than the reference, which sums in double.
constexpr double kSumOrder = 1e-5;
// Exponentials by a polynomial instead of the C library's.
constexpr double kExponential = 2e-6;
// Where the real value lies within float rounding of a half.
constexpr int kOneStep = 1;

double At(const Tensor& tensor, int64_t i) {
  switch (tensor.dtype()) {
    case DType::kUInt8:
      return tensor.data<uint8_t>()[i];
    case DType::kInt8:
      return tensor.data<int8_t>()[i];
    default:
      return tensor.data<float>()[i];
  }
}

double LargestMagnitude(const Tensor& tensor) {
  double largest = 0;
  for (int64_t i = 0; i < tensor.size(); ++i) {
    largest = std::max(largest, std::abs(At(tensor, i)));
  }
  return largest;
}

// Float outputs within `share` of the largest magnitude, integers within one
// step, on one and on two threads.
void ExpectNearReference(const SingleNode& node, double share) {
  const auto reference = reference::CreateReferenceBackend();
  const auto onednn = CreateOneDnnBackend({});
  const auto expected = RunSingleNode(*reference, node);
  ASSERT_TRUE(expected.ok()) << expected.status();
  const double tolerance = expected->dtype() == DType::kFloat32
                               ? share * LargestMagnitude(*expected)
                               : kOneStep;
  for (int threads : {1, 2}) {
    const auto got = RunSingleNode(*onednn, node, threads);
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(got->dtype(), expected->dtype());
    ASSERT_EQ(got->shape(), expected->shape());
    for (int64_t i = 0; i < got->size(); ++i) {
      ASSERT_NEAR(At(*got, i), At(*expected, i), tolerance)
          << "element " << i << ", " << threads << " threads";
    }
  }
}

// Where oneDNN adds pairs of products in 16 bits, weights whose pair sums
// 255 * w + 255 * w stay within them; even ones, for it halves the weights of
// signed data there (oneDNN, "Nuances of int8 Computations").
std::vector<IntegerTypes> ExactTypeCases() {
  return IntegerProductsAreExact() ? IntegerTypeCases()
                                   : IntegerTypeCases(31, 2);
}

// Whether oneDNN has no kernel of its own for `node`, so that the backend
// leaves it to another.
bool OnlyPlainLoopsRun(const SingleNode& node) {
  const auto status =
      RunSingleNode(*CreateOneDnnBackend({}), node, /*threads=*/1).status();
  return absl::IsUnimplemented(status) &&
         absl::StrContains(status.message(), "plain loops");
}

TEST(OneDnnBackendTest, FloatConvIsNearReference) {
  uint32_t seed = 1;
  for (const ConvCase& test : ConvCases(/*three_axes=*/true)) {
    SCOPED_TRACE(test.name);
    ExpectNearReference(FloatConv(test, seed++), kSumOrder);
  }
}

TEST(OneDnnBackendTest, FloatMatMulIsNearReference) {
  uint32_t seed = 1;
  for (const MatMulCase& test : MatMulCases()) {
    SCOPED_TRACE(ShapeToString(test.a));
    ExpectNearReference(FloatMatMul(test, seed++), kSumOrder);
  }
}

TEST(OneDnnBackendTest, PoolsAreNearReference) {
  for (ir::PoolKind kind : {ir::PoolKind::kMax, ir::PoolKind::kAverage}) {
    for (bool include_pad : {false, true}) {
      ir::Pool pool;
      pool.kind = kind;
      pool.window = WindowOf({3, 2}, 2, 1);
      pool.window.pads_end = {0, 1};
      pool.layout = ir::Layout::kChannelsLast;
      pool.count_include_pad = include_pad;
      ExpectNearReference({pool, {RandomFloats({2, 9, 8, 19}, 1, -3, -1)}, {}},
                          kSumOrder);
      pool.window = WindowOf({3}, 1, 1);
      ExpectNearReference({pool, {RandomFloats({2, 9, 5}, 1)}, {}}, kSumOrder);
    }
  }
}

TEST(OneDnnBackendTest, DilatedMaxPoolIsNearReference) {
  ir::Pool pool;
  pool.window = WindowOf({3, 3}, 1, 2);
  pool.window.dilations = {2, 2};
  pool.layout = ir::Layout::kChannelsLast;
  ExpectNearReference({pool, {RandomFloats({1, 9, 8, 6}, 1)}, {}}, 0);
}

TEST(OneDnnBackendTest, CeilModeIsNearReferenceOrRefused) {
  for (ir::PoolKind kind : {ir::PoolKind::kMax, ir::PoolKind::kAverage}) {
    ir::Pool pool;
    pool.kind = kind;
    pool.window = WindowOf({3, 3}, 2);
    pool.ceil_mode = true;
    pool.layout = ir::Layout::kChannelsLast;
    SingleNode node{pool, {RandomFloats({1, 8, 7, 3}, 1, -3, -1)}, {}};
    ExpectNearReference(node, kSumOrder);
    pool.window.pads_begin = {1, 1};
    node.op = pool;
    ExpectNearReference(node, kSumOrder);
  }
  ir::Pool pool;
  pool.kind = ir::PoolKind::kAverage;
  pool.window = WindowOf({3, 3}, 2);
  pool.ceil_mode = true;
  pool.count_include_pad = true;
  pool.layout = ir::Layout::kChannelsLast;
  const SingleNode node{pool, {RandomFloats({1, 8, 8, 3}, 1)}, {}};
  EXPECT_TRUE(absl::IsUnimplemented(
      RunSingleNode(*CreateOneDnnBackend({}), node).status()));
}

TEST(OneDnnBackendTest, GlobalPoolsAreNearReference) {
  for (ir::PoolKind kind : {ir::PoolKind::kMax, ir::PoolKind::kAverage}) {
    for (const Shape& shape :
         {Shape{2, 7, 7, 40}, Shape{1, 25, 3}, Shape{1, 3, 4, 5, 6}}) {
      const ir::GlobalPool pool{kind, ir::Layout::kChannelsLast};
      SCOPED_TRACE(ShapeToString(shape));
      ExpectNearReference({pool, {RandomFloats(shape, 1)}, {}}, kSumOrder);
    }
  }
}

TEST(OneDnnBackendTest, SoftmaxOverEveryAxisIsNearReference) {
  for (bool log : {false, true}) {
    for (bool through : {false, true}) {
      for (int axis : {0, 1, 2}) {
        SCOPED_TRACE(axis);
        ExpectNearReference({ir::Softmax{axis, through, log},
                             {RandomFloats({17, 20, 16}, 1, -8, 8)},
                             {}},
                            kExponential);
      }
    }
  }
}

TEST(OneDnnBackendTest, LeavesSoftmaxOfShortRowsToOthers) {
  const SingleNode node{
      ir::Softmax{1, false, false}, {RandomFloats({3, 15}, 1, -8, 8)}, {}};
  EXPECT_EQ(RunSingleNode(*CreateOneDnnBackend({}), node).status().code(),
            absl::StatusCode::kUnimplemented);
}

TEST(OneDnnBackendTest, IntegerConvIsWithinOneStepOfReference) {
  uint32_t seed = 1;
  for (const ConvCase& test : ConvCases(/*three_axes=*/false)) {
    for (const IntegerTypes& types : ExactTypeCases()) {
      // The plan gives these to other steps.
      if (test.has_residual && types.output == DType::kFloat32) continue;
      SCOPED_TRACE(test.name + ": " + Describe(types));
      const SingleNode node = IntegerConv(test, types, seed++);
      if (OnlyPlainLoopsRun(node)) {
        // Groups of a few channels each; every other one has a fast kernel.
        EXPECT_THAT(test.name, testing::AnyOf("Grouped", "OneAxisGrouped",
                                              "DepthwiseTwice"));
        continue;
      }
      ExpectNearReference(node, kSumOrder);
    }
  }
}

TEST(OneDnnBackendTest, FloatMatMulOfTwoInputsIsNearReference) {
  struct Case {
    Shape a;
    Shape b;
    bool transpose_b = false;
  };
  for (const Case& test : std::vector<Case>{{{7, 5}, {5, 3}},
                                            {{7, 5}, {3, 5}, true},
                                            {{1, 64}, {64, 99}},
                                            {{2, 3, 7, 5}, {2, 3, 5, 9}},
                                            {{2, 3, 7, 5}, {2, 3, 9, 5}, true},
                                            {{2, 3, 7, 5}, {5, 9}},
                                            {{4, 1, 7, 5}, {3, 9, 5}, true},
                                            {{7, 5}, {4, 5, 9}},
                                            {{3, 1, 5}, {3, 5, 1}}}) {
    for (bool bias : {false, true}) {
      SingleNode node;
      ir::MatMul op;
      op.transpose_b = test.transpose_b;
      op.has_bias = bias;
      if (bias) op.activation = {-0.5f, 1};
      node.op = op;
      node.inputs = {RandomFloats(test.a, 1), RandomFloats(test.b, 2)};
      if (bias) {
        const int64_t n = test.b.end()[test.transpose_b ? -2 : -1];
        node.inputs.push_back(RandomFloats({n}, 3));
      }
      SCOPED_TRACE(ShapeToString(test.a) + " x " + ShapeToString(test.b));
      ExpectNearReference(node, kSumOrder);
    }
  }
}

TEST(OneDnnBackendTest, IntegerMatMulIsWithinOneStepOfReference) {
  uint32_t seed = 1;
  for (const MatMulCase& test : MatMulCases()) {
    for (const IntegerTypes& types : ExactTypeCases()) {
      SCOPED_TRACE(ShapeToString(test.a) + " " + Describe(types));
      ExpectNearReference(IntegerMatMul(test, types, seed++), kSumOrder);
    }
  }
}

TEST(OneDnnBackendTest, WithoutIntegerProductsItRefusesThemOnly) {
  const auto backend =
      CreateOneDnnBackend({BackendOptions::IntegerProducts::kNone});
  const ConvCase conv = ConvCases(false)[0];
  EXPECT_TRUE(absl::IsUnimplemented(
      RunSingleNode(*backend, IntegerConv(conv, {}, 1)).status()));
  EXPECT_TRUE(absl::IsUnimplemented(
      RunSingleNode(*backend, IntegerMatMul(MatMulCases()[0], {}, 1))
          .status()));
  EXPECT_TRUE(RunSingleNode(*backend, FloatConv(conv, 1)).ok());
}

TEST(OneDnnBackendTest, WithDenseProductsItRefusesDepthwiseConvsOnly) {
  const auto backend =
      CreateOneDnnBackend({BackendOptions::IntegerProducts::kDense});
  int depthwise = 0;
  for (const ConvCase& test : ConvCases(/*three_axes=*/false)) {
    const bool refused = test.groups > 1 && test.groups == test.input.back() &&
                         test.groups == test.out_channels;
    depthwise += refused;
    EXPECT_EQ(absl::IsUnimplemented(
                  RunSingleNode(*backend, IntegerConv(test, {}, 1)).status()),
              refused)
        << test.name;
  }
  EXPECT_GT(depthwise, 0);
  EXPECT_TRUE(
      RunSingleNode(*backend, IntegerMatMul(MatMulCases()[0], {}, 1)).ok());
}

TEST(OneDnnBackendTest, ComputedWeightsAndChannelsFirstAreRefused) {
  const auto backend = CreateOneDnnBackend({});
  SingleNode node = FloatConv(ConvCases(false)[0], 1);
  node.inputs[1].constant = false;
  EXPECT_TRUE(absl::IsUnimplemented(RunSingleNode(*backend, node).status()));
  ir::Conv first;
  first.window = WindowOf({1, 1});
  node.op = first;
  node.inputs = {RandomFloats({1, 3, 4, 4}, 1),
                 NodeInput(RandomFloats({2, 3, 1, 1}, 1)).Constant()};
  EXPECT_TRUE(absl::IsUnimplemented(RunSingleNode(*backend, node).status()));
}

TEST(OneDnnBackendTest, TwoBatchSizesShareOnePackedCopy) {
  const auto backend = CreateOneDnnBackend({});
  for (const char* name : {"Dense", "Depthwise", "Pointwise"}) {
    SCOPED_TRACE(name);
    ConvCase test;
    for (const ConvCase& found : ConvCases(false)) {
      if (found.name == name) test = found;
    }
    plan::WeightCache weights;
    int64_t after_first = 0;
    for (int64_t batch : {8, 1, 3}) {
      test.input[0] = batch;
      const auto graph = FloatConv(test, 1).Graph();
      ASSERT_TRUE(graph.ok()) << graph.status();
      const auto step =
          backend->CreateStep({*graph, graph->nodes()[0], 1, &weights});
      ASSERT_TRUE(step.ok()) << step.status();
      if (after_first == 0) after_first = weights.bytes();
      EXPECT_GT(after_first, 0);
      EXPECT_EQ(weights.bytes(), after_first) << "batch " << batch;
    }
  }
}

// The layout that two rows want on two threads is one that only plain loops
// take for a single row, on AVX2 at least.
TEST(OneDnnBackendTest, SmallBatchKeepsItsKernelWhenLayoutsDiffer) {
  const auto backend = CreateOneDnnBackend({});
  ConvCase pointwise;
  pointwise.input = {1, 56, 56, 64};
  pointwise.out_channels = 64;
  pointwise.window = WindowOf({1, 1});
  ConvCase dense;
  dense.input = {1, 28, 28, 128};
  dense.out_channels = 128;
  dense.window = WindowOf({3, 3});
  dense.window.pads_begin = dense.window.pads_end = {1, 1};
  for (ConvCase test : {pointwise, dense}) {
    for (int threads : {1, 2, 4}) {
      plan::WeightCache weights;
      for (int64_t batch : {8, 4, 2, 1}) {
        test.input[0] = batch;
        const auto graph = FloatConv(test, 1).Graph();
        ASSERT_TRUE(graph.ok()) << graph.status();
        const auto step =
            backend->CreateStep({*graph, graph->nodes()[0], threads, &weights});
        ASSERT_TRUE(step.ok()) << step.status();
        EXPECT_FALSE(absl::StrContains((*step)->kernel(), "ref"))
            << batch << " rows, " << threads
            << " threads: " << (*step)->kernel();
      }
    }
  }
}

TEST(OneDnnBackendTest, LibraryIsOfVersionThree) {
  EXPECT_EQ(LibraryVersion().substr(0, 2), "3.");
}

}  // namespace
}  // namespace octet::onednn
