// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "engine/base/status_macros.h"
#include "engine/reference/binary_functions.h"
#include "engine/reference/broadcast.h"
#include "engine/reference/element_access.h"
#include "engine/reference/steps.h"

namespace octet::reference {
namespace {

using Pair = Broadcast<2>;
using Indices = std::array<int64_t, 2>;

// Add, Sub and Mul of integers, with `numbers` for them: one rounding, no real
// in between.
template <typename Requantization>
StepPtr MakeIntegerArithmetic(const Pair& pair, const Requantization& numbers,
                              const NodeTypes& node) {
  return MakeLoopStep(
      [pair, numbers, a_dtype = node.input(0).dtype,
       b_dtype = node.input(1).dtype](const LoopMemory& memory) {
        pair.ForEach(memory.pool, [&](int64_t y, const Indices& at) {
          const int32_t left = Integer8At(a_dtype, memory.inputs[0], at[0]);
          const int32_t right = Integer8At(b_dtype, memory.inputs[1], at[1]);
          StoreReal(numbers.output, numbers.Real(left, right),
                    memory.outputs[0], y);
        });
      });
}

// Other kinds on integers: on the reals they stand for, then one rounding.
StepPtr MakeIntegerBinary(const ir::Binary& op, const Pair& pair,
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
    pair.ForEach(memory.pool, [&](int64_t y, const Indices& at) {
      const float real = Apply(kind, left.At(memory.inputs[0], at[0]),
                               right.At(memory.inputs[1], at[1]));
      // 0 / 0 stands for the zero point, as Quantize has it.
      StoreReal(output, std::isnan(real) ? 0 : real / output.scale,
                memory.outputs[0], y);
    });
  });
}

absl::StatusOr<StepPtr> MakeQuantized(const ir::Binary& op,
                                      const NodeTypes& node) {
  const Pair pair(node);
  if (op.kind == ir::BinaryKind::kMul) {
    OCTET_ASSIGN_OR_RETURN(
        const auto factors,
        plan::RequantizeFactors(node.input(0), node.input(1), node.output(),
                                op.activation));
    return MakeIntegerArithmetic(pair, factors, node);
  }
  // Checks both inputs and the output; only sums compute with its numbers.
  auto sum = plan::RequantizeSum(node.input(0), node.input(1), node.output(),
                                 op.activation);
  if (!sum.ok()) return sum.status();
  if (op.kind == ir::BinaryKind::kSub) sum->b_multiplier = -sum->b_multiplier;
  if (op.kind == ir::BinaryKind::kAdd || op.kind == ir::BinaryKind::kSub) {
    return MakeIntegerArithmetic(pair, *sum, node);
  }
  return MakeIntegerBinary(op, pair, sum->output, node);
}

// The step y = compute(a, b) with y of type Y, a of type A and b of type B.
template <typename Y, typename A, typename B, typename Compute>
StepPtr MakePairLoop(const NodeTypes& node, Compute compute) {
  return MakeLoopStep([pair = Pair(node), compute](const LoopMemory& memory) {
    const A* a = memory.in<A>(0);
    const B* b = memory.in<B>(1);
    Y* y = memory.out<Y>();
    pair.ForEach(memory.pool, [&](int64_t i, const Indices& at) {
      y[i] = compute(a[at[0]], b[at[1]]);
    });
  });
}

template <typename Make>
absl::StatusOr<StepPtr> ForInteger(const NodeTypes& node, DType dtype,
                                   Make make) {
  return ForType<int8_t, uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t,
                 uint64_t>(node, dtype, make);
}

template <typename Make>
absl::StatusOr<StepPtr> ForNumber(const NodeTypes& node, DType dtype,
                                  Make make) {
  if (!IsFloat(dtype)) return ForInteger(node, dtype, make);
  return ForType<float, double>(node, dtype, make);
}

absl::StatusOr<StepPtr> MakeCondition(const ir::Binary& op,
                                      const NodeTypes& node) {
  auto make = [&](auto type) {
    using T = decltype(type);
    return MakePairLoop<bool, T, T>(
        node, [kind = op.kind](T a, T b) { return Holds(kind, a, b); });
  };
  const DType dtype = node.input(0).dtype;
  if (dtype == DType::kBool) return ForType<bool>(node, dtype, make);
  return ForNumber(node, dtype, make);
}

// Of operands of two types.
absl::StatusOr<StepPtr> MakePower(const NodeTypes& node) {
  absl::StatusOr<StepPtr> step;
  auto for_base = [&](auto base) {
    using Base = decltype(base);
    step = ForNumber(node, node.input(1).dtype, [&](auto exponent) {
      using Exponent = decltype(exponent);
      return MakePairLoop<Base, Base, Exponent>(
          node, [](Base a, Exponent b) { return Power(a, b); });
    });
    return StepPtr();
  };
  OCTET_RETURN_IF_ERROR(
      ForNumber(node, node.input(0).dtype, for_base).status());
  return step;
}

absl::StatusOr<StepPtr> MakePlain(const ir::Binary& op, const NodeTypes& node) {
  const DType dtype = node.input(0).dtype;
  const bool of_bits = op.kind >= ir::BinaryKind::kBitAnd &&
                       op.kind <= ir::BinaryKind::kShiftRight;
  if (of_bits) {
    return ForInteger(node, dtype, [&](auto type) {
      using T = decltype(type);
      return MakePairLoop<T, T, T>(
          node, [kind = op.kind](T a, T b) { return ApplyToBits(kind, a, b); });
    });
  }
  return ForNumber(node, dtype, [&](auto type) {
    using T = decltype(type);
    return MakePairLoop<T, T, T>(node, [op](T a, T b) {
      const T value = Apply(op.kind, a, b);
      if constexpr (std::is_integral_v<T>) return value;
      return Clamped(value, op.activation);
    });
  });
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Binary& op, const NodeTypes& node) {
  const bool quantized = node.input(0).quantization.has_value() ||
                         node.input(1).quantization.has_value();
  if (quantized) return MakeQuantized(op, node);
  const DType dtype = node.input(0).dtype;
  if (ir::GivesBool(op.kind)) return MakeCondition(op, node);
  if (!IsFloat(dtype) && !op.activation.is_identity()) {
    return node.Unsupported("an activation on plain integers");
  }
  if (node.input(1).dtype == dtype) return MakePlain(op, node);
  if (!op.activation.is_identity()) {
    return node.Unsupported("an activation on operands of two types");
  }
  return MakePower(node);
}

}  // namespace octet::reference
