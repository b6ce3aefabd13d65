// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "engine/base/status_macros.h"
#include "engine/reference/element_loop.h"
#include "engine/reference/integer_from_real.h"
#include "engine/reference/steps.h"

namespace octet::reference {
namespace {

// log(1 + exp(x)) without overflow.
double Softplus(double x) {
  return std::log1p(std::exp(-std::fabs(x))) + std::max(x, 0.0);
}

double Shrink(const ir::Unary& op, double x) {
  return x < -op.alpha ? x + op.beta : x > op.alpha ? x - op.beta : 0;
}

// Its tanh approximation: x * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
double GeluTanh(double x) {
  constexpr double kSqrtTwoOverPi = 0.79788456080286535588;
  return 0.5 * x * (1 + std::tanh(kSqrtTwoOverPi * (x + 0.044715 * x * x * x)));
}

double Activate(const ir::Unary& op, double x) {
  switch (op.kind) {
    case ir::UnaryKind::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case ir::UnaryKind::kSoftplus:
      return Softplus(x);
    case ir::UnaryKind::kSoftsign:
      return x / (1 + std::fabs(x));
    case ir::UnaryKind::kMish:
      return x * std::tanh(Softplus(x));
    case ir::UnaryKind::kHardSwish:
      return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case ir::UnaryKind::kSwish:
      return x / (1 + std::exp(-op.alpha * x));
    case ir::UnaryKind::kGelu:
      // 1 + erf(t) = erfc(-t), which keeps its digits for negative t.
      return 0.5 * x * std::erfc(-x * 0.70710678118654752440);
    case ir::UnaryKind::kGeluTanh:
      return GeluTanh(x);
    case ir::UnaryKind::kLeakyRelu:
      return x < 0 ? op.alpha * x : x;
    case ir::UnaryKind::kElu:
      return x < 0 ? op.alpha * std::expm1(x) : x;
    case ir::UnaryKind::kCelu:
      return x > 0 ? x : op.alpha * std::expm1(x / op.alpha);
    case ir::UnaryKind::kSelu:
      return x > 0 ? op.beta * x
                   : static_cast<double>(op.beta) * op.alpha * std::expm1(x);
    case ir::UnaryKind::kThresholdedRelu:
      return x > op.alpha ? x : 0;
    case ir::UnaryKind::kHardSigmoid:
      return std::clamp(op.alpha * x + op.beta, 0.0, 1.0);
    case ir::UnaryKind::kShrink:
      return Shrink(op, x);
    default:
      return 0;
  }
}

double Apply(const ir::Unary& op, double x) {
  switch (op.kind) {
    case ir::UnaryKind::kAbs:
      return std::fabs(x);
    case ir::UnaryKind::kNeg:
      return -x;
    case ir::UnaryKind::kExp:
      return std::exp(x);
    case ir::UnaryKind::kLog:
      return std::log(x);
    case ir::UnaryKind::kSqrt:
      return std::sqrt(x);
    case ir::UnaryKind::kReciprocal:
      return 1 / x;
    case ir::UnaryKind::kFloor:
      return std::floor(x);
    case ir::UnaryKind::kCeil:
      return std::ceil(x);
    case ir::UnaryKind::kRound:
      return std::nearbyint(x);
    case ir::UnaryKind::kSign:
      return x > 0 ? 1 : x < 0 ? -1 : x;
    case ir::UnaryKind::kErf:
      return std::erf(x);
    case ir::UnaryKind::kSin:
      return std::sin(x);
    case ir::UnaryKind::kCos:
      return std::cos(x);
    case ir::UnaryKind::kTan:
      return std::tan(x);
    case ir::UnaryKind::kAsin:
      return std::asin(x);
    case ir::UnaryKind::kAcos:
      return std::acos(x);
    case ir::UnaryKind::kAtan:
      return std::atan(x);
    case ir::UnaryKind::kSinh:
      return std::sinh(x);
    case ir::UnaryKind::kCosh:
      return std::cosh(x);
    case ir::UnaryKind::kAsinh:
      return std::asinh(x);
    case ir::UnaryKind::kAcosh:
      return std::acosh(x);
    case ir::UnaryKind::kAtanh:
      return std::atanh(x);
    case ir::UnaryKind::kTanh:
      return std::tanh(x);
    default:
      return Activate(op, x);
  }
}

// Abs, Neg, Sign, Shrink and BitNot of integers; the least integer negated
// stays itself.
template <typename T>
T ApplyToInteger(const ir::Unary& op, T x) {
  using Unsigned = std::make_unsigned_t<T>;
  const T negated = static_cast<T>(Unsigned{0} - static_cast<Unsigned>(x));
  switch (op.kind) {
    case ir::UnaryKind::kNeg:
      return negated;
    case ir::UnaryKind::kAbs:
      return x < 0 ? negated : x;
    case ir::UnaryKind::kSign:
      return x > 0 ? 1 : x < 0 ? -1 : 0;
    case ir::UnaryKind::kShrink:
      return IntegerFromReal<T>(Shrink(op, static_cast<double>(x)));
    default:
      return static_cast<T>(~x);
  }
}

template <typename T>
bool Holds(const ir::Unary& op, T x) {
  if constexpr (!std::is_same_v<T, bool>) {
    if (op.kind == ir::UnaryKind::kIsNan) return std::isnan(x);
    if (op.kind == ir::UnaryKind::kIsInf) {
      return std::isinf(x) && (x < 0 ? op.alpha != 0 : op.beta != 0);
    }
  }
  return x == T{};  // Not
}

// The step y = compute(x).
template <typename Y, typename X, typename Compute>
StepPtr MakeMap(const NodeTypes& node, Compute compute) {
  return MakeElementLoop(
      node, [compute](const LoopMemory& memory, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          memory.out<Y>()[i] = compute(memory.in<X>(0)[i]);
        }
      });
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Unary& op, const NodeTypes& node) {
  const DType dtype = node.input(0).dtype;
  if (node.input(0).quantization || node.output().quantization) {
    return node.Unsupported("integers that stand for reals");
  }
  if (ir::GivesBool(op.kind)) {
    return ForType<float, double, bool>(node, dtype, [&](auto type) {
      using T = decltype(type);
      return MakeMap<bool, T>(node, [op](T x) { return Holds(op, x); });
    });
  }
  if (!IsFloat(dtype)) {
    return ForType<int8_t, uint8_t, int16_t, uint16_t, int32_t, uint32_t,
                   int64_t, uint64_t>(node, dtype, [&](auto type) {
      using T = decltype(type);
      return MakeMap<T, T>(node, [op](T x) { return ApplyToInteger(op, x); });
    });
  }
  return ForType<float, double>(node, dtype, [&](auto type) {
    using T = decltype(type);
    return MakeMap<T, T>(node,
                         [op](T x) { return static_cast<T>(Apply(op, x)); });
  });
}

}  // namespace octet::reference
