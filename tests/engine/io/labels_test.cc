// SPDX-License-Identifier: Apache-2.0
#include "engine/io/labels.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "engine/io/file.h"
#include "engine/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Message(absl::string_view csv) {
  return std::string(ParseLabelsCsv(csv).status().message());
}

template <typename T>
absl::StatusOr<std::vector<int64_t>> ThroughNpy(Shape shape,
                                                std::vector<T> values) {
  const std::string path = ::testing::TempDir() + "/labels_test.npy";
  absl::Status status = WriteNpy(path, Tensor::Of<T>(std::move(shape), values));
  if (!status.ok()) return status;
  return ReadLabels(path);
}

TEST(LabelsTest, CsvColumnIsFoundByName) {
  const auto labels = ParseLabelsCsv("row,label,file\n0,7,a\n1,-1,b\n");
  ASSERT_TRUE(labels.ok()) << labels.status();
  EXPECT_THAT(*labels, ElementsAre(7, -1));
}

TEST(LabelsTest, CsvMayHaveQuotesWindowsLinesAMarkAndEmptyLines) {
  const auto labels = ParseLabelsCsv(
      "\xef\xbb\xbf\"file\",\"label\"\r\n\"a,\"\"b\"\"\nc\",\"3\"\r\n\r\nd,4");
  ASSERT_TRUE(labels.ok()) << labels.status();
  EXPECT_THAT(*labels, ElementsAre(3, 4));
}

TEST(LabelsTest, CsvWithoutRowsHasNoLabels) {
  const auto labels = ParseLabelsCsv("label\n");
  ASSERT_TRUE(labels.ok()) << labels.status();
  EXPECT_THAT(*labels, IsEmpty());
}

TEST(LabelsTest, CsvErrorsNameTheLine) {
  EXPECT_THAT(Message(""), HasSubstr("no column 'label'"));
  EXPECT_THAT(Message("row,class\n0,1\n"), HasSubstr("no column 'label'"));
  EXPECT_THAT(Message("row,label\n0,1\n1\n"), HasSubstr("line 3 has 1 fields"));
  EXPECT_THAT(Message("label\n1\ncat\n"), HasSubstr("line 3 has the label"));
  EXPECT_THAT(Message("label\n99999999999999999999\n"), HasSubstr("line 2"));
  EXPECT_THAT(Message("label\n\"1\n"), HasSubstr("line 2 has an unclosed"));
  EXPECT_THAT(Message("label\n\"1\"2\n"), HasSubstr("behind a closing quote"));
}

TEST(LabelsTest, EveryPrefixOfACsvEitherParsesOrSaysWhy) {
  const std::string csv = "a,\"label\"\r\n\"x\"\"y\",\"12\"\rz,3\n";
  for (size_t size = 0; size <= csv.size(); ++size) {
    const auto labels = ParseLabelsCsv(csv.substr(0, size));
    EXPECT_EQ(labels.ok(), labels.status().message().empty()) << size;
  }
}

TEST(LabelsTest, NpyOfAnyIntegerType) {
  EXPECT_THAT(*ThroughNpy<uint8_t>({2}, {0, 255}), ElementsAre(0, 255));
  EXPECT_THAT(*ThroughNpy<int8_t>({1}, {-3}), ElementsAre(-3));
  EXPECT_THAT(*ThroughNpy<int32_t>({2}, {1, -2}), ElementsAre(1, -2));
  EXPECT_THAT(*ThroughNpy<int64_t>({1}, {int64_t{1} << 40}),
              ElementsAre(int64_t{1} << 40));
}

TEST(LabelsTest, NpyOfAnotherTypeOrShapeIsRefused) {
  EXPECT_THAT(std::string(ThroughNpy<float>({1}, {1}).status().message()),
              HasSubstr("float32"));
  EXPECT_THAT(std::string(ThroughNpy<int64_t>({1, 1}, {1}).status().message()),
              HasSubstr("[1, 1]"));
  EXPECT_EQ(ThroughNpy<uint64_t>({1}, {std::numeric_limits<uint64_t>::max()})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(LabelsTest, FileErrorsNameTheFile) {
  EXPECT_THAT(std::string(ReadLabels("labels.txt").status().message()),
              HasSubstr("labels.txt: labels are read from .npy and .csv"));
  EXPECT_EQ(ReadLabels("no/such.csv").status().code(),
            absl::StatusCode::kNotFound);
  const std::string path = ::testing::TempDir() + "/labels_test.csv";
  ASSERT_TRUE(WriteFileAtomically(path, {"class\n1\n"}).ok());
  EXPECT_THAT(std::string(ReadLabels(path).status().message()),
              HasSubstr(path));
}

}  // namespace
}  // namespace octet::io
