// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <vector>

#include "tests/engine/reference/reference_node.h"

namespace octet::reference {
namespace {

using ::testing::ElementsAre;

TEST(ReferenceConcatTest, JoinsAlongTheAxis) {
  const Tensor a = TensorOf<int64_t>({2, 1}, {1, 2});
  const Tensor b = TensorOf<int64_t>({2, 2}, {10, 11, 20, 21});
  EXPECT_THAT(RunReference<int64_t>({ir::Concat{1}, {a, b}, {}}),
              ElementsAre(1, 10, 11, 2, 20, 21));
  EXPECT_THAT(RunReference<int64_t>({ir::Concat{0}, {b, b}, {}}),
              ElementsAre(10, 11, 20, 21, 10, 11, 20, 21));
}

TEST(ReferenceConcatTest, MovesIntegersOfOneQuantization) {
  const ir::Quantization q = ir::Quantization::PerTensor(0.5, 1);
  const Tensor a = TensorOf<uint8_t>({1, 2}, {1, 2});
  EXPECT_THAT(
      RunReference<uint8_t>(
          {ir::Concat{0}, {{a, q}, {a, q}}, NodeOutput{DType::kUInt8, q}}),
      ElementsAre(1, 2, 1, 2));
}

TEST(ReferenceSliceTest, StepsForwardsAndBackwards) {
  const Tensor x = TensorOf<int16_t>({2, 5}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  EXPECT_THAT(
      RunReference<int16_t>({ir::Slice{{1, 4}, {1, -2}, {1, 3}}, {x}, {}}),
      ElementsAre(9, 7, 5));
  EXPECT_THAT(
      RunReference<int16_t>({ir::Slice{{0, 1}, {1, 2}, {2, 2}}, {x}, {}}),
      ElementsAre(1, 3, 6, 8));
}

TEST(ReferenceTransposeTest, PermutesAxes) {
  const Tensor x = TensorOf<float>({1, 2, 3}, {0, 1, 2, 3, 4, 5});
  EXPECT_THAT(RunReference<float>({ir::Transpose{{2, 0, 1}}, {x}, {}}),
              ElementsAre(0, 3, 1, 4, 2, 5));
}

TEST(ReferenceReshapeTest, KeepsTheElements) {
  const Tensor x = TensorOf<double>({2, 2}, {1, 2, 3, 4});
  const ir::Reshape reshape{ir::FixedDims({4})};
  EXPECT_THAT(RunReference<double>({reshape, {x}, {}}),
              ElementsAre(1, 2, 3, 4));
}

TEST(ReferencePadTest, SurroundsWithTheValue) {
  const Tensor x = TensorOf<float>({1, 2}, {1, 2});
  EXPECT_THAT(RunReference<float>({ir::Pad{{1, 0}, {0, 1}, -3}, {x}, {}}),
              ElementsAre(-3, -3, -3, 1, 2, -3));
}

TEST(ReferencePadTest, WritesTheQuantizedValue) {
  const ir::Quantization q = ir::Quantization::PerTensor(0.5, 100);
  const Tensor x = TensorOf<uint8_t>({1}, {7});
  EXPECT_THAT(
      RunReference<uint8_t>(
          {ir::Pad{{1}, {1}, 3}, {{x, q}}, NodeOutput{DType::kUInt8, q}}),
      ElementsAre(106, 7, 106));
  EXPECT_THAT(
      RunReference<uint8_t>(
          {ir::Pad{{1}, {0}, -1000}, {{x, q}}, NodeOutput{DType::kUInt8, q}}),
      ElementsAre(0, 7));
}

TEST(ReferencePadTest, WritesOtherTypes) {
  const Tensor x = TensorOf<int64_t>({1}, {7});
  EXPECT_THAT(RunReference<int64_t>({ir::Pad{{1}, {0}, -2}, {x}, {}}),
              ElementsAre(-2, 7));
  const Tensor flags = TensorOf<bool>({1}, {false});
  EXPECT_THAT(RunReference<bool>({ir::Pad{{0}, {1}, 1}, {flags}, {}}),
              ElementsAre(false, true));
}

}  // namespace
}  // namespace octet::reference
