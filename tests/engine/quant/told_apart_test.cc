// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/told_apart.h"

#include <cmath>
#include <functional>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet::quant {
namespace {

using ir::ValueId;

ValueId Pointwise(GraphBuilder& b, const std::string& name, ValueId x) {
  ir::Conv conv;
  conv.window = WindowOf({1, 1}, 1, 0);
  return b.Node(name, conv,
                {x, b.Constant(name + "_w", RandomFloats({4, 4, 1, 1}, 7))});
}

// Whatever `make` puts behind a convolution, with another one behind it.
struct OneFunction {
  ir::Graph graph;
  QuantizationSites sites;
  std::vector<Range> ranges;
  size_t site = 0;  // of the first convolution's result
};

OneFunction MakeOne(const std::function<ValueId(GraphBuilder&, ValueId)>& make,
                    Range before, Range behind) {
  GraphBuilder b;
  const ValueId x = Pointwise(b, "a", b.Input("x", RowsAnd({4, 8, 8})));
  b.Output(Pointwise(b, "b", make(b, x)));
  OneFunction result;
  result.graph = b.Build();
  result.sites = ChooseSites(result.graph);
  for (size_t i = 0; i < result.sites.rounded.size(); ++i) {
    const bool first = result.sites.rounded[i] == x;
    if (first) result.site = i;
    result.ranges.push_back(first ? before : behind);
  }
  return result;
}

Range Shortened(const OneFunction& made) {
  return ToldApart(made.graph, made.sites, made.ranges)[made.site];
}

double Silu(double x) { return x / (1 + std::exp(-x)); }

TEST(ToldApartTest, ASiluKeepsWhatItsStepsTellApart) {
  const auto silu = [](GraphBuilder& b, ValueId x) {
    const ValueId s =
        b.Node("s", ir::Unary{ir::UnaryKind::kSigmoid, 0, 0}, {x});
    return b.Node("m", ir::Binary{ir::BinaryKind::kMul, {}}, {x, s});
  };
  const Range range =
      Shortened(MakeOne(silu, {-112, 17.5f}, {-0.2785f, 17.5f}));
  EXPECT_EQ(range.max, 17.5f);
  EXPECT_GT(range.min, -7);
  // All that was cut off is within a quarter of a step of what is left.
  const double step = 17.8 / 255;
  for (double x = -112; x < range.min; x += 0.01) {
    ASSERT_LE(std::fabs(Silu(x) - Silu(range.min)), step / 4) << x;
  }
  // And no more than that is left, but for the places looked at.
  EXPECT_GT(std::fabs(Silu(-112) - Silu(range.min + 0.07)), step / 4);
}

TEST(ToldApartTest, ASigmoidIsShortenedAtBothEnds) {
  const auto sigmoid = [](GraphBuilder& b, ValueId x) {
    return b.Node("s", ir::Unary{ir::UnaryKind::kSigmoid, 0, 0}, {x});
  };
  const Range range = Shortened(MakeOne(sigmoid, {-50, 60}, {0, 1}));
  EXPECT_NEAR(range.min, -6.9, 0.1);
  EXPECT_NEAR(range.max, 6.9, 0.1);
}

TEST(ToldApartTest, WhatOthersReadTooStaysAsItIs) {
  const auto residual = [](GraphBuilder& b, ValueId x) {
    const ValueId s =
        b.Node("s", ir::Unary{ir::UnaryKind::kSigmoid, 0, 0}, {x});
    return b.Node("m", ir::Binary{}, {Pointwise(b, "r", x), s});
  };
  const Range whole = {-50, 60};
  EXPECT_EQ(Shortened(MakeOne(residual, whole, {0, 1})), whole);
  const auto linear = [](GraphBuilder& b, ValueId x) {
    return b.Node("s", ir::Unary{ir::UnaryKind::kLeakyRelu, 0.1f, 0}, {x});
  };
  const Range kept = Shortened(MakeOne(linear, whole, {-5, 60}));
  EXPECT_NEAR(kept.min, whole.min, 1);
  EXPECT_NEAR(kept.max, whole.max, 0.1);
}

}  // namespace
}  // namespace octet::quant
