// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "engine/base/status_macros.h"
#include "engine/reference/element_access.h"
#include "engine/reference/element_loop.h"
#include "engine/reference/steps.h"

namespace octet::reference {
namespace {

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
