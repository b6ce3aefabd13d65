// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/calibration_data.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CalibrationDataTest : public ::testing::Test {
 protected:
  // Appends rows of uint8 [2] to input "a".
  absl::Status Append(const std::string& bytes) {
    const CalibrationRows rows = {
        "a", DType::kUInt8, {static_cast<int64_t>(bytes.size()) / 2, 2}, bytes};
    return data_.Append({&rows, 1});
  }

  // Whether a chunk of these rows is refused as INVALID_ARGUMENT; why.
  std::string Fault(const std::vector<CalibrationRows>& chunk) {
    const absl::Status status = data_.Append(chunk);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  }

  CalibrationData data_{/*max_bytes=*/16};
};

TEST_F(CalibrationDataTest, ChunksFollowOneAnother) {
  ASSERT_TRUE(Append("abcd").ok());
  ASSERT_TRUE(Append("ef").ok());
  EXPECT_EQ(data_.samples(), 3);
  const auto tensors = data_.TakeTensors();
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  ASSERT_EQ(tensors->size(), 1u);
  EXPECT_EQ((*tensors)[0].name, "a");
  EXPECT_THAT((*tensors)[0].tensor.shape(), ElementsAre(3, 2));
  EXPECT_THAT((*tensors)[0].tensor.data<uint8_t>(),
              ElementsAre('a', 'b', 'c', 'd', 'e', 'f'));
}

TEST_F(CalibrationDataTest, NoSamplesAreAnError) {
  EXPECT_EQ(data_.TakeTensors().status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(CalibrationDataTest, MemoryIsBounded) {
  ASSERT_TRUE(Append("12345678").ok());
  const absl::Status status = Append("1234567890");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--job-bytes"));
  EXPECT_TRUE(Append("12345678").ok());
  EXPECT_EQ(data_.samples(), 8);
}

TEST_F(CalibrationDataTest, AChunkMustFitItself) {
  EXPECT_THAT(Fault({}), HasSubstr("no inputs"));
  EXPECT_THAT(Fault({{"a", DType::kUInt8, {}, "x"}}), HasSubstr("[rows, ...]"));
  EXPECT_THAT(Fault({{"a", DType::kUInt8, {1, 2}, "xyz"}}),
              HasSubstr("got 3 bytes, expected 2"));
  EXPECT_THAT(Fault({{"a", DType::kUInt8, {-1, 2}, ""}}), HasSubstr("'a'"));
  EXPECT_THAT(
      Fault(
          {{"a", DType::kUInt8, {std::numeric_limits<int64_t>::max(), 8}, ""}}),
      HasSubstr("'a'"));
  EXPECT_THAT(
      Fault({{"a", DType::kUInt8, {1}, "x"}, {"a", DType::kUInt8, {1}, "x"}}),
      HasSubstr("twice"));
  EXPECT_THAT(
      Fault({{"a", DType::kUInt8, {1}, "x"}, {"b", DType::kUInt8, {2}, "xy"}}),
      HasSubstr("got 2 rows, expected 1"));
  EXPECT_EQ(data_.samples(), 0);
}

TEST_F(CalibrationDataTest, AChunkMustFitTheOnesBefore) {
  ASSERT_TRUE(Append("ab").ok());
  EXPECT_THAT(Fault({{"b", DType::kUInt8, {1, 2}, "xy"}}),
              HasSubstr("no such input"));
  EXPECT_THAT(Fault({{"a", DType::kInt8, {1, 2}, "xy"}}),
              HasSubstr("expected uint8 [2]"));
  EXPECT_THAT(Fault({{"a", DType::kUInt8, {1, 3}, "xyz"}}),
              HasSubstr("expected uint8 [2]"));
  EXPECT_EQ(data_.samples(), 1);
}

}  // namespace
}  // namespace octet
