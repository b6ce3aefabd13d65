// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_FLOAT_ELEMENTWISE_H_
#define OCTET_ENGINE_SIMD_FLOAT_ELEMENTWISE_H_

#include <cstdint>

#include "engine/simd/float_kernels.h"
#include "engine/simd/float_math.h"

// The rows of FloatKernels over any V of float_math.h.
namespace octet::simd::internal {

// NaN stays NaN.
template <class V>
OCTET_FLOAT_INLINE typename V::F Limit(typename V::F v, typename V::F lower,
                                       typename V::F upper) {
  v = v < lower ? lower : v;
  return v > upper ? upper : v;
}

template <class V, ir::UnaryKind kKind>
OCTET_FLOAT_INLINE typename V::F ApplyUnary(typename V::F x,
                                            const FloatParams& p) {
  using F = typename V::F;
  using K = ir::UnaryKind;
  const F zero = {};
  const F one = Set<V>(1.0f);
  if constexpr (kKind == K::kAbs) return Abs<V>(x);
  if constexpr (kKind == K::kNeg) return -x;
  if constexpr (kKind == K::kExp) return Exp<V>(x);
  if constexpr (kKind == K::kLog) return Log<V>(x);
  if constexpr (kKind == K::kSqrt) return V::Sqrt(x);
  if constexpr (kKind == K::kReciprocal) return one / x;
  if constexpr (kKind == K::kFloor) return V::Floor(x);
  if constexpr (kKind == K::kCeil) return V::Ceil(x);
  if constexpr (kKind == K::kRound) return V::Round(x);
  if constexpr (kKind == K::kSign) return x > zero ? one : x < zero ? -one : x;
  if constexpr (kKind == K::kErf) return Erf<V>(x);
  if constexpr (kKind == K::kSigmoid) return Sigmoid<V>(x);
  if constexpr (kKind == K::kTanh) return Tanh<V>(x);
  if constexpr (kKind == K::kSoftplus) return Softplus<V>(x);
  if constexpr (kKind == K::kSoftsign) return x / (one + Abs<V>(x));
  if constexpr (kKind == K::kMish) return Mish<V>(x);
  // x * clamp(x / 6 + 1 / 2, 0, 1), exact around -3.
  if constexpr (kKind == K::kHardSwish) {
    return x * (Limit<V>(x + 3.0f, zero, Set<V>(6.0f)) / 6.0f);
  }
  if constexpr (kKind == K::kLeakyRelu) return x < zero ? p.alpha * x : x;
  if constexpr (kKind == K::kElu) {
    return x < zero ? p.alpha * ExpMinusOne<V>(x < zero ? x : zero) : x;
  }
  if constexpr (kKind == K::kCelu) {
    const F below = p.alpha * ExpMinusOne<V>((x < zero ? x : zero) / p.alpha);
    return x < zero ? below : x;
  }
  if constexpr (kKind == K::kSelu) {
    const float scale = p.beta * p.alpha;
    return x > zero ? p.beta * x : scale * ExpMinusOne<V>(x);
  }
  if constexpr (kKind == K::kSwish) return x * Sigmoid<V>(p.alpha * x);
  if constexpr (kKind == K::kGelu) return Gelu<V>(x);
  if constexpr (kKind == K::kGeluTanh) return GeluTanh<V>(x);
  if constexpr (kKind == K::kThresholdedRelu) return x > p.alpha ? x : zero;
  if constexpr (kKind == K::kShrink) {
    return x < -p.alpha ? x + p.beta : x > p.alpha ? x - p.beta : zero;
  }
  if constexpr (kKind == K::kHardSigmoid) {
    return Limit<V>(V::MulAddOnce(x, Set<V>(p.alpha), Set<V>(p.beta)), zero,
                    one);
  }
}

// y = function(x), vector by vector; the last one may be part of one, which is
// computed like the others.
template <class V, class Function>
OCTET_FLOAT_INLINE void MapRow(const float* x, float* y, int64_t n,
                               Function function) {
  int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) {
    V::Store(function(V::Load(x + i)), y + i);
  }
  if (i < n) V::StorePart(function(V::LoadPart(x + i, n - i)), y + i, n - i);
}

template <class V, ir::UnaryKind kKind>
void UnaryRowOf(const float* x, float* y, int64_t n, const FloatParams& p) {
  const FloatParams params = p;
  MapRow<V>(
      x, y, n, [&](typename V::F v) __attribute__((always_inline)) {
        return ApplyUnary<V, kKind>(v, params);
      });
}

template <class V>
void ClampRow(const float* x, float* y, int64_t n, const FloatParams& p) {
  const typename V::F lower = Set<V>(p.lower);
  const typename V::F upper = Set<V>(p.upper);
  MapRow<V>(
      x, y, n, [&](typename V::F v) __attribute__((always_inline)) {
        return Limit<V>(v, lower, upper);
      });
}

template <class V>
UnaryRow UnaryRowFor(ir::UnaryKind kind) {
#define OCTET_UNARY_ROW(name) \
  case ir::UnaryKind::name:   \
    return UnaryRowOf<V, ir::UnaryKind::name>
  switch (kind) {
    OCTET_UNARY_ROW(kAbs);
    OCTET_UNARY_ROW(kNeg);
    OCTET_UNARY_ROW(kExp);
    OCTET_UNARY_ROW(kLog);
    OCTET_UNARY_ROW(kSqrt);
    OCTET_UNARY_ROW(kReciprocal);
    OCTET_UNARY_ROW(kFloor);
    OCTET_UNARY_ROW(kCeil);
    OCTET_UNARY_ROW(kRound);
    OCTET_UNARY_ROW(kSign);
    OCTET_UNARY_ROW(kErf);
    OCTET_UNARY_ROW(kSigmoid);
    OCTET_UNARY_ROW(kTanh);
    OCTET_UNARY_ROW(kSoftplus);
    OCTET_UNARY_ROW(kSoftsign);
    OCTET_UNARY_ROW(kMish);
    OCTET_UNARY_ROW(kHardSwish);
    OCTET_UNARY_ROW(kLeakyRelu);
    OCTET_UNARY_ROW(kElu);
    OCTET_UNARY_ROW(kCelu);
    OCTET_UNARY_ROW(kSelu);
    OCTET_UNARY_ROW(kSwish);
    OCTET_UNARY_ROW(kGelu);
    OCTET_UNARY_ROW(kGeluTanh);
    OCTET_UNARY_ROW(kThresholdedRelu);
    OCTET_UNARY_ROW(kShrink);
    OCTET_UNARY_ROW(kHardSigmoid);
    default:
      return nullptr;
  }
#undef OCTET_UNARY_ROW
}

template <class V, ir::BinaryKind kKind>
OCTET_FLOAT_INLINE typename V::F ApplyBinary(typename V::F a, typename V::F b) {
  using K = ir::BinaryKind;
  if constexpr (kKind == K::kAdd) return a + b;
  if constexpr (kKind == K::kSub) return a - b;
  if constexpr (kKind == K::kMul) return a * b;
  if constexpr (kKind == K::kDiv) return a / b;
  if constexpr (kKind == K::kPrelu) {
    return a < typename V::F{} ? a * b : a;
  }
  // NaN if either is one.
  if constexpr (kKind == K::kMin || kKind == K::kMax) {
    typename V::F v;
    if constexpr (kKind == K::kMin) v = b < a ? b : a;
    if constexpr (kKind == K::kMax) v = b > a ? b : a;
    v = b == b ? v : b;
    return a == a ? v : a;
  }
}

// y = function(a, b) as MapRow() does.
template <class V, Repeated kRepeated, class Function>
OCTET_FLOAT_INLINE void CombineRow(const float* a, const float* b, float* y,
                                   int64_t n, Function function) {
  const typename V::F all_a = Set<V>(a[0]);
  const typename V::F all_b = Set<V>(b[0]);
  int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) {
    V::Store(function(kRepeated == Repeated::kA ? all_a : V::Load(a + i),
                      kRepeated == Repeated::kB ? all_b : V::Load(b + i)),
             y + i);
  }
  const int64_t left = n - i;
  if (left == 0) return;
  V::StorePart(
      function(kRepeated == Repeated::kA ? all_a : V::LoadPart(a + i, left),
               kRepeated == Repeated::kB ? all_b : V::LoadPart(b + i, left)),
      y + i, left);
}

template <class V, ir::BinaryKind kKind, Repeated kRepeated>
void BinaryRowOf(const float* a, const float* b, float* y, int64_t n,
                 const FloatParams& p) {
  using F = typename V::F;
  const F lower = Set<V>(p.lower);
  const F upper = Set<V>(p.upper);
  CombineRow<V, kRepeated>(
      a, b, y, n, [&](F u, F v) __attribute__((always_inline)) {
        return Limit<V>(ApplyBinary<V, kKind>(u, v), lower, upper);
      });
}

// The square root as pow() has it: +0 of -0, infinity of -infinity.
template <class V>
OCTET_FLOAT_INLINE typename V::F PowHalf(typename V::F x) {
  constexpr float kInfinity = __builtin_inff();
  return x == -kInfinity ? Set<V>(kInfinity) : V::Sqrt(x + 0.0f);
}

// a^exponent where that takes a few multiplications; false elsewhere.
template <class V>
bool SimplePowRow(const float* a, float exponent, float* y, int64_t n,
                  const FloatParams& p) {
  using F = typename V::F;
  const F lower = Set<V>(p.lower);
  const F upper = Set<V>(p.upper);
  const auto map = [&](auto function) __attribute__((always_inline)) {
    MapRow<V>(
        a, y, n, [&](F x) __attribute__((always_inline)) {
          return Limit<V>(function(x), lower, upper);
        });
    return true;
  };
  if (exponent == 2.0f) return map([](F x) { return x * x; });
  if (exponent == 3.0f) return map([](F x) { return x * x * x; });
  if (exponent == 1.0f) return map([](F x) { return x; });
  if (exponent == -1.0f) return map([](F x) { return 1.0f / x; });
  if (exponent == 0.5f) return map([](F x) { return PowHalf<V>(x); });
  if (exponent == -0.5f) return map([](F x) { return 1.0f / PowHalf<V>(x); });
  return false;
}

template <class V, Repeated kRepeated>
void PowRow(const float* a, const float* b, float* y, int64_t n,
            const FloatParams& p) {
  if (kRepeated == Repeated::kB && SimplePowRow<V>(a, b[0], y, n, p)) return;
  for (int64_t i = 0; i < n; ++i) {
    const double base = a[kRepeated == Repeated::kA ? 0 : i];
    const double exponent = b[kRepeated == Repeated::kB ? 0 : i];
    y[i] = static_cast<float>(__builtin_pow(base, exponent));
  }
  ClampRow<V>(y, y, n, p);
}

template <class V, ir::BinaryKind kKind>
BinaryRow BinaryRowFor(Repeated repeated) {
  switch (repeated) {
    case Repeated::kNone:
      return BinaryRowOf<V, kKind, Repeated::kNone>;
    case Repeated::kA:
      return BinaryRowOf<V, kKind, Repeated::kA>;
    case Repeated::kB:
      return BinaryRowOf<V, kKind, Repeated::kB>;
  }
  return nullptr;
}

template <class V>
BinaryRow BinaryRowFor(ir::BinaryKind kind, Repeated repeated) {
  using K = ir::BinaryKind;
  switch (kind) {
    case K::kAdd:
      return BinaryRowFor<V, K::kAdd>(repeated);
    case K::kSub:
      return BinaryRowFor<V, K::kSub>(repeated);
    case K::kMul:
      return BinaryRowFor<V, K::kMul>(repeated);
    case K::kDiv:
      return BinaryRowFor<V, K::kDiv>(repeated);
    case K::kMin:
      return BinaryRowFor<V, K::kMin>(repeated);
    case K::kMax:
      return BinaryRowFor<V, K::kMax>(repeated);
    case K::kPrelu:
      return BinaryRowFor<V, K::kPrelu>(repeated);
    case K::kPow:
      return repeated == Repeated::kA   ? PowRow<V, Repeated::kA>
             : repeated == Repeated::kB ? PowRow<V, Repeated::kB>
                                        : PowRow<V, Repeated::kNone>;
    default:
      return nullptr;
  }
}

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_FLOAT_ELEMENTWISE_H_
