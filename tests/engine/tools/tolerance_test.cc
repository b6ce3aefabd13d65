// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/tolerance.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/not_finite.h"

namespace octet::tools {
namespace {

using ::testing::HasSubstr;

Tensor Floats(std::vector<float> values) {
  const Shape shape = {static_cast<int64_t>(values.size())};
  return Tensor::Of<float>(shape, values);
}

bool Close(float got, float expected, double rtol, double atol) {
  return CheckClose(Floats({got}), Floats({expected}), {rtol, atol}).ok();
}

TEST(ToleranceTest, BoundIsAbsolutePlusRelativeOfExpected) {
  EXPECT_TRUE(Close(10.5, 10, 0.05, 0));
  EXPECT_FALSE(Close(10.5625, 10, 0.05, 0));
  EXPECT_TRUE(Close(10.5625, 10, 0.05, 0.0625));
  // Of the expected value, not of the greater one.
  EXPECT_FALSE(Close(10, 9.5, 0.05, 0));
  EXPECT_TRUE(Close(9.5, 10, 0.05, 0));
}

TEST(ToleranceTest, InfinityAndNanMustBeTheSame) {
  EXPECT_TRUE(Close(kInfinity, kInfinity, 0, 0));
  EXPECT_FALSE(Close(kInfinity, -kInfinity, 1, 1));
  EXPECT_FALSE(Close(1, kInfinity, 1, 1));
  EXPECT_FALSE(Close(kInfinity, 1, 1, 1));
  EXPECT_TRUE(Close(kNan, kNan, 0, 0));
  EXPECT_FALSE(Close(kNan, 1, 1, 1));
  EXPECT_FALSE(Close(1, kNan, 1, 1));
}

TEST(ToleranceTest, IntegersMustBeEqual) {
  const auto a = Tensor::Of<int64_t>({1}, {int64_t{1} << 60});
  const auto b = Tensor::Of<int64_t>({1}, {(int64_t{1} << 60) + 1});
  EXPECT_TRUE(CheckClose(a, a, {1, 1}).ok());
  EXPECT_FALSE(CheckClose(a, b, {1, 1}).ok());
  EXPECT_FALSE(CheckClose(Tensor::Of<uint8_t>({1}, {7}),
                          Tensor::Of<uint8_t>({1}, {8}), {1, 1})
                   .ok());
}

TEST(ToleranceTest, TypeAndShapeMustBeTheSame) {
  const auto shape = CheckClose(Tensor(DType::kFloat32, {1, 2}),
                                Tensor(DType::kFloat32, {2}), {1, 1});
  EXPECT_THAT(std::string(shape.message()),
              HasSubstr("got float32 [1, 2]; expected float32 [2]"));
  EXPECT_FALSE(
      CheckClose(Tensor(DType::kInt8, {2}), Tensor(DType::kUInt8, {2}), {1, 1})
          .ok());
}

TEST(ToleranceTest, MessageCountsAndShowsTheWorst) {
  const auto got = Tensor::Of<float>({2, 2}, {1, 2.5, 3, 8});
  const auto expected = Tensor::Of<float>({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(CheckClose(got, expected, {1e-3, 1e-7}).message(),
            "2 of 4 elements differ, most at [1, 1]: got 8; expected 4");
}

}  // namespace
}  // namespace octet::tools
