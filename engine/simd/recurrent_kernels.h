// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_RECURRENT_KERNELS_H_
#define OCTET_ENGINE_SIMD_RECURRENT_KERNELS_H_

#include <cstdint>

#include "engine/simd/cpu_features.h"

// The inner loops of LSTM, GRU and RNN, once per instruction set, behind one
// table as in kernels.h. What a row becomes does not depend on its neighbours.
namespace octet::simd::internal {

// Rows of weights lie in panels of 16: [panel][depth][16], zeros behind the
// last row.
inline constexpr int kGatePanel = 16;

// Calls body(panel) for the first of each `kTogether` panels, then, for those
// that are left, single(panel); in the opposite order where `backwards`.
// Weights that are read again and again, a little more of them than a cache
// holds, are mostly found there if every second time begins where the one
// before ended.
template <int kTogether, typename Body, typename Single>
void ForPanels(int64_t panels, bool backwards, Body body, Single single) {
  const int64_t whole = panels - panels % kTogether;
  if (backwards) {
    for (int64_t p = panels; p-- > whole;) single(p);
    for (int64_t p = whole; p > 0; p -= kTogether) body(p - kTogether);
    return;
  }
  for (int64_t p = 0; p < whole; p += kTogether) body(p);
  for (int64_t p = whole; p < panels; ++p) single(p);
}

// y[i][j] += sum over k of x[i][k] * weights[j][k] for `rows` rows of x and all
// rows of the `panels` panels, k ascending, each step one fused multiply-add
// where the instruction set has it.
struct GateProduct {
  const float* x = nullptr;
  int64_t x_stride = 0;  // floats from row to row
  int64_t depth = 0;
  const float* weights = nullptr;
  int64_t panels = 0;
  float* y = nullptr;
  int64_t y_stride = 0;
  int64_t rows = 0;
  bool backwards = false;  // the order of panels: see ForPanels()
};

// One row of `hidden` units. The sums of gate g are at sums[g * hidden].
struct LstmRow {
  const float* sums = nullptr;  // i o f c
  float* c = nullptr;           // the cell, replaced
  float* h = nullptr;           // the new state
  int64_t hidden = 0;
};
struct GruRow {
  float* z = nullptr;  // sums of the update gate
  float* r = nullptr;  // of the reset gate; GruReset() replaces it by r * h
  // Of the candidate: its sums, and where the reset gate comes behind the
  // product, what it scales (else null).
  const float* candidate = nullptr;
  const float* state_part = nullptr;
  const float* previous = nullptr;  // the state before
  float* h = nullptr;               // the new state; may be `previous`
  int64_t hidden = 0;
};

struct RecurrentKernels {
  Isa isa;
  void (*multiply)(const GateProduct& product);
  void (*lstm)(const LstmRow& row);
  // r = sigmoid(r) * previous.
  void (*gru_reset)(const GruRow& row);
  // h = (1 - sigmoid(z)) tanh(candidate [+ sigmoid(r) state_part]) +
  //     sigmoid(z) previous.
  void (*gru)(const GruRow& row);
  // h = tanh(sums).
  void (*rnn)(const float* sums, float* h, int64_t hidden);
};

// The table of the highest instruction set that has one and is not above `isa`.
const RecurrentKernels& RecurrentKernelsFor(Isa isa);

extern const RecurrentKernels kPortableRecurrentKernels;
extern const RecurrentKernels kAvx2RecurrentKernels;
extern const RecurrentKernels kAvx512RecurrentKernels;

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_RECURRENT_KERNELS_H_
