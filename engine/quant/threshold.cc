// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/threshold.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace octet::quant {
namespace {

constexpr double kPercentiles[] = {99.999, 99.99, 99.9};

// Ranges whose ends differ by less, as a share of their span, are the same.
constexpr double kSameShare = 0.01;

// Calls `body` with each range that the searches try, the widest first.
template <typename Body>
void ForCandidates(const Range& seen, Body body) {
  const double largest = std::max(std::abs(static_cast<double>(seen.min)),
                                  std::abs(static_cast<double>(seen.max)));
  for (int i = 0; i < kCandidates; ++i) {
    const auto magnitude = static_cast<float>(
        largest * std::pow(kLeastShare, i / (kCandidates - 1.0)));
    body(Range{std::max(seen.min, -magnitude), std::min(seen.max, magnitude)});
  }
}

// What lies between two places of the histogram, in steps of a grid.
struct Steps {
  double origin;  // where step 0 begins
  double width;   // of one step
  int count;      // 256, or 255 where signed integers are symmetric

  int Of(double value) const {
    return std::clamp(static_cast<int>(std::floor((value - origin) / width)), 0,
                      count - 1);
  }
};

Steps StepsOf(const Range& range, Grid grid) {
  const Scheme scheme = SchemeFor(range, grid);
  const bool is_signed = scheme.dtype == DType::kInt8;
  const double low = is_signed ? -127 : 0 - scheme.zero_point;
  return {(low - 0.5) * scheme.scale, scheme.scale, is_signed ? 255 : 256};
}

// Sum of p * log(p / q) over the bins, where p is what was seen, with what lies
// beyond `range` at its ends, and q spreads each step's share evenly over those
// of its bins that saw something.
double Divergence(const Histogram& histogram, const Range& range, Grid grid) {
  constexpr int kBins = Histogram::kBins;
  const Steps steps = StepsOf(range, grid);
  std::vector<double> inside(kBins, 0.0);
  double below = 0;
  double above = 0;
  int first = kBins;
  int last = -1;
  for (int i = 0; i < kBins; ++i) {
    const auto count = static_cast<double>(histogram.counts()[i]);
    const double middle = histogram.middle(i);
    if (middle < range.min && middle + histogram.width() < range.min) {
      below += count;
    } else if (middle > range.max && middle - histogram.width() > range.max) {
      above += count;
    } else {
      inside[i] = count;
      first = std::min(first, i);
      last = std::max(last, i);
    }
  }
  if (last < 0) return std::numeric_limits<double>::infinity();
  std::vector<double> step_count(steps.count, 0.0);
  std::vector<int> step_bins(steps.count, 0);
  std::vector<double> reference = inside;
  reference[first] += below;
  reference[last] += above;
  for (int i = first; i <= last; ++i) {
    if (reference[i] == 0) continue;
    const int step = steps.Of(histogram.middle(i));
    // What was clipped is no part of what the integers can tell.
    step_count[step] += inside[i];
    ++step_bins[step];
  }
  double total = 0;
  double told = 0;
  for (int i = first; i <= last; ++i) {
    total += reference[i];
    told += inside[i];
  }
  if (total == 0 || told == 0) return std::numeric_limits<double>::infinity();
  // Where the ends hold clipped values alone, the integers say "nothing there":
  // a small share keeps the logarithm finite.
  constexpr double kFloor = 1e-9;
  double divergence = 0;
  for (int i = first; i <= last; ++i) {
    if (reference[i] == 0) continue;
    const int step = steps.Of(histogram.middle(i));
    const double p = reference[i] / total;
    const double q = step_count[step] / step_bins[step] / told;
    divergence += p * std::log(p / std::max(q, kFloor));
  }
  return divergence;
}

bool NearlyEqual(const Range& a, const Range& b) {
  const double near = kSameShare * (static_cast<double>(a.max) - a.min);
  return std::abs(static_cast<double>(a.min) - b.min) <= near &&
         std::abs(static_cast<double>(a.max) - b.max) <= near;
}

}  // namespace

Scheme SchemeFor(const Range& range, Grid grid) {
  switch (grid) {
    case Grid::kAsymmetric:
      return AsymmetricU8(range);
    case Grid::kSymmetric:
      return Symmetric(range);
  }
  OCTET_CHECK(false);
}

Range MinMaxThreshold(const Histogram& histogram) { return *histogram.range(); }

Range PercentileThreshold(const Histogram& histogram, double percent) {
  const Range seen = *histogram.range();
  const bool two_sided = seen.min < 0 && seen.max > 0;
  const double beyond = static_cast<double>(histogram.total()) *
                        (100 - percent) / 100 / (two_sided ? 2 : 1);
  Range range = seen;
  constexpr int kBins = Histogram::kBins;
  if (seen.max > 0) {
    double left_out = 0;
    for (int i = kBins - 1; i >= 0; --i) {
      left_out += static_cast<double>(histogram.counts()[i]);
      if (left_out <= beyond) continue;
      // The end of the bin in which the percentile lies.
      range.max = static_cast<float>(std::min<double>(
          seen.max, histogram.low() + histogram.width() * (i + 1)));
      break;
    }
  }
  if (seen.min < 0) {
    double left_out = 0;
    for (int i = 0; i < kBins; ++i) {
      left_out += static_cast<double>(histogram.counts()[i]);
      if (left_out <= beyond) continue;
      range.min = static_cast<float>(
          std::max<double>(seen.min, histogram.low() + histogram.width() * i));
      break;
    }
  }
  // Nearly all may be zeros, which are in no bin.
  range.min = std::min(range.min, range.max);
  return range;
}

Range EntropyThreshold(const Histogram& histogram, Grid grid) {
  Range best = *histogram.range();
  double least = std::numeric_limits<double>::infinity();
  ForCandidates(*histogram.range(), [&](const Range& range) {
    const double divergence = Divergence(histogram, range, grid);
    if (divergence >= least) return;
    least = divergence;
    best = range;
  });
  return best;
}

double SquaredError(const Histogram& histogram, const Range& range, Grid grid) {
  const Scheme scheme = SchemeFor(range, grid);
  const int least = scheme.dtype == DType::kInt8 ? -128 : 0;
  const int most = scheme.dtype == DType::kInt8 ? 127 : 255;
  const double low = DequantizeValue(least, scheme);
  const double high = DequantizeValue(most, scheme);
  const double step = scheme.scale;
  // Of a value that may lie anywhere within its step.
  const double rounding = step * step / 12;
  double sum = 0;
  for (int i = 0; i < Histogram::kBins; ++i) {
    if (histogram.counts()[i] == 0) continue;
    const double middle = histogram.middle(i);
    const double over = std::max({low - middle, middle - high, 0.0});
    const double error = over > step / 2 ? over * over : rounding;
    sum += error * static_cast<double>(histogram.counts()[i]);
  }
  return sum / static_cast<double>(histogram.total());
}

Range MseThreshold(const Histogram& histogram, Grid grid) {
  Range best = *histogram.range();
  double least = SquaredError(histogram, best, grid);
  const auto consider = [&](const Range& range) {
    const double error = SquaredError(histogram, range, grid);
    if (error >= least) return;
    least = error;
    best = range;
  };
  ForCandidates(*histogram.range(), consider);
  if (grid == Grid::kSymmetric || best.min >= 0 || best.max <= 0) return best;
  // Each end by itself, as the tails may differ.
  const Range both = best;
  for (int i = 0; i < kCandidates; ++i) {
    const auto share =
        static_cast<float>(std::pow(kLeastShare, i / (kCandidates - 1.0)));
    consider({histogram.range()->min * share, both.max});
  }
  const Range lower = best;
  for (int i = 0; i < kCandidates; ++i) {
    const auto share =
        static_cast<float>(std::pow(kLeastShare, i / (kCandidates - 1.0)));
    consider({lower.min, histogram.range()->max * share});
  }
  return best;
}

std::vector<Threshold> CandidateThresholds(const Histogram& histogram,
                                           Grid grid) {
  std::vector<Threshold> all = {{"min-max", MinMaxThreshold(histogram)}};
  const auto add = [&](std::string name, const Range& range) {
    const bool known =
        std::any_of(all.begin(), all.end(), [&](const Threshold& other) {
          return NearlyEqual(other.range, range);
        });
    if (!known) all.push_back({std::move(name), range});
  };
  for (double percent : kPercentiles) {
    add(absl::StrCat("percentile ", percent),
        PercentileThreshold(histogram, percent));
  }
  add("mse", MseThreshold(histogram, grid));
  add("entropy", EntropyThreshold(histogram, grid));
  return all;
}

}  // namespace octet::quant
