// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/backend.h"

#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "engine/plan/weight_cache.h"
#include "engine/reference/backend.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/node_cases.h"
#include "tests/testing/single_node.h"

namespace octet::simd {
namespace {

using ir::Quantization;

// The same bytes as the reference on one and on two threads.
void ExpectEqualToReference(const SingleNode& node) {
  const auto reference = reference::CreateReferenceBackend();
  const auto simd = CreateSimdBackend();
  const auto expected = RunSingleNode(*reference, node);
  ASSERT_TRUE(expected.ok()) << expected.status();
  for (int threads : {1, 2}) {
    const auto got = RunSingleNode(*simd, node, threads);
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(got->dtype(), expected->dtype());
    ASSERT_EQ(got->shape(), expected->shape());
    EXPECT_EQ(
        std::memcmp(got->bytes(), expected->bytes(), expected->byte_size()), 0)
        << threads << " threads";
  }
}

Quantization PerTensor(float scale, int32_t zero_point) {
  return Quantization::PerTensor(scale, zero_point);
}

TEST(SimdBackendTest, ConvIsBitIdenticalToReference) {
  uint32_t seed = 1;
  for (const ConvCase& test : ConvCases(/*three_axes=*/false)) {
    for (const IntegerTypes& types : IntegerTypeCases()) {
      SCOPED_TRACE(test.name + ": " + Describe(types));
      ExpectEqualToReference(IntegerConv(test, types, seed++));
    }
  }
}

TEST(SimdBackendTest, MatMulIsBitIdenticalToReference) {
  uint32_t seed = 1;
  for (const MatMulCase& test : MatMulCases()) {
    for (const IntegerTypes& types : IntegerTypeCases()) {
      SCOPED_TRACE(ShapeToString(test.a) + " " + Describe(types));
      ExpectEqualToReference(IntegerMatMul(test, types, seed++));
    }
  }
}

TEST(SimdBackendTest, AddIsBitIdenticalToReference) {
  const Shape shape = {2, 5, 7, 3};
  for (DType out : {DType::kUInt8, DType::kInt8, DType::kFloat32}) {
    for (const ir::Activation& activation :
         {ir::Activation{}, ir::Activation{0, 6}}) {
      SingleNode node;
      node.op = ir::Binary{ir::BinaryKind::kAdd, activation};
      node.inputs = {
          NodeInput(RandomIntegers(DType::kUInt8, shape, 1, 0, 255),
                    PerTensor(0.05f, 121)),
          NodeInput(RandomIntegers(DType::kInt8, shape, 2, -128, 127),
                    PerTensor(0.031f, -4))};
      node.output = NodeOutput{out, std::nullopt};
      if (out != DType::kFloat32) {
        node.output->quantization =
            PerTensor(0.08f, out == DType::kUInt8 ? 130 : 2);
      }
      SCOPED_TRACE(std::string(Name(out)));
      ExpectEqualToReference(node);
    }
  }
}

TEST(SimdBackendTest, PoolsAreBitIdenticalToReference) {
  std::vector<ir::Window> windows = {
      WindowOf({2, 2}, 2), WindowOf({3, 3}, 2, 1), WindowOf({3, 2}, 1, 1)};
  windows[1].pads_end = {0, 1};
  for (ir::PoolKind kind : {ir::PoolKind::kMax, ir::PoolKind::kAverage}) {
    for (const ir::Window& window : windows) {
      for (bool include_pad : {false, true}) {
        for (DType dtype : {DType::kUInt8, DType::kInt8}) {
          ir::Pool pool;
          pool.kind = kind;
          pool.window = window;
          pool.layout = ir::Layout::kChannelsLast;
          pool.count_include_pad = include_pad;
          const int low = dtype == DType::kInt8 ? -128 : 0;
          SingleNode node;
          node.op = pool;
          node.inputs = {
              NodeInput(RandomIntegers(dtype, {2, 9, 8, 19}, 3, low, low + 255),
                        PerTensor(0.1f, 7))};
          if (kind == ir::PoolKind::kAverage) {
            node.output = NodeOutput{DType::kUInt8, PerTensor(0.07f, 60)};
          }
          ExpectEqualToReference(node);
        }
      }
    }
  }
}

TEST(SimdBackendTest, PoolOverOneAxisAndWithCeilMode) {
  for (ir::PoolKind kind : {ir::PoolKind::kMax, ir::PoolKind::kAverage}) {
    ir::Pool pool;
    pool.kind = kind;
    pool.layout = ir::Layout::kChannelsLast;
    SingleNode node;
    if (kind == ir::PoolKind::kAverage) {
      node.output = NodeOutput{DType::kUInt8, PerTensor(0.07f, 60)};
    }
    pool.window = WindowOf({3}, 2, 1);
    node.op = pool;
    node.inputs = {
        NodeInput(RandomIntegers(DType::kUInt8, {2, 11, 5}, 3, 0, 255),
                  PerTensor(0.1f, 7))};
    ExpectEqualToReference(node);
    pool.window = WindowOf({3, 3}, 2);
    pool.ceil_mode = true;
    node.op = pool;
    node.inputs = {
        NodeInput(RandomIntegers(DType::kUInt8, {1, 8, 8, 5}, 3, 0, 255),
                  PerTensor(0.1f, 7))};
    ExpectEqualToReference(node);
  }
}

TEST(SimdBackendTest, GlobalPoolsAreBitIdenticalToReference) {
  for (ir::PoolKind kind : {ir::PoolKind::kMax, ir::PoolKind::kAverage}) {
    for (const Shape& shape : {Shape{2, 7, 7, 40}, Shape{1, 25, 5, 3},
                               Shape{1, 1, 1, 8}, Shape{2, 9, 6}}) {
      ir::GlobalPool pool;
      pool.kind = kind;
      pool.layout = ir::Layout::kChannelsLast;
      SingleNode node;
      node.op = pool;
      node.inputs = {NodeInput(RandomIntegers(DType::kUInt8, shape, 3, 0, 255),
                               PerTensor(0.1f, 7))};
      if (kind == ir::PoolKind::kAverage) {
        node.output = NodeOutput{DType::kInt8, PerTensor(0.08f, -60)};
        ExpectEqualToReference(node);
        node.output = NodeOutput{};  // float32
      }
      ExpectEqualToReference(node);
    }
  }
}

TEST(SimdBackendTest, ConcatCopiesAnyAxisAndType) {
  for (int axis : {0, 1, 2}) {
    Shape a = {2, 3, 4};
    Shape b = a;
    Shape c = a;
    b[axis] = 5;
    c[axis] = 1;
    SingleNode integers;
    integers.op = ir::Concat{axis};
    SingleNode reals = integers;
    for (const Shape& shape : {a, b, c}) {
      integers.inputs.push_back(
          NodeInput(RandomIntegers(DType::kInt8, shape, 5, -128, 127),
                    PerTensor(0.5f, 3)));
      reals.inputs.push_back(RandomFloats(shape, 6));
    }
    ExpectEqualToReference(integers);
    ExpectEqualToReference(reals);
  }
}

TEST(SimdBackendTest, RequantizeIsBitIdenticalToReference) {
  SingleNode node;
  node.op = ir::Requantize{};
  node.inputs = {NodeInput(RandomIntegers(DType::kUInt8, {3, 77}, 1, 0, 255),
                           PerTensor(0.05f, 100))};
  for (float scale : {0.05f, 0.02f, 0.1f, 0.0333f}) {
    node.output = NodeOutput{DType::kInt8, PerTensor(scale, 20)};
    ExpectEqualToReference(node);
    node.output = NodeOutput{DType::kUInt8, PerTensor(scale, 250)};
    ExpectEqualToReference(node);
  }
}

TEST(SimdBackendTest, QuantizeRoundsClampsAndTakesNanLikeReference) {
  Tensor reals = RandomFloats({5, 41}, 1, -20, 20);
  auto values = reals.mutable_data<float>();
  for (size_t i = 0; i < 60; ++i) {
    values[i] = 0.05f * (static_cast<float>(i) - 30.5f);  // halves
  }
  values[60] = std::numeric_limits<float>::quiet_NaN();
  values[61] = std::numeric_limits<float>::infinity();
  values[62] = -std::numeric_limits<float>::infinity();
  values[63] = 1e30f;
  values[64] = -0.0f;
  SingleNode node;
  node.op = ir::Quantize{};
  node.inputs = {reals};
  for (DType dtype : {DType::kUInt8, DType::kInt8}) {
    for (int32_t zero_point : {0, 100}) {
      node.output = NodeOutput{dtype, PerTensor(0.05f, zero_point)};
      ExpectEqualToReference(node);
    }
  }
}

TEST(SimdBackendTest, DequantizeIsBitIdenticalToReference) {
  for (DType dtype : {DType::kUInt8, DType::kInt8}) {
    const int low = dtype == DType::kInt8 ? -128 : 0;
    SingleNode node;
    node.op = ir::Dequantize{};
    node.inputs = {NodeInput(RandomIntegers(dtype, {9, 33}, 1, low, low + 255),
                             PerTensor(0.0371f, 17))};
    ExpectEqualToReference(node);
  }
}

TEST(SimdBackendTest, RefusesWhatItDoesNotRunWithAReason) {
  const auto simd = CreateSimdBackend();
  const std::vector<ConvCase> cases = ConvCases(/*three_axes=*/true);
  EXPECT_TRUE(absl::IsUnimplemented(
      RunSingleNode(*simd, FloatConv(cases[0], 1)).status()));
  EXPECT_TRUE(absl::IsUnimplemented(
      RunSingleNode(*simd, IntegerConv(cases.back(), {}, 1)).status()));
  SingleNode lrn;  // of a base that may be negative
  lrn.op = ir::Lrn{.size = 3, .bias = -1};
  lrn.inputs = {RandomFloats({1, 4, 2, 2}, 1)};
  EXPECT_TRUE(absl::IsUnimplemented(RunSingleNode(*simd, lrn).status()));
}

TEST(SimdBackendTest, TwoBatchSizesShareOnePackedCopy) {
  const auto simd = CreateSimdBackend();
  ConvCase test = ConvCases(false)[2];
  plan::WeightCache weights;
  int64_t after_first = 0;
  for (int64_t batch : {8, 1, 3}) {
    test.input[0] = batch;
    const auto graph = IntegerConv(test, {}, 1).Graph();
    ASSERT_TRUE(graph.ok()) << graph.status();
    const auto step =
        simd->CreateStep({*graph, graph->nodes()[0], 1, &weights});
    ASSERT_TRUE(step.ok()) << step.status();
    if (after_first == 0) after_first = weights.bytes();
    EXPECT_GT(after_first, 0);
    EXPECT_EQ(weights.bytes(), after_first) << "batch " << batch;
  }
}

}  // namespace
}  // namespace octet::simd
