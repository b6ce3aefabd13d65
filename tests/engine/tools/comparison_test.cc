// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/comparison.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/not_finite.h"

namespace octet::tools {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;

std::vector<NamedTensor> Output(Shape shape, std::vector<float> values,
                                std::string name = "y") {
  return {{std::move(name), Tensor::Of<float>(std::move(shape), values)}};
}

std::string Message(const absl::StatusOr<Comparison>& result) {
  return std::string(result.status().message());
}

TEST(ComparisonTest, CountsRowsWithTheSameTopClass) {
  const auto a = Output({4, 3}, {1, 2, 0, 5, 4, 3, 0, 0, 1, 9, 8, 7});
  const auto b = Output({4, 3}, {0, 2, 1, 4, 5, 3, 0, 0, 1, 9, 8, 7});
  const auto result = Compare(a, b, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->rows, 4);
  EXPECT_DOUBLE_EQ(result->agreement, 0.75);
  EXPECT_FALSE(result->identical);
  EXPECT_FALSE(result->top1_a.has_value());
}

TEST(ComparisonTest, SqnrIsThatOfBAgainstA) {
  // Signal 3^2 + 4^2 = 25, noise 0.5^2 = 0.25: 20 dB.
  const auto result =
      Compare(Output({2, 1}, {3, 4}), Output({2, 1}, {3, 4.5}), {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->sqnr_db, DoubleNear(20, 1e-12));
}

TEST(ComparisonTest, SqnrSpansAllOutputs) {
  auto a = Output({1, 1}, {3});
  a.push_back(Output({1, 2}, {4, 0}, "z")[0]);
  auto b = Output({1, 1}, {3});
  b.push_back(Output({1, 2}, {4.5, 0}, "z")[0]);
  const auto result = Compare(a, b, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->sqnr_db, DoubleNear(20, 1e-12));
}

TEST(ComparisonTest, EqualOutputsHaveTheNumberThatStandsForInfinity) {
  const auto a = Output({2, 2}, {1, 2, kNan, 4});
  const auto result = Compare(a, a, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->identical);
  EXPECT_EQ(result->sqnr_db, kInfiniteDb);
  EXPECT_EQ(result->agreement, 1);
}

TEST(ComparisonTest, BrokenNumbersGiveTheLowestRatio) {
  const auto result =
      Compare(Output({1, 2}, {1, 2}), Output({1, 2}, {1, kNan}), {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sqnr_db, -kInfiniteDb);
  EXPECT_EQ(BoundedDb(std::numeric_limits<double>::infinity()), kInfiniteDb);
  EXPECT_EQ(SqnrDb({0.0}, {1.0}), -kInfiniteDb);
}

TEST(ComparisonTest, LabelsGiveTopOneOfBoth) {
  ComparisonOptions options;
  options.labels = {1, 0};
  const auto result = Compare(Output({2, 2}, {0, 1, 1, 0}),
                              Output({2, 2}, {0, 1, 0, 1}), options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_DOUBLE_EQ(*result->top1_a, 1);
  EXPECT_DOUBLE_EQ(*result->top1_b, 0.5);
}

TEST(ComparisonTest, DroppedClassTakesNoPartAndShiftsTheOthers) {
  ComparisonOptions options;
  options.drop_first_class = true;
  options.labels = {0, 1};
  // Rows of [background, class 0, class 1].
  const auto a = Output({2, 3}, {9, 2, 1, 9, 1, 2});
  const auto b = Output({2, 3}, {0, 2, 1, 0, 2, 1});
  const auto result = Compare(a, b, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_DOUBLE_EQ(result->agreement, 0.5);
  EXPECT_DOUBLE_EQ(*result->top1_a, 1);
  EXPECT_DOUBLE_EQ(*result->top1_b, 0.5);
}

TEST(ComparisonTest, OutputsArePairedByNameElseInOrder) {
  auto a = Output({1, 2}, {1, 2}, "p");
  a.push_back(Output({1, 1}, {3}, "q")[0]);
  auto b = Output({1, 1}, {3}, "q");
  b.push_back(Output({1, 2}, {1, 2}, "p")[0]);
  EXPECT_TRUE(Compare(a, b, {})->identical);
  EXPECT_TRUE(Compare(Output({1, 1}, {3}, "u"), Output({1, 1}, {3}, "v"), {})
                  ->identical);
}

TEST(ComparisonTest, OutputMayHaveAnotherShapeOfTheSameRow) {
  const auto result = Compare(Output({1, 4, 1, 1}, {1, 2, 3, 4}),
                              Output({1, 4}, {1, 2, 3, 4}), {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->identical);
}

TEST(ComparisonTest, WhatDoesNotFitIsRefused) {
  const auto a = Output({2, 2}, {1, 2, 3, 4});
  EXPECT_THAT(Message(Compare(a, {}, {})), HasSubstr("outputs"));
  EXPECT_THAT(Message(Compare(a, Output({1, 4}, {1, 2, 3, 4}), {})),
              HasSubstr("[1, 4] in the second"));
  EXPECT_THAT(Message(Compare(Output({0, 2}, {}), Output({0, 2}, {}), {})),
              HasSubstr("[0, 2]"));
  ComparisonOptions options;
  options.labels = {1};
  EXPECT_THAT(Message(Compare(a, a, options)), HasSubstr("1 labels for 2"));
  options.labels = {1, 2};
  EXPECT_THAT(Message(Compare(a, a, options)),
              HasSubstr("the label of row 1 is 2"));
  ComparisonOptions drop;
  drop.drop_first_class = true;
  const auto one = Output({1, 1}, {1});
  EXPECT_THAT(Message(Compare(one, one, drop)), HasSubstr("no class is left"));
}

}  // namespace
}  // namespace octet::tools
