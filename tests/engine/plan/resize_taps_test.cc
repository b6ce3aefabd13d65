// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/resize_taps.h"

#include <numeric>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::plan {
namespace {

using ir::ResizeCoordinates;
using ir::ResizeMode;
using ir::ResizeRounding;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

// One axis of `inputs` elements that becomes one of `outputs`.
ir::Resize OneAxis(ResizeMode mode, int64_t inputs, int64_t outputs) {
  ir::Resize op;
  op.mode = mode;
  op.sizes = {outputs};
  op.scales = {static_cast<float>(static_cast<double>(outputs) /
                                  static_cast<double>(inputs))};
  return op;
}

TEST(ResizeTapsTest, NearestRoundsHalvesAsAsked) {
  // Asymmetric, twice as long: positions 0, 0.5, 1, 1.5.
  ir::Resize op = OneAxis(ResizeMode::kNearest, 2, 4);
  op.coordinates = ResizeCoordinates::kAsymmetric;
  op.rounding = ResizeRounding::kRoundPreferFloor;
  EXPECT_THAT(MakeResizeTaps(op, 0, 2).first, ElementsAre(0, 0, 1, 1));
  op.rounding = ResizeRounding::kRoundPreferCeil;
  EXPECT_THAT(MakeResizeTaps(op, 0, 2).first, ElementsAre(0, 1, 1, 1));
  op.rounding = ResizeRounding::kFloor;
  EXPECT_THAT(MakeResizeTaps(op, 0, 2).first, ElementsAre(0, 0, 1, 1));
  op.rounding = ResizeRounding::kCeil;
  EXPECT_THAT(MakeResizeTaps(op, 0, 2).first, ElementsAre(0, 1, 1, 1));
}

TEST(ResizeTapsTest, PositionsOfWholeSizesAreExact) {
  // 7 / 3 is no float32, yet element 7 k is element 3 k.
  ir::Resize op = OneAxis(ResizeMode::kNearest, 3000, 7000);
  op.coordinates = ResizeCoordinates::kAsymmetric;
  op.rounding = ResizeRounding::kFloor;
  const ResizeTaps taps = MakeResizeTaps(op, 0, 3000);
  for (int64_t k = 0; k < 1000; ++k) {
    ASSERT_EQ(taps.first[7 * k], 3 * k);
  }
}

TEST(ResizeTapsTest, LinearStaysInsideAtTheEnds) {
  const ResizeTaps taps =
      MakeResizeTaps(OneAxis(ResizeMode::kLinear, 2, 4), 0, 2);
  EXPECT_EQ(taps.taps, 2);
  EXPECT_THAT(taps.first, ElementsAre(0, 0, 0, 0));
  // Half pixels: positions -0.25, 0.25, 0.75, 1.25.
  EXPECT_THAT(taps.weights,
              Pointwise(DoubleNear(1e-12),
                        {1.0, 0.0, 0.75, 0.25, 0.25, 0.75, 0.0, 1.0}));
}

TEST(ResizeTapsTest, CubicWeightsAreKeys) {
  ir::Resize op = OneAxis(ResizeMode::kCubic, 4, 8);
  const ResizeTaps taps = MakeResizeTaps(op, 0, 4);
  // Output 3 lies at 1.25, a quarter behind element 1; a = -0.75.
  EXPECT_EQ(taps.first[3], 0);
  EXPECT_THAT(
      std::vector<double>(taps.weights.begin() + 12, taps.weights.begin() + 16),
      Pointwise(DoubleNear(1e-12),
                {-0.10546875, 0.87890625, 0.26171875, -0.03515625}));
}

TEST(ResizeTapsTest, EveryFilterAddsUpToOne) {
  for (ResizeMode mode : {ResizeMode::kLinear, ResizeMode::kCubic}) {
    for (bool antialias : {false, true}) {
      for (bool exclude : {false, true}) {
        for (int64_t outputs : {1, 2, 3, 5, 9, 20}) {
          ir::Resize op = OneAxis(mode, 9, outputs);
          op.antialias = antialias;
          op.exclude_outside = exclude;
          const ResizeTaps taps = MakeResizeTaps(op, 0, 9);
          for (int64_t o = 0; o < outputs; ++o) {
            const auto begin = taps.weights.begin() + o * taps.taps;
            EXPECT_NEAR(std::accumulate(begin, begin + taps.taps, 0.0), 1,
                        1e-12);
            EXPECT_GE(taps.first[o], 0);
            EXPECT_LE(taps.first[o] + taps.taps, 9);
          }
        }
      }
    }
  }
}

TEST(ResizeTapsTest, AntialiasingReadsEveryElement) {
  ir::Resize op = OneAxis(ResizeMode::kLinear, 8, 2);
  op.antialias = true;
  const ResizeTaps taps = MakeResizeTaps(op, 0, 8);
  EXPECT_EQ(taps.taps, 8);
  double first = 0;
  for (int64_t t = 0; t < 4; ++t) first += taps.weights[t];
  EXPECT_GT(first, 0.8);
}

TEST(ResizeTapsTest, CropSaysWhatIsOutside) {
  ir::Resize op = OneAxis(ResizeMode::kLinear, 5, 3);
  op.coordinates = ResizeCoordinates::kTfCropAndResize;
  op.roi_begin = {0.5f};
  op.roi_end = {1.5f};
  const ResizeTaps taps = MakeResizeTaps(op, 0, 5);
  // Positions 2, 4, 6.
  EXPECT_THAT(taps.outside, ElementsAre(false, false, true));
}

TEST(ResizeTapsTest, LeavesAxesAlone) {
  ir::Resize op = OneAxis(ResizeMode::kLinear, 5, 5);
  EXPECT_TRUE(IsLeftAlone(op, 0, 5));
  EXPECT_FALSE(IsLeftAlone(op, 0, 4));
  op.coordinates = ResizeCoordinates::kTfCropAndResize;
  op.roi_begin = {0};
  op.roi_end = {0.5};
  EXPECT_FALSE(IsLeftAlone(op, 0, 5));
}

}  // namespace
}  // namespace octet::plan
