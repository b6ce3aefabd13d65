// SPDX-License-Identifier: Apache-2.0
#include "client/cli/class_scores.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::cli {
namespace {

std::vector<int64_t> Indices(const std::vector<ClassScore>& scores) {
  std::vector<int64_t> indices;
  for (const ClassScore& score : scores) indices.push_back(score.index);
  return indices;
}

TEST(BestClassesTest, OrdersByScoreAndEqualsByIndex) {
  const Tensor scores =
      Tensor::Of<float>({2, 4}, {0.5f, 2, 0.5f, 1, -1, -1, -3, -2});
  const auto best = BestClasses(scores, 3);
  ASSERT_TRUE(best.ok()) << best.status();
  ASSERT_EQ(best->size(), 2u);
  EXPECT_THAT(Indices((*best)[0]), ::testing::ElementsAre(1, 3, 0));
  EXPECT_THAT(Indices((*best)[1]), ::testing::ElementsAre(0, 1, 3));
}

TEST(BestClassesTest, FlattensWhatStandsBehindTheRows) {
  const Tensor scores = Tensor::Of<int8_t>({1, 3, 1, 1}, {-5, 7, 0});
  const auto best = BestClasses(scores, 10);
  ASSERT_TRUE(best.ok()) << best.status();
  EXPECT_THAT(Indices((*best)[0]), ::testing::ElementsAre(1, 2, 0));
  EXPECT_EQ((*best)[0][0].score, 7);
}

TEST(BestClassesTest, RefusesOutputsWithoutRows) {
  EXPECT_EQ(BestClasses(Tensor(DType::kFloat32, {}), 1).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(BestClasses(Tensor(DType::kFloat32, {0, 3}), 1).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ClassNameTest, ClassesWithoutANameHaveTheirNumber) {
  const std::vector<std::string> names = {"cat", "dog"};
  EXPECT_EQ(ClassName(names, 1), "dog");
  EXPECT_EQ(ClassName(names, 2), "class 2");
}

}  // namespace
}  // namespace octet::cli
