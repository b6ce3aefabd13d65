// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/random_input.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/tools/elements.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::tools {
namespace {

using ::testing::ElementsAre;

TEST(RandomInputTest, SameSeedSameBytesOtherSeedOthers) {
  const TensorSpec spec{"x", DType::kFloat32, {5, 7}};
  const Tensor a = RandomRows(spec, 3, 1);
  const Tensor b = RandomRows(spec, 3, 1);
  const Tensor c = RandomRows(spec, 3, 2);
  EXPECT_THAT(a.shape(), ElementsAre(3, 5, 7));
  EXPECT_EQ(std::memcmp(a.bytes(), b.bytes(), a.byte_size()), 0);
  EXPECT_NE(std::memcmp(a.bytes(), c.bytes(), a.byte_size()), 0);
}

TEST(RandomInputTest, FloatsSpreadOverTheUnitRange) {
  for (DType dtype :
       {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16}) {
    const auto values = ToDoubles(RandomRows({"x", dtype, {1000}}, 1, 0));
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    EXPECT_GE(*low, -1) << Name(dtype);
    EXPECT_LT(*low, -0.9) << Name(dtype);
    EXPECT_GT(*high, 0.9) << Name(dtype);
    EXPECT_LT(*high, 1) << Name(dtype);
  }
}

TEST(RandomInputTest, NarrowIntegersSpreadWideOnesAreZeroOrOne) {
  const auto narrow = ToDoubles(RandomRows({"x", DType::kUInt8, {2000}}, 1, 0));
  EXPECT_EQ(*std::max_element(narrow.begin(), narrow.end()), 255);
  for (DType dtype : {DType::kInt32, DType::kInt64, DType::kBool}) {
    const auto wide = ToDoubles(RandomRows({"x", dtype, {100}}, 1, 0));
    EXPECT_EQ(*std::min_element(wide.begin(), wide.end()), 0);
    EXPECT_EQ(*std::max_element(wide.begin(), wide.end()), 1);
  }
}

}  // namespace
}  // namespace octet::tools
