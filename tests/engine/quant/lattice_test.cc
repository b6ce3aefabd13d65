// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/lattice.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::quant {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// `count` of each (k - zero) * step, k = first, ..., last.
std::map<float, int64_t> Steps(double zero, double step, int first, int last,
                               int64_t count = 1) {
  std::map<float, int64_t> counts;
  for (int k = first; k <= last; ++k) {
    counts[static_cast<float>((k - zero) * step)] = count;
  }
  return counts;
}

// The largest error of rounding a value over `range`, in steps.
double LargestError(const std::map<float, int64_t>& counts, const Range& range,
                    Grid grid) {
  const Scheme scheme = SchemeFor(range, grid);
  double largest = 0;
  for (const auto& [value, count] : counts) {
    const float back = DequantizeValue(QuantizeValue(value, scheme), scheme);
    largest = std::max<double>(largest, std::abs(value - back) / scheme.scale);
  }
  return largest;
}

TEST(FewValuesTest, CountsEachValue) {
  FewValues values;
  values.Observe(std::vector<float>{1, -2, 1, 0.0f});
  values.Observe(std::vector<float>{-0.0f, 1});
  EXPECT_THAT(values.counts(),
              ElementsAre(Pair(-2, 1), Pair(0, 2), Pair(1, 3)));
}

TEST(FewValuesTest, KeepsNoneWhereTheyAreTooMany) {
  std::vector<float> many;
  for (size_t i = 0; i < FewValues::kMost; ++i) {
    many.push_back(static_cast<float>(i) / 7);
  }
  FewValues values;
  values.Observe(many);
  EXPECT_EQ(values.counts().size(), FewValues::kMost);
  values.Observe(std::vector<float>{-1});
  EXPECT_THAT(values.counts(), IsEmpty());
  values.Observe(std::vector<float>{1, 1});
  EXPECT_THAT(values.counts(), IsEmpty());
}

// Codes of 8 bits around 83 whose ends no sample shows.
TEST(LatticeRangeTest, TakesTheStepOfTheLattice) {
  const auto counts = Steps(83, 0.5847029, 4, 251);
  EXPECT_GT(LargestError(counts, {-79 * 0.5847029f, 168 * 0.5847029f},
                         Grid::kAsymmetric),
            0.4);
  const auto range = LatticeRange(counts, Grid::kAsymmetric);
  ASSERT_TRUE(range.has_value());
  const Scheme scheme = SchemeFor(*range, Grid::kAsymmetric);
  EXPECT_NEAR(scheme.scale, 0.5847029, 1e-6);
  EXPECT_EQ(scheme.zero_point, 83);  // 4 steps left over at each end
  EXPECT_LT(LargestError(counts, *range, Grid::kAsymmetric), 1e-3);
}

TEST(LatticeRangeTest, TakesAPartOfAStepThatIsWide) {
  // 100 values 2 apart, of which min-max makes 198 / 255.
  const auto counts = Steps(0, 2, 0, 99);
  const auto range = LatticeRange(counts, Grid::kAsymmetric);
  ASSERT_TRUE(range.has_value());
  EXPECT_NEAR(SchemeFor(*range, Grid::kAsymmetric).scale, 1, 1e-6);
  EXPECT_LT(LargestError(counts, *range, Grid::kAsymmetric), 1e-3);
}

TEST(LatticeRangeTest, ZeroStaysAnEnd) {
  for (const auto& [first, last, zero_point] :
       {std::tuple(0, 200, 0), std::tuple(-200, 0, 255)}) {
    const auto counts = Steps(0, 0.3, first, last);
    const auto range = LatticeRange(counts, Grid::kAsymmetric);
    ASSERT_TRUE(range.has_value());
    EXPECT_EQ(SchemeFor(*range, Grid::kAsymmetric).zero_point, zero_point);
    EXPECT_LT(LargestError(counts, *range, Grid::kAsymmetric), 1e-3);
  }
}

TEST(LatticeRangeTest, SignedIntegersTakeTheStepToo) {
  const auto counts = Steps(100, 0.25, 0, 190);
  const auto range = LatticeRange(counts, Grid::kSymmetric);
  ASSERT_TRUE(range.has_value());
  const Scheme scheme = SchemeFor(*range, Grid::kSymmetric);
  EXPECT_EQ(scheme.dtype, DType::kInt8);
  EXPECT_NEAR(scheme.scale, 0.25, 1e-6);
  EXPECT_LT(LargestError(counts, *range, Grid::kSymmetric), 1e-3);
}

TEST(LatticeRangeTest, LeavesMinMaxWhereItIsAsGood) {
  // What min-max holds exactly.
  EXPECT_FALSE(LatticeRange(Steps(0, 1 / 255.0, 0, 255), Grid::kAsymmetric));
  EXPECT_FALSE(LatticeRange({{0.0f, 4}, {1.0f, 2}}, Grid::kAsymmetric));
  EXPECT_FALSE(LatticeRange({{3.0f, 4}}, Grid::kAsymmetric));
  EXPECT_FALSE(LatticeRange({}, Grid::kAsymmetric));
}

TEST(LatticeRangeTest, NothingWhereNoStepFits) {
  // p / 127.5 - 1: 0 lies half way between two of the lattice.
  EXPECT_FALSE(
      LatticeRange(Steps(127.5, 1 / 127.5, 0, 255), Grid::kAsymmetric));
  // 300 steps.
  EXPECT_FALSE(LatticeRange(Steps(0, 0.1, 0, 300), Grid::kAsymmetric));
  // 168 steps at one side of 0.
  EXPECT_FALSE(LatticeRange(Steps(83, 0.5847029, 4, 251), Grid::kSymmetric));
  // No lattice.
  EXPECT_FALSE(LatticeRange({{0.0f, 1}, {0.31f, 1}, {0.7717f, 1}, {1.13f, 1}},
                            Grid::kAsymmetric));
}

TEST(ByteLatticeTest, HoldsEveryValueWithWhatIsLeftAtBothEnds) {
  // ImageNet's red; 0 lies between two steps.
  const double step = 1 / (255 * 0.229);
  const auto all = ByteLattice(Steps(123.675, step, 0, 255));
  ASSERT_TRUE(all.has_value());
  EXPECT_NEAR(all->step, step, 1e-7);
  EXPECT_NEAR(all->first, -123.675 * step, 1e-6);
  const auto some = ByteLattice(Steps(123.675, step, 20, 250));
  ASSERT_TRUE(some.has_value());
  EXPECT_NEAR(some->step, step, 1e-7);
  EXPECT_NEAR(some->first, (8 - 123.675) * step, 1e-6);  // 12 and 13 left
}

TEST(ByteLatticeTest, GapsBetweenTheValuesSeenAreAllRight) {
  std::map<float, int64_t> counts;
  for (int k = 0; k < 256; k += k % 7 == 0 ? 1 : 6) {
    counts[static_cast<float>(k) * 0.25f - 3] = 1;
  }
  const auto lattice = ByteLattice(counts);
  ASSERT_TRUE(lattice.has_value());
  EXPECT_NEAR(lattice->step, 0.25, 1e-7);
}

TEST(ByteLatticeTest, NothingWhereThereIsNoneOrTooLittleToTell) {
  EXPECT_FALSE(ByteLattice(Steps(0, 0.1, 0, 256)));  // 257 values
  EXPECT_FALSE(ByteLattice(Steps(0, 0.1, 0, 14)));
  auto counts = Steps(0, 0.1, 0, 99);
  counts[0.53f] = 1;
  EXPECT_FALSE(ByteLattice(counts));
  EXPECT_FALSE(ByteLattice({}));
}

}  // namespace
}  // namespace octet::quant
