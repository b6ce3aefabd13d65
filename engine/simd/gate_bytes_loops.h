// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_GATE_BYTES_LOOPS_H_
#define OCTET_ENGINE_SIMD_GATE_BYTES_LOOPS_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include "engine/simd/gate_bytes.h"
#include "engine/simd/recurrent_kernels.h"

// The loops of gate_bytes.h for both widths of vpdpbusd. D has
//   I                            a vector of kLanes sums
//   kTileRows, kTilePanels       of the tile that fills the registers
//   kRowPanels                   of a tile of one row
//   Load(weights), Broadcast(quad), Dot(sums, quad, weights)
//   Keep(sums)                   behind the loop
//   Finish(high, low, offsets, weight_scales, x_scale, y)
// In an unnamed namespace, for each file that includes this has its own
// instructions.
namespace octet::simd::internal {
namespace {

// `kRows` rows of x times `kPanels` panels.
template <class D, int kRows, int kPanels>
void MultiplyByteTile(const ByteGateProduct& p, int64_t row, int64_t panel) {
  constexpr int kPerPanel = kGatePanel / D::kLanes;
  constexpr int kVectors = kPanels * kPerPanel;
  typename D::I high[kRows][kVectors] = {};
  typename D::I low[kRows][kVectors] = {};
  const int64_t panel_bytes = p.quads * kGateQuad * kGatePanel;
  const int8_t* weights = p.weights + panel * panel_bytes;
  const int64_t first = row * p.x.stride;
  for (int64_t q = 0; q < p.quads; ++q) {
    typename D::I w[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      w[v] = D::Load(weights + q * kGateQuad * kGatePanel +
                     v / kPerPanel * panel_bytes +
                     v % kPerPanel * D::kLanes * kGateQuad);
    }
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
      const int64_t at = first + i * p.x.stride + q * kGateQuad;
      const typename D::I a = D::Broadcast(p.x.high + at);
      const typename D::I b = D::Broadcast(p.x.low + at);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        high[i][v] = D::Dot(high[i][v], a, w[v]);
        low[i][v] = D::Dot(low[i][v], b, w[v]);
      }
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      D::Keep(high[i][v]);
      D::Keep(low[i][v]);
    }
  }
  const int64_t output = panel * kGatePanel;
#pragma GCC unroll 4
  for (int i = 0; i < kRows; ++i) {
    float* y = p.y + (row + i) * p.y_stride + output;
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const int64_t at = v * D::kLanes;
      D::Finish(high[i][v], low[i][v], p.offsets + output + at,
                p.weight_scales + output + at, p.x.scales[row + i], y + at);
    }
  }
}

// All rows times `kPanels` panels, which stay in the nearest cache meanwhile.
template <class D, int kRows, int kPanels>
void MultiplyBytePanels(const ByteGateProduct& p, int64_t panel) {
  int64_t row = 0;
  for (; row + kRows <= p.rows; row += kRows) {
    MultiplyByteTile<D, kRows, kPanels>(p, row, panel);
  }
  for (; row < p.rows; ++row) MultiplyByteTile<D, 1, kPanels>(p, row, panel);
}

template <class D, int kRows, int kPanels>
void MultiplyAllPanels(const ByteGateProduct& p) {
  ForPanels<kPanels>(
      p.panels, p.backwards,
      [&](int64_t panel) { MultiplyBytePanels<D, kRows, kPanels>(p, panel); },
      [&](int64_t panel) { MultiplyBytePanels<D, kRows, 1>(p, panel); });
}

template <class D>
void MultiplyGateBytes(const ByteGateProduct& p) {
  if (p.rows < D::kTileRows) return MultiplyAllPanels<D, 1, D::kRowPanels>(p);
  MultiplyAllPanels<D, D::kTileRows, D::kTilePanels>(p);
}

// The bits of |x|, which rise with it, infinity and NaN behind all numbers.
inline int32_t MagnitudeBits(float x) {
  return std::bit_cast<int32_t>(x) & 0x7fffffff;
}

inline void RoundGateRow(const float* x, int64_t depth, uint8_t* high,
                         uint8_t* low, int64_t stride, float* scale) {
  constexpr int32_t kInfinityBits = 0x7f800000;
  constexpr float kLeast = 1e-30f;
  int32_t bits = 0;
  for (int64_t k = 0; k < depth; ++k) {
    bits = std::max(bits, MagnitudeBits(x[k]));
  }
  const float largest = std::bit_cast<float>(bits);
  const bool finite = bits < kInfinityBits;
  if (!finite || largest < kLeast) {
    *scale = finite ? 0.0f : std::numeric_limits<float>::quiet_NaN();
    memset(high, 128, stride);
    memset(low, 0, stride);
    return;
  }
  *scale = largest / 32767;
  const float inverse = 32767 / largest;
  // A float of 1.5 * 2^23 and more has no fraction: adding it rounds, to even,
  // and leaves the integer in the low bits.
  constexpr float kRounder = 12'582'912.0f;
  constexpr int32_t kRounderBits = std::bit_cast<int32_t>(kRounder) - 32768;
  for (int64_t k = 0; k < depth; ++k) {
    const int32_t code =
        std::bit_cast<int32_t>(x[k] * inverse + kRounder) - kRounderBits;
    high[k] = static_cast<uint8_t>(code >> 8);
    low[k] = static_cast<uint8_t>(code);
  }
  // The weights there are zeros; the bytes may be anything.
  memset(high + depth, 0, stride - depth);
  memset(low + depth, 0, stride - depth);
}

void RoundGateRows(const GateRounding& task) {
  const GateCodes& codes = task.codes;
  for (int64_t i = 0; i < task.rows; ++i) {
    const int64_t at = i * codes.stride;
    RoundGateRow(task.x + i * task.x_stride, task.depth, codes.high + at,
                 codes.low + at, codes.stride, codes.scales + i);
  }
}

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_GATE_BYTES_LOOPS_H_
