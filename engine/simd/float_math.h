// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_FLOAT_MATH_H_
#define OCTET_ENGINE_SIMD_FLOAT_MATH_H_

#include <cstdint>

// Functions of a vector of floats, written once for all instruction sets. V is
// one of the structs in floats_*.h, which lie in unnamed namespaces, so that
// every instance belongs to one file (kernels_avx2.h says why). V has
//   F, I, kLanes               float and int32 vectors and their length
//   Load, LoadPart, Store, StorePart
//   LoadLanes(p, begin, end)   p[i] in lanes i of [begin, end), nothing else
//                              read, 0 elsewhere; 0 <= begin < end <= kLanes
//   MulAdd(a, b, c)            a * b + c, fused where that is an instruction
//   MulAddOnce(a, b, c)        the same, correctly rounded but for rare ties
//   Sqrt, Round (half to even), Floor, Ceil, ToInt, FromInt
//   D, L, kDoubles             double and int64 vectors of the same size
//   LoadDoubles                as many floats as doubles
//
// Errors against the exact result are at most 4 units in the last place, over
// all floats; NaN gives NaN and infinities the limits. Where a function says
// otherwise, it is because a factor before it was rounded.
//
// Polynomials: minimax fits of our own in the relative (erfc: absolute) error,
// by iteratively reweighted least squares in 40 digits, then rounded to float.
namespace octet::simd::internal {

#define OCTET_FLOAT_INLINE inline __attribute__((always_inline))

template <class V>
OCTET_FLOAT_INLINE typename V::F Set(float value) {
  return typename V::F{} + value;
}

template <class V>
OCTET_FLOAT_INLINE typename V::F Abs(typename V::F x) {
  return reinterpret_cast<typename V::F>(reinterpret_cast<typename V::I>(x) &
                                         0x7fffffff);
}

// |magnitude| with the sign of `sign`.
template <class V>
OCTET_FLOAT_INLINE typename V::F CopySign(typename V::F magnitude,
                                          typename V::F sign) {
  using I = typename V::I;
  constexpr int32_t kMagnitude = 0x7fffffff;
  return reinterpret_cast<typename V::F>(
      (reinterpret_cast<I>(magnitude) & kMagnitude) |
      (reinterpret_cast<I>(sign) & ~kMagnitude));
}

// c[0] + x * (c[1] + x * (c[2] + ...)).
template <class V, int kCount>
OCTET_FLOAT_INLINE typename V::F Polynomial(typename V::F x,
                                            const float (&c)[kCount]) {
  typename V::F sum = Set<V>(c[kCount - 1]);
#pragma GCC unroll 16
  for (int i = kCount - 2; i >= 0; --i) sum = V::MulAdd(sum, x, Set<V>(c[i]));
  return sum;
}

// 2^n for whole n of [-126, 127].
template <class V>
OCTET_FLOAT_INLINE typename V::F PowerOfTwo(typename V::I n) {
  return reinterpret_cast<typename V::F>((n + 127) << 23);
}

inline constexpr float kLog2E = 1.44269504f;
// ln 2 in two parts; whole numbers up to 2^13 times the high one are exact.
inline constexpr float kLn2High = 0.693359375f;
inline constexpr float kLn2Low = -2.12194440e-4f;

// x = n ln 2 + rest, |rest| <= ln 2 / 2.
template <class V>
struct ExpArgument {
  typename V::F n;
  typename V::F rest;

  OCTET_FLOAT_INLINE explicit ExpArgument(typename V::F x) {
    n = V::Round(x * kLog2E);
    rest = V::MulAdd(n, Set<V>(-kLn2High), x);
    rest = V::MulAdd(n, Set<V>(-kLn2Low), rest);
  }
};

template <class V>
OCTET_FLOAT_INLINE typename V::F Exp(typename V::F x) {
  // Beyond these, infinity and 0 are the nearest floats.
  x = x > 89.0f ? Set<V>(89.0f) : x;
  x = x < -104.0f ? Set<V>(-104.0f) : x;
  const ExpArgument<V> a(x);
  const typename V::F q =
      Polynomial<V>(a.rest, {0.49999994f, 0.166665211f, 0.041668389f,
                             0.00836871658f, 0.00138145988f});
  const typename V::F power = V::MulAdd(q, a.rest * a.rest, a.rest) + 1.0f;
  // In two steps, for n reaches beyond the exponents on both sides.
  const typename V::I n = V::ToInt(a.n);
  const typename V::I half = n >> 1;
  return power * PowerOfTwo<V>(half) * PowerOfTwo<V>(n - half);
}

// exp(x) - 1 for x <= 0.
template <class V>
OCTET_FLOAT_INLINE typename V::F ExpMinusOne(typename V::F x) {
  x = x < -30.0f ? Set<V>(-30.0f) : x;  // -1 from there on
  const ExpArgument<V> a(x);
  const typename V::F q =
      Polynomial<V>(a.rest, {0.5f, 0.166666657f, 0.0416663624f, 0.00833338965f,
                             0.00139406277f, 0.000198458773f});
  const typename V::F rest = V::MulAdd(q, a.rest * a.rest, a.rest);
  const typename V::F power = PowerOfTwo<V>(V::ToInt(a.n));
  return V::MulAdd(power, rest, power - 1.0f);
}

// log(1 + f) - f for f of [sqrt(1/2) - 1, sqrt(2) - 1].
template <class V>
OCTET_FLOAT_INLINE typename V::F LogRest(typename V::F f) {
  const typename V::F square = f * f;
  const typename V::F p =
      Polynomial<V>(f, {0.333333135f, -0.250000089f, 0.200021341f,
                        -0.166680068f, 0.142192245f, -0.124051355f,
                        0.118903242f, -0.116796531f, 0.0674659684f});
  return V::MulAdd(square, Set<V>(-0.5f), f * square * p);
}

template <class V>
OCTET_FLOAT_INLINE typename V::F Log(typename V::F x) {
  using F = typename V::F;
  using I = typename V::I;
  constexpr float kInfinity = __builtin_inff();
  constexpr int32_t kSqrtHalfBits = 0x3f3504f3;
  const auto subnormal = x < 1.17549435e-38f;
  // 2^25 times; without the sign, so that nothing below can overflow.
  const I bits = reinterpret_cast<I>(
      Abs<V>(static_cast<F>(subnormal ? x * 33554432.0f : x)));
  // x = 2^e * (1 + f)
  const I e = (bits - kSqrtHalfBits) >> 23;
  const F f = reinterpret_cast<F>(bits - (e << 23)) - 1.0f;
  F n = V::FromInt(e);
  n = subnormal ? n - 25.0f : n;
  const F rest = V::MulAdd(n, Set<V>(kLn2Low), LogRest<V>(f));
  F log = V::MulAdd(n, Set<V>(kLn2High), f + rest);
  log = x < kInfinity ? log : x;  // and NaN
  log = x == 0.0f ? Set<V>(-kInfinity) : log;
  return x < 0.0f ? Set<V>(__builtin_nanf("")) : log;
}

// log(1 + x) for x of [0, 1].
template <class V>
OCTET_FLOAT_INLINE typename V::F LogOfOneAnd(typename V::F x) {
  const auto upper = x > 0.41421356f;
  // (1 + x) / 2 = 1 + (x - 1) / 2
  const typename V::F f = upper ? (x - 1.0f) * 0.5f : x;
  const typename V::F rest = LogRest<V>(f);
  const typename V::F halved = (f + (rest + kLn2Low)) + kLn2High;
  return upper ? halved : f + rest;
}

// 1 / sqrt(x) for normal x above 0: Newton's method from a guess that is 3.5 %
// off at most, by the exponent halved.
template <class V>
OCTET_FLOAT_INLINE typename V::F InverseSqrt(typename V::F x) {
  using F = typename V::F;
  using I = typename V::I;
  F y = reinterpret_cast<F>(0x5f3759df - (reinterpret_cast<I>(x) >> 1));
  const F half = x * -0.5f;
#pragma GCC unroll 3
  for (int i = 0; i < 3; ++i) {
    y *= V::MulAdd(half * y, y, Set<V>(1.5f));
  }
  return y;
}

template <class V>
OCTET_FLOAT_INLINE typename V::F Tanh(typename V::F x) {
  using F = typename V::F;
  const F magnitude = Abs<V>(x);
  const F square = x * x;
  const F p =
      Polynomial<V>(square, {-0.333332807f, 0.133314416f, -0.0537397154f,
                             0.0206390861f, -0.0057049864f});
  const F near = V::MulAdd(x * square, p, x);
  const F far = 1.0f - 2.0f / (Exp<V>(magnitude + magnitude) + 1.0f);
  return magnitude < 0.625f ? near : CopySign<V>(far, x);
}

template <class V>
OCTET_FLOAT_INLINE typename V::F Sigmoid(typename V::F x) {
  const typename V::F power = Exp<V>(-Abs<V>(x));
  return (x < 0.0f ? power : Set<V>(1.0f)) / (power + 1.0f);
}

template <class V>
OCTET_FLOAT_INLINE typename V::F Erf(typename V::F x) {
  using F = typename V::F;
  const F magnitude = Abs<V>(x);
  const F p = Polynomial<V>(
      x * x, {0.128379166f, -0.37612626f, 0.112835854f, -0.0268538129f,
              0.00518832775f, -0.000801019371f, 7.85386073e-05f});
  const F near = V::MulAdd(x, p, x);
  // 1 - erfc, erfc = exp(-g); 1 from 4 on.
  const F g =
      Polynomial<V>(magnitude > 4.0f ? Set<V>(4.0f) : magnitude,
                    {0.000341522304f, 1.12708914f, 0.638144851f, 0.103106759f,
                     -0.0218380671f, 0.002947659f, -0.000186379257f});
  const F far = 1.0f - Exp<V>(-g);
  return magnitude < 1.0f ? near : CopySign<V>(far, x);
}

template <class V>
OCTET_FLOAT_INLINE typename V::F Softplus(typename V::F x) {
  const typename V::F positive = x < 0.0f ? Set<V>(0.0f) : x;
  return positive + LogOfOneAnd<V>(Exp<V>(-Abs<V>(x)));
}

// x tanh(softplus(x)): with w = exp(x), tanh(log(1 + w)) = n / (n + 2) where
// n = w (w + 2).
template <class V>
OCTET_FLOAT_INLINE typename V::F Mish(typename V::F x) {
  const typename V::F w = Exp<V>(x > 20.0f ? Set<V>(20.0f) : x);
  const typename V::F n = w * (w + 2.0f);
  return x > 20.0f ? x : x * (n / (n + 2.0f));
}

// x (1 + erf(x / sqrt 2)) / 2. Absolute error at most 2^-23 |x|: for x below -1
// the sum cancels.
template <class V>
OCTET_FLOAT_INLINE typename V::F Gelu(typename V::F x) {
  const typename V::F phi =
      V::MulAdd(Erf<V>(x * 0.70710678f), Set<V>(0.5f), Set<V>(0.5f));
  return x * phi;
}

// x (1 + tanh(u)) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
// The error of u grows with |x|: 2^-22 |x| in all.
template <class V>
OCTET_FLOAT_INLINE typename V::F GeluTanh(typename V::F x) {
  const typename V::F u =
      x * V::MulAdd(x * x, Set<V>(0.0713548162f), Set<V>(1.59576912f));
  return x * Sigmoid<V>(u);
}

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_FLOAT_MATH_H_
