// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "engine/base/status_macros.h"
#include "engine/reference/binary_functions.h"
#include "engine/reference/integer_from_real.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

namespace octet::reference {
namespace {

struct ReduceShape {
  Shape kept;  // sizes of the axes that stay
  Shape kept_strides;
  Shape reduced;  // sizes of the axes that go
  Shape reduced_strides;
  ir::ReduceKind kind;
};

template <typename T>
T Largest() {
  return std::numeric_limits<T>::has_infinity
             ? std::numeric_limits<T>::infinity()
             : std::numeric_limits<T>::max();
}
template <typename T>
T Smallest() {
  return std::numeric_limits<T>::has_infinity
             ? -std::numeric_limits<T>::infinity()
             : std::numeric_limits<T>::lowest();
}

// Reals are combined in double; integers in 64 bits, wrapping around.
template <typename T>
using SumOf = std::conditional_t<
    std::is_floating_point_v<T>, double,
    std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;

// Of the elements' own type: what is left where there are none.
template <typename T>
SumOf<T> Start(ir::ReduceKind kind) {
  switch (kind) {
    case ir::ReduceKind::kMax:
      return Smallest<T>();
    case ir::ReduceKind::kMin:
      return Largest<T>();
    case ir::ReduceKind::kProd:
      return 1;
    default:
      return 0;
  }
}

template <typename Sum>
Sum Combine(ir::ReduceKind kind, Sum sum, Sum value) {
  switch (kind) {
    case ir::ReduceKind::kSum:
    case ir::ReduceKind::kMean:
    case ir::ReduceKind::kLogSum:
      return Apply(ir::BinaryKind::kAdd, sum, value);
    case ir::ReduceKind::kSumSquare:
    case ir::ReduceKind::kL2:
      return Apply(ir::BinaryKind::kAdd, sum,
                   Apply(ir::BinaryKind::kMul, value, value));
    case ir::ReduceKind::kL1:
      return Apply(value < 0 ? ir::BinaryKind::kSub : ir::BinaryKind::kAdd, sum,
                   value);
    case ir::ReduceKind::kProd:
      return Apply(ir::BinaryKind::kMul, sum, value);
    // NaN wins over every number.
    case ir::ReduceKind::kMax:
      return value > sum || value != value ? value : sum;
    case ir::ReduceKind::kMin:
      return value < sum || value != value ? value : sum;
    case ir::ReduceKind::kLogSumExp:
      return sum;  // LogSumExp() below
  }
  return sum;
}

// A real as a T; without its fraction where that has none.
template <typename T>
T FromReal(double real) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    return IntegerFromReal<T>(real);
  }
  return static_cast<T>(real);
}

template <typename T>
T Finish(ir::ReduceKind kind, SumOf<T> sum, int64_t count) {
  switch (kind) {
    case ir::ReduceKind::kMean:
      if (count == 0) return T();
      return static_cast<T>(sum / static_cast<SumOf<T>>(count));
    case ir::ReduceKind::kL2:
      return FromReal<T>(std::sqrt(static_cast<double>(sum)));
    case ir::ReduceKind::kLogSum:
      return FromReal<T>(std::log(static_cast<double>(sum)));
    default:
      return static_cast<T>(sum);
  }
}

// log(sum(exp(x))) with the largest taken out, so that nothing overflows.
template <typename T>
double LogSumExp(const ReduceShape& shape, const T* x, int64_t count) {
  double largest = Smallest<double>();
  auto at = [&](int64_t i) {
    return static_cast<double>(
        x[OffsetOf(i, shape.reduced, shape.reduced_strides)]);
  };
  for (int64_t i = 0; i < count; ++i) {
    largest = Combine(ir::ReduceKind::kMax, largest, at(i));
  }
  if (!std::isfinite(largest)) return largest;
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += std::exp(at(i) - largest);
  return largest + std::log(sum);
}

template <typename T>
void ComputeOne(const ReduceShape& shape, const T* x, int64_t count, T* y) {
  if (shape.kind == ir::ReduceKind::kLogSumExp) {
    *y = FromReal<T>(LogSumExp(shape, x, count));
    return;
  }
  SumOf<T> sum = Start<T>(shape.kind);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t offset = OffsetOf(i, shape.reduced, shape.reduced_strides);
    sum = Combine(shape.kind, sum, static_cast<SumOf<T>>(x[offset]));
  }
  *y = Finish<T>(shape.kind, sum, count);
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Reduce& op, const NodeTypes& node) {
  const DType dtype = node.input(0).dtype;
  OCTET_RETURN_IF_ERROR(node.ExpectDType(dtype, 1));
  ReduceShape shape;
  shape.kind = op.kind;
  const Shape x = node.input_shape(0);
  const Shape strides = StridesOf(x);
  for (int axis = 0; axis < static_cast<int>(x.size()); ++axis) {
    const bool goes =
        std::find(op.axes.begin(), op.axes.end(), axis) != op.axes.end();
    (goes ? shape.reduced : shape.kept).push_back(x[axis]);
    (goes ? shape.reduced_strides : shape.kept_strides)
        .push_back(strides[axis]);
  }
  return ForType<float, double, int8_t, uint8_t, int16_t, uint16_t, int32_t,
                 uint32_t, int64_t, uint64_t, bool>(
      node, dtype, [&](auto type) {
        using T = decltype(type);
        return MakeLoopStep([shape](const LoopMemory& memory) {
          const int64_t count = ElementCount(shape.reduced);
          memory.pool->ParallelRun(ElementCount(shape.kept), [&](int64_t i) {
            const int64_t first = OffsetOf(i, shape.kept, shape.kept_strides);
            ComputeOne(shape, memory.in<T>(0) + first, count,
                       memory.out<T>() + i);
          });
        });
      });
}

}  // namespace octet::reference
