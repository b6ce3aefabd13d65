// SPDX-License-Identifier: Apache-2.0
#include "engine/ir/graph.h"

#include "engine/ir/fresh_names.h"

#include <string>
#include <vector>

#include "engine/ir/graph_patch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet::ir {
namespace {

using testing::ElementsAre;

ValueId Neg(GraphBuilder& b, const std::string& name, ValueId x) {
  return b.Node(name, Unary{UnaryKind::kNeg, 0, 0}, {x});
}

std::vector<std::string> NodeNames(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) names.push_back(node.name);
  return names;
}

TEST(GraphTest, FreshNamesAreNotTaken) {
  GraphBuilder b;
  b.Input("x", RowsAnd({2}));
  b.Input("x_1", RowsAnd({2}));
  EXPECT_EQ(b.graph().FreshName("y"), "y");
  EXPECT_EQ(b.graph().FreshName("x"), "x_2");
}

TEST(FreshNamesTest, AreThoseThatTheGraphWouldGive) {
  GraphBuilder b;
  b.Input("x", RowsAnd({2}));
  b.Input("x_1", RowsAnd({2}));
  FreshNames names(b.graph());
  EXPECT_EQ(names.After("y"), "y");
  EXPECT_EQ(names.After("x"), "x_2");
  EXPECT_EQ(names.After("x"), "x_3");
  EXPECT_EQ(names.After("y"), "y_1");
  names.Take("y_2");
  EXPECT_EQ(names.After("y"), "y_3");
  EXPECT_EQ(names.After("x_2"), "x_2_1");
}

TEST(GraphTest, WithRowsFixesValuesReshapesAndSlices) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4}));
  const ValueId r =
      b.Node("r", Reshape{{Dim::Rows(), Dim::Fixed(2), Dim::Fixed(2)}}, {x});
  b.Output(b.Node("y", Slice{{0, 1, 0}, {1, 1, 1}, {0, 1, 2}}, {r}));
  const Graph fixed = b.Build().WithRows(3);
  EXPECT_EQ(fixed.type(fixed.inputs()[0]).dims, FixedDims({3, 4}));
  EXPECT_EQ(std::get<Reshape>(fixed.nodes()[0].op).dims, FixedDims({3, 2, 2}));
  EXPECT_THAT(std::get<Slice>(fixed.nodes()[1].op).sizes, ElementsAre(3, 1, 2));
  EXPECT_TRUE(HasRows(b.graph().type(x).dims));
}

TEST(GraphTest, CompactedDropsWhatNoOutputNeeds) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({2}));
  const ValueId unused = b.Input("unused", RowsAnd({2}));
  b.Constant("dead_constant", RandomFloats({2}, 1));
  Neg(b, "dead2", Neg(b, "dead1", unused));
  b.Output(Neg(b, "y", x));
  const Graph compact = b.Build().Compacted();
  EXPECT_THAT(NodeNames(compact), ElementsAre("y_node"));
  // The signature stays whole.
  EXPECT_EQ(compact.inputs().size(), 2u);
  EXPECT_EQ(compact.values().size(), 3u);
}

TEST(GraphIndexTest, FindsProducersAndReaders) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({2}));
  const ValueId a = Neg(b, "a", x);
  const ValueId twice = b.Node("twice", Binary{}, {a, a});
  const ValueId y = Neg(b, "y", twice);
  b.Output(y);
  const GraphIndex index(b.graph());
  EXPECT_EQ(index.Producer(x), nullptr);
  EXPECT_EQ(index.Producer(a)->name, "a_node");
  EXPECT_EQ(index.SoleReader(x)->name, "a_node");
  EXPECT_EQ(index.Readers(a).size(), 2u);
  EXPECT_EQ(index.SoleReader(a), nullptr) << "read twice by one node";
  EXPECT_EQ(index.SoleReader(y), nullptr) << "the caller reads it";
  EXPECT_TRUE(index.IsOutput(y));
}

TEST(GraphPatchTest, ReplacesForEveryReaderAndKeepsTheOutputsName) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({2}));
  const ValueId a = Neg(b, "a", x);
  b.Output(a);
  b.Output(Neg(b, "y", a));
  const Graph graph = b.Build();
  GraphPatch patch(graph);
  patch.Replace(a, patch.AddNode("new", Unary{}, {x}, "a", graph.type(a)));
  const Graph patched = patch.Apply();
  EXPECT_EQ(CountOps(patched, "Abs"), 1);
  EXPECT_EQ(patched.value(patched.outputs()[0]).name, "a");
  EXPECT_THAT(NodeNames(patched),
              testing::UnorderedElementsAre("new", "y_node"));
  EXPECT_EQ(patched.nodes()[1].inputs, patched.nodes()[0].outputs);
  EXPECT_EQ(graph.nodes().size(), 2u) << "a patch leaves its graph alone";
}

TEST(GraphPatchTest, ANewNodeMayReadTheValueItReplaces) {
  GraphBuilder b;
  const ValueId a = Neg(b, "a", b.Input("x", RowsAnd({2})));
  b.Output(Neg(b, "y", a));
  const Graph graph = b.Build();
  GraphPatch patch(graph);
  patch.Replace(a, patch.AddNode("between", Unary{}, {a}, "m", graph.type(a)));
  EXPECT_THAT(NodeNames(patch.Apply()),
              ElementsAre("a_node", "between", "y_node"));
}

TEST(GraphPatchTest, NamesOfNewValuesAreFresh) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({2}));
  b.Output(Neg(b, "y", x));
  const Graph graph = b.Build();
  GraphPatch patch(graph);
  const ValueId first = patch.AddConstant("x", RandomFloats({2}, 1));
  const ValueId second = patch.AddConstant("x", RandomFloats({2}, 2));
  const ValueId sum = patch.AddNode("s", Binary{}, {first, second}, "s",
                                    {DType::kFloat32, FixedDims({2}), {}});
  patch.Replace(x, sum);
  const Graph patched = patch.Apply();
  EXPECT_EQ(patched.value(IdOf(patched, "x_1")).is_constant(), true);
  EXPECT_EQ(patched.value(IdOf(patched, "x_2")).is_constant(), true);
}

TEST(GraphPatchDeathTest, AnInputCannotTakeAnOutputsName) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({2}));
  b.Output(Neg(b, "y", x));
  const Graph graph = b.Build();
  GraphPatch patch(graph);
  patch.Replace(graph.outputs()[0], x);
  EXPECT_DEATH(patch.Apply(), "is_input");
}

TEST(SortNodesTest, PutsProducersFirstAndAbortsOnACycle) {
  GraphBuilder b;
  const ValueId a = Neg(b, "a", b.Input("x", RowsAnd({2})));
  b.Output(Neg(b, "y", a));
  Graph graph = b.Build();
  std::swap(graph.mutable_nodes()[0], graph.mutable_nodes()[1]);
  SortNodes(graph);
  EXPECT_THAT(NodeNames(graph), ElementsAre("a_node", "y_node"));
  graph.mutable_nodes()[0].inputs = graph.mutable_nodes()[1].outputs;
  EXPECT_DEATH(SortNodes(graph), "later");
}

TEST(DumpGraphTest, WritesOneLineForEveryInputConstantAndNode) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 4, 4}));
  Conv conv;
  conv.window = WindowOf({3, 3}, 2, 1);
  conv.activation = {0, 6};
  const ValueId c =
      b.Node("c", conv, {x, b.Constant("w", RandomFloats({2, 3, 3, 3}, 1))});
  b.Output(b.Node("q", Quantize{}, {c}, DType::kUInt8,
                  Quantization::PerTensor(0.5f, 3)));
  EXPECT_EQ(DumpGraph(b.Build()),
            "input %x: float32[rows, 3, 4, 4]\n"
            "constant %w: float32[2, 3, 3, 3]\n"
            "%c = Conv kernel=[3,3] strides=[2,2] pads=[1,1]..1,1 "
            "dilations=[1,1] clamp=[0,6](%x, %w) : float32[rows, 2, 2, 2]\n"
            "%q = Quantize(%c) : uint8[rows, 2, 2, 2] scale 0.5 zero_point 3\n"
            "return %q\n");
}

}  // namespace
}  // namespace octet::ir
