// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/report.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::tools {
namespace {

TEST(ReportTest, TableColumnsAreAligned) {
  EXPECT_EQ(FormatTable({{"op", "name"}, {"Convolution", "a"}, {"Add", "b"}}),
            "op           name\nConvolution  a\nAdd          b\n");
}

TEST(ReportTest, BytesAreInPowersOfAThousand) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1500), "1.5 kB");
  EXPECT_EQ(FormatBytes(3464210), "3.46 MB");
  EXPECT_EQ(FormatBytes(2'000'000'000), "2 GB");
}

TEST(ReportTest, ContextIsAddedOnce) {
  const absl::Status status =
      InContextOf("m.onnx", absl::DataLossError("no protobuf"));
  EXPECT_EQ(status, absl::DataLossError("m.onnx: no protobuf"));
  EXPECT_EQ(InContextOf("m.onnx", status), status);
  EXPECT_TRUE(InContextOf("m.onnx", absl::OkStatus()).ok());
}

TEST(ReportTest, JsonWithBytesThatAreNoUtf8IsPrinted) {
  ::testing::internal::CaptureStdout();
  PrintJson({{"b", "\xff"}, {"a", 1}});
  EXPECT_EQ(::testing::internal::GetCapturedStdout(),
            "{\n  \"b\": \"\xef\xbf\xbd\",\n  \"a\": 1\n}\n");
}

}  // namespace
}  // namespace octet::tools
