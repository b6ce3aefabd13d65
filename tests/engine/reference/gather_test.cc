// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/engine/reference/reference_node.h"

namespace octet::reference {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

TEST(ReferenceExpandTest, RepeatsAlongAxesOfOneEntry) {
  const Tensor x = TensorOf<int16_t>({2, 1}, {1, 2});
  EXPECT_THAT(
      RunReference<int16_t>({ir::Expand{ir::FixedDims({2, 2, 3})}, {x}, {}}),
      ElementsAre(1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2));
}

TEST(ReferenceGatherTest, ReplacesTheAxisByThoseOfTheIndices) {
  const Tensor x = TensorOf<float>({2, 3}, {0, 1, 2, 10, 11, 12});
  const Tensor indices = TensorOf<int64_t>({2, 2}, {0, -1, 1, 0});
  EXPECT_THAT(RunReference<float>({ir::Gather{1}, {x, indices}, {}}),
              ElementsAre(0, 2, 1, 0, 10, 12, 11, 10));
  const Tensor row = TensorOf<int32_t>({}, {1});
  EXPECT_THAT(RunReference<float>({ir::Gather{0}, {x, row}, {}}),
              ElementsAre(10, 11, 12));
}

TEST(ReferenceGatherTest, TakesTheNearestEntryForAnIndexOutOfRange) {
  const Tensor x = TensorOf<bool>({3}, {true, false, false});
  const Tensor indices = TensorOf<int64_t>({4}, {3, kHuge, -4, -kHuge - 1});
  EXPECT_THAT(RunReference<bool>({ir::Gather{0}, {x, indices}, {}}),
              ElementsAre(false, false, true, true));
}

TEST(ReferenceGatherTest, MovesIntegersOfOneQuantization) {
  const ir::Quantization q = ir::Quantization::PerTensor(0.5, 1);
  const Tensor x = TensorOf<uint8_t>({3}, {7, 8, 9});
  const Tensor indices = TensorOf<int64_t>({2}, {2, 0});
  EXPECT_THAT(
      RunReference<uint8_t>(
          {ir::Gather{0}, {{x, q}, indices}, NodeOutput{DType::kUInt8, q}}),
      ElementsAre(9, 7));
}

TEST(ReferenceGatherElementsTest, LooksUpEachElementAlongTheAxis) {
  const Tensor x = TensorOf<int64_t>({3, 2}, {0, 1, 10, 11, 20, 21});
  const Tensor indices = TensorOf<int64_t>({2, 1}, {2, -3});
  EXPECT_THAT(RunReference<int64_t>({ir::GatherElements{0}, {x, indices}, {}}),
              ElementsAre(20, 0));
  const Tensor wide = TensorOf<int32_t>({1, 4}, {1, 0, 9, -9});
  EXPECT_THAT(RunReference<int64_t>({ir::GatherElements{1}, {x, wide}, {}}),
              ElementsAre(1, 0, 1, 0));
}

TEST(ReferenceGatherNdTest, TakesSlicesByLeadingCoordinates) {
  const Tensor x = TensorOf<double>({2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  const Tensor pairs = TensorOf<int64_t>({2, 2}, {0, 1, 1, -2});
  EXPECT_THAT(RunReference<double>({ir::GatherNd{0}, {x, pairs}, {}}),
              ElementsAre(2, 3, 4, 5));
  const Tensor each = TensorOf<int64_t>({2, 1}, {1, 5});
  EXPECT_THAT(RunReference<double>({ir::GatherNd{1}, {x, each}, {}}),
              ElementsAre(2, 3, 6, 7));
}

TEST(ReferenceScatterElementsTest, PutsUpdatesAndDropsThoseOutOfRange) {
  const Tensor x = TensorOf<uint8_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor indices = TensorOf<int64_t>({2, 2}, {-1, 3, 0, kHuge});
  const Tensor updates = TensorOf<uint8_t>({2, 2}, {30, 99, 40, 99});
  EXPECT_THAT(RunReference<uint8_t>(
                  {ir::ScatterElements{1}, {x, indices, updates}, {}}),
              ElementsAre(1, 2, 30, 40, 5, 6));
}

TEST(ReferenceScatterElementsTest, CombinesUpdatesOfOneElement) {
  const Tensor x = TensorOf<int8_t>({3}, {100, 2, 3});
  const Tensor indices = TensorOf<int32_t>({3}, {0, 2, 0});
  const Tensor updates = TensorOf<int8_t>({3}, {27, 4, 1});
  const auto run = [&](ir::ScatterReduction reduction) {
    return RunReference<int8_t>(
        {ir::ScatterElements{0, reduction}, {x, indices, updates}, {}});
  };
  // 128 wraps around.
  EXPECT_THAT(run(ir::ScatterReduction::kAdd), ElementsAre(-128, 2, 7));
  EXPECT_THAT(run(ir::ScatterReduction::kMax), ElementsAre(100, 2, 4));
  EXPECT_THAT(run(ir::ScatterReduction::kMin), ElementsAre(1, 2, 3));
  EXPECT_THAT(run(ir::ScatterReduction::kMul), ElementsAre(-116, 2, 12));
}

TEST(ReferenceScatterNdTest, PutsSlicesAndDropsThoseOutOfRange) {
  const Tensor x = TensorOf<float>({3, 2}, {0, 1, 2, 3, 4, 5});
  const Tensor indices = TensorOf<int64_t>({3, 1}, {2, 0, 3});
  const Tensor updates = TensorOf<float>({3, 2}, {40, 50, 7, 8, 9, 9});
  EXPECT_THAT(RunReference<float>({ir::ScatterNd{}, {x, indices, updates}, {}}),
              ElementsAre(7, 8, 2, 3, 40, 50));
  EXPECT_THAT(RunReference<float>({ir::ScatterNd{ir::ScatterReduction::kAdd},
                                   {x, indices, updates},
                                   {}}),
              ElementsAre(7, 9, 2, 3, 44, 55));
}

TEST(ReferencePadTest, RepeatsWhatIsThere) {
  const Tensor x = TensorOf<int32_t>({3}, {1, 2, 3});
  const auto run = [&](ir::PadMode mode) {
    return RunReference<int32_t>({ir::Pad{{2}, {5}, 0, mode}, {x}, {}});
  };
  EXPECT_THAT(run(ir::PadMode::kEdge),
              ElementsAre(1, 1, 1, 2, 3, 3, 3, 3, 3, 3));
  EXPECT_THAT(run(ir::PadMode::kWrap),
              ElementsAre(2, 3, 1, 2, 3, 1, 2, 3, 1, 2));
  // Longer than the axis: back and forth.
  EXPECT_THAT(run(ir::PadMode::kReflect),
              ElementsAre(3, 2, 1, 2, 3, 2, 1, 2, 3, 2));
}

TEST(ReferencePadTest, MovesIntegersOfAnyScaleByRepeatingThem) {
  const ir::Quantization q = ir::Quantization::PerTensor(0.5, 100);
  const Tensor x = TensorOf<uint8_t>({2}, {7, 8});
  EXPECT_THAT(
      RunReference<uint8_t>({ir::Pad{{1}, {1}, 3, ir::PadMode::kReflect},
                             {{x, q}},
                             NodeOutput{DType::kUInt8, q}}),
      ElementsAre(8, 7, 8, 7));
}

TEST(ReferenceSliceTest, TakesNothing) {
  const Tensor x = TensorOf<float>({3}, {1, 2, 3});
  EXPECT_THAT(RunReference<float>({ir::Slice{{3}, {1}, {0}}, {x}, {}}),
              IsEmpty());
}

}  // namespace
}  // namespace octet::reference
