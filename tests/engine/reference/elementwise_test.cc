// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/engine/reference/reference_node.h"
#include "tests/testing/not_finite.h"

namespace octet::reference {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::IsNan;

Tensor Floats(const std::vector<float>& values) {
  return TensorOf<float>({static_cast<int64_t>(values.size())}, values);
}

std::vector<float> RunUnary(const ir::Unary& op,
                            const std::vector<float>& values) {
  return RunReference<float>({op, {Floats(values)}, {}});
}

TEST(ReferenceBinaryTest, BroadcastsLikeNumpy) {
  const Tensor a = TensorOf<float>({2, 1, 2}, {1, 2, 3, 4});
  const Tensor b = TensorOf<float>({3, 1}, {10, 20, 30});
  EXPECT_THAT(
      RunReference<float>({ir::Binary{ir::BinaryKind::kAdd, {}}, {a, b}, {}}),
      ElementsAre(11, 12, 21, 22, 31, 32, 13, 14, 23, 24, 33, 34));
}

TEST(ReferenceBinaryTest, ComputesEachKind) {
  const Tensor a = Floats({7, -8});
  const Tensor b = Floats({2, 3});
  auto run = [&](ir::BinaryKind kind) {
    return RunReference<float>({ir::Binary{kind, {}}, {a, b}, {}});
  };
  EXPECT_THAT(run(ir::BinaryKind::kSub), ElementsAre(5, -11));
  EXPECT_THAT(run(ir::BinaryKind::kMul), ElementsAre(14, -24));
  EXPECT_THAT(run(ir::BinaryKind::kDiv), ElementsAre(3.5, -8.f / 3));
  EXPECT_THAT(run(ir::BinaryKind::kMin), ElementsAre(2, -8));
  EXPECT_THAT(run(ir::BinaryKind::kMax), ElementsAre(7, 3));
  EXPECT_THAT(run(ir::BinaryKind::kPow), ElementsAre(49, -512));
}

TEST(ReferenceBinaryTest, ActivationClampsTheResult) {
  EXPECT_THAT(RunReference<float>({ir::Binary{ir::BinaryKind::kAdd, {0, 6}},
                                   {Floats({-5, 2, 5}), Floats({1, 1, 5})},
                                   {}}),
              ElementsAre(0, 3, 6));
}

TEST(ReferenceBinaryTest, NanWinsMinAndMax) {
  const Tensor a = Floats({kNan, 1});
  const Tensor b = Floats({1, kNan});
  for (ir::BinaryKind kind : {ir::BinaryKind::kMin, ir::BinaryKind::kMax}) {
    EXPECT_THAT(RunReference<float>({ir::Binary{kind, {}}, {a, b}, {}}),
                ElementsAre(IsNan(), IsNan()));
  }
}

TEST(ReferenceBinaryTest, PlainIntegersNeverTrap) {
  constexpr int32_t kLeast = std::numeric_limits<int32_t>::min();
  const Tensor a = TensorOf<int32_t>({3}, {7, kLeast, -7});
  const Tensor b = TensorOf<int32_t>({3}, {0, -1, 2});
  EXPECT_THAT(
      RunReference<int32_t>({ir::Binary{ir::BinaryKind::kDiv, {}}, {a, b}, {}}),
      ElementsAre(0, kLeast, -3));
  EXPECT_THAT(
      RunReference<int32_t>({ir::Binary{ir::BinaryKind::kAdd, {}}, {a, b}, {}}),
      ElementsAre(7, std::numeric_limits<int32_t>::max(), -5));
  const Tensor base = TensorOf<int64_t>({4}, {3, 2, -1, 5});
  const Tensor exponent = TensorOf<int64_t>({4}, {4, -1, -3, 0});
  EXPECT_THAT(RunReference<int64_t>(
                  {ir::Binary{ir::BinaryKind::kPow, {}}, {base, exponent}, {}}),
              ElementsAre(81, 0, -1, 1));
}

// a = 1 * (q - 10), b = 0.5 * q, y = 2 * (q - 4).
struct IntegerBinary {
  Tensor a = TensorOf<uint8_t>({4}, {13, 10, 255, 0});
  Tensor b = TensorOf<int8_t>({4}, {4, -2, 127, -128});
  ir::Quantization a_type = ir::Quantization::PerTensor(1, 10);
  ir::Quantization b_type = ir::Quantization::PerTensor(0.5, 0);
  NodeOutput y{DType::kUInt8, ir::Quantization::PerTensor(2, 4)};

  std::vector<uint8_t> Run(const ir::Binary& op) const {
    return RunReference<uint8_t>({op, {{a, a_type}, {b, b_type}}, y});
  }
};

TEST(ReferenceBinaryTest, IntegerAddRoundsOnce) {
  // 3 + 2 = 5 -> 2.5 -> 2; 0 - 1 -> -0.5 -> 0; 245 + 63.5 -> 154.25;
  // -10 - 64 = -74 -> -37, below the least.
  EXPECT_THAT(IntegerBinary().Run({ir::BinaryKind::kAdd, {}}),
              ElementsAre(6, 4, 158, 0));
  // Relu6: at most 3 steps above the zero point.
  EXPECT_THAT(IntegerBinary().Run({ir::BinaryKind::kAdd, {0, 6}}),
              ElementsAre(6, 4, 7, 4));
}

TEST(ReferenceBinaryTest, OtherKindsOnIntegersGoThroughReals) {
  // 3 * 2 / 2 = 3; 0; 245 * 63.5 beyond; -10 * -64 / 2 = 320 beyond.
  EXPECT_THAT(IntegerBinary().Run({ir::BinaryKind::kMul, {}}),
              ElementsAre(7, 4, 255, 255));
  // (3 - 2) / 2 -> 0; (0 + 1) / 2 -> 0; 181.5 / 2 = 90.75; 54 / 2.
  EXPECT_THAT(IntegerBinary().Run({ir::BinaryKind::kSub, {}}),
              ElementsAre(4, 4, 95, 31));
}

TEST(ReferenceUnaryTest, ComputesEachKind) {
  using Kind = ir::UnaryKind;
  EXPECT_THAT(RunUnary({Kind::kAbs}, {-2, 3}), ElementsAre(2, 3));
  EXPECT_THAT(RunUnary({Kind::kNeg}, {-2, 3}), ElementsAre(2, -3));
  EXPECT_THAT(RunUnary({Kind::kExp}, {0, 1}),
              ElementsAre(1, FloatEq(2.7182817f)));
  EXPECT_THAT(RunUnary({Kind::kLog}, {1, 0}), ElementsAre(0, -kInfinity));
  EXPECT_THAT(RunUnary({Kind::kSqrt}, {9, -1}), ElementsAre(3, IsNan()));
  EXPECT_THAT(RunUnary({Kind::kReciprocal}, {4}), ElementsAre(0.25));
  EXPECT_THAT(RunUnary({Kind::kFloor}, {-1.5, 1.5}), ElementsAre(-2, 1));
  EXPECT_THAT(RunUnary({Kind::kCeil}, {-1.5, 1.5}), ElementsAre(-1, 2));
  EXPECT_THAT(RunUnary({Kind::kRound}, {0.5, 1.5, -2.5}),
              ElementsAre(0, 2, -2));
  EXPECT_THAT(RunUnary({Kind::kSign}, {-3, 0, 4}), ElementsAre(-1, 0, 1));
  EXPECT_THAT(RunUnary({Kind::kErf}, {0, 1}),
              ElementsAre(0, FloatEq(0.84270079f)));
  EXPECT_THAT(RunUnary({Kind::kSigmoid}, {0, 1000, -1000}),
              ElementsAre(0.5, 1, 0));
  EXPECT_THAT(RunUnary({Kind::kTanh}, {0, 50}), ElementsAre(0, 1));
  EXPECT_THAT(RunUnary({Kind::kSoftplus}, {0, 1000, -1000}),
              ElementsAre(FloatEq(0.69314718f), 1000, 0));
  EXPECT_THAT(RunUnary({Kind::kSoftsign}, {-3}), ElementsAre(-0.75));
  EXPECT_THAT(RunUnary({Kind::kMish}, {0, 100}), ElementsAre(0, 100));
  EXPECT_THAT(RunUnary({Kind::kHardSwish}, {-4, 0, 3, 5}),
              ElementsAre(0, 0, 3, 5));
  EXPECT_THAT(RunUnary({Kind::kLeakyRelu, 0.25f}, {-4, 4}), ElementsAre(-1, 4));
  EXPECT_THAT(RunUnary({Kind::kElu, 2}, {-1000, 4}), ElementsAre(-2, 4));
  EXPECT_THAT(RunUnary({Kind::kHardSigmoid, 0.25f, 0.5f}, {-9, 1, 9}),
              ElementsAre(0, 0.75, 1));
}

TEST(ReferenceClampTest, LimitsFloatsAndKeepsNan) {
  EXPECT_THAT(
      RunReference<float>({ir::Clamp{{0, 6}}, {Floats({-1, 3, 7, kNan})}, {}}),
      ElementsAre(0, 3, 6, IsNan()));
}

TEST(ReferenceClampTest, LimitsIntegersInSteps) {
  const ir::Quantization q = ir::Quantization::PerTensor(0.5, -100);
  const Tensor x = TensorOf<int8_t>({4}, {-128, -100, -90, 127});
  // 6 is 12 steps above the zero point.
  EXPECT_THAT(RunReference<int8_t>(
                  {ir::Clamp{{0, 6}}, {{x, q}}, NodeOutput{DType::kInt8, q}}),
              ElementsAre(-100, -100, -90, -88));
}

TEST(ReferenceBatchNormTest, NormalizesEachChannel) {
  const Tensor x = TensorOf<float>({2, 2, 1}, {1, 2, 3, 4});
  const Tensor gamma = Floats({2, 1});
  const Tensor beta = Floats({0, 10});
  const Tensor mean = Floats({1, 0});
  const Tensor variance = Floats({3, 0});
  EXPECT_THAT(
      RunReference<float>(
          {ir::BatchNorm{.epsilon = 1}, {x, gamma, beta, mean, variance}, {}}),
      ElementsAre(0, 12, 2, 14));
}

TEST(ReferenceCastTest, TruncatesTowardsZero) {
  EXPECT_THAT(RunReference<int32_t>(
                  {ir::Cast{DType::kInt32}, {Floats({1.9f, -1.9f, 0})}, {}}),
              ElementsAre(1, -1, 0));
}

TEST(ReferenceCastTest, OutOfRangeIsDefined) {
  EXPECT_THAT(RunReference<int64_t>({ir::Cast{DType::kInt64},
                                     {Floats({kNan, kInfinity, -kInfinity})},
                                     {}}),
              ::testing::Each(std::numeric_limits<int64_t>::min()));
  EXPECT_THAT(
      RunReference<uint8_t>({ir::Cast{DType::kUInt8}, {Floats({257, -1})}, {}}),
      ElementsAre(1, 255));
  EXPECT_THAT(
      RunReference<uint64_t>(
          {ir::Cast{DType::kUInt64}, {Floats({9223372036854775808.f})}, {}}),
      ElementsAre(uint64_t{1} << 63));
}

TEST(ReferenceCastTest, BoolIsNotZero) {
  EXPECT_THAT(RunReference<bool>(
                  {ir::Cast{DType::kBool}, {Floats({0, -0.f, 0.1f})}, {}}),
              ElementsAre(false, false, true));
}

// Through a half type and back.
std::vector<float> RoundTrip(DType half, const std::vector<float>& values) {
  const absl::StatusOr<Tensor> narrow = RunSingleNode(
      *CreateReferenceBackend(), {ir::Cast{half}, {Floats(values)}, {}});
  if (!narrow.ok()) {
    ADD_FAILURE() << narrow.status();
    return {};
  }
  return RunReference<float>({ir::Cast{DType::kFloat32}, {*narrow}, {}});
}

TEST(ReferenceCastTest, Float16RoundsToNearestEven) {
  EXPECT_THAT(RoundTrip(DType::kFloat16, {1, -2.5f, 65504, 65519, 65520, kNan}),
              ElementsAre(1, -2.5, 65504, 65504, kInfinity, IsNan()));
  // 11 bits of significand: 2049 and 2051 are ties.
  EXPECT_THAT(RoundTrip(DType::kFloat16, {2049, 2051}),
              ElementsAre(2048, 2052));
  // The least subnormal, half of it, and what carries into a normal number.
  const float least = std::ldexp(1.f, -24);
  EXPECT_THAT(RoundTrip(DType::kFloat16,
                        {least, least / 2, least * 1.5f, least * 1023.75f}),
              ElementsAre(least, 0, 2 * least, 1024 * least));
}

TEST(ReferenceCastTest, BFloat16RoundsToNearestEven) {
  // 8 bits of significand: 257 and 259 are ties.
  EXPECT_THAT(RoundTrip(DType::kBFloat16, {257, 259, -kInfinity, kNan}),
              ElementsAre(256, 260, -kInfinity, IsNan()));
  EXPECT_THAT(RoundTrip(DType::kBFloat16, {std::numeric_limits<float>::max()}),
              ElementsAre(kInfinity));
}

TEST(ReferenceBackendTest, RefusesWithTheReason) {
  const Tensor x = TensorOf<int8_t>({2}, {1, 2});
  const absl::StatusOr<Tensor> result = RunSingleNode(
      *CreateReferenceBackend(), {ir::Unary{ir::UnaryKind::kSigmoid},
                                  {{x, ir::Quantization::PerTensor(1, 0)}},
                                  {}});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(result.status().message(),
              ::testing::HasSubstr("integers that stand for reals"));
}

}  // namespace
}  // namespace octet::reference
