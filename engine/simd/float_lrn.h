// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_FLOAT_LRN_H_
#define OCTET_ENGINE_SIMD_FLOAT_LRN_H_

#include <cstdint>

#include "engine/simd/float_kernels.h"
#include "engine/simd/float_math.h"

// Local response normalization (Krizhevsky et al. 2012, section 3.3), over any
// V of float_math.h.
namespace octet::simd::internal {

// x[i .. i + kLanes), where x has `n` elements and zeros beside them.
template <class V>
OCTET_FLOAT_INLINE typename V::F LoadOrZero(const float* x, int64_t i,
                                            int64_t n) {
  if (i >= 0 && i + V::kLanes <= n) return V::Load(x + i);
  const int64_t begin = i < 0 ? -i : 0;
  const int64_t end = n - i < V::kLanes ? n - i : V::kLanes;
  return begin < end ? V::LoadLanes(x + i, begin, end) : typename V::F{};
}

// base ^ -beta for base > 0.
template <class V>
OCTET_FLOAT_INLINE typename V::F InversePower(typename V::F base, float beta) {
  if (beta != 0.75f) return Exp<V>(-beta * Log<V>(base));
  // r = base^(-1/2), r^2 r^(-1/2) = base^(-3/4).
  const typename V::F r = InverseSqrt<V>(base);
  const typename V::F power = r * r * InverseSqrt<V>(r);
  // Beyond what InverseSqrt() takes: infinity and NaN.
  return base < __builtin_inff() ? power
         : base == base          ? typename V::F{}
                                 : base;
}

template <class V>
void Lrn(const LrnTask& task) {
  using F = typename V::F;
  const F alpha = Set<V>(task.alpha);
  const F bias = Set<V>(task.bias);
  for (int64_t i = task.begin; i < task.end; i += V::kLanes) {
    F sum = {};
    for (int64_t k = -task.before; k <= task.behind; ++k) {
      const F v = LoadOrZero<V>(task.x, i + k * task.stride, task.n);
      sum = V::MulAdd(v, v, sum);
    }
    const F factor = InversePower<V>(V::MulAdd(alpha, sum, bias), task.beta);
    const F y = LoadOrZero<V>(task.x, i, task.n) * factor;
    const int64_t left = task.end - i;
    if (left >= V::kLanes) {
      V::Store(y, task.y + i);
    } else {
      V::StorePart(y, task.y + i, left);
    }
  }
}

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_FLOAT_LRN_H_
