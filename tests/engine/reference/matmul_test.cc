// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <vector>

#include "tests/engine/reference/reference_node.h"

namespace octet::reference {
namespace {

using ::testing::ElementsAre;

TEST(ReferenceMatMulTest, Multiplies) {
  const Tensor a = TensorOf<float>({2, 2}, {1, 2, 3, 4});
  const Tensor b = TensorOf<float>({2, 3}, {1, 10, 100, 2, 20, 200});
  EXPECT_THAT(RunReference<float>({ir::MatMul{}, {a, b}, {}}),
              ElementsAre(5, 50, 500, 11, 110, 1100));
}

TEST(ReferenceMatMulTest, TransposesAddsBiasAndClamps) {
  const ir::MatMul op{
      .transpose_b = true, .has_bias = true, .activation = {0, 40}};
  const Tensor a = TensorOf<float>({1, 2}, {1, 2});
  const Tensor b = TensorOf<float>({3, 2}, {1, 2, 10, 20, -1, 0});
  const Tensor bias = TensorOf<float>({3}, {0.5, 0, 0.25});
  EXPECT_THAT(RunReference<float>({op, {a, b, bias}, {}}),
              ElementsAre(5.5, 40, 0));
}

TEST(ReferenceMatMulTest, BroadcastsLeadingAxes) {
  // Two 1x1 matrices times three: 2 x 3 of them.
  const Tensor a = TensorOf<float>({2, 1, 1, 1}, {1, 2});
  const Tensor b = TensorOf<float>({3, 1, 1}, {10, 20, 30});
  EXPECT_THAT(RunReference<float>({ir::MatMul{}, {a, b}, {}}),
              ElementsAre(10, 20, 30, 20, 40, 60));
}

// a = 2 * (q - 1), b = q * {0.5, 1}, y = q - (-2): m = {1, 2}.
TEST(ReferenceMatMulTest, IntegersHaveScalesPerColumn) {
  const ir::MatMul op{.has_bias = true, .activation = {}};
  const Tensor a = TensorOf<int8_t>({1, 2}, {3, -4});
  const Tensor b = TensorOf<int8_t>({2, 2}, {1, 2, 3, 4});
  const Tensor bias = TensorOf<int32_t>({2}, {20, 6});
  // 2*1 - 5*3 + 20 = 7; (2*2 - 5*4 + 6) * 2 = -20.
  EXPECT_THAT(
      RunReference<int8_t>(
          {op,
           {{a, ir::Quantization::PerTensor(2, 1)},
            {b, ir::Quantization{{0.5, 1}, {0, 0}, 1}},
            {bias, ir::Quantization{{1, 2}, {0, 0}, 0}}},
           NodeOutput{DType::kInt8, ir::Quantization::PerTensor(1, -2)}}),
      ElementsAre(5, -22));
}

TEST(ReferenceMatMulTest, IntegersTransposedGiveTheSame) {
  const ir::MatMul op{.transpose_b = true, .activation = {}};
  const Tensor a = TensorOf<uint8_t>({2, 2}, {3, 0, 1, 2});
  const Tensor b = TensorOf<int8_t>({2, 2}, {1, 3, 2, 4});
  // Rows of a - 1: {2, -1}, {0, 1}.
  EXPECT_THAT(RunReference<float>({op,
                                   {{a, ir::Quantization::PerTensor(2, 1)},
                                    {b, ir::Quantization{{0.5, 1}, {0, 0}, 0}}},
                                   {}}),
              ElementsAre(-1, 0, 3, 8));
}

}  // namespace
}  // namespace octet::reference
