// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_OP_H_
#define OCTET_ENGINE_IR_OP_H_

#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/base/dtype.h"
#include "engine/ir/tensor_type.h"

// The closed set of IR operators as plain data. ONNX operators are lowered
// into these at import; passes, shape rules and backends visit the variant with
// no catch-all, so a new operator is a compile error wherever it matters.
//
// Axes are always >= 0 here. Dense tensors, row-major. An operator whose data
// input has a quantized type computes in integers; see engine/ir/README.md
// for the arithmetic.
namespace octet::ir {

// A clamp that an operator applies to its result, in real units.
struct Activation {
  float lower = -std::numeric_limits<float>::infinity();
  float upper = std::numeric_limits<float>::infinity();

  bool is_identity() const {
    return lower == -std::numeric_limits<float>::infinity() &&
           upper == std::numeric_limits<float>::infinity();
  }
  bool operator==(const Activation&) const = default;
};

// Where the channel axis of an image tensor is: [N, C, spatial...] or
// [N, spatial..., C].
enum class Layout { kChannelsFirst, kChannelsLast };

// A sliding window, one entry per spatial axis.
struct Window {
  std::vector<int64_t> kernel;
  std::vector<int64_t> strides;
  std::vector<int64_t> pads_begin;
  std::vector<int64_t> pads_end;
  std::vector<int64_t> dilations;
};

// inputs: x, weights, [bias [O]], [residual, shaped like the output].
// weights: [O, I/groups, kernel...] channels first, [O, kernel..., I/groups]
// channels last. output = activation(conv(x, weights) + bias + residual).
// ONNX Conv-22.
struct Conv {
  Window window;
  int64_t groups = 1;
  Layout layout = Layout::kChannelsFirst;
  bool has_bias = false;
  bool has_residual = false;
  Activation activation;
};

// inputs: a [..., M, K], b [..., K, N] ([..., N, K] if transpose_b), [bias
// [N]]. Leading dimensions broadcast. ONNX MatMul-13, Gemm-13.
struct MatMul {
  bool transpose_b = false;
  bool has_bias = false;
  Activation activation;
};

enum class PoolKind { kMax, kAverage };

// inputs: x. Padding never counts for max; for average it counts as zeros iff
// count_include_pad. ONNX MaxPool-12, AveragePool-22.
struct Pool {
  PoolKind kind = PoolKind::kMax;
  Window window;
  bool ceil_mode = false;
  bool count_include_pad = false;
  Layout layout = Layout::kChannelsFirst;
};

// inputs: x. The spatial axes become 1. ONNX GlobalAveragePool-1.
struct GlobalPool {
  PoolKind kind = PoolKind::kAverage;
  Layout layout = Layout::kChannelsFirst;
};

enum class BinaryKind { kAdd, kSub, kMul, kDiv, kMin, kMax, kPow };

// inputs: a, b, broadcast as numpy does. ONNX Add-14 and its neighbours.
struct Binary {
  BinaryKind kind = BinaryKind::kAdd;
  Activation activation;
};

enum class UnaryKind {
  kAbs,
  kNeg,
  kExp,
  kLog,
  kSqrt,
  kReciprocal,
  kFloor,
  kCeil,
  kRound,
  kSign,
  kErf,
  kSigmoid,
  kTanh,
  kSoftplus,
  kSoftsign,
  kMish,
  kHardSwish,
  kLeakyRelu,    // x < 0 ? alpha * x : x
  kElu,          // x < 0 ? alpha * (exp(x) - 1) : x
  kHardSigmoid,  // clamp(alpha * x + beta, 0, 1)
};

// inputs: x, elementwise.
struct Unary {
  UnaryKind kind = UnaryKind::kAbs;
  float alpha = 0;
  float beta = 0;
};

// inputs: x. Relu is Clamp{0, inf}. ONNX Clip-13.
struct Clamp {
  Activation range;
};

// inputs: x, gamma [C], beta [C], mean [C], variance [C]; channels first.
// ONNX BatchNormalization-15, inference form.
struct BatchNorm {
  float epsilon = 1e-5f;
};

// inputs: x. Over one axis, or, as ONNX Softmax before opset 13 has it, over
// all axes from `axis` on taken together.
struct Softmax {
  int axis = 0;
  bool through_last_axis = false;
  bool log = false;
};

// inputs: one or more, equal but for `axis`.
struct Concat {
  int axis = 0;
};

// inputs: x. One entry per axis of x; ends exclusive (-1 with a negative step
// means "before the first"). Dimensions that carry rows are whole.
struct Slice {
  std::vector<int64_t> starts;
  std::vector<int64_t> steps;
  std::vector<int64_t> sizes;  // entries taken; 0 on the rows axis = all
};

// inputs: x. Constant padding; one entry per axis. `value` is in real units.
struct Pad {
  std::vector<int64_t> begin;
  std::vector<int64_t> end;
  float value = 0;
};

// inputs: x. `dims` is the whole target, rows included.
struct Reshape {
  Dims dims;
};

// inputs: x. output axis i is input axis perm[i].
struct Transpose {
  std::vector<int> perm;
};

enum class ReduceKind { kSum, kMean, kMax, kMin, kProd, kSumSquare, kL1, kL2 };

// inputs: x.
struct Reduce {
  ReduceKind kind = ReduceKind::kMean;
  std::vector<int> axes;
  bool keep_dims = true;
};

// inputs: x. The value conversion of ONNX Cast-13.
struct Cast {
  DType to = DType::kFloat32;
};

// inputs: x float32. The output's type holds dtype, scale and zero point.
// q = clamp(round_half_even(x / scale) + zero_point). ONNX QuantizeLinear-13.
struct Quantize {};

// inputs: x, quantized. output float32. ONNX DequantizeLinear-13.
struct Dequantize {};

// inputs: x, quantized. output quantized otherwise: one rounding.
struct Requantize {};

using Op =
    std::variant<Conv, MatMul, Pool, GlobalPool, Binary, Unary, Clamp,
                 BatchNorm, Softmax, Concat, Slice, Pad, Reshape, Transpose,
                 Reduce, Cast, Quantize, Dequantize, Requantize>;

// "Conv", "MatMul", ...; Binary and Unary give their kind: "Add", "Sigmoid".
absl::string_view OpName(const Op& op);

// The attributes as text for dumps: "strides=[2, 2] groups=32 relu6".
std::string OpAttributes(const Op& op);

// Whether `op` only moves elements, and so does the same to integers as to the
// reals they stand for, whatever scale and zero point its inputs share. Padding
// counts where it is by the real 0, which every zero point stands for exactly.
bool MovesElements(const Op& op);

// Whether `op` is an average pool, global or not.
bool IsAveragePool(const Op& op);

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_OP_H_
