// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "engine/base/status_macros.h"
#include "engine/reference/element_access.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

namespace octet::reference {
namespace {

// Integers wrap around as two's complement does: T computed in its unsigned
// twin, where overflow is defined.
template <typename T, bool = std::is_integral_v<T>>
struct WrapType {
  using Type = T;
};
template <typename T>
struct WrapType<T, true> {
  using Type = std::make_unsigned_t<T>;
};
template <typename T>
using Wrap = typename WrapType<T>::Type;

// Integer division by zero, which ONNX leaves open, gives 0.
template <typename T>
T Divide(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) return static_cast<T>(Wrap<T>{0} - static_cast<Wrap<T>>(a));
    }
  }
  return a / b;
}

template <typename T>
T Power(T a, T b) {
  if constexpr (!std::is_integral_v<T>) {
    return static_cast<T>(
        std::pow(static_cast<double>(a), static_cast<double>(b)));
  } else {
    if (b < 0) {  // 1 / a^-b, truncated
      if (a == 1) return 1;
      return a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
    }
    Wrap<T> result = 1;
    auto factor = static_cast<Wrap<T>>(a);
    for (auto left = static_cast<Wrap<T>>(b); left != 0; left /= 2) {
      if (left % 2 != 0) result *= factor;
      factor *= factor;
    }
    return static_cast<T>(result);
  }
}

// NaN if either is one, as numpy has it.
template <typename T>
T Least(T a, T b) {
  return a != a ? a : (b != b || b < a) ? b : a;
}
template <typename T>
T Greatest(T a, T b) {
  return a != a ? a : (b != b || b > a) ? b : a;
}

template <typename T>
T Apply(ir::BinaryKind kind, T a, T b) {
  const auto wrapped_a = static_cast<Wrap<T>>(a);
  const auto wrapped_b = static_cast<Wrap<T>>(b);
  switch (kind) {
    case ir::BinaryKind::kAdd:
      return static_cast<T>(wrapped_a + wrapped_b);
    case ir::BinaryKind::kSub:
      return static_cast<T>(wrapped_a - wrapped_b);
    case ir::BinaryKind::kMul:
      return static_cast<T>(wrapped_a * wrapped_b);
    case ir::BinaryKind::kDiv:
      return Divide(a, b);
    case ir::BinaryKind::kMin:
      return Least(a, b);
    case ir::BinaryKind::kMax:
      return Greatest(a, b);
    case ir::BinaryKind::kPow:
      return Power(a, b);
  }
  return T();
}

// Two tensors broadcast to one, walked along the rows of the last axis.
struct BroadcastPair {
  Shape rows;  // the output's shape without its last axis
  Shape a_strides;
  Shape b_strides;
  int64_t length = 1;
  int64_t a_step = 0;
  int64_t b_step = 0;

  explicit BroadcastPair(const NodeTypes& node) {
    rows = node.output_shape();
    a_strides = BroadcastStrides(node.input_shape(0), rows);
    b_strides = BroadcastStrides(node.input_shape(1), rows);
    if (rows.empty()) return;
    length = rows.back();
    a_step = a_strides.back();
    b_step = b_strides.back();
    rows.pop_back();
    a_strides.pop_back();
    b_strides.pop_back();
  }

  // Calls combine(index of output, index of a, index of b) for all elements.
  template <typename Combine>
  void ForEach(ThreadPool* pool, Combine combine) const {
    pool->ParallelRun(ElementCount(rows), [&](int64_t row) {
      const int64_t y = row * length;
      const int64_t a = OffsetOf(row, rows, a_strides);
      const int64_t b = OffsetOf(row, rows, b_strides);
      for (int64_t i = 0; i < length; ++i) {
        combine(y + i, a + i * a_step, b + i * b_step);
      }
    });
  }
};

// Add of integers: one rounding, no real in between.
StepPtr MakeIntegerSum(const BroadcastPair& pair,
                       const plan::SumRequantization& sum,
                       const NodeTypes& node) {
  return MakeLoopStep(
      [pair, sum, a_dtype = node.input(0).dtype,
       b_dtype = node.input(1).dtype](const LoopMemory& memory) {
        pair.ForEach(memory.pool, [&](int64_t y, int64_t a, int64_t b) {
          const int32_t left = Integer8At(a_dtype, memory.inputs[0], a);
          const int32_t right = Integer8At(b_dtype, memory.inputs[1], b);
          StoreReal(sum.output, sum.Real(left, right), memory.outputs[0], y);
        });
      });
}

// Other kinds on integers: on the reals they stand for, then one rounding.
StepPtr MakeIntegerBinary(const ir::Binary& op, const BroadcastPair& pair,
                          const plan::OutputStage& output,
                          const NodeTypes& node) {
  struct Operand {
    DType dtype;
    float scale;
    int32_t zero_point;

    explicit Operand(const ir::TensorType& type)
        : dtype(type.dtype),
          scale(type.quantization->scales[0]),
          zero_point(type.quantization->zero_points[0]) {}
    float At(const std::byte* data, int64_t i) const {
      return static_cast<float>(Integer8At(dtype, data, i) - zero_point) *
             scale;
    }
  };
  const Operand left(node.input(0));
  const Operand right(node.input(1));
  return MakeLoopStep([=, kind = op.kind](const LoopMemory& memory) {
    pair.ForEach(memory.pool, [&](int64_t y, int64_t a, int64_t b) {
      const float real = Apply(kind, left.At(memory.inputs[0], a),
                               right.At(memory.inputs[1], b));
      // 0 / 0 stands for the zero point, as Quantize has it.
      StoreReal(output, std::isnan(real) ? 0 : real / output.scale,
                memory.outputs[0], y);
    });
  });
}

absl::StatusOr<StepPtr> MakeQuantized(const ir::Binary& op,
                                      const NodeTypes& node) {
  // Checks both inputs and the output; only Add computes with its numbers.
  auto sum = plan::RequantizeSum(node.input(0), node.input(1), node.output(),
                                 op.activation);
  if (!sum.ok()) return sum.status();
  const BroadcastPair pair(node);
  if (op.kind == ir::BinaryKind::kAdd) return MakeIntegerSum(pair, *sum, node);
  return MakeIntegerBinary(op, pair, sum->output, node);
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Binary& op, const NodeTypes& node) {
  const bool quantized = node.input(0).quantization.has_value() ||
                         node.input(1).quantization.has_value();
  if (quantized) return MakeQuantized(op, node);
  const DType dtype = node.input(0).dtype;
  OCTET_RETURN_IF_ERROR(node.ExpectDType(dtype, 2));
  if (!IsFloat(dtype) && !op.activation.is_identity()) {
    return node.Unsupported("an activation on plain integers");
  }
  const BroadcastPair pair(node);
  return ForType<float, double, int32_t, int64_t>(node, dtype, [&](auto type) {
    using T = decltype(type);
    return MakeLoopStep([pair, op](const LoopMemory& memory) {
      const T* a = memory.in<T>(0);
      const T* b = memory.in<T>(1);
      T* y = memory.out<T>();
      pair.ForEach(memory.pool, [&](int64_t i, int64_t j, int64_t k) {
        const T value = Apply(op.kind, a[j], b[k]);
        if constexpr (std::is_integral_v<T>) {
          y[i] = value;
        } else {
          y[i] = Clamped(value, op.activation);
        }
      });
    });
  });
}

}  // namespace octet::reference
