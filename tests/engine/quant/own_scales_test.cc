// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/own_scales.h"

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

TEST(AreWorthOwnScalesTest, FromTwiceTheRangeOn) {
  EXPECT_TRUE(AreWorthOwnScales({0, 2}, {0, 8}));
  EXPECT_TRUE(AreWorthOwnScales({-4, 4}, {0, 3}));
  EXPECT_FALSE(AreWorthOwnScales({0, 2}, {0, 3.9f}));
  // Zero is always within: from 5 to 6 is as from 0 to 6.
  EXPECT_FALSE(AreWorthOwnScales({5, 6}, {0, 6}));
}

}  // namespace
}  // namespace octet::quant
