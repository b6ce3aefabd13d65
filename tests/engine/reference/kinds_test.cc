// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/engine/reference/reference_node.h"
#include "tests/testing/not_finite.h"

// The kinds of Binary and Unary on every type that they are for, and Where.
namespace octet::reference {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::FloatNear;
using ::testing::Pointwise;

using B = ir::BinaryKind;
using U = ir::UnaryKind;

template <typename T>
Tensor Vector(const std::vector<T>& values) {
  Tensor tensor(DTypeOf<T>(), {static_cast<int64_t>(values.size())});
  for (size_t i = 0; i < values.size(); ++i) {
    tensor.mutable_data<T>()[i] = values[i];
  }
  return tensor;
}

template <typename Y, typename T>
std::vector<Y> Pair(B kind, const std::vector<T>& a, const std::vector<T>& b) {
  return RunReference<Y>({ir::Binary{kind, {}}, {Vector(a), Vector(b)}, {}});
}

template <typename Y, typename T>
std::vector<Y> Map(const ir::Unary& op, const std::vector<T>& x) {
  return RunReference<Y>({op, {Vector(x)}, {}});
}

template <typename T>
class IntegerKindsTest : public testing::Test {};
using Integers = testing::Types<int8_t, uint8_t, int16_t, uint16_t, int32_t,
                                uint32_t, int64_t, uint64_t>;
TYPED_TEST_SUITE(IntegerKindsTest, Integers);

TYPED_TEST(IntegerKindsTest, ArithmeticWrapsAround) {
  using T = TypeParam;
  const T most = std::numeric_limits<T>::max();
  const T least = std::numeric_limits<T>::min();
  EXPECT_THAT((Pair<T, T>(B::kAdd, {most, 3}, {1, 4})), ElementsAre(least, 7));
  EXPECT_THAT((Pair<T, T>(B::kSub, {least, 9}, {1, 4})), ElementsAre(most, 5));
  EXPECT_THAT((Pair<T, T>(B::kMul, {most, 5}, {most, 4})), ElementsAre(1, 20));
  EXPECT_THAT((Pair<T, T>(B::kMax, {most, 5}, {least, 6})),
              ElementsAre(most, 6));
}

TYPED_TEST(IntegerKindsTest, DivisionAndRemaindersOfZeroGiveZero) {
  using T = TypeParam;
  EXPECT_THAT((Pair<T, T>(B::kDiv, {7, 100}, {0, 7})), ElementsAre(0, 14));
  EXPECT_THAT((Pair<T, T>(B::kMod, {7, 100}, {0, 7})), ElementsAre(0, 2));
  EXPECT_THAT((Pair<T, T>(B::kFmod, {7, 100}, {0, 7})), ElementsAre(0, 2));
}

TYPED_TEST(IntegerKindsTest, ComparesAtTheLimits) {
  using T = TypeParam;
  const T most = std::numeric_limits<T>::max();
  const T least = std::numeric_limits<T>::min();
  EXPECT_THAT((Pair<bool, T>(B::kLess, {least, most, 2}, {most, least, 2})),
              ElementsAre(true, false, false));
  EXPECT_THAT(
      (Pair<bool, T>(B::kGreaterOrEqual, {least, most, 2}, {most, least, 2})),
      ElementsAre(false, true, true));
  EXPECT_THAT((Pair<bool, T>(B::kEqual, {least, most}, {most, most})),
              ElementsAre(false, true));
}

TYPED_TEST(IntegerKindsTest, BitsAndShifts) {
  using T = TypeParam;
  constexpr T kWidth = 8 * sizeof(T);
  EXPECT_THAT((Pair<T, T>(B::kBitAnd, {12}, {10})), ElementsAre(8));
  EXPECT_THAT((Pair<T, T>(B::kBitOr, {12}, {10})), ElementsAre(14));
  EXPECT_THAT((Pair<T, T>(B::kBitXor, {12}, {10})), ElementsAre(6));
  EXPECT_THAT((Pair<T, T>(B::kShiftLeft, {3, 3}, {2, kWidth})),
              ElementsAre(12, 0));
  EXPECT_THAT((Pair<T, T>(B::kShiftRight, {12, 12}, {2, kWidth})),
              ElementsAre(3, 0));
  EXPECT_THAT((Map<T, T>({U::kBitNot}, {0})), ElementsAre(static_cast<T>(-1)));
  EXPECT_THAT((Map<T, T>({U::kSign}, {9, 0})), ElementsAre(1, 0));
  EXPECT_THAT((Map<T, T>({U::kShrink, 3, 1}, {9, 2})), ElementsAre(8, 0));
}

TEST(ReferenceKindsTest, RemaindersTakeTheSignOfOneSide) {
  EXPECT_THAT((Pair<int32_t, int32_t>(B::kMod, {7, -7, 7, -7}, {3, 3, -3, -3})),
              ElementsAre(1, 2, -2, -1));
  EXPECT_THAT(
      (Pair<int32_t, int32_t>(B::kFmod, {7, -7, 7, -7}, {3, 3, -3, -3})),
      ElementsAre(1, -1, 1, -1));
  EXPECT_THAT((Pair<double, double>(B::kFmod, {5.5, -5.5}, {2, 2})),
              ElementsAre(1.5, -1.5));
}

TEST(ReferenceKindsTest, PowerKeepsTheTypeOfItsBase) {
  auto run = [](const auto& a, const auto& b) {
    return SingleNode{ir::Binary{B::kPow, {}}, {a, b}, {}};
  };
  EXPECT_THAT(
      RunReference<float>(run(Vector<float>({2, 9}), Vector<int64_t>({-1, 2}))),
      ElementsAre(0.5, 81));
  EXPECT_THAT(RunReference<int32_t>(
                  run(Vector<int32_t>({2, 9}), Vector<float>({3, 0.5}))),
              ElementsAre(8, 3));
  EXPECT_THAT(RunReference<int64_t>(
                  run(Vector<int64_t>({-2, 3}), Vector<uint8_t>({3, 2}))),
              ElementsAre(-8, 9));
}

TEST(ReferenceKindsTest, NothingComparesToNan) {
  for (B kind : {B::kEqual, B::kLess, B::kLessOrEqual, B::kGreater,
                 B::kGreaterOrEqual}) {
    EXPECT_THAT((Pair<bool, float>(kind, {kNan, 1}, {1, kNan})),
                ElementsAre(false, false));
  }
}

TEST(ReferenceKindsTest, LogicOnBools) {
  const std::vector<bool> a = {false, false, true, true};
  const std::vector<bool> b = {false, true, false, true};
  EXPECT_THAT((Pair<bool, bool>(B::kAnd, a, b)),
              ElementsAre(false, false, false, true));
  EXPECT_THAT((Pair<bool, bool>(B::kOr, a, b)),
              ElementsAre(false, true, true, true));
  EXPECT_THAT((Pair<bool, bool>(B::kXor, a, b)),
              ElementsAre(false, true, true, false));
  EXPECT_THAT((Pair<bool, bool>(B::kEqual, a, b)),
              ElementsAre(true, false, false, true));
  EXPECT_THAT((Map<bool, bool>({U::kNot}, a)),
              ElementsAre(true, true, false, false));
}

TEST(ReferenceKindsTest, PreluScalesWhatIsNegative) {
  EXPECT_THAT((Pair<float, float>(B::kPrelu, {-4, 4}, {0.25, 0.25})),
              ElementsAre(-1, 4));
  EXPECT_THAT((Pair<int32_t, int32_t>(B::kPrelu, {-4, 4}, {3, 3})),
              ElementsAre(-12, 4));
}

TEST(ReferenceKindsTest, Trigonometry) {
  const float x = 0.5;
  const std::pair<U, double> wanted[] = {
      {U::kSin, std::sin(0.5)},     {U::kCos, std::cos(0.5)},
      {U::kTan, std::tan(0.5)},     {U::kAsin, std::asin(0.5)},
      {U::kAcos, std::acos(0.5)},   {U::kAtan, std::atan(0.5)},
      {U::kSinh, std::sinh(0.5)},   {U::kCosh, std::cosh(0.5)},
      {U::kAsinh, std::asinh(0.5)}, {U::kAtanh, std::atanh(0.5)}};
  for (const auto& [kind, value] : wanted) {
    EXPECT_THAT((Map<float, float>({kind}, {x})),
                ElementsAre(FloatEq(static_cast<float>(value))));
    EXPECT_THAT((Map<double, double>({kind}, {x})),
                ElementsAre(DoubleNear(value, 1e-15)));
  }
  EXPECT_THAT((Map<double, double>({U::kAcosh}, {1.5})),
              ElementsAre(DoubleNear(std::acosh(1.5), 1e-15)));
}

// Values of the definitions, by hand.
TEST(ReferenceKindsTest, Activations) {
  auto run = [](const ir::Unary& op) {
    return Map<float, float>(op, {-2, -0.25, 0, 3});
  };
  auto near = [](std::vector<float> values) {
    return Pointwise(FloatNear(1e-6f), values);
  };
  EXPECT_THAT(run({U::kGelu}), near({-0.0455003f, -0.1003234f, 0, 2.9959507f}));
  EXPECT_THAT(run({U::kGeluTanh}),
              near({-0.0454023f, -0.1003246f, 0, 2.9963627f}));
  EXPECT_THAT(run({U::kSwish, 1}),
              near({-0.2384058f, -0.1094559f, 0, 2.8577224f}));
  EXPECT_THAT(run({U::kCelu, 2}), near({-1.2642411f, -0.2350062f, 0, 3}));
  EXPECT_THAT(run({U::kSelu, 2, 3}), near({-5.1879883f, -1.3271953f, 0, 9}));
  EXPECT_THAT(run({U::kThresholdedRelu, 2.5}), ElementsAre(0, 0, 0, 3));
  EXPECT_THAT(run({U::kShrink, 0.5, 1}), ElementsAre(-1, 0, 0, 2));
}

TEST(ReferenceKindsTest, AsksForNanAndInfinity) {
  const std::vector<double> x = {1, kNan, kInfinity, -kInfinity};
  EXPECT_THAT((Map<bool, double>({U::kIsNan}, x)),
              ElementsAre(false, true, false, false));
  EXPECT_THAT((Map<bool, double>({U::kIsInf, 1, 1}, x)),
              ElementsAre(false, false, true, true));
  EXPECT_THAT((Map<bool, double>({U::kIsInf, 1, 0}, x)),
              ElementsAre(false, false, false, true));
  EXPECT_THAT((Map<bool, double>({U::kIsInf, 0, 1}, x)),
              ElementsAre(false, false, true, false));
}

template <typename T>
void ExpectWhereBroadcasts() {
  const Tensor condition = TensorOf<bool>({2, 1}, {true, false});
  const Tensor a = TensorOf<T>({2}, {1, 0});
  const Tensor b = TensorOf<T>({}, {1});
  EXPECT_THAT(RunReference<T>({ir::Where{}, {condition, a, b}, {}}),
              ElementsAre(1, 0, 1, 1));
}

TEST(ReferenceWhereTest, MovesElementsOfEveryWidth) {
  ExpectWhereBroadcasts<int8_t>();
  ExpectWhereBroadcasts<uint16_t>();
  ExpectWhereBroadcasts<float>();
  ExpectWhereBroadcasts<double>();
}

TEST(ReferenceWhereTest, OfNothingIsNothing) {
  EXPECT_THAT(RunReference<float>(
                  {ir::Where{},
                   {TensorOf<bool>({0, 2}, {}), TensorOf<float>({2}, {1, 2}),
                    TensorOf<float>({}, {0})},
                   {}}),
              ElementsAre());
}

}  // namespace
}  // namespace octet::reference
