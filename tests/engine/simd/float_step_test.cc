// SPDX-License-Identifier: Apache-2.0
// Steps on floats against the reference's: every shape, broadcast and tail.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "engine/reference/backend.h"
#include "engine/simd/backend.h"
#include "gtest/gtest.h"
#include "tests/engine/simd/oracle.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/single_node.h"

namespace octet::simd {
namespace {

// The two backends agree to within `tolerance` of each element's magnitude
// (or of `floor`), 0 for equal bits; NaN is NaN.
void ExpectNearReference(const SingleNode& node, float tolerance,
                         float floor = 0) {
  const auto expected =
      RunSingleNode(*reference::CreateReferenceBackend(), node);
  ASSERT_TRUE(expected.ok()) << expected.status();
  for (int threads : {1, 2}) {
    const auto got = RunSingleNode(*CreateSimdBackend(), node, threads);
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(got->shape(), expected->shape());
    const auto a = got->data<float>();
    const auto b = expected->data<float>();
    for (size_t i = 0; i < a.size(); ++i) {
      if (std::isnan(b[i]) ? std::isnan(a[i]) : a[i] == b[i]) continue;
      ASSERT_LE(std::fabs(a[i] - b[i]),
                tolerance * std::max(std::fabs(b[i]), floor))
          << "element " << i << " is " << a[i] << ", expected " << b[i];
    }
  }
}

Shape RandomShape(Random& random, int rank) {
  Shape shape(rank);
  for (int64_t& size : shape) {
    size = Pick(random,
                std::initializer_list<int64_t>{1, 2, 3, 4, 5, 7, 8, 9, 17});
    if (rank > 4) size = std::min<int64_t>(size, 4);
  }
  return shape;
}

// `shape` with some axes 1 and some leading ones gone.
Shape BroadcastingTo(const Shape& shape, Random& random) {
  Shape result = shape;
  for (int64_t& size : result) {
    if (Uniform(random, 0, 2) == 0) size = 1;
  }
  const int64_t gone =
      Uniform(random, 0, 2) == 0
          ? Uniform(random, 0, static_cast<int64_t>(shape.size()))
          : 0;
  result.erase(result.begin(), result.begin() + gone);
  return result;
}

constexpr ir::BinaryKind kExactKinds[] = {
    ir::BinaryKind::kAdd, ir::BinaryKind::kSub, ir::BinaryKind::kMul,
    ir::BinaryKind::kDiv, ir::BinaryKind::kMin, ir::BinaryKind::kMax};

TEST(FloatBinaryStepTest, EqualsTheReferenceForEveryBroadcast) {
  Random random(1);
  for (ir::BinaryKind kind : kExactKinds) {
    for (int rank = 0; rank <= 6; ++rank) {
      for (int i = 0; i < 20; ++i) {
        const Shape shape = RandomShape(random, rank);
        SingleNode node;
        node.op = ir::Binary{kind, {}};
        node.inputs = {
            RandomFloats(i % 3 == 0 ? shape : BroadcastingTo(shape, random), i),
            RandomFloats(i % 3 == 1 ? shape : BroadcastingTo(shape, random),
                         i + 99)};
        ExpectNearReference(node, 0);
      }
    }
  }
}

TEST(FloatBinaryStepTest, EqualsTheReferenceAtEveryLengthAndLimit) {
  for (ir::BinaryKind kind : kExactKinds) {
    for (int64_t n = 1; n <= 40; ++n) {
      SingleNode node;
      node.op = ir::Binary{kind, {-0.25f, 0.5f}};
      node.inputs = {RandomFloats({3, n}, 1), RandomFloats({3, n}, 2)};
      ExpectNearReference(node, 0);
      node.inputs[1] = RandomFloats({3, 1}, 2);
      ExpectNearReference(node, 0);
      std::swap(node.inputs[0], node.inputs[1]);
      ExpectNearReference(node, 0);
    }
  }
}

TEST(FloatBinaryStepTest, SharesLargeTensorsOut) {
  SingleNode node;
  node.op = ir::Binary{ir::BinaryKind::kMul, {}};
  node.inputs = {RandomFloats({7, 311, 401}, 1), RandomFloats({311, 1}, 2)};
  ExpectNearReference(node, 0);
}

TEST(FloatBinaryStepTest, SpecialNumbersAreAsInTheReference) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> special = {
      0.0f,      -0.0f,
      1,         -1,
      kInfinity, -kInfinity,
      1e-45f,    3e38f,
      -2.5f,     std::numeric_limits<float>::quiet_NaN()};
  const auto n = static_cast<int64_t>(special.size());
  for (ir::BinaryKind kind : kExactKinds) {
    for (const ir::Activation& activation :
         {ir::Activation{}, ir::Activation{-2, 2}}) {
      SingleNode node;
      node.op = ir::Binary{kind, activation};
      node.inputs = {TensorOf<float>({n, 1}, special),
                     TensorOf<float>({1, n}, special)};
      ExpectNearReference(node, 0);
    }
  }
}

TEST(FloatBinaryStepTest, PowersAreWithinTwoRoundings) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> bases = {0.0f, -0.0f, kInfinity, -kInfinity,
                              std::numeric_limits<float>::quiet_NaN()};
  for (int i = -30; i <= 30; ++i) bases.push_back(static_cast<float>(i) / 7);
  const auto n = static_cast<int64_t>(bases.size());
  for (float exponent :
       {2.0f, 3.0f, 1.0f, 0.0f, -1.0f, 0.5f, -0.5f, 1.7f, -2.0f}) {
    SingleNode node;
    node.op = ir::Binary{ir::BinaryKind::kPow, {}};
    node.inputs = {TensorOf<float>({n}, bases),
                   TensorOf<float>({}, {exponent})};
    SCOPED_TRACE(exponent);
    ExpectNearReference(node, 0x1p-22f);
  }
  SingleNode node;
  node.op = ir::Binary{ir::BinaryKind::kPow, {}};
  node.inputs = {TensorOf<float>({n}, bases), RandomFloats({5, n}, 3, -3, 3)};
  ExpectNearReference(node, 0);
}

constexpr ir::UnaryKind kKinds[] = {
    ir::UnaryKind::kExp,      ir::UnaryKind::kSqrt,      ir::UnaryKind::kErf,
    ir::UnaryKind::kSigmoid,  ir::UnaryKind::kTanh,      ir::UnaryKind::kMish,
    ir::UnaryKind::kSoftplus, ir::UnaryKind::kHardSwish, ir::UnaryKind::kElu,
    ir::UnaryKind::kAbs,      ir::UnaryKind::kFloor,     ir::UnaryKind::kNeg};

TEST(FloatUnaryStepTest, IsNearTheReferenceForEveryLength) {
  for (ir::UnaryKind kind : kKinds) {
    for (int64_t n = 1; n <= 40; ++n) {
      SingleNode node;
      node.op = ir::Unary{kind, 0.7f, 0.1f};
      node.inputs = {RandomFloats({n}, static_cast<uint32_t>(n), -9, 9)};
      ExpectNearReference(node, 5e-7f);
    }
    SingleNode node;
    node.op = ir::Unary{kind, 0.7f, 0.1f};
    node.inputs = {RandomFloats({3, 257, 133}, 7, -9, 9)};
    ExpectNearReference(node, 5e-7f);
  }
}

TEST(FloatUnaryStepTest, LeavesFunctionsItHasNoKernelFor) {
  SingleNode node;
  node.op = ir::Unary{ir::UnaryKind::kSin};
  node.inputs = {TensorOf<float>({2}, {1, -2})};
  EXPECT_EQ(RunSingleNode(*CreateSimdBackend(), node).status().code(),
            absl::StatusCode::kUnimplemented);
}

TEST(FloatClampStepTest, EqualsTheReference) {
  for (const ir::Activation& range :
       {ir::Activation{0, 6}, ir::Activation{-0.5f},
        ir::Activation{0, std::numeric_limits<float>::infinity()}}) {
    for (int64_t n = 1; n <= 40; ++n) {
      SingleNode node;
      node.op = ir::Clamp{range};
      node.inputs = {RandomFloats({n}, static_cast<uint32_t>(n), -9, 9)};
      ExpectNearReference(node, 0);
    }
  }
}

}  // namespace
}  // namespace octet::simd
