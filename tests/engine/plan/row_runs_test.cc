// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/row_runs.h"

#include <cstring>
#include <ostream>
#include <string>
#include <vector>

#include "engine/plan/plan.h"
#include "engine/reference/backend.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet::plan {

void PrintTo(const RowRun& run, std::ostream* to) {
  *to << "[" << run.begin << ", " << run.end << ")";
}

namespace {

using ir::ValueId;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr int64_t kRows = 4;
// Of one row of the large tensors, in bytes; and a cache that holds what a node
// reads and writes for one row, but not for all.
constexpr int64_t kRowBytes = 4000;
constexpr size_t kCache = 3 * kRowBytes;

std::vector<RowRun> Runs(const GraphBuilder& b, size_t cache_bytes = kCache) {
  const ir::Graph graph = b.Build();
  return FindRowRuns(graph.WithRows(kRows), graph.WithRows(1), kRows,
                     cache_bytes);
}

ValueId Negate(GraphBuilder& b, const std::string& name, ValueId x) {
  return b.Node(name, ir::Unary{ir::UnaryKind::kNeg, 0, 0}, {x});
}

// The first `elements` of each row of `x`, [rows, n].
ValueId First(GraphBuilder& b, const std::string& name, ValueId x,
              int64_t elements) {
  return b.Node(name, ir::Slice{{0, 0}, {1, 1}, {0, elements}}, {x});
}

ValueId Product(GraphBuilder& b, const std::string& name, ValueId x,
                int64_t depth, int64_t columns) {
  const ValueId weights =
      b.Constant(name + "_weights", RandomFloats({depth, columns}, 3));
  return b.Node(name, ir::MatMul{}, {x, weights});
}

TEST(RowRunsTest, ChainsThatLeaveTheCacheRunRowByRow) {
  GraphBuilder b;
  ValueId x = b.Input("x", RowsAnd({1000}));
  for (int i = 0; i < 5; ++i) x = Negate(b, "n" + std::to_string(i), x);
  b.Output(x);
  EXPECT_THAT(Runs(b), ElementsAre(RowRun{0, 5}));
  EXPECT_THAT(Runs(b, 2 * kRows * kRowBytes), IsEmpty());
}

TEST(RowRunsTest, OneNodeHandsNothingOn) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({1000}));
  b.Output(First(b, "y", Negate(b, "n", First(b, "s", x, 10)), 5));
  EXPECT_THAT(Runs(b), IsEmpty());
}

TEST(RowRunsTest, AFewSmallNodesMayLieBetweenLargeOnes) {
  for (int small : {0, 1, 3}) {
    GraphBuilder b;
    ValueId x = Negate(b, "n", b.Input("x", RowsAnd({1000})));
    x = First(b, "s", x, 10);
    for (int i = 0; i < small; ++i) x = Negate(b, "u" + std::to_string(i), x);
    x = b.Node("p", ir::Pad{{0, 0}, {0, 990}}, {x});
    b.Output(Negate(b, "y", x));
    if (small < 3) {
      EXPECT_THAT(Runs(b), ElementsAre(RowRun{0, 4 + small})) << small;
    } else {
      EXPECT_THAT(Runs(b), ElementsAre(RowRun{0, 2}, RowRun{5, 7}));
    }
  }
}

TEST(RowRunsTest, WeightsThatARowReadsOnceAreSharedByRows) {
  GraphBuilder b;
  ValueId x = b.Input("x", RowsAnd({1000}));
  x = Negate(b, "n1", Negate(b, "n0", x));
  x = Product(b, "m", x, 1000, 1000);
  b.Output(Negate(b, "n3", Negate(b, "n2", x)));
  EXPECT_THAT(Runs(b), ElementsAre(RowRun{0, 2}, RowRun{3, 5}));
}

TEST(RowRunsTest, WeightsThatARowReadsOftenAreNot) {
  GraphBuilder b;
  ValueId x = b.Input("x", RowsAnd({200, 5}));
  x = Product(b, "m", Negate(b, "n0", x), 5, 5);
  b.Output(Negate(b, "n1", x));
  EXPECT_THAT(Runs(b), ElementsAre(RowRun{0, 3}));
}

TEST(RowRunsTest, ValuesWithoutRowsInFrontStayWhole) {
  GraphBuilder b;
  ValueId x = b.Input("x", RowsAnd({1000}));
  x = Negate(b, "n1", Negate(b, "n0", x));
  x = b.Node("t", ir::Transpose{{1, 0}}, {x});
  x = b.Node("back", ir::Transpose{{1, 0}}, {x});
  b.Output(Negate(b, "n3", Negate(b, "n2", x)));
  EXPECT_THAT(Runs(b), ElementsAre(RowRun{0, 2}, RowRun{4, 6}));
}

// Bit by bit what the graph gives, node by node, in memory that no other value
// has; also where values cross the borders of runs, are read again later, are
// reshaped, or are outputs.
TEST(RowRunsTest, PlansGiveWhatTheGraphGives) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({1000}));
  const ValueId a = Negate(b, "a", x);
  const ValueId flat = b.Node("r", ir::Reshape{RowsAnd({10, 100})}, {a});
  const ValueId c = Negate(b, "c", flat);
  const ValueId back = b.Node("rr", ir::Reshape{RowsAnd({1000})}, {c});
  const ValueId sum = b.Node("sum", ir::Binary{}, {back, x});
  const ValueId product = Product(b, "m", sum, 1000, 1000);
  const ValueId d = Negate(b, "d", product);
  const ValueId e = b.Node("e", ir::Binary{}, {d, a});
  const ValueId f = b.Node("f", ir::Binary{}, {e, e});
  b.Output(f);
  b.Output(c);
  const ir::Graph graph = b.Build();
  const auto reference = reference::CreateReferenceBackend();
  WeightCache weights;
  const std::vector<const Backend*> backends = {reference.get()};
  const auto plan =
      Plan::BuildForRows(graph, kRows, kCache, backends, 1, &weights);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT((*plan)->Dump(), HasSubstr(", row by row"));

  Tensor arena(DType::kUInt8, {static_cast<int64_t>((*plan)->arena_bytes())});
  ThreadPool pool(1);
  const auto bound = (*plan)->Bind(arena.mutable_bytes(), &pool);
  ASSERT_TRUE(bound.ok()) << bound.status();
  const Tensor input = RandomFloats({kRows, 1000}, 1);
  std::memcpy(arena.mutable_bytes() + (*plan)->inputs()[0].offset,
              input.bytes(), input.byte_size());
  ASSERT_TRUE((*bound)->Run().ok());

  const auto expected = Interpret(graph.WithRows(kRows), *reference, {input});
  ASSERT_TRUE(expected.ok()) << expected.status();
  for (size_t i = 0; i < expected->size(); ++i) {
    EXPECT_EQ(std::memcmp((*expected)[i].bytes(),
                          arena.bytes() + (*plan)->outputs()[i].offset,
                          (*expected)[i].byte_size()),
              0)
        << i;
  }
}

TEST(RowRunsTest, WhatARowHandsOnTakesTheMemoryOfOneRow) {
  GraphBuilder b;
  ValueId x = b.Input("x", RowsAnd({1000}));
  for (int i = 0; i < 5; ++i) x = Negate(b, "n" + std::to_string(i), x);
  b.Output(x);
  const ir::Graph graph = b.Build();
  const auto reference = reference::CreateReferenceBackend();
  const std::vector<const Backend*> backends = {reference.get()};
  WeightCache weights;
  const auto build = [&](size_t cache_bytes, int threads) {
    return Plan::BuildForRows(graph, kRows, cache_bytes, backends, threads,
                              &weights);
  };
  // Input, output, and two values at a time between them.
  constexpr size_t kOneRow = 4032;  // a multiple of 64
  EXPECT_EQ((*build(kCache, 1))->arena_bytes(),
            2 * kRows * kRowBytes + 2 * kOneRow);
  EXPECT_EQ((*build(size_t{1} << 20, 1))->arena_bytes(), 2 * kRows * kRowBytes);
  EXPECT_THAT((*build(kCache, 2))->Dump(), Not(HasSubstr("row by row")));
}

}  // namespace
}  // namespace octet::plan
