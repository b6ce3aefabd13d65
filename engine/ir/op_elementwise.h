// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_OP_ELEMENTWISE_H_
#define OCTET_ENGINE_IR_OP_ELEMENTWISE_H_

#include <string>

#include "engine/base/dtype.h"
#include "engine/ir/op_traits.h"

// Operators that compute each element of the output from one of each input.
namespace octet::ir {

enum class BinaryKind {
  kAdd,
  kSub,
  kMul,
  kDiv,  // integers: toward zero
  kMin,
  kMax,
  kPow,    // of the type of a; b may have another
  kMod,    // sign of the divisor (ONNX Mod, fmod = 0)
  kFmod,   // sign of the dividend
  kPrelu,  // a < 0 ? a * b : a
  kEqual,  // from here on the output is bool
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kAnd,  // of bools
  kOr,
  kXor,
  kBitAnd,  // of integers, which the output is again
  kBitOr,
  kBitXor,
  kShiftLeft,
  kShiftRight,
};

// inputs: a, b, broadcast as numpy does. ONNX Add-14 and its neighbours.
struct Binary {
  static constexpr OpTraits kTraits = {"Binary", AxisUse::kNone, RowUse::kKeeps,
                                       /*rounds=*/true};
  BinaryKind kind = BinaryKind::kAdd;
  Activation activation;

  absl::string_view Name() const;
  std::string Attributes() const;
};

// Whether the output is bool whatever the inputs are.
bool GivesBool(BinaryKind kind);

enum class UnaryKind {
  kAbs,
  kNeg,
  kExp,
  kLog,
  kSqrt,
  kReciprocal,
  kFloor,
  kCeil,
  kRound,  // half to even
  kSign,
  kErf,
  kSin,
  kCos,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kAsinh,
  kAcosh,
  kAtanh,
  kSigmoid,
  kTanh,
  kSoftplus,
  kSoftsign,
  kMish,
  kHardSwish,
  kSwish,            // x * sigmoid(alpha * x)
  kGelu,             // x * (1 + erf(x / sqrt 2)) / 2
  kGeluTanh,         // its tanh approximation
  kLeakyRelu,        // x < 0 ? alpha * x : x
  kElu,              // x < 0 ? alpha * (exp(x) - 1) : x
  kCelu,             // max(0, x) + min(0, alpha * (exp(x / alpha) - 1))
  kSelu,             // x > 0 ? beta * x : beta * alpha * (exp(x) - 1)
  kThresholdedRelu,  // x > alpha ? x : 0
  kHardSigmoid,      // clamp(alpha * x + beta, 0, 1)
  kShrink,           // x < -alpha ? x + beta : x > alpha ? x - beta : 0
  kIsNan,            // from here on the output is bool
  kIsInf,            // alpha != 0: negative ones count; beta != 0: positive
  kNot,
  kBitNot,  // of integers, which the output is again
};

// inputs: x, elementwise.
struct Unary {
  static constexpr OpTraits kTraits = {"Unary", AxisUse::kNone, RowUse::kKeeps,
                                       /*rounds=*/true};
  UnaryKind kind = UnaryKind::kAbs;
  float alpha = 0;
  float beta = 0;

  absl::string_view Name() const;
  std::string Attributes() const;
};

bool GivesBool(UnaryKind kind);

// inputs: x. Relu is Clamp{0, inf}. ONNX Clip-13.
struct Clamp {
  static constexpr OpTraits kTraits = {"Clamp", AxisUse::kNone, RowUse::kKeeps,
                                       /*rounds=*/true};
  Activation range;

  std::string Attributes() const;
};

// inputs: condition bool, a, b of one type, all broadcast: a where the
// condition holds. ONNX Where-16.
struct Where {
  static constexpr OpTraits kTraits = {"Where", AxisUse::kNone, RowUse::kKeeps};
  std::string Attributes() const { return ""; }
};

// inputs: x, gamma [C], beta [C], mean [C], variance [C]; channels first.
// ONNX BatchNormalization-15, inference form.
struct BatchNorm {
  static constexpr OpTraits kTraits = {"BatchNorm", AxisUse::kFixed,
                                       RowUse::kKeeps};
  float epsilon = 1e-5f;

  std::string Attributes() const;
};

// inputs: x. The value conversion of ONNX Cast-13.
struct Cast {
  static constexpr OpTraits kTraits = {"Cast", AxisUse::kNone, RowUse::kKeeps};
  DType to = DType::kFloat32;

  std::string Attributes() const;
};

// inputs: x float32. The output's type holds dtype, scale and zero point.
// q = clamp(round_half_even(x / scale) + zero_point). ONNX QuantizeLinear-13.
struct Quantize {
  static constexpr OpTraits kTraits = {"Quantize", AxisUse::kNone,
                                       RowUse::kKeeps, /*rounds=*/true};
  std::string Attributes() const { return ""; }
};

// inputs: x, quantized. output float32. ONNX DequantizeLinear-13.
struct Dequantize {
  static constexpr OpTraits kTraits = {"Dequantize", AxisUse::kNone,
                                       RowUse::kKeeps};
  std::string Attributes() const { return ""; }
};

// inputs: x, quantized. output quantized otherwise: one rounding.
struct Requantize {
  static constexpr OpTraits kTraits = {"Requantize", AxisUse::kNone,
                                       RowUse::kKeeps, /*rounds=*/true};
  std::string Attributes() const { return ""; }
};

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_OP_ELEMENTWISE_H_
