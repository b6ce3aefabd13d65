// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_GATE_BYTES_H_
#define OCTET_ENGINE_SIMD_GATE_BYTES_H_

#include <cstdint>

#include "engine/simd/cpu_features.h"

// The products of LSTM, GRU and RNN with s8 weights. What they multiply, the
// input or the state, is rounded to 16 bits, row by row: a state of 8 bits
// would hand its error from step to step. A row's numbers are
//
//   x[k] = scale * (256 * high[k] + low[k] - 32768)
//
// with bytes that vpdpbusd takes, so each weight is read once and multiplied
// twice.
namespace octet::simd::internal {

// Weights lie in panels of 16 outputs, [panel][quad][16][4], where a quad is
// four inputs; zeros behind the last output and the last input.
inline constexpr int kGateQuad = 4;

// The most inputs whose sums fit 32 bits: of 255 * 128 each.
inline constexpr int64_t kMaxGateDepth = 65'000;

// Rows of inputs as bytes; behind the last input of a row are zeros.
struct GateCodes {
  uint8_t* high = nullptr;  // row i at high + i * stride
  uint8_t* low = nullptr;   // likewise
  int64_t stride = 0;       // bytes, a multiple of 4
  float* scales = nullptr;  // by row
};

// `rows` rows of `depth` floats to codes, scale = max|x| / 32767. A row that
// holds NaN or infinity gets a scale of NaN; one below 1e-30 becomes zeros.
struct GateRounding {
  const float* x = nullptr;
  int64_t x_stride = 0;  // floats from row to row
  int64_t rows = 0;
  int64_t depth = 0;
  GateCodes codes;
};

// y[i][j] += sum over k of x[i][k] * weights[j][k] * weight_scales[j]. The sums
// are exact, and y is rounded in the same steps on every instruction set.
struct ByteGateProduct {
  GateCodes x;
  int64_t quads = 0;
  const int8_t* weights = nullptr;
  const int32_t* offsets = nullptr;      // by output, 128 * sum of its weights
  const float* weight_scales = nullptr;  // by output
  int64_t panels = 0;
  float* y = nullptr;
  int64_t y_stride = 0;  // floats
  int64_t rows = 0;
  bool backwards = false;  // the order of panels: see ForPanels()
};

struct ByteGateKernels {
  void (*round)(const GateRounding& task);
  void (*multiply)(const ByteGateProduct& product);
};

// Null where `isa` has no vpdpbusd.
const ByteGateKernels* ByteGateKernelsFor(Isa isa);

// 512 bits, and 256 bits in both encodings (quads_vnni256.h).
extern const ByteGateKernels kVnniByteGates;
extern const ByteGateKernels kAvxVnniByteGates;
extern const ByteGateKernels kAvx512VlByteGates;

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_GATE_BYTES_H_
