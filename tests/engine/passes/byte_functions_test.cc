// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/passes/fuse_integer.h"
#include "engine/passes/pass.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/reference_run.h"

namespace octet::passes {
namespace {

using ir::BinaryKind;
using ir::UnaryKind;
using ir::ValueId;

ir::Graph Integers(const ir::Graph& graph) {
  auto result = RunPasses(graph, IntegerPasses(), ReferenceEvaluation());
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : graph;
}

// An input rounded to `dtype`, [-8, 8).
ValueId RoundedInput(GraphBuilder& b, const std::string& name,
                     DType dtype = DType::kUInt8) {
  const ValueId x = b.Input(name + "_input", RowsAnd({3, 4, 5}));
  const ValueId scaled =
      b.Node(name + "_wide", ir::Binary{BinaryKind::kMul, {}},
             {x, b.Constant(name + "_8", Tensor::Of<float>({}, {8.0f}))});
  return b.QuantizePair(name, scaled, dtype, 16.0f / 255,
                        dtype == DType::kUInt8 ? 128 : 0);
}

ValueId Rounded(GraphBuilder& b, const std::string& name, ValueId x) {
  return b.QuantizePair(name, x, DType::kUInt8, 9.0f / 255, 30);
}

ValueId Number(GraphBuilder& b, const std::string& name, float value,
               const Shape& shape = {}) {
  return b.Constant(name, Tensor::Of<float>(shape, {value}));
}

// The graph's functions are `tables` look-ups, and mean what they did to the
// last bit.
void ExpectTables(const GraphBuilder& b, int tables) {
  const ir::Graph graph = b.Build();
  const ir::Graph integers = Integers(graph);
  EXPECT_EQ(CountOps(integers, "LookUp"), tables) << ir::DumpGraph(integers);
  ExpectSameAnswers(graph, integers, 0);
}

TEST(ByteFunctionsTest, EveryFunctionOfOneValueIsATable) {
  for (DType dtype : {DType::kUInt8, DType::kInt8}) {
    for (const ir::Unary& op : {ir::Unary{UnaryKind::kSigmoid, 0, 0},
                                {UnaryKind::kTanh, 0, 0},
                                {UnaryKind::kHardSwish, 0, 0},
                                {UnaryKind::kGelu, 0, 0},
                                {UnaryKind::kLeakyRelu, 0.1f, 0},
                                {UnaryKind::kElu, 1, 0},
                                {UnaryKind::kHardSigmoid, 0.2f, 0.5f},
                                {UnaryKind::kExp, 0, 0}}) {
      GraphBuilder b;
      const ValueId x = RoundedInput(b, "x", dtype);
      b.Output(Rounded(b, "y", b.Node("f", op, {x})));
      SCOPED_TRACE(std::string(op.Name()));
      ExpectTables(b, 1);
    }
  }
}

TEST(ByteFunctionsTest, GateAndProductAreOneTable) {
  GraphBuilder b;
  const ValueId x = RoundedInput(b, "x");
  const ValueId gate = b.Node("gate", ir::Unary{UnaryKind::kSigmoid}, {x});
  b.Output(Rounded(b, "y",
                   b.Node("f", ir::Binary{BinaryKind::kMul, {}}, {x, gate})));
  ExpectTables(b, 1);
}

TEST(ByteFunctionsTest, RoundingsOnTheWayBelongToTheTable) {
  GraphBuilder b;
  const ValueId x = RoundedInput(b, "x");
  const ValueId gate = b.QuantizePair(
      "gate", b.Node("sigmoid", ir::Unary{UnaryKind::kSigmoid}, {x}),
      DType::kUInt8, 1.0f / 100, 0);
  b.Output(Rounded(b, "y",
                   b.Node("f", ir::Binary{BinaryKind::kMul, {}}, {x, gate})));
  ExpectTables(b, 1);
}

TEST(ByteFunctionsTest, NumbersOfAnyRankAreOperands) {
  GraphBuilder b;
  const ValueId x = RoundedInput(b, "x");
  const ValueId small = b.Node("small", ir::Binary{BinaryKind::kMul, {}},
                               {Number(b, "slope", 0.3f, {1, 1, 1, 1}), x});
  const ValueId leaky =
      b.Node("leaky", ir::Binary{BinaryKind::kMax, {}}, {x, small});
  b.Output(Rounded(b, "y",
                   b.Node("f", ir::Binary{BinaryKind::kMax, {}},
                          {leaky, Number(b, "floor", -0.4f, {1})})));
  ExpectTables(b, 1);
}

TEST(ByteFunctionsTest, ATableBehindATableIsOne) {
  GraphBuilder b;
  const ValueId x = RoundedInput(b, "x");
  const ValueId first =
      Rounded(b, "first", b.Node("f", ir::Unary{UnaryKind::kTanh}, {x}));
  b.Output(Rounded(b, "y", b.Node("g", ir::Unary{UnaryKind::kExp}, {first})));
  ExpectTables(b, 1);
}

TEST(ByteFunctionsTest, WhatFloatsReadIsATableOfFloats) {
  GraphBuilder b;
  const ValueId x = RoundedInput(b, "x");
  b.Output(b.Node("y", ir::Unary{UnaryKind::kSigmoid}, {x}));
  const ir::Graph integers = Integers(b.Build());
  EXPECT_EQ(CountOps(integers, "LookUp"), 1) << ir::DumpGraph(integers);
  EXPECT_EQ(CountOps(integers, "Dequantize"), 0);
  ExpectSameAnswers(b.Build(), integers, 0);
}

TEST(ByteFunctionsTest, TwoValuesAreNoTable) {
  GraphBuilder b;
  const ValueId x = RoundedInput(b, "x");
  const ValueId z = RoundedInput(b, "z");
  const ValueId gate = b.Node("gate", ir::Unary{UnaryKind::kSigmoid}, {z});
  b.Output(Rounded(b, "y",
                   b.Node("f", ir::Binary{BinaryKind::kDiv, {}}, {x, gate})));
  const ir::Graph integers = Integers(b.Build());
  // The gate alone is one, of floats.
  EXPECT_EQ(CountOps(integers, "LookUp"), 1) << ir::DumpGraph(integers);
  EXPECT_EQ(CountOps(integers, "Div"), 1);
  ExpectSameAnswers(b.Build(), integers, 0);
}

TEST(ByteFunctionsTest, OperandsPerChannelAreNoTable) {
  GraphBuilder b;
  const ValueId x = RoundedInput(b, "x");
  b.Output(
      Rounded(b, "y",
              b.Node("f", ir::Binary{BinaryKind::kPrelu, {}},
                     {x, b.Constant("slopes", RandomFloats({3, 1, 1}, 4))})));
  ExpectTables(b, 0);
}

TEST(ByteFunctionsTest, ANumberThatIsWidenedIsNoTable) {
  GraphBuilder b;
  const ValueId x = b.QuantizePair("x", b.Input("input", RowsAnd({1, 1})),
                                   DType::kUInt8, 0.01f, 128);
  b.Output(Rounded(b, "y",
                   b.Node("f", ir::Binary{BinaryKind::kMul, {}},
                          {x, Number(b, "ones", 2, {1, 1, 1, 1})})));
  ExpectTables(b, 0);
}

}  // namespace
}  // namespace octet::passes
