// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>

#include "engine/reference/sliding_window.h"
#include "engine/reference/steps.h"

namespace octet::reference {
namespace {

struct IndexShape {
  Image x;
  Image y;
  WindowAxes window;
  bool column_major = false;

  // The index of a place in its image.
  int64_t Place(const std::array<int64_t, kSpatialAxes>& at) const {
    if (column_major) {
      return at[0] + x.size[0] * (at[1] + x.size[1] * at[2]);
    }
    return at[2] + x.size[2] * (at[1] + x.size[1] * at[0]);
  }
};

// The place of the first largest element under the window at `out`; the first
// element of the image where the window holds none.
template <typename T>
int64_t LargestPlace(const IndexShape& shape, const T* x,
                     const std::array<int64_t, kSpatialAxes>& out) {
  const WindowAxes& window = shape.window;
  std::array<int64_t, kSpatialAxes> taps = {0, 0, 0};
  const int64_t count = window[0].kernel * window[1].kernel * window[2].kernel;
  const T* best = nullptr;
  int64_t place = 0;
  for (int64_t k = 0; k < count; ++k) {
    taps = {k / window[2].kernel / window[1].kernel,
            k / window[2].kernel % window[1].kernel, k % window[2].kernel};
    std::array<int64_t, kSpatialAxes> at;
    bool inside = true;
    for (int i = 0; i < kSpatialAxes; ++i) {
      at[i] = window[i].Input(out[i], taps[i]);
      inside = inside && at[i] >= 0 && at[i] < shape.x.size[i];
    }
    if (!inside) continue;
    const T* element =
        x + shape.x.Offset(0, 0, at[0], at[1]) + at[2] * shape.x.strides[2];
    if (best != nullptr && !(*element > *best)) continue;
    best = element;
    place = shape.Place(at);
  }
  return place;
}

template <typename T>
void ComputeImage(const IndexShape& shape, const LoopMemory& memory,
                  int64_t image) {
  const int64_t n = image / shape.x.channels;
  const int64_t c = image % shape.x.channels;
  const int64_t first = shape.x.Offset(n, c, 0, 0);
  int64_t* y = memory.out<int64_t>() + shape.y.Offset(n, c, 0, 0);
  for (int64_t d = 0; d < shape.y.size[0]; ++d) {
    for (int64_t h = 0; h < shape.y.size[1]; ++h) {
      for (int64_t w = 0; w < shape.y.size[2]; ++w) {
        *y++ = first + LargestPlace(shape, memory.in<T>(0) + first, {d, h, w});
      }
    }
  }
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::MaxPoolIndices& op,
                                 const NodeTypes& node) {
  IndexShape shape;
  shape.x = ImageOf(node.input_shape(0), ir::Layout::kChannelsFirst);
  shape.y = ImageOf(node.output_shape(), ir::Layout::kChannelsFirst);
  shape.window = WindowAxesOf(op.window);
  shape.column_major = op.column_major;
  return ForType<float, double, uint8_t, int8_t>(
      node, node.input(0).dtype, [&](auto type) {
        return MakeLoopStep([shape](const LoopMemory& memory) {
          memory.pool->ParallelRun(
              shape.x.batch * shape.x.channels, [&](int64_t image) {
                ComputeImage<decltype(type)>(shape, memory, image);
              });
        });
      });
}

}  // namespace octet::reference
