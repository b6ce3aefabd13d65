// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <type_traits>

#include "engine/reference/binary_functions.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

namespace octet::reference {
namespace {

// One running sum over `length` elements that are `stride` apart. Real sums are
// taken in double; integers wrap around.
template <typename T>
void ComputeOne(const ir::CumSum& op, const T* x, T* y,
                const AroundAxis& around) {
  using Sum = std::conditional_t<std::is_integral_v<T>, T, double>;
  Sum sum = 0;
  for (int64_t i = 0; i < around.length; ++i) {
    const int64_t at = (op.reverse ? around.length - 1 - i : i) * around.inner;
    const Sum before = sum;
    sum = Apply(ir::BinaryKind::kAdd, sum, static_cast<Sum>(x[at]));
    y[at] = static_cast<T>(op.exclusive ? before : sum);
  }
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::CumSum& op, const NodeTypes& node) {
  const AroundAxis around = Around(node.input_shape(0), op.axis, op.axis + 1);
  return ForType<float, double, int8_t, uint8_t, int16_t, uint16_t, int32_t,
                 uint32_t, int64_t, uint64_t>(
      node, node.input(0).dtype, [&](auto type) {
        using T = decltype(type);
        return MakeLoopStep([op, around](const LoopMemory& memory) {
          memory.pool->ParallelRun(around.outer * around.inner, [&](int64_t i) {
            const int64_t first =
                i / around.inner * around.length * around.inner +
                i % around.inner;
            ComputeOne(op, memory.in<T>(0) + first, memory.out<T>() + first,
                       around);
          });
        });
      });
}

}  // namespace octet::reference
