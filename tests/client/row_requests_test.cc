// SPDX-License-Identifier: Apache-2.0
#include "client/cli/row_requests.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::cli {
namespace {

using ::testing::ElementsAre;

inference::ModelMetadataResponse ModelWithFirstAxis(int64_t size) {
  inference::ModelMetadataResponse model;
  auto* input = model.add_inputs();
  input->set_name("x");
  input->add_shape(size);
  input->add_shape(1);
  return model;
}

std::vector<NamedTensor> FiveRows() {
  return {{"x", Tensor::Of<float>({5, 1}, {0, 1, 2, 3, 4})}};
}

TEST(RowRequestsTest, CutsRowsInOrderAndLeavesTheRestForTheLast) {
  const auto cut = CutIntoRequests(ModelWithFirstAxis(-1), FiveRows(), 2);
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_EQ(cut->rows, 5);
  ASSERT_EQ(cut->requests.size(), 3u);
  EXPECT_THAT(cut->requests[1][0].tensor.data<float>(), ElementsAre(2, 3));
  EXPECT_THAT(cut->requests[2][0].tensor.shape(), ElementsAre(1, 1));
}

TEST(RowRequestsTest, ModelThatDoesNotBatchGetsTheFilesWhole) {
  const auto cut = CutIntoRequests(ModelWithFirstAxis(5), FiveRows(), 2);
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_EQ(cut->rows, 1);
  ASSERT_EQ(cut->requests.size(), 1u);
  EXPECT_THAT(cut->requests[0][0].tensor.shape(), ElementsAre(5, 1));
}

TEST(RowRequestsTest, RefusesInputsWithUnequalRows) {
  std::vector<NamedTensor> inputs = FiveRows();
  inputs.push_back({"y", Tensor(DType::kFloat32, {4, 1})});
  const auto cut = CutIntoRequests(ModelWithFirstAxis(-1), inputs, 2);
  EXPECT_EQ(cut.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(cut.status().message()),
              ::testing::HasSubstr("'y': expected shape [5, ...], got [4, 1]"));
}

TEST(RowRequestsTest, JoinedAnswersAreTheRowsOfAll) {
  const std::vector<std::vector<NamedTensor>> answers = {
      {{"y", Tensor::Of<float>({2, 1}, {1, 2})}},
      {{"y", Tensor::Of<float>({1, 1}, {3})}}};
  const auto joined = JoinRows(answers);
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_THAT((*joined)[0].tensor.shape(), ElementsAre(3, 1));
  EXPECT_THAT((*joined)[0].tensor.data<float>(), ElementsAre(1, 2, 3));
}

TEST(RowRequestsTest, AnswersThatDoNotFitTogetherAreAnError) {
  const Tensor row(DType::kFloat32, {1, 2});
  const std::vector<std::vector<NamedTensor>> shapes = {
      {{"y", row}}, {{"y", Tensor(DType::kFloat32, {1, 3})}}};
  EXPECT_EQ(JoinRows(shapes).status().code(), absl::StatusCode::kInternal);
  const std::vector<std::vector<NamedTensor>> names = {{{"y", row}},
                                                       {{"z", row}}};
  EXPECT_EQ(JoinRows(names).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace octet::cli
