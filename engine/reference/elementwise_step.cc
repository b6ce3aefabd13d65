// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "engine/base/status_macros.h"
#include "engine/reference/element_access.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

namespace octet::reference {
namespace {

// A step that calls compute(memory, begin, end) for ranges of the elements.
template <typename Compute>
StepPtr MakeElementLoop(const NodeTypes& node, Compute compute) {
  const int64_t size = ElementCount(node.output_shape());
  return MakeLoopStep([size, compute](const LoopMemory& memory) {
    memory.pool->ParallelRanges(size, [&](int64_t begin, int64_t end, int) {
      compute(memory, begin, end);
    });
  });
}

// log(1 + exp(x)) without overflow.
double Softplus(double x) {
  return std::log1p(std::exp(-std::fabs(x))) + std::max(x, 0.0);
}

double Apply(const ir::Unary& op, double x) {
  switch (op.kind) {
    case ir::UnaryKind::kAbs:
      return std::fabs(x);
    case ir::UnaryKind::kNeg:
      return -x;
    case ir::UnaryKind::kExp:
      return std::exp(x);
    case ir::UnaryKind::kLog:
      return std::log(x);
    case ir::UnaryKind::kSqrt:
      return std::sqrt(x);
    case ir::UnaryKind::kReciprocal:
      return 1 / x;
    case ir::UnaryKind::kFloor:
      return std::floor(x);
    case ir::UnaryKind::kCeil:
      return std::ceil(x);
    case ir::UnaryKind::kRound:
      return std::nearbyint(x);
    case ir::UnaryKind::kSign:
      return x > 0 ? 1 : x < 0 ? -1 : x;
    case ir::UnaryKind::kErf:
      return std::erf(x);
    case ir::UnaryKind::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case ir::UnaryKind::kTanh:
      return std::tanh(x);
    case ir::UnaryKind::kSoftplus:
      return Softplus(x);
    case ir::UnaryKind::kSoftsign:
      return x / (1 + std::fabs(x));
    case ir::UnaryKind::kMish:
      return x * std::tanh(Softplus(x));
    case ir::UnaryKind::kHardSwish:
      return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case ir::UnaryKind::kLeakyRelu:
      return x < 0 ? op.alpha * x : x;
    case ir::UnaryKind::kElu:
      return x < 0 ? op.alpha * std::expm1(x) : x;
    case ir::UnaryKind::kHardSigmoid:
      return std::clamp(op.alpha * x + op.beta, 0.0, 1.0);
  }
  return 0;
}

// Abs, Neg and Sign of integers; the least integer stays itself.
template <typename T>
T ApplyToInteger(ir::UnaryKind kind, T x) {
  using Unsigned = std::make_unsigned_t<T>;
  const T negated = static_cast<T>(Unsigned{0} - static_cast<Unsigned>(x));
  if (kind == ir::UnaryKind::kNeg) return negated;
  if (kind == ir::UnaryKind::kAbs) return x < 0 ? negated : x;
  return x > 0 ? 1 : x < 0 ? -1 : 0;
}

absl::StatusOr<StepPtr> MakeIntegerUnary(const ir::Unary& op,
                                         const NodeTypes& node) {
  if (op.kind != ir::UnaryKind::kAbs && op.kind != ir::UnaryKind::kNeg &&
      op.kind != ir::UnaryKind::kSign) {
    return node.Unsupported("it is not defined on integers");
  }
  return ForType<int8_t, int16_t, int32_t, int64_t, uint8_t>(
      node, node.input(0).dtype, [&](auto type) {
        using T = decltype(type);
        return MakeElementLoop(
            node, [kind = op.kind](const LoopMemory& memory, int64_t begin,
                                   int64_t end) {
              for (int64_t i = begin; i < end; ++i) {
                memory.out<T>()[i] = ApplyToInteger(kind, memory.in<T>(0)[i]);
              }
            });
      });
}

// `limit` as a T, the nearest one where it is beyond them.
template <typename T>
T LimitAs(float limit) {
  if constexpr (std::is_integral_v<T>) {
    // The bounds as float may round up to one beyond T; >= takes care of that.
    if (limit >= static_cast<float>(std::numeric_limits<T>::max())) {
      return std::numeric_limits<T>::max();
    }
    if (limit <= static_cast<float>(std::numeric_limits<T>::min())) {
      return std::numeric_limits<T>::min();
    }
  }
  return static_cast<T>(limit);
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Unary& op, const NodeTypes& node) {
  const DType dtype = node.input(0).dtype;
  OCTET_RETURN_IF_ERROR(node.ExpectDType(dtype, 1));
  if (!IsFloat(dtype)) return MakeIntegerUnary(op, node);
  return ForType<float, double>(node, dtype, [&](auto type) {
    using T = decltype(type);
    return MakeElementLoop(
        node, [op](const LoopMemory& memory, int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            memory.out<T>()[i] = static_cast<T>(Apply(op, memory.in<T>(0)[i]));
          }
        });
  });
}

absl::StatusOr<StepPtr> MakeStep(const ir::Clamp& op, const NodeTypes& node) {
  if (node.input(0).quantization.has_value()) {
    auto rescaling = plan::Rescale(node.input(0), node.output(), op.range);
    if (!rescaling.ok()) return rescaling.status();
    return MakeRescaleLoop(*rescaling, node);
  }
  const DType dtype = node.input(0).dtype;
  OCTET_RETURN_IF_ERROR(node.ExpectDType(dtype, 1));
  return ForType<float, double, int8_t, uint8_t, int16_t, uint16_t, int32_t,
                 uint32_t, int64_t, uint64_t>(node, dtype, [&](auto type) {
    using T = decltype(type);
    const T lower = LimitAs<T>(op.range.lower);
    const T upper = LimitAs<T>(op.range.upper);
    return MakeElementLoop(node, [lower, upper](const LoopMemory& memory,
                                                int64_t begin, int64_t end) {
      const T* x = memory.in<T>(0);
      T* y = memory.out<T>();
      for (int64_t i = begin; i < end; ++i) {
        y[i] = std::min(std::max(x[i], lower), upper);  // NaN stays NaN
      }
    });
  });
}

absl::StatusOr<StepPtr> MakeStep(const ir::BatchNorm& op,
                                 const NodeTypes& node) {
  OCTET_RETURN_IF_ERROR(node.ExpectDType(DType::kFloat32, 5));
  if (node.input_shape(0).size() < 2) {
    return node.Unsupported("the input has no channel axis");
  }
  const AroundAxis around = Around(node.input_shape(0), 1, 2);
  return MakeLoopStep([around, epsilon = op.epsilon](const LoopMemory& memory) {
    memory.pool->ParallelRun(around.outer * around.length, [&](int64_t i) {
      const int64_t c = i % around.length;
      const double gamma = memory.in<float>(1)[c];
      const double beta = memory.in<float>(2)[c];
      const double mean = memory.in<float>(3)[c];
      const double deviation =
          std::sqrt(static_cast<double>(memory.in<float>(4)[c]) + epsilon);
      const float* x = memory.in<float>(0);
      float* y = memory.out<float>();
      for (int64_t j = i * around.inner; j < (i + 1) * around.inner; ++j) {
        y[j] = static_cast<float>((x[j] - mean) / deviation * gamma + beta);
      }
    });
  });
}

StepPtr MakeRescaleLoop(const plan::Rescaling& rescaling,
                        const NodeTypes& node) {
  return MakeElementLoop(node, [rescaling, dtype = node.input(0).dtype](
                                   const LoopMemory& memory, int64_t begin,
                                   int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int32_t steps =
          Integer8At(dtype, memory.inputs[0], i) - rescaling.input_zero_point;
      StoreReal(rescaling.output, rescaling.Real(steps), memory.outputs[0], i);
    }
  });
}

}  // namespace octet::reference
