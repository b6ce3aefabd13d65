// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <vector>

#include "tests/engine/reference/reference_node.h"
#include "tests/testing/not_finite.h"

namespace octet::reference {
namespace {

using ::testing::ElementsAre;

TEST(ReferenceQuantizeTest, RoundsHalfToEvenAndSaturates) {
  const Tensor x = TensorOf<float>({7}, {0, 1, 3, -1, 1000, -1000, 5});
  EXPECT_THAT(
      RunReference<uint8_t>(
          {ir::Quantize{},
           {x},
           NodeOutput{DType::kUInt8, ir::Quantization::PerTensor(2, 10)}}),
      ElementsAre(10, 10, 12, 10, 255, 0, 12));
}

TEST(ReferenceQuantizeTest, NanBecomesTheZeroPoint) {
  const Tensor x = TensorOf<float>({3}, {kNan, kInfinity, -kInfinity});
  EXPECT_THAT(
      RunReference<int8_t>(
          {ir::Quantize{},
           {x},
           NodeOutput{DType::kInt8, ir::Quantization::PerTensor(0.1f, -7)}}),
      ElementsAre(-7, 127, -128));
}

TEST(ReferenceQuantizeTest, DividesTruly) {
  // 0.15f / 0.1f is 1.5 in float32, 0.15f * (1 / 0.1f) too, but 0.35f / 0.1f
  // is 3.5 and rounds to 4, where 0.35f * 10 is 3.4999998.
  const float scale = 0.1f;
  const float x = 0.35f;
  ASSERT_EQ(x / scale, 3.5f);
  EXPECT_THAT(
      RunReference<uint8_t>(
          {ir::Quantize{},
           {TensorOf<float>({1}, {x})},
           NodeOutput{DType::kUInt8, ir::Quantization::PerTensor(scale, 0)}}),
      ElementsAre(4));
}

TEST(ReferenceQuantizeTest, HasScalesPerChannel) {
  const Tensor x = TensorOf<float>({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  const ir::Quantization q{{1, 0.5}, {0, -100}, 1};
  EXPECT_THAT(
      RunReference<int8_t>({ir::Quantize{}, {x}, NodeOutput{DType::kInt8, q}}),
      ElementsAre(1, 2, -94, -92, 5, 6, -86, -84));
}

TEST(ReferenceDequantizeTest, IsTheInverse) {
  const Tensor x = TensorOf<uint8_t>({3}, {0, 10, 255});
  EXPECT_THAT(
      RunReference<float>(
          {ir::Dequantize{}, {{x, ir::Quantization::PerTensor(0.5, 10)}}, {}}),
      ElementsAre(-5, 0, 122.5));
}

TEST(ReferenceDequantizeTest, TakesInt32PerChannel) {
  const Tensor x = TensorOf<int32_t>({2}, {1 << 30, -3});
  EXPECT_THAT(
      RunReference<float>({ir::Dequantize{},
                           {{x, ir::Quantization{{0.25, 2}, {0, 0}, 0}}},
                           {}}),
      ElementsAre(1 << 28, -6));
}

TEST(ReferenceRequantizeTest, RoundsOnce) {
  const Tensor x = TensorOf<uint8_t>({4}, {10, 11, 13, 255});
  // (q - 10) / 2 - 1.
  EXPECT_THAT(
      RunReference<int8_t>(
          {ir::Requantize{},
           {{x, ir::Quantization::PerTensor(1, 10)}},
           NodeOutput{DType::kInt8, ir::Quantization::PerTensor(2, -1)}}),
      ElementsAre(-1, -1, 1, 121));
}

}  // namespace
}  // namespace octet::reference
