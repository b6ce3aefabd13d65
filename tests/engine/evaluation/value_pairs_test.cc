// SPDX-License-Identifier: Apache-2.0
#include "engine/evaluation/value_pairs.h"

#include <string>
#include <vector>

#include "engine/ir/op.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet::internal {
namespace {

using ::testing::ElementsAre;

constexpr ir::BinaryKind kAdd = ir::BinaryKind::kAdd;

// y = x + x, z = y + x; with `rounded` y goes through integers.
ir::Graph TwoSums(bool rounded, const std::string& y = "y") {
  GraphBuilder builder;
  const ir::ValueId x = builder.Input("x", RowsAnd({4}));
  ir::ValueId sum = builder.Node(y, ir::Binary{kAdd, {}}, {x, x});
  if (rounded) sum = builder.QuantizePair(y, sum, DType::kUInt8, 0.5f, 3);
  builder.Output(builder.Node("z", ir::Binary{kAdd, {}}, {sum, x}));
  return builder.Build();
}

std::vector<std::string> NamesOf(const ir::Graph& exact,
                                 const ir::Graph& rounded,
                                 const std::vector<ValuePair>& pairs) {
  std::vector<std::string> names;
  for (const ValuePair& pair : pairs) {
    names.push_back(exact.value(pair.exact).name + " " +
                    rounded.value(pair.rounded).name);
  }
  return names;
}

TEST(NameOriginsTest, FollowsRoundingsBackToTheValueBeforeThem) {
  const ir::Graph graph = TwoSums(true);
  const NameOrigins origins(graph);
  for (const ir::Node& node : graph.nodes()) {
    if (std::holds_alternative<ir::Quantize>(node.op) ||
        std::holds_alternative<ir::Dequantize>(node.op)) {
      EXPECT_EQ(origins.Of(graph.value(node.outputs[0]).name), "y");
    }
  }
  EXPECT_EQ(origins.Of("z"), "z");
}

TEST(NameOriginsTest, TakesTheNumberOfAPassAwayAndNoOther) {
  const NameOrigins origins(TwoSums(false, "y_7"));
  EXPECT_EQ(origins.Of("y_7"), "y_7");
  EXPECT_EQ(origins.Of("y_7_1"), "y_7");
  EXPECT_EQ(origins.Of("unknown_1"), "unknown_1");
}

TEST(PairValuesTest, PrefersTheIntegersOfAValue) {
  const ir::Graph exact = TwoSums(false);
  const ir::Graph rounded = TwoSums(true);
  const NameOrigins exact_origins(exact);
  const NameOrigins rounded_origins(rounded);
  const auto pairs =
      PairValues({exact, exact_origins}, {rounded, rounded_origins});
  ASSERT_EQ(pairs.size(), 2);
  EXPECT_TRUE(rounded.type(pairs[0].rounded).quantization.has_value());
  EXPECT_EQ(exact.value(pairs[0].exact).name, "y");
  EXPECT_EQ(NamesOf(exact, rounded, pairs)[1], "z z");
}

TEST(PairValuesTest, LinksWhatAPassHasNumbered) {
  const ir::Graph imported = TwoSums(false);
  const ir::Graph optimized = TwoSums(false, "y_1");
  const NameOrigins origins(imported);
  const auto pairs = PairValues({optimized, origins}, {imported, origins});
  EXPECT_THAT(NamesOf(optimized, imported, pairs), ElementsAre("y_1 y", "z z"));
}

TEST(CutIntoLayersTest, EveryReaderOfAPairReadsANewInput) {
  const ir::Graph rounded = TwoSums(true);
  const NameOrigins origins(rounded);
  const auto pairs = PairValues({rounded, origins}, {rounded, origins});
  const ir::Graph cut = CutIntoLayers(rounded, pairs);
  EXPECT_EQ(cut.inputs().size(), 1 + pairs.size());
  EXPECT_EQ(cut.outputs().size(), pairs.size());
  // The reader of y's integers reads the fed ones, rounded the same way.
  const ir::GraphIndex index(cut);
  for (size_t i = 0; i < pairs.size(); ++i) {
    EXPECT_TRUE(index.Readers(cut.outputs()[i]).empty());
  }
}

}  // namespace
}  // namespace octet::internal
