// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/typed_rows.h"

#include <cstring>
#include <limits>
#include <type_traits>

namespace octet::simd::internal {
namespace {

using Kind = ir::BinaryKind;

// Integers wrap around: computed in the unsigned twin, where that is defined.
template <typename T, bool = std::is_integral_v<T>>
struct WrapType {
  using Type = T;
};
template <typename T>
struct WrapType<T, true> {
  using Type = std::make_unsigned_t<T>;
};

template <typename T, Kind kKind>
inline auto Apply(T a, T b) {
  using Wrap = typename WrapType<T>::Type;
  const auto u = static_cast<Wrap>(a);
  const auto v = static_cast<Wrap>(b);
  if constexpr (kKind == Kind::kAdd) return static_cast<T>(u + v);
  if constexpr (kKind == Kind::kSub) return static_cast<T>(u - v);
  if constexpr (kKind == Kind::kMul) return static_cast<T>(u * v);
  // NaN if either is one.
  if constexpr (kKind == Kind::kMin) {
    return a != a ? a : (b != b || b < a) ? b : a;
  }
  if constexpr (kKind == Kind::kMax) {
    return a != a ? a : (b != b || b > a) ? b : a;
  }
  if constexpr (kKind == Kind::kEqual) return static_cast<uint8_t>(a == b);
  if constexpr (kKind == Kind::kLess) return static_cast<uint8_t>(a < b);
  if constexpr (kKind == Kind::kLessOrEqual) {
    return static_cast<uint8_t>(a <= b);
  }
  if constexpr (kKind == Kind::kGreater) return static_cast<uint8_t>(a > b);
  if constexpr (kKind == Kind::kGreaterOrEqual) {
    return static_cast<uint8_t>(a >= b);
  }
  if constexpr (kKind == Kind::kAnd) return static_cast<uint8_t>(a & b);
  if constexpr (kKind == Kind::kOr) return static_cast<uint8_t>(a | b);
  if constexpr (kKind == Kind::kXor) return static_cast<uint8_t>(a ^ b);
}

template <typename T, Kind kKind, Repeated kRepeated>
void BinaryRowOf(const void* a, const void* b, void* y, int64_t n) {
  const auto* from_a = static_cast<const T*>(a);
  const auto* from_b = static_cast<const T*>(b);
  auto* to = static_cast<decltype(Apply<T, kKind>(T(), T()))*>(y);
  const T first_a = from_a[0];
  const T first_b = from_b[0];
  for (int64_t i = 0; i < n; ++i) {
    to[i] = Apply<T, kKind>(kRepeated == Repeated::kA ? first_a : from_a[i],
                            kRepeated == Repeated::kB ? first_b : from_b[i]);
  }
}

template <typename T, Kind kKind>
TypedRow ForRepeated(Repeated repeated) {
  switch (repeated) {
    case Repeated::kNone:
      return BinaryRowOf<T, kKind, Repeated::kNone>;
    case Repeated::kA:
      return BinaryRowOf<T, kKind, Repeated::kA>;
    case Repeated::kB:
      return BinaryRowOf<T, kKind, Repeated::kB>;
  }
  return nullptr;
}

template <typename T>
TypedRow ArithmeticRow(Kind kind, Repeated repeated) {
  switch (kind) {
    case Kind::kAdd:
      return ForRepeated<T, Kind::kAdd>(repeated);
    case Kind::kSub:
      return ForRepeated<T, Kind::kSub>(repeated);
    case Kind::kMul:
      return ForRepeated<T, Kind::kMul>(repeated);
    case Kind::kMin:
      return ForRepeated<T, Kind::kMin>(repeated);
    case Kind::kMax:
      return ForRepeated<T, Kind::kMax>(repeated);
    default:
      return nullptr;
  }
}

template <typename T>
TypedRow ComparisonRow(Kind kind, Repeated repeated) {
  switch (kind) {
    case Kind::kEqual:
      return ForRepeated<T, Kind::kEqual>(repeated);
    case Kind::kLess:
      return ForRepeated<T, Kind::kLess>(repeated);
    case Kind::kLessOrEqual:
      return ForRepeated<T, Kind::kLessOrEqual>(repeated);
    case Kind::kGreater:
      return ForRepeated<T, Kind::kGreater>(repeated);
    case Kind::kGreaterOrEqual:
      return ForRepeated<T, Kind::kGreaterOrEqual>(repeated);
    default:
      return nullptr;
  }
}

// Of bools, which are 0 or 1.
TypedRow LogicRow(Kind kind, Repeated repeated) {
  switch (kind) {
    case Kind::kEqual:
      return ForRepeated<uint8_t, Kind::kEqual>(repeated);
    case Kind::kAnd:
      return ForRepeated<uint8_t, Kind::kAnd>(repeated);
    case Kind::kOr:
      return ForRepeated<uint8_t, Kind::kOr>(repeated);
    case Kind::kXor:
      return ForRepeated<uint8_t, Kind::kXor>(repeated);
    default:
      return nullptr;
  }
}

template <typename T>
void Choose(const WhereRow& row) {
  const auto* a = static_cast<const T*>(row.a);
  const auto* b = static_cast<const T*>(row.b);
  auto* y = static_cast<T*>(row.y);
  if (row.condition_repeats) {
    const T* from = row.condition[0] != 0 ? a : b;
    const bool repeats = row.condition[0] != 0 ? row.a_repeats : row.b_repeats;
    for (int64_t i = 0; i < row.n; ++i) y[i] = from[repeats ? 0 : i];
    return;
  }
  const int64_t a_step = row.a_repeats ? 0 : 1;
  const int64_t b_step = row.b_repeats ? 0 : 1;
  for (int64_t i = 0; i < row.n; ++i) {
    y[i] = row.condition[i] != 0 ? a[i * a_step] : b[i * b_step];
  }
}

template <typename To, typename From>
inline To Convert(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != 0;
  } else if constexpr (std::is_floating_point_v<From> &&
                       std::is_integral_v<To>) {
    constexpr From kTwo63 = From{9223372036854775808.0};
    const bool fits = value >= -kTwo63 && value < kTwo63;
    return static_cast<To>(fits ? static_cast<int64_t>(value)
                                : std::numeric_limits<int64_t>::min());
  } else {
    return static_cast<To>(value);
  }
}

template <typename From, typename To>
void CastRowOf(const void* x, void* y, int64_t n) {
  const auto* from = static_cast<const From*>(x);
  auto* to = static_cast<To*>(y);
  for (int64_t i = 0; i < n; ++i) to[i] = Convert<To>(from[i]);
}

// `visit(T())` for the C++ type of `dtype`, null where there is none.
template <typename Visit>
CastRow ForCastType(DType dtype, Visit visit) {
  switch (dtype) {
    case DType::kFloat32:
      return visit(float());
    case DType::kFloat64:
      return visit(double());
    case DType::kBool:
      return visit(bool());
    case DType::kInt8:
      return visit(int8_t());
    case DType::kUInt8:
      return visit(uint8_t());
    case DType::kInt32:
      return visit(int32_t());
    case DType::kInt64:
      return visit(int64_t());
    default:
      return nullptr;
  }
}

}  // namespace

TypedRow TypedBinaryRow(Kind kind, DType dtype, Repeated repeated) {
  const auto arithmetic_or = [&](auto type) {
    using T = decltype(type);
    const TypedRow row = ArithmeticRow<T>(kind, repeated);
    return row != nullptr ? row : ComparisonRow<T>(kind, repeated);
  };
  switch (dtype) {
    case DType::kFloat64:
      return arithmetic_or(double());
    case DType::kInt32:
      return arithmetic_or(int32_t());
    case DType::kInt64:
      return arithmetic_or(int64_t());
    case DType::kFloat32:
      return ComparisonRow<float>(kind, repeated);
    case DType::kInt8:
      return ComparisonRow<int8_t>(kind, repeated);
    case DType::kUInt8:
      return ComparisonRow<uint8_t>(kind, repeated);
    case DType::kBool:
      return LogicRow(kind, repeated);
    default:
      return nullptr;
  }
}

void ChooseRow(const WhereRow& row, size_t element_bytes) {
  switch (element_bytes) {
    case 1:
      return Choose<uint8_t>(row);
    case 2:
      return Choose<uint16_t>(row);
    case 4:
      return Choose<uint32_t>(row);
    default:
      return Choose<uint64_t>(row);
  }
}

CastRow CastRowFor(DType from, DType to) {
  return ForCastType(from, [&](auto x) {
    return ForCastType(to, [&](auto y) -> CastRow {
      return CastRowOf<decltype(x), decltype(y)>;
    });
  });
}

}  // namespace octet::simd::internal
