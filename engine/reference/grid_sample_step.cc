// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <cstdint>

#include "engine/reference/sliding_window.h"
#include "engine/reference/steps.h"

namespace octet::reference {
namespace {

struct GridShape {
  Image x;
  int axes = 2;        // spatial ones of x, the last of the three
  int64_t places = 1;  // of the output in one image
  ir::GridSample op;
};

// The elements that a position is made of along one axis, [-1] where padding
// is read. At most four: cubic.
struct GridTaps {
  int count = 0;
  std::array<int64_t, 4> index;
  std::array<double, 4> weight;
};

// `x` mirrored at the ends of [low, high] until it lies inside.
double Reflected(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  double distance = std::abs(x - low);
  const double times = std::floor(distance / range);
  distance -= times * range;
  return std::fmod(times, 2) == 0 ? low + distance : high - distance;
}

double Clipped(double x, int64_t size) {
  return std::min(std::max(x, 0.0), static_cast<double>(size - 1));
}

// The element at whole position `x`, beyond the ends as the padding says.
int64_t IndexOf(const ir::GridSample& op, double x, int64_t size) {
  const auto last = static_cast<double>(size - 1);
  if (x >= 0 && x <= last) return static_cast<int64_t>(x);
  switch (op.padding) {
    case ir::GridPadding::kZeros:
      return -1;
    case ir::GridPadding::kBorder:
      return static_cast<int64_t>(Clipped(x, size));
    case ir::GridPadding::kReflection: {
      const double inside = op.align_corners ? Reflected(x, 0, last)
                                             : Reflected(x, -0.5, last + 0.5);
      return static_cast<int64_t>(Clipped(inside, size));
    }
  }
  return -1;
}

// From [-1, 1] to elements of an axis.
double Denormalized(const ir::GridSample& op, float position, int64_t size) {
  const auto length = static_cast<double>(size);
  const double x = op.align_corners
                       ? (static_cast<double>(position) + 1) / 2 * (length - 1)
                       : ((static_cast<double>(position) + 1) * length - 1) / 2;
  // What is no number, or further out than any neighbour, is outside.
  if (!(std::abs(x) < 1e15)) return std::signbit(x) ? -1e15 : 1e15;
  return x;
}

GridTaps TapsAt(const ir::GridSample& op, float position, int64_t size) {
  double x = Denormalized(op, position, size);
  const auto last = static_cast<double>(size - 1);
  // Half to even, as PyTorch rounds.
  if (op.mode == ir::ResizeMode::kNearest) x = std::nearbyint(x);
  const double low = op.align_corners ? 0 : -0.5;
  const double high = op.align_corners ? last : last + 0.5;
  if (x < low || x > high) {
    if (op.padding == ir::GridPadding::kBorder) x = Clipped(x, size);
    if (op.padding == ir::GridPadding::kReflection) x = Reflected(x, low, high);
  }
  const double floor = std::floor(x);
  const double t = x - floor;
  GridTaps taps;
  auto add = [&](double at, double weight) {
    taps.index[taps.count] = IndexOf(op, at, size);
    taps.weight[taps.count++] = weight;
  };
  switch (op.mode) {
    case ir::ResizeMode::kNearest:
      add(floor, 1);
      break;
    case ir::ResizeMode::kLinear:
      add(floor, 1 - t);
      add(floor + 1, t);
      break;
    case ir::ResizeMode::kCubic: {
      // Keys 1981 with a = -0.75.
      constexpr double kA = -0.75;
      auto inner = [](double d) {
        return ((kA + 2) * d - (kA + 3)) * d * d + 1;
      };
      auto outer = [](double d) {
        return ((kA * d - 5 * kA) * d + 8 * kA) * d - 4 * kA;
      };
      add(floor - 1, outer(t + 1));
      add(floor, inner(t));
      add(floor + 1, inner(1 - t));
      add(floor + 2, outer(2 - t));
      break;
    }
  }
  return taps;
}

// Adds up the taps of the three axes in one image.
double Sample(const GridShape& shape, const float* x,
              const std::array<GridTaps, kSpatialAxes>& taps) {
  double sum = 0;
  for (int d = 0; d < taps[0].count; ++d) {
    for (int h = 0; h < taps[1].count; ++h) {
      for (int w = 0; w < taps[2].count; ++w) {
        const int64_t at[] = {taps[0].index[d], taps[1].index[h],
                              taps[2].index[w]};
        if (at[0] < 0 || at[1] < 0 || at[2] < 0) continue;
        const double weight =
            taps[0].weight[d] * taps[1].weight[h] * taps[2].weight[w];
        sum +=
            weight * x[at[0] * shape.x.strides[0] + at[1] * shape.x.strides[1] +
                       at[2] * shape.x.strides[2]];
      }
    }
  }
  return sum;
}

// One place of the output, in all channels.
void ComputePlace(const GridShape& shape, const LoopMemory& memory,
                  int64_t index) {
  const int64_t n = index / shape.places;
  const int64_t place = index % shape.places;
  const float* position = memory.in<float>(1) + index * shape.axes;
  std::array<GridTaps, kSpatialAxes> taps;
  for (int i = 0; i < kSpatialAxes; ++i) {
    // The grid names the innermost axis first.
    const int from_inside = kSpatialAxes - 1 - i;
    if (from_inside < shape.axes) {
      taps[i] = TapsAt(shape.op, position[from_inside], shape.x.size[i]);
    } else {
      taps[i].count = 1;
      taps[i].index[0] = 0;
      taps[i].weight[0] = 1;
    }
  }
  for (int64_t c = 0; c < shape.x.channels; ++c) {
    const float* x = memory.in<float>(0) + shape.x.Offset(n, c, 0, 0);
    memory.out<float>()[(n * shape.x.channels + c) * shape.places + place] =
        static_cast<float>(Sample(shape, x, taps));
  }
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::GridSample& op,
                                 const NodeTypes& node) {
  GridShape shape;
  const Shape y = node.output_shape();
  shape.x = ImageOf(node.input_shape(0), ir::Layout::kChannelsFirst);
  shape.axes = static_cast<int>(y.size()) - 2;
  shape.places = ElementCount(absl::MakeConstSpan(y).subspan(2));
  shape.op = op;
  return MakeLoopStep([shape](const LoopMemory& memory) {
    memory.pool->ParallelRun(shape.x.batch * shape.places, [&](int64_t index) {
      ComputePlace(shape, memory, index);
    });
  });
}

}  // namespace octet::reference
