// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/engine/reference/reference_node.h"

namespace octet::reference {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;

const Tensor& Cube() {
  static const Tensor* const cube =
      new Tensor(TensorOf<float>({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, -8}));
  return *cube;
}

std::vector<float> RunReduce(ir::ReduceKind kind, std::vector<int> axes) {
  return RunReference<float>({ir::Reduce{kind, std::move(axes)}, {Cube()}, {}});
}

TEST(ReferenceReduceTest, ComputesEachKind) {
  EXPECT_THAT(RunReduce(ir::ReduceKind::kSum, {2}), ElementsAre(3, 7, 11, -1));
  EXPECT_THAT(RunReduce(ir::ReduceKind::kMean, {1}), ElementsAre(2, 3, 6, -1));
  EXPECT_THAT(RunReduce(ir::ReduceKind::kMax, {0, 2}), ElementsAre(6, 7));
  EXPECT_THAT(RunReduce(ir::ReduceKind::kMin, {0, 1, 2}), ElementsAre(-8));
  EXPECT_THAT(RunReduce(ir::ReduceKind::kProd, {0}),
              ElementsAre(5, 12, 21, -32));
  EXPECT_THAT(RunReduce(ir::ReduceKind::kSumSquare, {0, 1}),
              ElementsAre(1 + 9 + 25 + 49, 4 + 16 + 36 + 64));
  EXPECT_THAT(RunReduce(ir::ReduceKind::kL1, {0, 1, 2}), ElementsAre(36));
  EXPECT_THAT(RunReduce(ir::ReduceKind::kL2, {2}),
              ElementsAre(FloatEq(std::sqrt(5.f)), 5, FloatEq(std::sqrt(61.f)),
                          FloatEq(std::sqrt(113.f))));
}

TEST(ReferenceReduceTest, DropsTheAxesWhereAsked) {
  const ir::Reduce reduce{ir::ReduceKind::kSum, {0, 2}, false};
  const absl::StatusOr<Tensor> result =
      RunSingleNode(*CreateReferenceBackend(), {reduce, {Cube()}, {}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->shape(), Shape{2});
  EXPECT_THAT(ElementsOf<float>(*result), ElementsAre(14, 6));
}

TEST(ReferenceReduceTest, SumsInDouble) {
  const Tensor x = TensorOf<float>({3}, {16777216, 1, -16777216});
  EXPECT_THAT(
      RunReference<float>({ir::Reduce{ir::ReduceKind::kSum, {0}}, {x}, {}}),
      ElementsAre(1));
}

TEST(ReferenceSoftmaxTest, NormalizesOneAxis) {
  const Tensor x = TensorOf<float>({2, 2}, {0, 0, std::log(3.f), 0});
  EXPECT_THAT(RunReference<float>({ir::Softmax{.axis = 1}, {x}, {}}),
              ElementsAre(0.5, 0.5, FloatEq(0.75), FloatEq(0.25)));
  EXPECT_THAT(RunReference<float>({ir::Softmax{.axis = 0}, {x}, {}}),
              ElementsAre(FloatEq(0.25), 0.5, FloatEq(0.75), 0.5));
}

TEST(ReferenceSoftmaxTest, TakesTrailingAxesTogether) {
  const Tensor x = TensorOf<float>({1, 2, 2}, {7, 7, 7, 7});
  EXPECT_THAT(RunReference<float>(
                  {ir::Softmax{.axis = 1, .through_last_axis = true}, {x}, {}}),
              ElementsAre(0.25, 0.25, 0.25, 0.25));
}

TEST(ReferenceSoftmaxTest, LargeInputsDoNotOverflow) {
  const Tensor x = TensorOf<float>({2}, {10000, 9000});
  EXPECT_THAT(RunReference<float>({ir::Softmax{}, {x}, {}}), ElementsAre(1, 0));
  EXPECT_THAT(RunReference<float>({ir::Softmax{.log = true}, {x}, {}}),
              ElementsAre(0, -1000));
}

}  // namespace
}  // namespace octet::reference
