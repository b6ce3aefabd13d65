// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <vector>

#include "tests/engine/reference/reference_node.h"

namespace octet::reference {
namespace {

using ::testing::ElementsAre;

const Tensor& OneToNine() {
  static const Tensor* const image =
      new Tensor(TensorOf<float>({1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}));
  return *image;
}

ir::Window SquareWindow(int64_t kernel, int64_t stride, int64_t pad) {
  return {{kernel, kernel}, {stride, stride}, {pad, pad}, {pad, pad}, {1, 1}};
}

TEST(ReferencePoolTest, TakesTheLargest) {
  const ir::Pool pool{.kind = ir::PoolKind::kMax,
                      .window = SquareWindow(2, 1, 0)};
  EXPECT_THAT(RunReference<float>({pool, {OneToNine()}, {}}),
              ElementsAre(5, 6, 8, 9));
}

TEST(ReferencePoolTest, PaddingIsNeverTheLargest) {
  const ir::Pool pool{.kind = ir::PoolKind::kMax,
                      .window = SquareWindow(2, 2, 1)};
  const Tensor x = TensorOf<float>({1, 1, 2, 2}, {-1, -2, -3, -4});
  EXPECT_THAT(RunReference<float>({pool, {x}, {}}),
              ElementsAre(-1, -2, -3, -4));
}

TEST(ReferencePoolTest, LargestOfADilatedWindow) {
  const ir::Pool pool{.kind = ir::PoolKind::kMax,
                      .window = {{2}, {1}, {0}, {0}, {2}}};
  const Tensor x = TensorOf<float>({1, 1, 4}, {4, 9, 2, 1});
  EXPECT_THAT(RunReference<float>({pool, {x}, {}}), ElementsAre(4, 9));
}

TEST(ReferencePoolTest, AverageLeavesThePaddingOut) {
  const ir::Pool pool{.kind = ir::PoolKind::kAverage,
                      .window = SquareWindow(3, 2, 1)};
  // (1+2+4+5)/4, (2+3+5+6)/4, ...
  EXPECT_THAT(RunReference<float>({pool, {OneToNine()}, {}}),
              ElementsAre(3, 4, 6, 7));
}

TEST(ReferencePoolTest, AverageCountsThePaddingWhereAsked) {
  const ir::Pool pool{.kind = ir::PoolKind::kAverage,
                      .window = {{4}, {2}, {1}, {1}, {1}},
                      .count_include_pad = true};
  const Tensor x = TensorOf<float>({1, 1, 4}, {4, 8, 16, 32});
  EXPECT_THAT(RunReference<float>({pool, {x}, {}}), ElementsAre(7, 14));
}

TEST(ReferencePoolTest, CeilModeCountsNothingBeyondThePadding) {
  const ir::Pool pool{.kind = ir::PoolKind::kAverage,
                      .window = {{3}, {2}, {0}, {0}, {1}},
                      .ceil_mode = true,
                      .count_include_pad = true};
  const Tensor x = TensorOf<float>({1, 1, 4}, {3, 6, 9, 12});
  // (3+6+9)/3; then 9 and 12 alone.
  EXPECT_THAT(RunReference<float>({pool, {x}, {}}), ElementsAre(6, 10.5));
}

TEST(ReferencePoolTest, ChannelsLast) {
  const ir::Pool pool{.kind = ir::PoolKind::kMax,
                      .window = {{2}, {1}, {0}, {0}, {1}},
                      .layout = ir::Layout::kChannelsLast};
  const Tensor x = TensorOf<float>({1, 3, 2}, {1, -1, 2, -2, 3, -3});
  EXPECT_THAT(RunReference<float>({pool, {x}, {}}), ElementsAre(2, -1, 3, -2));
}

TEST(ReferencePoolTest, MovesIntegers) {
  const ir::Quantization q = ir::Quantization::PerTensor(0.5, 3);
  const ir::Pool pool{.kind = ir::PoolKind::kMax,
                      .window = {{2}, {1}, {1}, {0}, {1}}};
  const Tensor x = TensorOf<int8_t>({1, 1, 3}, {-128, -7, 5});
  EXPECT_THAT(
      RunReference<int8_t>({pool, {{x, q}}, NodeOutput{DType::kInt8, q}}),
      ElementsAre(-128, -7, 5));
}

// x = 1 * (q - 100), y = 2 * (q - 1): m = 1/2.
TEST(ReferencePoolTest, IntegerAverageRoundsOnce) {
  const ir::Pool pool{.kind = ir::PoolKind::kAverage,
                      .window = {{2}, {1}, {1}, {0}, {1}}};
  const Tensor x = TensorOf<uint8_t>({1, 1, 3}, {101, 105, 97});
  const NodeOutput y{DType::kUInt8, ir::Quantization::PerTensor(2, 1)};
  // 1/2 -> 0; (1+5)/4 = 1.5 -> 2; (5-3)/4 = 0.5 -> 0.
  EXPECT_THAT(RunReference<uint8_t>(
                  {pool, {{x, ir::Quantization::PerTensor(1, 100)}}, y}),
              ElementsAre(1, 3, 1));
}

TEST(ReferencePoolTest, GlobalAverageOfBothLayouts) {
  const Tensor first = TensorOf<float>({1, 2, 1, 2}, {1, 2, 30, 50});
  EXPECT_THAT(RunReference<float>({ir::GlobalPool{}, {first}, {}}),
              ElementsAre(1.5, 40));
  const Tensor last = TensorOf<float>({1, 1, 2, 2}, {1, 30, 2, 50});
  EXPECT_THAT(
      RunReference<float>(
          {ir::GlobalPool{.layout = ir::Layout::kChannelsLast}, {last}, {}}),
      ElementsAre(1.5, 40));
}

TEST(ReferencePoolTest, GlobalAverageOfIntegers) {
  const Tensor x = TensorOf<int8_t>({1, 1, 4}, {-128, 127, 3, 4});
  // (6 + 4 * 2) / 4 = 3.5 in float32; 3.5 / 1 -> 4 in steps of 1.
  const ir::Quantization q = ir::Quantization::PerTensor(1, -2);
  EXPECT_THAT(RunReference<float>({ir::GlobalPool{}, {{x, q}}, {}}),
              ElementsAre(3.5));
  EXPECT_THAT(RunReference<int8_t>(
                  {ir::GlobalPool{}, {{x, q}}, NodeOutput{DType::kInt8, q}}),
              ElementsAre(2));
}

}  // namespace
}  // namespace octet::reference
