// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/reference/sliding_window.h"
#include "engine/reference/steps.h"

namespace octet::reference {
namespace {

struct RoiShape {
  Image x;
  ir::RoiAlign op;
};

// Samples [begin, end) of a bin.
struct Samples {
  int64_t begin = 0;
  int64_t end = 0;

  int64_t count() const { return end - begin; }
};

// A region may claim to be as large as float32 goes; integers hold this many
// samples.
constexpr double kMostSamples = 1e15;

// One axis of a region, in elements of the input.
struct RoiAxis {
  double start = 0;
  double bin = 0;       // length of one bin
  int64_t samples = 0;  // in a bin

  RoiAxis(const ir::RoiAlign& op, float from, float to, int64_t bins) {
    const double offset = op.half_pixel ? 0.5 : 0;
    const double scale = op.spatial_scale;
    start = from * scale - offset;
    double length = to * scale - offset - start;
    // Before half_pixel came, regions were at least one element long.
    if (!op.half_pixel) length = std::max(length, 1.0);
    bin = length / static_cast<double>(bins);
    const double fitting = std::ceil(bin);
    samples = op.sampling_ratio > 0 ? op.sampling_ratio
              : fitting > 0
                  ? static_cast<int64_t>(std::min(fitting, kMostSamples))
                  : 0;
  }

  double Position(int64_t index, int64_t sample) const {
    return start + static_cast<double>(index) * bin +
           (static_cast<double>(sample) + 0.5) * bin /
               static_cast<double>(samples);
  }

  // Those of bin `index` that lie near an input of `size` elements, or a few
  // more: the others are 0, and a large region has many.
  Samples Near(int64_t index, int64_t size) const {
    if (!(bin > 0)) return {0, samples};
    const double step = bin / static_cast<double>(samples);
    const double first = start + static_cast<double>(index) * bin;
    auto count = [&](double distance) {
      return static_cast<int64_t>(
          std::clamp(distance / step, 0.0, static_cast<double>(samples)));
    };
    const int64_t begin = count(-1 - first);
    const int64_t end = count(static_cast<double>(size) - first) + 2;
    return {std::max<int64_t>(begin - 2, 0), std::min(end, samples)};
  }
};

// The two neighbours of a position and how much the second counts.
struct Neighbours {
  int64_t low = 0;
  int64_t high = 0;
  double fraction = 0;

  Neighbours(double position, int64_t size) {
    const double inside = std::max(position, 0.0);
    low = std::min(static_cast<int64_t>(inside), size - 1);
    high = std::min(low + 1, size - 1);
    fraction = high == low ? 0 : inside - static_cast<double>(low);
  }
};

// False for NaN too.
bool IsNear(double position, int64_t size) {
  return position >= -1 && position <= static_cast<double>(size);
}

// What one sample adds: the interpolated element, or for max the largest of the
// four weighted corners, as ONNX's own evaluator has it.
double Sample(const RoiShape& shape, const float* x, double row,
              double column) {
  const int64_t height = shape.x.size[1];
  const int64_t width = shape.x.size[2];
  if (!IsNear(row, height) || !IsNear(column, width)) return 0;
  const Neighbours y(row, height);
  const Neighbours z(column, width);
  const double corners[] = {
      (1 - y.fraction) * (1 - z.fraction) * x[y.low * width + z.low],
      (1 - y.fraction) * z.fraction * x[y.low * width + z.high],
      y.fraction * (1 - z.fraction) * x[y.high * width + z.low],
      y.fraction * z.fraction * x[y.high * width + z.high],
  };
  if (shape.op.kind == ir::PoolKind::kMax) {
    return *std::max_element(std::begin(corners), std::end(corners));
  }
  return corners[0] + corners[1] + corners[2] + corners[3];
}

double PoolBin(const RoiShape& shape, const float* x, const RoiAxis& rows,
               const RoiAxis& columns, int64_t bin) {
  const int64_t bin_row = bin / shape.op.output_width;
  const int64_t bin_column = bin % shape.op.output_width;
  const bool max = shape.op.kind == ir::PoolKind::kMax;
  if (rows.samples <= 0 || columns.samples <= 0) return 0;
  const Samples near_rows = rows.Near(bin_row, shape.x.size[1]);
  const Samples near_columns = columns.Near(bin_column, shape.x.size[2]);
  const bool all = near_rows.count() == rows.samples &&
                   near_columns.count() == columns.samples;
  double result = max && all ? -std::numeric_limits<double>::infinity() : 0;
  for (int64_t i = near_rows.begin; i < near_rows.end; ++i) {
    for (int64_t j = near_columns.begin; j < near_columns.end; ++j) {
      const double sample = Sample(shape, x, rows.Position(bin_row, i),
                                   columns.Position(bin_column, j));
      result = max ? std::max(result, sample) : result + sample;
    }
  }
  const double count =
      static_cast<double>(rows.samples) * static_cast<double>(columns.samples);
  return max ? result : result / count;
}

void ComputeRegion(const RoiShape& shape, const LoopMemory& memory,
                   int64_t region) {
  const ir::RoiAlign& op = shape.op;
  const int64_t bins = op.output_height * op.output_width;
  float* y = memory.out<float>() + region * shape.x.channels * bins;
  const int64_t n = memory.in<int64_t>(2)[region];
  if (n < 0 || n >= shape.x.batch) {
    std::fill(y, y + shape.x.channels * bins, 0.0f);
    return;
  }
  const float* corners = memory.in<float>(1) + region * 4;
  const RoiAxis columns(op, corners[0], corners[2], op.output_width);
  const RoiAxis rows(op, corners[1], corners[3], op.output_height);
  for (int64_t c = 0; c < shape.x.channels; ++c) {
    const float* x = memory.in<float>(0) + shape.x.Offset(n, c, 0, 0);
    for (int64_t bin = 0; bin < bins; ++bin) {
      *y++ = static_cast<float>(PoolBin(shape, x, rows, columns, bin));
    }
  }
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::RoiAlign& op,
                                 const NodeTypes& node) {
  RoiShape shape;
  shape.x = ImageOf(node.input_shape(0), ir::Layout::kChannelsFirst);
  shape.op = op;
  const int64_t regions = node.output_shape()[0];
  return MakeLoopStep([shape, regions](const LoopMemory& memory) {
    memory.pool->ParallelRun(
        regions, [&](int64_t region) { ComputeRegion(shape, memory, region); });
  });
}

}  // namespace octet::reference
