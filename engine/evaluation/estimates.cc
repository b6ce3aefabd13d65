// SPDX-License-Identifier: Apache-2.0
#include "engine/evaluation/estimates.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "engine/base/check.h"

namespace octet::internal {
namespace {

// The normal distribution's 97.5 % point.
constexpr double kZ = 1.959963984540054;
constexpr int kResamples = 1000;
constexpr uint64_t kSeed = 20261128;

}  // namespace

Estimate Share(int64_t count, int64_t total) {
  OCTET_CHECK(total > 0 && count >= 0 && count <= total);
  const double n = static_cast<double>(total);
  const double p = static_cast<double>(count) / n;
  const double spread = 1 + kZ * kZ / n;
  const double center = (p + kZ * kZ / (2 * n)) / spread;
  const double half =
      kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n)) / spread;
  // The formula's own limits, but for rounding.
  return {p, count == 0 ? 0 : center - half,
          count == total ? 1 : center + half};
}

Estimate PairedDifference(int64_t gained, int64_t lost, int64_t total) {
  OCTET_CHECK(total > 0);
  const double n = static_cast<double>(total) + 2;
  const double up = static_cast<double>(gained) + 0.5;
  const double down = static_cast<double>(lost) + 0.5;
  const double center = (up - down) / n;
  const double half =
      kZ * std::sqrt(up + down - (up - down) * (up - down) / n) / n;
  return {static_cast<double>(gained - lost) / static_cast<double>(total),
          std::max(-1.0, center - half), std::min(1.0, center + half)};
}

void ErrorSums::Add(absl::Span<const float> a, absl::Span<const float> b) {
  OCTET_CHECK(a.size() == b.size());
  ErrorSums sums;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = a[i];
    const double y = b[i];
    sums.signal += x * x;
    sums.noise += (x - y) * (x - y);
    sums.energy += y * y;
    sums.product += x * y;
  }
  if (!std::isfinite(sums.signal + sums.energy)) {
    sums = ErrorSums();
    for (size_t i = 0; i < a.size(); ++i) {
      const double x = a[i];
      const double y = b[i];
      if (std::isfinite(x) && std::isfinite(y)) {
        sums.signal += x * x;
        sums.noise += (x - y) * (x - y);
        sums.energy += y * y;
        sums.product += x * y;
      } else if (x != y && !(std::isnan(x) && std::isnan(y))) {
        sums.noise = std::numeric_limits<double>::infinity();
      }
    }
  }
  Add(sums);
}

void ErrorSums::Add(const ErrorSums& other) {
  signal += other.signal;
  noise += other.noise;
  energy += other.energy;
  product += other.product;
}

double ErrorSums::SqnrDb() const {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (noise == 0) return kInfinity;
  if (signal == 0 || std::isinf(noise)) return -kInfinity;
  return 10 * std::log10(signal / noise);
}

double ErrorSums::Cosine() const {
  if (signal == 0 && energy == 0) return 1;
  if (signal == 0 || energy == 0) return 0;
  return std::clamp(product / std::sqrt(signal) / std::sqrt(energy), -1.0, 1.0);
}

Estimate Bootstrap(
    size_t count,
    const std::function<double(absl::Span<const size_t> drawn)>& figure) {
  OCTET_CHECK(count > 0);
  std::vector<size_t> drawn(count);
  std::iota(drawn.begin(), drawn.end(), 0);
  Estimate estimate;
  estimate.value = figure(drawn);
  // The generator is specified to the bit, distributions are not.
  std::mt19937_64 random(kSeed);
  std::vector<double> figures;
  for (int i = 0; i < kResamples; ++i) {
    for (size_t& index : drawn) index = random() % count;
    figures.push_back(figure(drawn));
  }
  std::sort(figures.begin(), figures.end());
  estimate.low = std::min(figures[kResamples * 25 / 1000], estimate.value);
  estimate.high =
      std::max(figures[kResamples * 975 / 1000 - 1], estimate.value);
  return estimate;
}

}  // namespace octet::internal
