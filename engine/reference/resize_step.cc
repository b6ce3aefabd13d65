// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/plan/requantization.h"
#include "engine/plan/resize_taps.h"
#include "engine/reference/element_access.h"
#include "engine/reference/integer_from_real.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

namespace octet::reference {
namespace {

// An axis whose elements are made of others.
struct ResizedAxis {
  plan::ResizeTaps taps;
  int64_t stride = 0;         // in the input, in elements
  int64_t output_stride = 0;  // in the output
  int64_t outputs = 0;
};

struct ResizeShape {
  Shape output;
  // In the input, one per axis of the output; 0 for the resized ones.
  Shape strides;
  std::vector<ResizedAxis> axes;
};

ResizeShape ShapeOf(const ir::Resize& op, const NodeTypes& node) {
  const Shape input = node.input_shape(0);
  ResizeShape shape;
  shape.output = node.output_shape();
  shape.strides = StridesOf(input);
  const Shape output_strides = StridesOf(shape.output);
  ir::Resize fixed = op;
  fixed.sizes = shape.output;  // rows included
  for (size_t i = 0; i < input.size(); ++i) {
    if (plan::IsLeftAlone(fixed, i, input[i])) continue;
    shape.axes.push_back({plan::MakeResizeTaps(fixed, i, input[i]),
                          shape.strides[i], output_strides[i],
                          shape.output[i]});
    shape.strides[i] = 0;
  }
  return shape;
}

// Element `index` of the output along `axis`.
int64_t Along(const ResizedAxis& axis, int64_t index) {
  return index / axis.output_stride % axis.outputs;
}

bool IsOutside(const ResizeShape& shape, int64_t index) {
  for (const ResizedAxis& axis : shape.axes) {
    if (!axis.taps.outside.empty() && axis.taps.outside[Along(axis, index)]) {
      return true;
    }
  }
  return false;
}

// The weighted sum over the axes from `depth` on; `value(offset)` is the
// element of the input there.
template <typename Value>
double Interpolate(const ResizeShape& shape, size_t depth, int64_t index,
                   int64_t offset, const Value& value) {
  if (depth == shape.axes.size()) return value(offset);
  const ResizedAxis& axis = shape.axes[depth];
  const int64_t o = Along(axis, index);
  const double* weights = axis.taps.weights.data() + o * axis.taps.taps;
  double sum = 0;
  for (int64_t t = 0; t < axis.taps.taps; ++t) {
    sum += weights[t] *
           Interpolate(shape, depth + 1, index,
                       offset + (axis.taps.first[o] + t) * axis.stride, value);
  }
  return sum;
}

// A step that calls store(memory, index) for each element of the output.
template <typename Store>
StepPtr MakeElementLoop(int64_t elements, Store store) {
  return MakeLoopStep([elements, store](const LoopMemory& memory) {
    memory.pool->ParallelRanges(elements, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        store(memory, i);
      }
    });
  });
}

template <typename T>
StepPtr MakeNearestLoop(const ResizeShape& shape, T fill) {
  return MakeElementLoop(
      ElementCount(shape.output),
      [shape, fill](const LoopMemory& memory, int64_t index) {
        if (IsOutside(shape, index)) {
          memory.out<T>()[index] = fill;
          return;
        }
        int64_t from = OffsetOf(index, shape.output, shape.strides);
        for (const ResizedAxis& axis : shape.axes) {
          from += axis.taps.first[Along(axis, index)] * axis.stride;
        }
        memory.out<T>()[index] = memory.in<T>(0)[from];
      });
}

// Reals are rounded to float32; integers toward zero, as ONNX's own evaluator
// does, where they are no whole number but for double's rounding.
template <typename T>
T FromInterpolated(double real) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(real);
  } else {
    const double whole = std::nearbyint(real);
    constexpr double kRounding = 1e-9;
    const double near = kRounding * (1 + std::abs(real));
    const double cut =
        std::abs(real - whole) <= near ? whole : std::trunc(real);
    // The limits of 64 bits round up to a number that is beyond them.
    if (!(cut > static_cast<double>(std::numeric_limits<T>::lowest()))) {
      return std::numeric_limits<T>::lowest();
    }
    if (cut >= static_cast<double>(std::numeric_limits<T>::max())) {
      return std::numeric_limits<T>::max();
    }
    return static_cast<T>(cut);
  }
}

template <typename T>
StepPtr MakeInterpolatingLoop(const ResizeShape& shape, double fill) {
  return MakeElementLoop(
      ElementCount(shape.output),
      [shape, fill](const LoopMemory& memory, int64_t index) {
        const T* x = memory.in<T>(0);
        const double real =
            IsOutside(shape, index)
                ? fill
                : Interpolate(
                      shape, 0, index,
                      OffsetOf(index, shape.output, shape.strides),
                      [x](int64_t i) { return static_cast<double>(x[i]); });
        memory.out<T>()[index] = FromInterpolated<T>(real);
      });
}

absl::StatusOr<StepPtr> MakeQuantized(const ResizeShape& shape,
                                      const NodeTypes& node) {
  auto rescaling = plan::Rescale(node.input(0), node.output());
  if (!rescaling.ok()) return rescaling.status();
  const DType dtype = node.input(0).dtype;
  return MakeElementLoop(
      ElementCount(shape.output), [shape, dtype, rescaling = *rescaling](
                                      const LoopMemory& memory, int64_t index) {
        const std::byte* x = memory.inputs[0];
        const double acc = Interpolate(
            shape, 0, index, OffsetOf(index, shape.output, shape.strides),
            [&](int64_t i) {
              return static_cast<double>(Integer8At(dtype, x, i) -
                                         rescaling.input_zero_point);
            });
        StoreReal(rescaling.output,
                  static_cast<float>(acc) * rescaling.multiplier,
                  memory.outputs[0], index);
      });
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Resize& op, const NodeTypes& node) {
  const ResizeShape shape = ShapeOf(op, node);
  const ir::TensorType& x = node.input(0);
  const bool nearest = op.mode == ir::ResizeMode::kNearest;
  const bool fills = op.coordinates == ir::ResizeCoordinates::kTfCropAndResize;
  if (fills && x.quantization.has_value()) {
    return node.Unsupported(
        "a cropped region of integers that stand for reals");
  }
  if (!nearest && x.quantization.has_value()) return MakeQuantized(shape, node);
  absl::Status moved = node.ExpectMoved(0);
  if (!moved.ok()) return moved;
  return ForType<float, double, int8_t, uint8_t, int16_t, uint16_t, int32_t,
                 uint32_t, int64_t, uint64_t, bool>(
      node, x.dtype, [&](auto type) -> absl::StatusOr<StepPtr> {
        using T = decltype(type);
        const double fill = op.extrapolation_value;
        if (nearest) {
          if constexpr (std::is_same_v<T, bool>) {
            return MakeNearestLoop<T>(shape, fill != 0);
          } else {
            return MakeNearestLoop<T>(shape, FromInterpolated<T>(fill));
          }
        } else if constexpr (std::is_same_v<T, bool>) {
          return node.Unsupported("interpolation of bools");
        } else {
          return MakeInterpolatingLoop<T>(shape, fill);
        }
      });
}

}  // namespace octet::reference
