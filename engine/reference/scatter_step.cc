// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "engine/base/status_macros.h"
#include "engine/reference/entry_index.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

// Operators that put elements where their second input says. Updates of one
// element are made one after the other, in the order of the indices.
namespace octet::reference {
namespace {

// Integers wrap around, as they do where ONNX models come from.
template <typename T>
T Combined(ir::ScatterReduction reduction, T old, T update) {
  switch (reduction) {
    case ir::ScatterReduction::kAdd:
    case ir::ScatterReduction::kMul: {
      const bool add = reduction == ir::ScatterReduction::kAdd;
      if constexpr (std::is_integral_v<T>) {
        const auto a = static_cast<uint64_t>(old);
        const auto b = static_cast<uint64_t>(update);
        return static_cast<T>(add ? a + b : a * b);
      } else {
        return add ? old + update : old * update;
      }
    }
    case ir::ScatterReduction::kMin:
      return std::min(old, update);
    case ir::ScatterReduction::kMax:
      return std::max(old, update);
    case ir::ScatterReduction::kNone:
      break;
  }
  return update;
}

// Starts from the data, then calls put(memory, T*) for the C++ type of the
// elements: words of their size where none are combined.
template <typename Put>
absl::StatusOr<StepPtr> MakeScatterStep(const NodeTypes& node,
                                        ir::ScatterReduction reduction,
                                        Put put) {
  OCTET_RETURN_IF_ERROR(node.ExpectMoved(0));
  const DType dtype = node.output().dtype;
  const size_t bytes = ElementCount(node.output_shape()) * SizeOf(dtype);
  auto make = [&](auto element) {
    using T = decltype(element);
    return MakeLoopStep([bytes, put](const LoopMemory& memory) {
      std::memcpy(memory.outputs[0], memory.inputs[0], bytes);
      put(memory, memory.out<T>());
    });
  };
  if (reduction == ir::ScatterReduction::kNone) {
    switch (SizeOf(dtype)) {
      case 1:
        return make(uint8_t());
      case 2:
        return make(uint16_t());
      case 4:
        return make(uint32_t());
      default:
        return make(uint64_t());
    }
  }
  return ForType<float, double, int8_t, uint8_t, int16_t, uint16_t, int32_t,
                 uint32_t, int64_t, uint64_t>(node, dtype, make);
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::ScatterElements& op,
                                 const NodeTypes& node) {
  const Shape y_shape = node.output_shape();
  const Shape shape = node.input_shape(1);
  const int64_t extent = y_shape[op.axis];
  const int64_t axis_stride = StridesOf(y_shape)[op.axis];
  Shape other_strides = StridesOf(y_shape);
  other_strides[op.axis] = 0;
  const DType index_type = node.input(1).dtype;
  return MakeScatterStep(
      node, op.reduction,
      [=, reduction = op.reduction](const LoopMemory& memory, auto* y) {
        using T = std::remove_reference_t<decltype(*y)>;
        const T* updates = memory.in<T>(2);
        const int64_t count = ElementCount(shape);
        for (int64_t i = 0; i < count; ++i) {
          const int64_t entry = EntryIndex(memory, 1, index_type, i, extent);
          if (entry < 0 || entry >= extent) continue;
          T& element =
              y[OffsetOf(i, shape, other_strides) + entry * axis_stride];
          element = Combined(reduction, element, updates[i]);
        }
      });
}

absl::StatusOr<StepPtr> MakeStep(const ir::ScatterNd& op,
                                 const NodeTypes& node) {
  const Shape y_shape = node.output_shape();
  const Shape y_strides = StridesOf(y_shape);
  const Shape shape = node.input_shape(1);
  const int64_t coordinates = shape.back();
  const int64_t lookups = ElementCount(shape) / coordinates;
  const int behind = static_cast<int>(coordinates);
  const int64_t length = Around(y_shape, behind, behind).inner;
  const DType index_type = node.input(1).dtype;
  return MakeScatterStep(
      node, op.reduction,
      [=, reduction = op.reduction](const LoopMemory& memory, auto* y) {
        using T = std::remove_reference_t<decltype(*y)>;
        const T* updates = memory.in<T>(2);
        for (int64_t i = 0; i < lookups; ++i) {
          int64_t target = 0;
          bool inside = true;
          for (int64_t c = 0; c < coordinates; ++c) {
            const int64_t entry = EntryIndex(memory, 1, index_type,
                                             i * coordinates + c, y_shape[c]);
            inside = inside && entry >= 0 && entry < y_shape[c];
            if (inside) target += entry * y_strides[c];
          }
          if (!inside) continue;
          for (int64_t j = 0; j < length; ++j) {
            y[target + j] =
                Combined(reduction, y[target + j], updates[i * length + j]);
          }
        }
      });
}

}  // namespace octet::reference
