// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/base/status_macros.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

namespace octet::reference {
namespace {

// One softmax over `length` elements that are `stride` apart.
template <typename T>
void ComputeOne(const T* x, T* y, int64_t length, int64_t stride, bool log) {
  T largest = -std::numeric_limits<T>::infinity();
  for (int64_t i = 0; i < length; ++i) {
    largest = std::max(largest, x[i * stride]);
  }
  double sum = 0;
  for (int64_t i = 0; i < length; ++i) {
    sum += std::exp(static_cast<double>(x[i * stride]) - largest);
  }
  for (int64_t i = 0; i < length; ++i) {
    const double above = static_cast<double>(x[i * stride]) - largest;
    y[i * stride] =
        static_cast<T>(log ? above - std::log(sum) : std::exp(above) / sum);
  }
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Softmax& op, const NodeTypes& node) {
  const DType dtype = node.input(0).dtype;
  OCTET_RETURN_IF_ERROR(node.ExpectDType(dtype, 1));
  const Shape shape = node.input_shape(0);
  const int end =
      op.through_last_axis ? static_cast<int>(shape.size()) : op.axis + 1;
  const AroundAxis around = Around(shape, op.axis, end);
  return ForType<float, double>(node, dtype, [&](auto type) {
    using T = decltype(type);
    return MakeLoopStep([around, log = op.log](const LoopMemory& memory) {
      memory.pool->ParallelRun(around.outer * around.inner, [&](int64_t i) {
        const int64_t first =
            i / around.inner * around.length * around.inner + i % around.inner;
        ComputeOne(memory.in<T>(0) + first, memory.out<T>() + first,
                   around.length, around.inner, log);
      });
    });
  });
}

}  // namespace octet::reference
