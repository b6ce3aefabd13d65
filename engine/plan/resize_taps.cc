// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/resize_taps.h"

#include <algorithm>
#include <cmath>

#include "engine/base/check.h"

namespace octet::plan {
namespace {

// Where elements of the resized axis lie on the axis as it was.
class Positions {
 public:
  Positions(const ir::Resize& op, size_t axis, int64_t inputs)
      : coordinates_(op.coordinates),
        inputs_(static_cast<double>(inputs)),
        outputs_(static_cast<double>(op.sizes[axis])),
        scale_(op.scales[axis]),
        exact_(static_cast<float>(outputs_ / inputs_) == op.scales[axis]) {
    if (coordinates_ == ir::ResizeCoordinates::kTfCropAndResize) {
      begin_ = op.roi_begin[axis];
      end_ = op.roi_end[axis];
    }
  }

  double Of(int64_t index) const {
    const auto o = static_cast<double>(index);
    switch (coordinates_) {
      case ir::ResizeCoordinates::kHalfPixel:
        return Unscaled(o + 0.5) - 0.5;
      case ir::ResizeCoordinates::kHalfPixelSymmetric: {
        const double adjustment = outputs_ / Length();
        return inputs_ / 2 * (1 - adjustment) + Unscaled(o + 0.5) - 0.5;
      }
      case ir::ResizeCoordinates::kPytorchHalfPixel:
        return outputs_ > 1 ? Unscaled(o + 0.5) - 0.5 : 0;
      case ir::ResizeCoordinates::kAlignCorners:
        // With a scale, ONNX counts a fraction of an element too.
        return outputs_ > 1 ? o * (inputs_ - 1) / (Length() - 1) : 0;
      case ir::ResizeCoordinates::kAsymmetric:
        return Unscaled(o);
      case ir::ResizeCoordinates::kTfCropAndResize:
        if (outputs_ <= 1) return (begin_ + end_) / 2 * (inputs_ - 1);
        return begin_ * (inputs_ - 1) +
               o * (end_ - begin_) * (inputs_ - 1) / (outputs_ - 1);
      case ir::ResizeCoordinates::kTfHalfPixelForNn:
        return Unscaled(o + 0.5);
    }
    OCTET_CHECK(false);
  }

 private:
  // One division of numbers that double holds exactly: halves stay halves.
  double Unscaled(double o) const {
    return exact_ ? o * inputs_ / outputs_ : o / scale_;
  }
  // Of the resized axis; may end in a fraction.
  double Length() const { return exact_ ? outputs_ : scale_ * inputs_; }

  const ir::ResizeCoordinates coordinates_;
  const double inputs_;
  const double outputs_;
  const double scale_;
  const bool exact_;
  double begin_ = 0;
  double end_ = 1;
};

double Nearest(ir::ResizeRounding rounding, double x) {
  switch (rounding) {
    case ir::ResizeRounding::kRoundPreferFloor:
      return std::ceil(x - 0.5);
    case ir::ResizeRounding::kRoundPreferCeil:
      return std::floor(x + 0.5);
    case ir::ResizeRounding::kFloor:
      return std::floor(x);
    case ir::ResizeRounding::kCeil:
      return std::ceil(x);
  }
  OCTET_CHECK(false);
}

double LinearWeight(double distance) {
  return std::max(0.0, 1 - std::abs(distance));
}

double CubicWeight(double distance, double a) {
  const double d = std::abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}

// How far the filter of `op` reaches, in elements of the input. Antialiasing
// stretches it where the axis shrinks.
struct Filter {
  const ir::Resize& op;
  double shrink = 1;  // the scale where it is antialiased away, else 1
  int64_t half = 1;   // taps on either side of a position

  Filter(const ir::Resize& op, size_t axis)
      : op(op),
        shrink(op.antialias ? std::min<double>(op.scales[axis], 1) : 1),
        half(static_cast<int64_t>(std::ceil(Support() / shrink))) {}

  double Support() const { return op.mode == ir::ResizeMode::kCubic ? 2 : 1; }
  double Weight(double distance) const {
    return op.mode == ir::ResizeMode::kCubic
               ? CubicWeight(distance * shrink, op.cubic_a)
               : LinearWeight(distance * shrink);
  }
};

// Adds the taps around position `x` to `weights`, those of elements beyond the
// ends to the end.
void AddTaps(const Filter& filter, double x, int64_t inputs, int64_t first,
             double* weights) {
  // A position on an element has it as the right one of its two neighbours.
  const auto left = static_cast<int64_t>(std::ceil(x)) - 1;
  const int64_t begin = left - filter.half + 1;
  const int64_t end = left + filter.half + 1;
  double sum = 0;
  for (int64_t i = begin; i < end; ++i) {
    const bool outside = i < 0 || i >= inputs;
    if (outside && filter.op.exclude_outside) continue;
    sum += filter.Weight(static_cast<double>(i) - x);
  }
  // Only what is stretched or cut does not add up to 1 by itself.
  const bool whole = !filter.op.antialias && !filter.op.exclude_outside;
  if (whole || sum == 0) sum = 1;
  for (int64_t i = begin; i < end; ++i) {
    const bool outside = i < 0 || i >= inputs;
    if (outside && filter.op.exclude_outside) continue;
    const int64_t at = std::clamp<int64_t>(i, 0, inputs - 1);
    weights[at - first] += filter.Weight(static_cast<double>(i) - x) / sum;
  }
}

}  // namespace

bool IsLeftAlone(const ir::Resize& op, size_t axis, int64_t inputs) {
  if (op.sizes[axis] != inputs || op.scales[axis] != 1) return false;
  return op.coordinates != ir::ResizeCoordinates::kTfCropAndResize ||
         (op.roi_begin[axis] == 0 && op.roi_end[axis] == 1);
}

ResizeTaps MakeResizeTaps(const ir::Resize& op, size_t axis, int64_t inputs) {
  const int64_t outputs = op.sizes[axis];
  const Positions positions(op, axis, inputs);
  const Filter filter(op, axis);
  const bool nearest = op.mode == ir::ResizeMode::kNearest;
  const bool crops = op.coordinates == ir::ResizeCoordinates::kTfCropAndResize;
  const auto last = static_cast<double>(inputs - 1);

  ResizeTaps result;
  result.taps = nearest ? 1 : std::min(2 * filter.half, inputs);
  result.first.resize(outputs);
  result.weights.assign(outputs * result.taps, nearest ? 1 : 0);
  if (crops) result.outside.resize(outputs);
  for (int64_t o = 0; o < outputs; ++o) {
    const double real = positions.Of(o);
    if (crops) result.outside[o] = real < 0 || real > last;
    // No further out than all taps beyond an end, so that integers hold it.
    const auto reach = static_cast<double>(filter.half);
    const double x = std::clamp(real, -reach - 1, last + reach + 1);
    if (nearest) {
      result.first[o] =
          static_cast<int64_t>(std::clamp(Nearest(op.rounding, x), 0.0, last));
      continue;
    }
    const auto left = static_cast<int64_t>(std::ceil(x)) - 1;
    result.first[o] =
        std::clamp<int64_t>(left - filter.half + 1, 0, inputs - result.taps);
    AddTaps(filter, x, inputs, result.first[o],
            result.weights.data() + o * result.taps);
  }
  return result;
}

}  // namespace octet::plan
