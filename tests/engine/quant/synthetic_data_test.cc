// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/synthetic_data.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::quant {
namespace {

using testing::AllOf;
using testing::Each;
using testing::Ge;
using testing::Le;

TEST(AsPictureTest, FindsTheChannels) {
  const auto first = AsPicture({3, 32, 48});
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->channels, 3);
  EXPECT_EQ(first->height, 32);
  EXPECT_FALSE(first->channels_last);
  const auto last = AsPicture({1, 32, 48, 3});
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->channels, 3);
  EXPECT_EQ(last->width, 48);
  EXPECT_TRUE(last->channels_last);
  const auto grey = AsPicture({1, 49, 10});
  ASSERT_TRUE(grey.has_value());
  EXPECT_EQ(grey->channels, 1);
  EXPECT_EQ(grey->width, 10);
}

TEST(AsPictureTest, TakesNothingElseForOne) {
  for (const Shape& shape :
       {Shape{}, Shape{640}, Shape{1, 16000}, Shape{3, 2, 9}, Shape{100, 3},
        Shape{2, 3, 8, 8}, Shape{1, 1, 1}}) {
    EXPECT_FALSE(AsPicture(shape).has_value()) << ShapeToString(shape);
  }
}

TEST(SyntheticRowsTest, TheSameSeedGivesTheSameBytes) {
  for (const Shape& shape : {Shape{3, 16, 16}, Shape{20}}) {
    const SyntheticRange range{{-1}, {1}};
    const Tensor a = SyntheticRows(DType::kFloat32, shape, 3, range, 5);
    const Tensor b = SyntheticRows(DType::kFloat32, shape, 3, range, 5);
    const Tensor other = SyntheticRows(DType::kFloat32, shape, 3, range, 6);
    EXPECT_EQ(std::memcmp(a.bytes(), b.bytes(), a.byte_size()), 0);
    EXPECT_NE(std::memcmp(a.bytes(), other.bytes(), a.byte_size()), 0);
  }
}

TEST(SyntheticRowsTest, PicturesReachTheEndsOfEachChannelsRange) {
  for (bool last : {false, true}) {
    const Shape shape = last ? Shape{24, 24, 3} : Shape{3, 24, 24};
    const Tensor rows = SyntheticRows(DType::kFloat32, shape, 16,
                                      {{0, -3, 10}, {1, 5, 10.5f}}, 1);
    const auto values = rows.data<float>();
    float mins[] = {99, 99, 99};
    float maxs[] = {-99, -99, -99};
    for (size_t i = 0; i < values.size(); ++i) {
      const size_t c = last ? i % 3 : i / (24 * 24) % 3;
      mins[c] = std::min(mins[c], values[i]);
      maxs[c] = std::max(maxs[c], values[i]);
    }
    EXPECT_EQ(mins[0], 0);
    EXPECT_EQ(maxs[0], 1);
    EXPECT_EQ(mins[1], -3);
    EXPECT_EQ(maxs[1], 5);
    EXPECT_EQ(mins[2], 10);
    EXPECT_EQ(maxs[2], 10.5f);
  }
}

// The correlation of a pixel with the one right of it.
double NeighbourCorrelation(const Tensor& rows, int64_t width) {
  const auto values = rows.data<float>();
  double mean = 0;
  for (float value : values) mean += value / static_cast<double>(values.size());
  double together = 0;
  double energy = 0;
  for (size_t i = 0; i + 1 < values.size(); ++i) {
    energy += (values[i] - mean) * (values[i] - mean);
    if ((i + 1) % width != 0) {
      together += (values[i] - mean) * (values[i + 1] - mean);
    }
  }
  return together / energy;
}

TEST(SyntheticRowsTest, PicturesAreSmoothAndOtherRowsAreNot) {
  const SyntheticRange range{{0}, {1}};
  EXPECT_GT(NeighbourCorrelation(
                SyntheticRows(DType::kFloat32, {3, 64, 64}, 4, range, 1), 64),
            0.5);
  EXPECT_LT(std::abs(NeighbourCorrelation(
                SyntheticRows(DType::kFloat32, {64 * 64}, 4, range, 1), 64)),
            0.05);
}

TEST(SyntheticRowsTest, IntegersAreWholeNumbersUpToBothEnds) {
  const Tensor ids = SyntheticRows(DType::kInt64, {50}, 20, {{-2}, {3}}, 1);
  EXPECT_THAT(ids.data<int64_t>(), Each(AllOf(Ge(-2), Le(3))));
  EXPECT_THAT(ids.data<int64_t>(), testing::Contains(-2));
  EXPECT_THAT(ids.data<int64_t>(), testing::Contains(3));
  const Tensor bytes =
      SyntheticRows(DType::kUInt8, {8, 8, 3}, 4, {{0}, {255}}, 1);
  EXPECT_EQ(*std::max_element(bytes.data<uint8_t>().begin(),
                              bytes.data<uint8_t>().end()),
            255);
}

}  // namespace
}  // namespace octet::quant
