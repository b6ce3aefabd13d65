// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "engine/base/status_macros.h"
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

template <typename Sum>
Sum Start(ir::ReduceKind kind) {
  switch (kind) {
    case ir::ReduceKind::kMax:
      return Smallest<Sum>();
    case ir::ReduceKind::kMin:
      return Largest<Sum>();
    case ir::ReduceKind::kProd:
      return 1;
    case ir::ReduceKind::kSum:
    case ir::ReduceKind::kMean:
    case ir::ReduceKind::kSumSquare:
    case ir::ReduceKind::kL1:
    case ir::ReduceKind::kL2:
      return 0;
  }
  return 0;
}

template <typename Sum>
Sum Combine(ir::ReduceKind kind, Sum sum, Sum value) {
  switch (kind) {
    case ir::ReduceKind::kSum:
    case ir::ReduceKind::kMean:
      return sum + value;
    case ir::ReduceKind::kSumSquare:
    case ir::ReduceKind::kL2:
      return sum + value * value;
    case ir::ReduceKind::kL1:
      return sum + (value < 0 ? -value : value);
    case ir::ReduceKind::kProd:
      return sum * value;
    // NaN wins over every number.
    case ir::ReduceKind::kMax:
      return value > sum || value != value ? value : sum;
    case ir::ReduceKind::kMin:
      return value < sum || value != value ? value : sum;
  }
  return sum;
}

template <typename T, typename Sum>
T Finish(ir::ReduceKind kind, Sum sum, int64_t count) {
  if (kind == ir::ReduceKind::kMean) {
    if (count == 0) return T();
    return static_cast<T>(sum / static_cast<Sum>(count));
  }
  if (kind == ir::ReduceKind::kL2) {
    return static_cast<T>(std::sqrt(static_cast<double>(sum)));
  }
  return static_cast<T>(sum);
}

template <typename T>
void ComputeOne(const ReduceShape& shape, const T* x, int64_t count, T* y) {
  using Sum = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
  Sum sum = Start<Sum>(shape.kind);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t offset = OffsetOf(i, shape.reduced, shape.reduced_strides);
    sum = Combine(shape.kind, sum, static_cast<Sum>(x[offset]));
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
  return ForType<float, double, int8_t, uint8_t, int32_t, int64_t>(
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
