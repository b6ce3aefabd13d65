// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_RECURRENT_LOOPS_H_
#define OCTET_ENGINE_SIMD_RECURRENT_LOOPS_H_

#include <cstdint>

#include "engine/simd/float_math.h"
#include "engine/simd/recurrent_kernels.h"

// The loops of recurrent_kernels.h, written once for all instruction sets. V is
// one of the structs in floats_*.h; they lie in an unnamed namespace for the
// reason that float_math.h gives.
namespace octet::simd::internal {
namespace {

// kRows rows of x times kPanels panels: as many sums as hide the latency of a
// multiply-add.
template <class V, int kRows, int kPanels>
void MultiplyTile(const GateProduct& p, int64_t row, int64_t panel) {
  constexpr int kVectors = kPanels * kGatePanel / V::kLanes;
  constexpr int kPerPanel = kGatePanel / V::kLanes;
  typename V::F sums[kRows][kVectors];
  float* y = p.y + row * p.y_stride + panel * kGatePanel;
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kVectors; ++j) {
      sums[i][j] = V::Load(y + i * p.y_stride + j * V::kLanes);
    }
  }
  const float* x = p.x + row * p.x_stride;
  const float* weights = p.weights + panel * p.depth * kGatePanel;
  for (int64_t k = 0; k < p.depth; ++k) {
    typename V::F w[kVectors];
#pragma GCC unroll 16
    for (int j = 0; j < kVectors; ++j) {
      w[j] = V::Load(weights + (j / kPerPanel * p.depth + k) * kGatePanel +
                     j % kPerPanel * V::kLanes);
    }
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const typename V::F factor = Set<V>(x[i * p.x_stride + k]);
#pragma GCC unroll 16
      for (int j = 0; j < kVectors; ++j) {
        sums[i][j] = V::MulAdd(factor, w[j], sums[i][j]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kVectors; ++j) {
      V::Store(sums[i][j], y + i * p.y_stride + j * V::kLanes);
    }
  }
}

// All rows times `kPanels` panels, which stay in the nearest cache meanwhile.
template <class V, int kRows, int kPanels>
void MultiplyPanels(const GateProduct& p, int64_t panel) {
  int64_t row = 0;
  for (; row + kRows <= p.rows; row += kRows) {
    MultiplyTile<V, kRows, kPanels>(p, row, panel);
  }
  for (; row < p.rows; ++row) MultiplyTile<V, 1, kPanels>(p, row, panel);
}

template <class V, int kRows, int kPanels>
void MultiplyAll(const GateProduct& p) {
  ForPanels<kPanels>(
      p.panels, p.backwards,
      [&](int64_t panel) { MultiplyPanels<V, kRows, kPanels>(p, panel); },
      [&](int64_t panel) { MultiplyPanels<V, kRows, 1>(p, panel); });
}

template <class V>
void Multiply(const GateProduct& p) {
  // Of 32 long registers, half hold sums; of 16 short ones, too.
  constexpr int kWide = V::kLanes >= kGatePanel ? 4 : 1;
  switch (p.rows) {
    case 0:
      return;
    case 1:
      return MultiplyAll < V, 1, kWide == 4 ? 8 : 4 > (p);
    case 2:
      return MultiplyAll < V, 2, kWide == 4 ? 4 : 2 > (p);
    case 3:
      return MultiplyAll<V, 3, kWide>(p);
    default:
      return MultiplyAll<V, 4, kWide>(p);
  }
}

// Calls body(first, n) for groups of lanes; n < V::kLanes in the last.
template <class V, class Body>
OCTET_FLOAT_INLINE void ForUnits(int64_t hidden, Body body) {
  for (int64_t u = 0; u < hidden; u += V::kLanes) {
    const int64_t left = hidden - u;
    body(u, left < V::kLanes ? left : int64_t{V::kLanes});
  }
}
template <class V>
OCTET_FLOAT_INLINE typename V::F LoadUpTo(const float* p, int64_t n) {
  return n == V::kLanes ? V::Load(p) : V::LoadPart(p, n);
}
template <class V>
OCTET_FLOAT_INLINE void StoreUpTo(typename V::F v, float* p, int64_t n) {
  n == V::kLanes ? V::Store(v, p) : V::StorePart(v, p, n);
}

template <class V>
void FinishLstmRow(const LstmRow& row) {
  using F = typename V::F;
  ForUnits<V>(row.hidden, [&](int64_t u, int64_t n) {
    const auto sum = [&](int gate) {
      return LoadUpTo<V>(row.sums + gate * row.hidden + u, n);
    };
    const F i = Sigmoid<V>(sum(0));
    const F f = Sigmoid<V>(sum(2));
    const F c = V::MulAdd(f, LoadUpTo<V>(row.c + u, n), i * Tanh<V>(sum(3)));
    StoreUpTo<V>(c, row.c + u, n);
    StoreUpTo<V>(Sigmoid<V>(sum(1)) * Tanh<V>(c), row.h + u, n);
  });
}

template <class V>
void ResetGruRow(const GruRow& row) {
  ForUnits<V>(row.hidden, [&](int64_t u, int64_t n) {
    const typename V::F r = Sigmoid<V>(LoadUpTo<V>(row.r + u, n));
    StoreUpTo<V>(r * LoadUpTo<V>(row.previous + u, n), row.r + u, n);
  });
}

template <class V>
void FinishGruRow(const GruRow& row) {
  using F = typename V::F;
  ForUnits<V>(row.hidden, [&](int64_t u, int64_t n) {
    F candidate = LoadUpTo<V>(row.candidate + u, n);
    if (row.state_part != nullptr) {
      const F r = Sigmoid<V>(LoadUpTo<V>(row.r + u, n));
      candidate = V::MulAdd(r, LoadUpTo<V>(row.state_part + u, n), candidate);
    }
    candidate = Tanh<V>(candidate);
    const F z = Sigmoid<V>(LoadUpTo<V>(row.z + u, n));
    const F change = LoadUpTo<V>(row.previous + u, n) - candidate;
    StoreUpTo<V>(V::MulAdd(z, change, candidate), row.h + u, n);
  });
}

template <class V>
void FinishRnnRow(const float* sums, float* h, int64_t hidden) {
  ForUnits<V>(hidden, [&](int64_t u, int64_t n) {
    StoreUpTo<V>(Tanh<V>(LoadUpTo<V>(sums + u, n)), h + u, n);
  });
}

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_RECURRENT_LOOPS_H_
