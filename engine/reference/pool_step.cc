// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <limits>

#include "engine/reference/element_access.h"
#include "engine/reference/sliding_window.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

namespace octet::reference {
namespace {

struct PoolShape {
  Image x;
  Image y;
  WindowAxes window;
  bool count_include_pad = false;
  bool dilated = false;
};

// The part of a window that is inside the input: positions [begin, end) in
// steps of the dilation along each axis; `count` is what an average divides by.
struct WindowPart {
  std::array<int64_t, kSpatialAxes> begin;
  std::array<int64_t, kSpatialAxes> end;
  int64_t count = 1;
};

// The taps of one axis at output position `out` that lie in [low, high).
Positions TapsInside(const WindowAxis& axis, int64_t out, int64_t low,
                     int64_t high) {
  Positions taps{0, 0};
  for (int64_t k = 0; k < axis.kernel; ++k) {
    const int64_t position = axis.Input(out, k);
    if (position < low) ++taps.begin;
    if (position < high) ++taps.end;
  }
  return taps;
}

WindowPart PartInside(const PoolShape& shape,
                      const std::array<int64_t, kSpatialAxes>& out) {
  WindowPart part;
  for (int i = 0; i < kSpatialAxes; ++i) {
    const WindowAxis& axis = shape.window[i];
    const Positions taps = TapsInside(axis, out[i], 0, shape.x.size[i]);
    part.begin[i] = axis.Input(out[i], taps.begin);
    part.end[i] = axis.Input(out[i], taps.end);
    // Rounding the output's size up lets windows hang over the padding; what
    // is beyond it counts in dilated windows only (see ir::Pool).
    const Positions counted = !shape.count_include_pad ? taps
                              : shape.dilated
                                  ? Positions{0, axis.kernel}
                                  : TapsInside(axis, out[i], -axis.pad_begin,
                                               shape.x.size[i] + axis.pad_end);
    part.count *= counted.end - counted.begin;
  }
  return part;
}

// Calls visit(element) for the elements of channel `x` in `part`.
template <typename T, typename Visit>
void ForEach(const PoolShape& shape, const T* x, const WindowPart& part,
             Visit visit) {
  const WindowAxes& window = shape.window;
  for (int64_t d = part.begin[0]; d < part.end[0]; d += window[0].dilation) {
    for (int64_t h = part.begin[1]; h < part.end[1]; h += window[1].dilation) {
      const T* row = x + d * shape.x.strides[0] + h * shape.x.strides[1];
      for (int64_t w = part.begin[2]; w < part.end[2];
           w += window[2].dilation) {
        visit(row[w * shape.x.strides[2]]);
      }
    }
  }
}

// A step that calls store(memory, channel of x, part, index of y) for each
// element of the output.
template <typename T, typename Store>
StepPtr MakePoolLoop(const PoolShape& shape, Store store) {
  return MakeLoopStep([shape, store](const LoopMemory& memory) {
    const Image& y = shape.y;
    auto compute_channel = [&](int64_t n, int64_t c) {
      const T* x = memory.in<T>(0) + shape.x.Offset(n, c, 0, 0);
      for (int64_t d = 0; d < y.size[0]; ++d) {
        for (int64_t h = 0; h < y.size[1]; ++h) {
          for (int64_t w = 0; w < y.size[2]; ++w) {
            store(memory, x, PartInside(shape, {d, h, w}),
                  y.Offset(n, c, d, h) + w * y.strides[2]);
          }
        }
      }
    };
    memory.pool->ParallelRun(y.batch * y.channels, [&](int64_t i) {
      compute_channel(i / y.channels, i % y.channels);
    });
  });
}

template <typename T>
StepPtr MakeMaxLoop(const PoolShape& shape) {
  return MakePoolLoop<T>(shape, [shape](const LoopMemory& memory, const T* x,
                                        const WindowPart& part, int64_t index) {
    T best = std::numeric_limits<T>::has_infinity
                 ? -std::numeric_limits<T>::infinity()
                 : std::numeric_limits<T>::lowest();
    ForEach(shape, x, part, [&](T value) { best = std::max(best, value); });
    memory.out<T>()[index] = best;
  });
}

StepPtr MakeFloatAverageLoop(const PoolShape& shape) {
  return MakePoolLoop<float>(
      shape, [shape](const LoopMemory& memory, const float* x,
                     const WindowPart& part, int64_t index) {
        double sum = 0;
        ForEach(shape, x, part, [&](float value) { sum += value; });
        const auto count =
            static_cast<double>(std::max<int64_t>(part.count, 1));
        memory.out<float>()[index] = static_cast<float>(sum / count);
      });
}

template <typename T>
StepPtr MakeIntegerAverageLoop(const PoolShape& shape,
                               const plan::Rescaling& rescaling) {
  return MakePoolLoop<T>(
      shape, [shape, rescaling](const LoopMemory& memory, const T* x,
                                const WindowPart& part, int64_t index) {
        int32_t sum = 0;
        ForEach(shape, x, part,
                [&](T value) { sum += value - rescaling.input_zero_point; });
        const int64_t count = std::max<int64_t>(part.count, 1);
        StoreReal(rescaling.output, rescaling.AverageReal(sum, count),
                  memory.outputs[0], index);
      });
}

absl::StatusOr<StepPtr> MakePool(const PoolShape& shape, ir::PoolKind kind,
                                 const NodeTypes& node) {
  if (kind == ir::PoolKind::kMax) {
    absl::Status moved = node.ExpectMoved(0);
    if (!moved.ok()) return moved;
    return ForType<float, double, uint8_t, int8_t>(
        node, node.input(0).dtype,
        [&](auto type) { return MakeMaxLoop<decltype(type)>(shape); });
  }
  if (!node.input(0).quantization.has_value()) {
    absl::Status floats = node.ExpectDType(DType::kFloat32, 1);
    if (!floats.ok()) return floats;
    return MakeFloatAverageLoop(shape);
  }
  auto rescaling = plan::Rescale(node.input(0), node.output());
  if (!rescaling.ok()) return rescaling.status();
  return ForType<uint8_t, int8_t>(node, node.input(0).dtype, [&](auto type) {
    return MakeIntegerAverageLoop<decltype(type)>(shape, *rescaling);
  });
}

// [N, C, spatial...] as [N, C, S], [N, spatial..., C] as [N, S, C].
Shape WithOneSpatialAxis(const Shape& shape, ir::Layout layout) {
  if (layout == ir::Layout::kChannelsLast) {
    const AroundAxis around =
        Around(shape, 1, static_cast<int>(shape.size()) - 1);
    return {around.outer, around.length, around.inner};
  }
  const AroundAxis around = Around(shape, 1, 2);
  return {around.outer, around.length, around.inner};
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Pool& op, const NodeTypes& node) {
  if (!IsImage(node.input_shape(0))) {
    return node.Unsupported(
        absl::StrCat("the input is ", ShapeToString(node.input_shape(0)),
                     "; expected one to three spatial axes"));
  }
  PoolShape shape;
  shape.x = ImageOf(node.input_shape(0), op.layout);
  shape.y = ImageOf(node.output_shape(), op.layout);
  shape.window = WindowAxesOf(op.window);
  shape.count_include_pad = op.count_include_pad;
  shape.dilated =
      std::any_of(op.window.dilations.begin(), op.window.dilations.end(),
                  [](int64_t dilation) { return dilation > 1; });
  return MakePool(shape, op.kind, node);
}

absl::StatusOr<StepPtr> MakeStep(const ir::GlobalPool& op,
                                 const NodeTypes& node) {
  if (node.input_shape(0).size() < 2) {
    return node.Unsupported(
        absl::StrCat("the input is ", ShapeToString(node.input_shape(0)),
                     "; expected a batch and a channel axis"));
  }
  PoolShape shape;
  shape.x =
      ImageOf(WithOneSpatialAxis(node.input_shape(0), op.layout), op.layout);
  shape.y =
      ImageOf(WithOneSpatialAxis(node.output_shape(), op.layout), op.layout);
  shape.window[kSpatialAxes - 1].kernel = shape.x.size[kSpatialAxes - 1];
  return MakePool(shape, op.kind, node);
}

}  // namespace octet::reference
