// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/own_scales.h"

#include <algorithm>
#include <string>
#include <vector>

#include "engine/quant/quantization_sites.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet::quant {
namespace {

using ir::ValueId;

ValueId Conv1x1(GraphBuilder& b, const std::string& name, ValueId x) {
  ir::Conv conv;
  conv.window = WindowOf({1, 1}, 1, 0);
  return b.Node(name, conv,
                {x, b.Constant(name + "_w", RandomFloats({4, 4, 1, 1}, 7))});
}

// A convolution that a Concat and another convolution read, beside one that
// the Concat alone does.
struct ThreeConvs {
  ir::Graph graph;
  ValueId shared = 0;
  ValueId alone = 0;
  ValueId result = 0;
};

ThreeConvs TwoOfThree() {
  GraphBuilder b;
  ThreeConvs convs;
  convs.shared = Conv1x1(b, "a", b.Input("x", RowsAnd({4, 8, 8})));
  convs.alone = Conv1x1(b, "b", convs.shared);
  convs.result = b.Node("c", ir::Concat{1}, {convs.shared, convs.alone});
  ir::Conv conv;
  conv.window = WindowOf({1, 1}, 1, 0);
  b.Output(
      b.Node("d", conv,
             {convs.result, b.Constant("d_w", RandomFloats({2, 8, 1, 1}, 9))}));
  convs.graph = b.Build();
  return convs;
}

TEST(SharedConcatInputsTest, AreThoseThatOthersReadOrThatWereMoved) {
  const ThreeConvs convs = TwoOfThree();
  const std::vector<ConcatInput> shared = SharedConcatInputs(convs.graph);
  ASSERT_EQ(shared.size(), 1u);
  EXPECT_EQ(convs.graph.nodes()[shared[0].node].inputs[shared[0].input],
            convs.shared);
}

TEST(WithOwnScalesTest, TakesAnInputOutOfTheGroup) {
  const ThreeConvs convs = TwoOfThree();
  const QuantizationSites before = ChooseSites(convs.graph);
  EXPECT_EQ(before.group[convs.shared], before.group[convs.result]);
  std::vector<ValueId> behind;
  const ir::Graph apart =
      WithOwnScales(convs.graph, SharedConcatInputs(convs.graph), &behind);
  ASSERT_EQ(behind.size(), 1u);
  const QuantizationSites sites = ChooseSites(apart);
  EXPECT_NE(sites.group[convs.shared], sites.group[convs.result]);
  EXPECT_EQ(sites.group[behind[0]], sites.group[convs.result]);
  EXPECT_EQ(sites.group[convs.alone], sites.group[convs.result]);
  EXPECT_EQ(CountOps(apart, "Clamp"), 1);
  EXPECT_EQ(CountOps(WithOwnScales(convs.graph, {}), "Clamp"), 0);
}

// Blocks that pass half of their channels by, as ShuffleNet's: a Slice of what
// one Concat gives is an input of the next.
TEST(WithOwnScalesTest, ManyInARowLeaveNoFloats) {
  GraphBuilder b;
  ValueId x = Conv1x1(b, "a", b.Input("x", RowsAnd({4, 8, 8})));
  x = b.Node("cat0", ir::Concat{1}, {x, Conv1x1(b, "b", x)});
  for (const char* name : {"cat1", "cat2", "cat3"}) {
    const std::string block = name;
    const ir::Slice left = {{0, 0, 0, 0}, {1, 2, 1, 1}, {0, 4, 8, 8}};
    const ir::Slice right = {{0, 1, 0, 0}, {1, 2, 1, 1}, {0, 4, 8, 8}};
    const ValueId by = b.Node(block + "_by", left, {x});
    const ValueId in = b.Node(block + "_in", right, {x});
    x = b.Node(block, ir::Concat{1}, {by, Conv1x1(b, block + "_conv", in)});
  }
  ir::Conv conv;
  conv.window = WindowOf({1, 1}, 1, 0);
  b.Output(
      b.Node("y", conv, {x, b.Constant("y_w", RandomFloats({2, 8, 1, 1}, 9))}));
  const ir::Graph graph = b.Build();
  const std::vector<ConcatInput> shared = SharedConcatInputs(graph);
  ASSERT_EQ(shared.size(), 4u);
  std::vector<ValueId> behind;
  const ir::Graph apart = WithOwnScales(graph, shared, &behind);
  const QuantizationSites sites = ChooseSites(apart);
  const auto is_rounded = [&](ValueId id) {
    return std::any_of(
        sites.rounded.begin(), sites.rounded.end(),
        [&](ValueId site) { return sites.group[site] == sites.group[id]; });
  };
  for (size_t i = 0; i < shared.size(); ++i) {
    EXPECT_TRUE(is_rounded(behind[i])) << i;
    EXPECT_TRUE(
        is_rounded(graph.nodes()[shared[i].node].inputs[shared[i].input]))
        << i;
  }
}

TEST(AreWorthOwnScalesTest, FromTwiceTheRangeOn) {
  EXPECT_TRUE(AreWorthOwnScales({0, 2}, {0, 8}));
  EXPECT_TRUE(AreWorthOwnScales({-4, 4}, {0, 3}));
  EXPECT_FALSE(AreWorthOwnScales({0, 2}, {0, 3.9f}));
  // Zero is always within: from 5 to 6 is as from 0 to 6.
  EXPECT_FALSE(AreWorthOwnScales({5, 6}, {0, 6}));
}

}  // namespace
}  // namespace octet::quant
