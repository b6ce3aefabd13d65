// SPDX-License-Identifier: Apache-2.0
#include "engine/base/tensor.h"

#include <cstdint>
#include <vector>

#include "engine/base/status_macros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(DTypeTest, SizesMatchTheElementTypes) {
  EXPECT_EQ(SizeOf(DTypeOf<float>()), sizeof(float));
  EXPECT_EQ(SizeOf(DTypeOf<double>()), sizeof(double));
  EXPECT_EQ(SizeOf(DTypeOf<int8_t>()), 1u);
  EXPECT_EQ(SizeOf(DTypeOf<uint16_t>()), 2u);
  EXPECT_EQ(SizeOf(DTypeOf<int64_t>()), 8u);
  EXPECT_EQ(SizeOf(DType::kFloat16), 2u);
  EXPECT_EQ(SizeOf(DType::kBFloat16), 2u);
  EXPECT_EQ(SizeOf(DType::kBool), 1u);
}

TEST(DTypeTest, NamesAndFloatness) {
  EXPECT_EQ(Name(DType::kUInt8), "uint8");
  EXPECT_EQ(Name(DType::kBFloat16), "bfloat16");
  EXPECT_TRUE(IsFloat(DType::kFloat16));
  EXPECT_FALSE(IsFloat(DType::kInt32));
  EXPECT_FALSE(IsFloat(DType::kBool));
}

TEST(ShapeTest, CountsElements) {
  EXPECT_EQ(ElementCount({}), 1);
  EXPECT_EQ(ElementCount({2, 3, 4}), 24);
  EXPECT_EQ(ElementCount({2, 0, 4}), 0);
}

TEST(ShapeTest, CheckedCountRefusesNegativeAndHuge) {
  EXPECT_EQ(*CheckedElementCount({2, 3}, 6), 6);
  EXPECT_TRUE(absl::IsInvalidArgument(CheckedElementCount({2, 3}, 5).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(CheckedElementCount({2, -1}, 100).status()));
  // The product overflows int64 long before the last dimension.
  const int64_t big = int64_t{1} << 40;
  EXPECT_THAT(
      CheckedElementCount({big, big, big}, int64_t{1} << 62).status().message(),
      HasSubstr(ShapeToString({big, big, big})));
}

TEST(ShapeTest, CheckedCountOfAnEmptyShapeStillChecksTheOthers) {
  EXPECT_EQ(*CheckedElementCount({0, 7}, 10), 0);
  const int64_t big = int64_t{1} << 40;
  EXPECT_FALSE(CheckedElementCount({0, big, big}, 1 << 20).ok());
  EXPECT_FALSE(CheckedElementCount({0, -1}, 10).ok());
}

TEST(ShapeTest, Prints) {
  EXPECT_EQ(ShapeToString({1, 3, 224, 224}), "[1, 3, 224, 224]");
  EXPECT_EQ(ShapeToString({}), "[]");
}

TEST(TensorTest, IsZeroFilledAndAligned) {
  const Tensor tensor(DType::kFloat32, {3, 5});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.bytes()) % 64, 0u);
  EXPECT_EQ(tensor.byte_size(), 60u);
  EXPECT_THAT(tensor.data<float>(), testing::Each(0.0f));
}

TEST(TensorTest, EmptyTensorHasAnAddress) {
  const Tensor tensor(DType::kInt8, {0, 4});
  EXPECT_NE(tensor.bytes(), nullptr);
  EXPECT_EQ(tensor.size(), 0);
}

TEST(TensorTest, CopiesAndReshapesShareBytes) {
  const Tensor tensor = Tensor::Of<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor copy = tensor;
  const Tensor reshaped = tensor.Reshaped({3, 2});
  EXPECT_EQ(copy.bytes(), tensor.bytes());
  EXPECT_EQ(reshaped.bytes(), tensor.bytes());
  EXPECT_EQ(reshaped.shape(), (Shape{3, 2}));
  EXPECT_EQ(tensor.shape(), (Shape{2, 3}));
}

TEST(TensorTest, RowsAreCopied) {
  const Tensor tensor = Tensor::Of<int32_t>({3, 2}, {1, 2, 3, 4, 5, 6});
  const Tensor rows = tensor.Rows(1, 3);
  EXPECT_EQ(rows.shape(), (Shape{2, 2}));
  EXPECT_THAT(rows.data<int32_t>(), ElementsAre(3, 4, 5, 6));
  EXPECT_NE(rows.bytes(), tensor.bytes() + 2 * sizeof(int32_t));
  EXPECT_EQ(tensor.Rows(2, 2).size(), 0);
}

TEST(TensorDeathTest, WrongElementTypeAborts) {
  const Tensor tensor(DType::kInt8, {4});
  EXPECT_DEATH(tensor.data<float>(), "dtype_");
  EXPECT_DEATH(tensor.Reshaped({5}), "size_");
}

absl::StatusOr<int> Half(int x) {
  if (x % 2 != 0) return absl::InvalidArgumentError("odd");
  return x / 2;
}

absl::StatusOr<int> Quarter(int x) {
  OCTET_ASSIGN_OR_RETURN(const int half, Half(x));
  OCTET_RETURN_IF_ERROR(Half(half).status());
  return half / 2;
}

TEST(StatusMacrosTest, ReturnOnError) {
  EXPECT_EQ(*Quarter(12), 3);
  EXPECT_EQ(Quarter(3).status(), absl::InvalidArgumentError("odd"));
  EXPECT_EQ(Quarter(6).status(), absl::InvalidArgumentError("odd"));
}

}  // namespace
}  // namespace octet
