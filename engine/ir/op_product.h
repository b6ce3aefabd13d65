// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_OP_PRODUCT_H_
#define OCTET_ENGINE_IR_OP_PRODUCT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/ir/op_traits.h"

// Operators that multiply matrices.
namespace octet::ir {

// inputs: a [..., M, K], b [..., K, N] ([..., N, K] if transpose_b), [bias
// [N]]. Leading dimensions broadcast. ONNX MatMul-13, Gemm-13.
struct MatMul {
  static constexpr OpTraits kTraits = {"MatMul", AxisUse::kFixed,
                                       RowUse::kAsksOp, /*rounds=*/true};
  bool transpose_b = false;
  bool has_bias = false;
  Activation activation;

  bool MixesRows(InputTypes inputs, int rows) const;
  std::string Attributes() const;
};

// inputs: q [B, H, M, D], k [B, H, N, D], v [B, H, N, E], [mask that broadcasts
// to [B, H, M, N]]; output [B, H, M, E]: softmax(scale * q k^T + mask) v for
// each of H heads. With heads_inner, q, k, v and the output have H and the axis
// behind it the other way round, as a projection leaves them. float32.
// (Vaswani et al. 2017, section 3.2.)
struct Attention {
  static constexpr OpTraits kTraits = {"Attention", AxisUse::kFixed,
                                       RowUse::kKeeps, /*rounds=*/true};
  float scale = 1;
  bool has_mask = false;
  bool heads_inner = false;

  std::string Attributes() const;
};

enum class RecurrentKind { kRnn, kGru, kLstm };
enum class RecurrentDirection { kForward, kReverse, kBidirectional };
enum class RecurrentActivation {
  kRelu,
  kTanh,
  kSigmoid,
  kAffine,
  kLeakyRelu,
  kThresholdedRelu,
  kScaledTanh,
  kHardSigmoid,
  kElu,
  kSoftsign,
  kSoftplus,
};
struct RecurrentFunction {
  RecurrentActivation kind = RecurrentActivation::kTanh;
  float alpha = 0;
  float beta = 0;

  bool operator==(const RecurrentFunction&) const = default;
};

// inputs, each present as its flag says: x [T, B, I], w [D, G*H, I], r [D,
// G*H, H], [bias [D, 2*G*H]], [sequence_lens [B] int32], [initial_h [D, B, H]],
// [initial_c [D, B, H]], [peepholes [D, 3*H]], gates in the order of ONNX
// (i o f c; z r h). D = 2 where bidirectional; G = 1, 3, 4 by kind.
// outputs: y [T, D, B, H], y_h [D, B, H], and for kLstm y_c [D, B, H].
// float32, but that w and r may be s8 with zero points 0 and one scale, or one
// for each index of axis 1. ONNX LSTM-22, GRU-22, RNN-22; layout 1 is
// transposed at import.
struct Recurrent {
  static constexpr OpTraits kTraits = {"Recurrent", AxisUse::kFixed,
                                       RowUse::kAsksOp};
  RecurrentKind kind = RecurrentKind::kLstm;
  RecurrentDirection direction = RecurrentDirection::kForward;
  int64_t hidden = 1;
  std::vector<RecurrentFunction> functions;  // as many a direction as ONNX has
  float clip = 0;                            // of the gates' inputs; 0: none
  bool linear_before_reset = false;
  bool input_forget = false;
  bool has_bias = false;
  bool has_sequence_lens = false;
  bool has_initial_h = false;
  bool has_initial_c = false;
  bool has_peepholes = false;

  bool MixesRows(InputTypes, int rows) const { return rows != 1; }
  absl::string_view Name() const;
  std::string Attributes() const;
};

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_OP_PRODUCT_H_
