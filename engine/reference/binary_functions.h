// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REFERENCE_BINARY_FUNCTIONS_H_
#define OCTET_ENGINE_REFERENCE_BINARY_FUNCTIONS_H_

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "engine/ir/op.h"
#include "engine/reference/integer_from_real.h"

// The kinds of ir::Binary on two numbers. README.md says what happens where
// ONNX leaves it open.
namespace octet::reference {

// Integers wrap around as two's complement does: T computed in an unsigned type
// at least as wide as int, where overflow is defined.
template <typename T, bool = std::is_integral_v<T>>
struct WrapType {
  using Type = T;
};
template <typename T>
struct WrapType<T, true> {
  using Type =
      std::conditional_t<sizeof(T) == sizeof(uint64_t), uint64_t, uint32_t>;
};
template <typename T>
using Wrap = typename WrapType<T>::Type;

template <typename T>
T Divide(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) return static_cast<T>(Wrap<T>{0} - static_cast<Wrap<T>>(a));
    }
  }
  return a / b;
}

// With the sign of the dividend.
template <typename T>
T Remainder(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) return 0;
    }
    return a % b;
  } else {
    return std::fmod(a, b);
  }
}

// With the sign of the divisor.
template <typename T>
T Modulo(T a, T b) {
  const T remainder = Remainder(a, b);
  return remainder != 0 && (remainder < 0) != (b < 0)
             ? static_cast<T>(remainder + b)
             : remainder;
}

template <typename T>
T IntegerPower(T a, bool negative, uint64_t exponent) {
  if (negative) {  // 1 / a^exponent, truncated
    if (a == 1) return 1;
    if (std::is_signed_v<T> && a == static_cast<T>(-1)) {
      return static_cast<T>(exponent % 2 == 0 ? 1 : -1);
    }
    return 0;
  }
  Wrap<T> result = 1;
  auto factor = static_cast<Wrap<T>>(a);
  for (; exponent != 0; exponent /= 2) {
    if (exponent % 2 != 0) result *= factor;
    factor *= factor;
  }
  return static_cast<T>(result);
}

template <typename T, typename Exponent>
T Power(T a, Exponent b) {
  if constexpr (std::is_integral_v<T> && std::is_integral_v<Exponent>) {
    const bool negative = b < 0;
    const auto bits = static_cast<uint64_t>(b);
    return IntegerPower(a, negative, negative ? uint64_t{0} - bits : bits);
  } else {
    const double power =
        std::pow(static_cast<double>(a), static_cast<double>(b));
    if constexpr (std::is_integral_v<T>) return IntegerFromReal<T>(power);
    return static_cast<T>(power);
  }
}

// NaN if either is one, as numpy has it.
template <typename T>
T Least(T a, T b) {
  return a != a ? a : (b != b || b < a) ? b : a;
}
template <typename T>
T Greatest(T a, T b) {
  return a != a ? a : (b != b || b > a) ? b : a;
}

// The kinds whose result has the type of the operands.
template <typename T>
T Apply(ir::BinaryKind kind, T a, T b) {
  const auto wrapped_a = static_cast<Wrap<T>>(a);
  const auto wrapped_b = static_cast<Wrap<T>>(b);
  switch (kind) {
    case ir::BinaryKind::kAdd:
      return static_cast<T>(wrapped_a + wrapped_b);
    case ir::BinaryKind::kSub:
      return static_cast<T>(wrapped_a - wrapped_b);
    case ir::BinaryKind::kMul:
      return static_cast<T>(wrapped_a * wrapped_b);
    case ir::BinaryKind::kDiv:
      return Divide(a, b);
    case ir::BinaryKind::kMin:
      return Least(a, b);
    case ir::BinaryKind::kMax:
      return Greatest(a, b);
    case ir::BinaryKind::kPow:
      return Power(a, b);
    case ir::BinaryKind::kMod:
      return Modulo(a, b);
    case ir::BinaryKind::kFmod:
      return Remainder(a, b);
    case ir::BinaryKind::kPrelu:
      return a < 0 ? static_cast<T>(wrapped_a * wrapped_b) : a;
    default:
      return T();
  }
}

// Bitwise kinds. Shifts by the width or more leave nothing.
template <typename T>
T ApplyToBits(ir::BinaryKind kind, T a, T b) {
  using Bits = std::make_unsigned_t<T>;
  const auto bits = static_cast<Bits>(a);
  const auto amount = static_cast<uint64_t>(b);
  const bool all = amount >= 8 * sizeof(T);
  switch (kind) {
    case ir::BinaryKind::kBitAnd:
      return static_cast<T>(a & b);
    case ir::BinaryKind::kBitOr:
      return static_cast<T>(a | b);
    case ir::BinaryKind::kBitXor:
      return static_cast<T>(a ^ b);
    case ir::BinaryKind::kShiftLeft:
      return all ? T() : static_cast<T>(static_cast<Wrap<T>>(bits) << amount);
    case ir::BinaryKind::kShiftRight:
      return all ? T() : static_cast<T>(bits >> amount);
    default:
      return T();
  }
}

// The kinds whose result is bool; And, Or and Xor are asked of bools alone.
template <typename T>
bool Holds(ir::BinaryKind kind, T a, T b) {
  switch (kind) {
    case ir::BinaryKind::kEqual:
      return a == b;
    case ir::BinaryKind::kLess:
      return a < b;
    case ir::BinaryKind::kLessOrEqual:
      return a <= b;
    case ir::BinaryKind::kGreater:
      return a > b;
    case ir::BinaryKind::kGreaterOrEqual:
      return a >= b;
    case ir::BinaryKind::kAnd:
      return a && b;
    case ir::BinaryKind::kOr:
      return a || b;
    case ir::BinaryKind::kXor:
      return a != b;
    default:
      return false;
  }
}

}  // namespace octet::reference

#endif  // OCTET_ENGINE_REFERENCE_BINARY_FUNCTIONS_H_
