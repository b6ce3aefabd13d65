// SPDX-License-Identifier: Apache-2.0
#include "engine/io/input_files.h"

#include <filesystem>
#include <string>
#include <vector>

#include "engine/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/scratch_folder.h"

namespace octet::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

AskInputs OneInput() {
  return []() -> absl::StatusOr<std::vector<RowInput>> {
    return std::vector<RowInput>{{"x", DType::kFloat32, {-1, 2}}};
  };
}

AskInputs Nobody() {
  return []() -> absl::StatusOr<std::vector<RowInput>> {
    return absl::InternalError("nobody was to be asked");
  };
}

TEST(ReadInputFilesTest, JoinsTheFilesOfOneInputInTheirOrder) {
  const ScratchFolder folder;
  const std::string first = folder.path() + "/1.npy";
  const std::string second = folder.path() + "/2.npy";
  ASSERT_TRUE(WriteNpy(first, Tensor::Of<float>({1, 2}, {1, 2})).ok());
  ASSERT_TRUE(WriteNpy(second, Tensor::Of<float>({2, 2}, {3, 4, 5, 6})).ok());
  const auto read = ReadInputFiles({"x=" + first, "x=" + second}, {}, Nobody());
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 1);
  EXPECT_EQ((*read)[0].name, "x");
  EXPECT_THAT((*read)[0].tensor.data<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(ReadInputFilesTest, AFileWithoutANameIsTheOnlyInputs) {
  const ScratchFolder folder;
  const std::string file = folder.path() + "/rows.npy";
  ASSERT_TRUE(WriteNpy(file, Tensor::Of<float>({1, 2}, {1, 2})).ok());
  const auto read = ReadInputFiles({file}, {}, OneInput());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)[0].name, "x");
}

TEST(ReadInputFilesTest, NamesWhatDoesNotFitTogether) {
  const ScratchFolder folder;
  const std::string first = folder.path() + "/1.npy";
  const std::string second = folder.path() + "/2.npy";
  ASSERT_TRUE(WriteNpy(first, Tensor::Of<float>({1, 2}, {1, 2})).ok());
  ASSERT_TRUE(WriteNpy(second, Tensor::Of<float>({1, 3}, {3, 4, 5})).ok());
  const auto read = ReadInputFiles({"x=" + first, "x=" + second}, {}, Nobody());
  EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(read.status().message()),
              HasSubstr("rows of input 'x' do not fit together"));
}

TEST(ReadInputFilesTest, RefusesAFolderWithoutPictures) {
  const ScratchFolder folder;
  const auto read = ReadInputFiles({folder.path()}, {}, OneInput());
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("got none"));
}

}  // namespace
}  // namespace octet::io
