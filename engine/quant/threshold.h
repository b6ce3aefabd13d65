// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_THRESHOLD_H_
#define OCTET_ENGINE_QUANT_THRESHOLD_H_

#include <string>
#include <vector>

#include "engine/quant/histogram.h"
#include "engine/quant/scheme.h"

// Which part of what a tensor's values span the 256 integers should cover:
// less of it means finer steps and more values clipped at the ends.
//
// Each function REQUIRES a histogram that has seen a value, and returns a range
// within histogram.range(). Those that search try kCandidates magnitudes, from
// the largest seen down to kLeastShare of it, and clip both ends at each: an
// end that is nearer to zero than the magnitude stays where it is.
namespace octet::quant {

// Spaced evenly in the logarithm, 3 % apart.
inline constexpr int kCandidates = 100;
inline constexpr double kLeastShare = 0.05;

// Which of the integers a range is spread over; see engine.h ActivationScheme.
enum class Grid { kAsymmetric, kSymmetric };

// All that was seen.
Range MinMaxThreshold(const Histogram& histogram);

// Leaves out (100 - percent) % of the values: all at one end where everything
// lies on one side of zero, else half of them at each end.
// REQUIRES: 0 < percent <= 100.
Range PercentileThreshold(const Histogram& histogram, double percent);

// The range whose integers tell most of how the values are distributed: least
// Kullback-Leibler divergence of what they stand for from what was seen, the
// clipped values counted at the ends (Migacz, "8-bit Inference with TensorRT",
// 2017).
Range EntropyThreshold(const Histogram& histogram, Grid grid);

// The range with the least squared error of rounding and clipping.
Range MseThreshold(const Histogram& histogram, Grid grid);

// The mean squared error of rounding what was seen to 8 bits over `range`.
double SquaredError(const Histogram& histogram, const Range& range, Grid grid);

// The scheme that spreads the integers of `grid` over `range`.
Scheme SchemeFor(const Range& range, Grid grid);

// A way to choose a threshold, with what it chose.
struct Threshold {
  std::string name;  // "min-max", "entropy", "percentile 99.99", "mse"
  Range range;
};

// One of each kind, min-max first; where several choose nearly the same range,
// the first of them.
std::vector<Threshold> CandidateThresholds(const Histogram& histogram,
                                           Grid grid);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_THRESHOLD_H_
