// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_EVALUATION_ESTIMATES_H_
#define OCTET_ENGINE_EVALUATION_ESTIMATES_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "engine/evaluation/evaluation.h"

// Figures of a few samples with their 95 % confidence intervals.
namespace octet::internal {

// The share `count` of `total`: Wilson's score interval (Wilson, "Probable
// inference", 1927), which stays inside [0, 1] and is sane for shares near 1.
// REQUIRES: 0 <= count <= total, total > 0.
Estimate Share(int64_t count, int64_t total);

// By how much the share of a second answer exceeds that of a first one on the
// same samples: `gained` samples only the second has right, `lost` only the
// first. Wald's interval with half a sample added to each cell (Agresti and
// Min, "Simple improved confidence intervals for comparing matched
// proportions", 2005). REQUIRES: total > 0.
Estimate PairedDifference(int64_t gained, int64_t lost, int64_t total);

// What one sample adds to SQNR and cosine of outputs b against a.
struct ErrorSums {
  double signal = 0;   // sum of a^2
  double noise = 0;    // sum of (a - b)^2
  double energy = 0;   // sum of b^2
  double product = 0;  // sum of a * b

  // Equal elements, NaN and infinity among them, add no noise; where only one
  // of two is finite, the noise is infinite.
  void Add(absl::Span<const float> a, absl::Span<const float> b);
  void Add(const ErrorSums& other);

  // 10 * log10(signal / noise); infinity where nothing differs.
  double SqnrDb() const;
  // product / sqrt(signal * energy); 1 where both are all zero.
  double Cosine() const;
};

// `figure` of all `count` samples, with the interval that the percentile
// bootstrap gives (Efron and Tibshirani, "An introduction to the bootstrap",
// 1993, chapter 13): `figure` is asked for `count` indices drawn with
// replacement, seeded, 1,000 times. REQUIRES: count > 0.
Estimate Bootstrap(
    size_t count,
    const std::function<double(absl::Span<const size_t> drawn)>& figure);

}  // namespace octet::internal

#endif  // OCTET_ENGINE_EVALUATION_ESTIMATES_H_
