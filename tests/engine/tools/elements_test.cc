// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/elements.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::tools {
namespace {

using ::testing::ElementsAre;

constexpr double kInfiniteDouble = std::numeric_limits<double>::infinity();

Tensor Halves(DType dtype, std::vector<uint16_t> bits) {
  Tensor tensor(dtype, {static_cast<int64_t>(bits.size())});
  std::memcpy(tensor.mutable_bytes(), bits.data(), tensor.byte_size());
  return tensor;
}

TEST(ElementsTest, NumbersKeepTheirValue) {
  EXPECT_THAT(ToDoubles(Tensor::Of<float>({2}, {0.5f, -3})),
              ElementsAre(0.5, -3));
  EXPECT_THAT(ToDoubles(Tensor::Of<int8_t>({1}, {-128})), ElementsAre(-128));
  EXPECT_THAT(ToDoubles(Tensor::Of<uint16_t>({1}, {65535})),
              ElementsAre(65535));
  EXPECT_THAT(ToDoubles(Tensor::Of<bool>({2}, {true, false})),
              ElementsAre(1, 0));
}

TEST(ElementsTest, Float16FollowsIeee754) {
  EXPECT_THAT(ToDoubles(Halves(DType::kFloat16, {0x3c00, 0xc000, 0x7bff, 0x0001,
                                                 0x0400, 0x7c00, 0xfc00})),
              ElementsAre(1, -2, 65504, std::ldexp(1, -24), std::ldexp(1, -14),
                          kInfiniteDouble, -kInfiniteDouble));
  EXPECT_TRUE(std::isnan(ToDoubles(Halves(DType::kFloat16, {0x7e00}))[0]));
}

TEST(ElementsTest, BFloat16IsTheUpperHalfOfFloat32) {
  EXPECT_THAT(ToDoubles(Halves(DType::kBFloat16, {0x3f80, 0xc040, 0xff80})),
              ElementsAre(1, -3, -kInfiniteDouble));
}

}  // namespace
}  // namespace octet::tools
