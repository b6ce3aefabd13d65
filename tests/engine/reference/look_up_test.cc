// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "tests/engine/reference/reference_node.h"

namespace octet::reference {
namespace {

TEST(ReferenceLookUpTest, EntriesAreFoundByTheBitsOfTheByte) {
  Tensor table(DType::kFloat32, {256});
  for (int i = 0; i < 256; ++i) {
    table.mutable_data<float>()[i] = static_cast<float>(i) / 2;
  }
  EXPECT_THAT(RunReference<float>({ir::LookUp{table, "half"},
                                   {TensorOf<uint8_t>({3}, {0, 7, 255})},
                                   {}}),
              testing::ElementsAre(0, 3.5f, 127.5f));
  EXPECT_THAT(RunReference<float>({ir::LookUp{table, "half"},
                                   {TensorOf<int8_t>({3}, {0, 127, -1})},
                                   {}}),
              testing::ElementsAre(0, 63.5f, 127.5f));
}

TEST(ReferenceLookUpTest, GivesTheIntegersOfTheTable) {
  Tensor table(DType::kInt8, {256});
  table.mutable_data<int8_t>()[3] = -5;
  EXPECT_THAT(
      RunReference<int8_t>(
          {ir::LookUp{table, "f"},
           {{TensorOf<uint8_t>({2}, {3, 4}),
             ir::Quantization::PerTensor(1, 0)}},
           NodeOutput{DType::kInt8, ir::Quantization::PerTensor(2, 1)}}),
      testing::ElementsAre(-5, 0));
}

}  // namespace
}  // namespace octet::reference
