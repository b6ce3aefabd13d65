// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_FLOAT_AXES_H_
#define OCTET_ENGINE_SIMD_FLOAT_AXES_H_

#include <cstdint>

#include "engine/simd/float_elementwise.h"
#include "engine/simd/float_kernels.h"
#include "engine/simd/float_math.h"

// The kernels of FloatKernels that combine elements, over any V of
// float_math.h.
namespace octet::simd::internal {

// One more value, or as many as a vector has.
template <ir::ReduceKind kKind, class Number>
OCTET_FLOAT_INLINE Number Combine(Number sum, Number value) {
  using K = ir::ReduceKind;
  if constexpr (kKind == K::kSum || kKind == K::kMean) return sum + value;
  if constexpr (kKind == K::kSumSquare || kKind == K::kL2) {
    return sum + value * value;
  }
  if constexpr (kKind == K::kL1) return sum + (value < 0 ? -value : value);
  if constexpr (kKind == K::kProd) return sum * value;
  // NaN wins over every number.
  if constexpr (kKind == K::kMax) {
    const Number larger = value > sum ? value : sum;
    return value == value ? larger : value;
  }
  if constexpr (kKind == K::kMin) {
    const Number smaller = value < sum ? value : sum;
    return value == value ? smaller : value;
  }
}

// The combination of two partial results.
template <ir::ReduceKind kKind, class Number>
OCTET_FLOAT_INLINE Number Join(Number a, Number b) {
  using K = ir::ReduceKind;
  if constexpr (kKind == K::kProd || kKind == K::kMax || kKind == K::kMin) {
    return Combine<kKind>(a, b);
  }
  return a + b;
}

template <ir::ReduceKind kKind>
OCTET_FLOAT_INLINE constexpr double Neutral() {
  using K = ir::ReduceKind;
  return kKind == K::kProd  ? 1.0
         : kKind == K::kMax ? -__builtin_inf()
         : kKind == K::kMin ? __builtin_inf()
                            : 0.0;
}

// A sum along a row is taken in so many parts, element i in part i % kParts,
// whatever the length of a vector: every instruction set adds in one order.
inline constexpr int kParts = 16;

template <class V, ir::ReduceKind kKind>
struct PartsOf {
  typename V::D parts[kParts / V::kDoubles];

  OCTET_FLOAT_INLINE PartsOf() {
#pragma GCC unroll 8
    for (typename V::D& part : parts) {
      part = typename V::D{} + Neutral<kKind>();
    }
  }
  // take(k) gives elements [k, k + kDoubles) of the next kParts.
  template <class Take>
  OCTET_FLOAT_INLINE void Add(Take take) {
#pragma GCC unroll 8
    for (int k = 0; k < kParts; k += V::kDoubles) {
      typename V::D& part = parts[k / V::kDoubles];
      part = Combine<kKind>(part, take(k));
    }
  }
  OCTET_FLOAT_INLINE double Joined() const {
    double all[kParts];
    __builtin_memcpy(all, parts, sizeof(all));
#pragma GCC unroll 4
    for (int half = kParts / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
      for (int p = 0; p < half; ++p) {
        all[p] = Join<kKind>(all[p], all[p + half]);
      }
    }
    return all[0];
  }
};

template <class V, ir::ReduceKind kKind>
double ReduceRowOf(const float* x, int64_t n, double start) {
  int64_t i = 0;
  if (n >= kParts) {
    PartsOf<V, kKind> parts;
    for (; i + kParts <= n; i += kParts) {
      parts.Add([&](int k) __attribute__((always_inline)) {
        return V::LoadDoubles(x + i + k);
      });
    }
    start = Join<kKind>(start, parts.Joined());
  }
  for (; i < n; ++i) start = Combine<kKind>(start, static_cast<double>(x[i]));
  return start;
}

template <class V, ir::ReduceKind kKind>
void ReduceColumnsOf(const float* x, int64_t rows, int64_t stride, int columns,
                     double* sums) {
  using D = typename V::D;
  constexpr int kStep = 4 * V::kDoubles;
  int c = 0;
  for (; c + kStep <= columns; c += kStep) {
    D block[4];
    __builtin_memcpy(block, sums + c, sizeof(block));
    for (int64_t r = 0; r < rows; ++r) {
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) {
        block[k] = Combine<kKind>(
            block[k], V::LoadDoubles(x + r * stride + c + k * V::kDoubles));
      }
    }
    __builtin_memcpy(sums + c, block, sizeof(block));
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int k = c; k < columns; ++k) {
      sums[k] = Combine<kKind>(sums[k], static_cast<double>(x[r * stride + k]));
    }
  }
}

#define OCTET_REDUCE_KINDS(function)                  \
  switch (kind) {                                     \
    case ir::ReduceKind::kSum:                        \
    case ir::ReduceKind::kMean:                       \
      return function<V, ir::ReduceKind::kSum>;       \
    case ir::ReduceKind::kMax:                        \
      return function<V, ir::ReduceKind::kMax>;       \
    case ir::ReduceKind::kMin:                        \
      return function<V, ir::ReduceKind::kMin>;       \
    case ir::ReduceKind::kProd:                       \
      return function<V, ir::ReduceKind::kProd>;      \
    case ir::ReduceKind::kSumSquare:                  \
    case ir::ReduceKind::kL2:                         \
      return function<V, ir::ReduceKind::kSumSquare>; \
    case ir::ReduceKind::kL1:                         \
      return function<V, ir::ReduceKind::kL1>;        \
    default:                                          \
      return nullptr;                                 \
  }
template <class V>
ReduceRow ReduceRowFor(ir::ReduceKind kind) {
  OCTET_REDUCE_KINDS(ReduceRowOf)
}
template <class V>
ReduceColumns ReduceColumnsFor(ir::ReduceKind kind) {
  OCTET_REDUCE_KINDS(ReduceColumnsOf)
}
#undef OCTET_REDUCE_KINDS

// The largest of kCount numbers, which may be overwritten.
template <int kCount>
OCTET_FLOAT_INLINE float LargestOf(float* numbers) {
#pragma GCC unroll 4
  for (int half = kCount / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
    for (int p = 0; p < half; ++p) {
      const float other = numbers[p + half];
      numbers[p] = other > numbers[p] ? other : numbers[p];
    }
  }
  return numbers[0];
}

// One row of a softmax.
template <class V>
void SoftmaxRow(const float* x, float* y, int64_t n, bool log) {
  using F = typename V::F;
  constexpr float kInfinity = __builtin_inff();
  F largest = Set<V>(-kInfinity);
  int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) {
    const F v = V::Load(x + i);
    largest = v > largest ? v : largest;
  }
  float lanes[V::kLanes];
  V::Store(largest, lanes);
  float top = LargestOf<V::kLanes>(lanes);
  for (; i < n; ++i) top = x[i] > top ? x[i] : top;
  PartsOf<V, ir::ReduceKind::kSum> parts;
  const auto add = [&](const float* powers) __attribute__((always_inline)) {
    parts.Add([&](int k) __attribute__((always_inline)) {
      return V::LoadDoubles(powers + k);
    });
  };
  for (i = 0; i + kParts <= n; i += kParts) {
    float powers[kParts];
#pragma GCC unroll 4
    for (int k = 0; k < kParts; k += V::kLanes) {
      const F power = Exp<V>(V::Load(x + i + k) - top);
      V::Store(power, powers + k);
      if (!log) V::Store(power, y + i + k);
    }
    add(powers);
  }
  if (i < n) {
    float powers[kParts] = {};
    MapRow<V>(
        x + i, powers, n - i, [&](F v) __attribute__((always_inline)) {
          return Exp<V>(v - top);
        });
    add(powers);
    if (!log) __builtin_memcpy(y + i, powers, (n - i) * sizeof(float));
  }
  const double sum = parts.Joined();
  const auto scale = static_cast<float>(1 / sum);
  const float shift = log ? static_cast<float>(__builtin_log(sum)) : 0.0f;
  for (i = 0; i + V::kLanes <= n; i += V::kLanes) {
    V::Store(log ? (V::Load(x + i) - top) - shift : V::Load(y + i) * scale,
             y + i);
  }
  for (; i < n; ++i) y[i] = log ? (x[i] - top) - shift : y[i] * scale;
}

// Up to kLanes softmaxes side by side: element l of softmax k is at
// x[l * stride + k].
template <class V>
void SoftmaxColumns(const SoftmaxTask& task, int64_t first, int64_t count) {
  using F = typename V::F;
  const auto load = [count](const float* p) __attribute__((always_inline)) {
    return count == V::kLanes ? V::Load(p) : V::LoadPart(p, count);
  };
  const auto store = [count](F v, float* p) __attribute__((always_inline)) {
    count == V::kLanes ? V::Store(v, p) : V::StorePart(v, p, count);
  };
  const float* x = task.x + first;
  float* y = task.y + first;
  F top = Set<V>(-__builtin_inff());
  for (int64_t l = 0; l < task.length; ++l) {
    const F v = load(x + l * task.stride);
    top = v > top ? v : top;
  }
  F sum = {};
  F lost = {};  // what the sum's roundings have lost so far (Kahan 1965)
  for (int64_t l = 0; l < task.length; ++l) {
    const F power = Exp<V>(load(x + l * task.stride) - top);
    if (!task.log) store(power, y + l * task.stride);
    const F term = power - lost;
    const F next = sum + term;
    lost = (next - sum) - term;
    sum = next;
  }
  const F shift = Log<V>(sum);
  for (int64_t l = 0; l < task.length; ++l) {
    store(task.log ? (load(x + l * task.stride) - top) - shift
                   : load(y + l * task.stride) / sum,
          y + l * task.stride);
  }
}

// Rows that are shorter than this are turned, so that each lane has a row.
inline constexpr int64_t kShortSoftmax = 16;

template <class V>
void ShortSoftmaxRows(const SoftmaxTask& task) {
  float turned[kShortSoftmax * V::kLanes];
  const int64_t n = task.length;
  for (int64_t row = 0; row < task.columns; row += V::kLanes) {
    const int64_t left = task.columns - row;
    const int64_t count = left < V::kLanes ? left : V::kLanes;
    for (int64_t k = 0; k < count; ++k) {
      for (int64_t l = 0; l < n; ++l) {
        turned[l * V::kLanes + k] = task.x[(row + k) * n + l];
      }
    }
    SoftmaxTask columns = task;
    columns.x = turned;
    columns.y = turned;
    columns.stride = V::kLanes;
    SoftmaxColumns<V>(columns, 0, count);
    for (int64_t k = 0; k < count; ++k) {
      for (int64_t l = 0; l < n; ++l) {
        task.y[(row + k) * n + l] = turned[l * V::kLanes + k];
      }
    }
  }
}

template <class V>
void SoftmaxAll(const SoftmaxTask& task) {
  if (task.stride > 1) {
    for (int64_t c = 0; c < task.columns; c += V::kLanes) {
      const int64_t left = task.columns - c;
      SoftmaxColumns<V>(task, c, left < V::kLanes ? left : V::kLanes);
    }
    return;
  }
  if (task.length < kShortSoftmax) return ShortSoftmaxRows<V>(task);
  for (int64_t row = 0; row < task.columns; ++row) {
    SoftmaxRow<V>(task.x + row * task.length, task.y + row * task.length,
                  task.length, task.log);
  }
}

// x less a mean that float32 does not hold: in two steps.
template <class V>
struct Centered {
  float high;
  float low;

  explicit Centered(double mean)
      : high(static_cast<float>(mean)),
        low(static_cast<float>(mean - static_cast<double>(high))) {}
  OCTET_FLOAT_INLINE typename V::F operator()(typename V::F x) const {
    return (x - high) - low;
  }
};

// The sum of (x - mean)^2.
template <class V>
double SquaresAround(const float* x, int64_t n, double mean) {
  PartsOf<V, ir::ReduceKind::kSum> parts;
  int64_t i = 0;
  for (; i + kParts <= n; i += kParts) {
    parts.Add([&](int k) __attribute__((always_inline)) {
      const typename V::D d = V::LoadDoubles(x + i + k) - mean;
      return d * d;
    });
  }
  double sum = parts.Joined();
  for (; i < n; ++i) {
    const double d = static_cast<double>(x[i]) - mean;
    sum += d * d;
  }
  return sum;
}

template <class V>
void LayerNormRow(const LayerNormTask& task, const float* x, float* y) {
  using F = typename V::F;
  const int64_t n = task.length;
  const auto count = static_cast<double>(n);
  const double mean =
      task.subtract_mean ? ReduceRowOf<V, ir::ReduceKind::kSum>(x, n, 0) / count
                         : 0;
  const double variance = SquaresAround<V>(x, n, mean) / count;
  const auto factor =
      static_cast<float>(1 / __builtin_sqrt(variance + task.epsilon));
  const Centered<V> centered(mean);
  const auto finish = [&](F v, F scale, F bias) __attribute__((always_inline)) {
    return V::MulAdd(centered(v) * factor, scale, bias);
  };
  const F one = Set<V>(1);
  const F zero = {};
  int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) {
    V::Store(finish(V::Load(x + i),
                    task.scale != nullptr ? V::Load(task.scale + i) : one,
                    task.bias != nullptr ? V::Load(task.bias + i) : zero),
             y + i);
  }
  const int64_t left = n - i;
  if (left == 0) return;
  V::StorePart(
      finish(V::LoadPart(x + i, left),
             task.scale != nullptr ? V::LoadPart(task.scale + i, left) : one,
             task.bias != nullptr ? V::LoadPart(task.bias + i, left) : zero),
      y + i, left);
}

template <class V>
void LayerNormRows(const LayerNormTask& task) {
  for (int64_t row = 0; row < task.rows; ++row) {
    LayerNormRow<V>(task, task.x + row * task.length,
                    task.y + row * task.length);
  }
}

template <class V>
void AffineRow(const AffineRowTask& task) {
  using F = typename V::F;
  const Centered<V> centered(task.mean);
  const F scale = Set<V>(task.scale);
  const F bias = Set<V>(task.bias);
  const auto finish = [&](F v) __attribute__((always_inline)) {
    return V::MulAdd(centered(v), scale, bias);
  };
  int64_t i = 0;
  for (; i + V::kLanes <= task.n; i += V::kLanes) {
    V::Store(finish(V::Load(task.x + i)), task.y + i);
  }
  const int64_t left = task.n - i;
  if (left == 0) return;
  V::StorePart(finish(V::LoadPart(task.x + i, left)), task.y + i, left);
}

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_FLOAT_AXES_H_
