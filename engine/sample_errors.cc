// SPDX-License-Identifier: Apache-2.0
#include "engine/sample_errors.h"

#include <cmath>
#include <numeric>

#include "engine/base/check.h"

namespace octet::internal {
namespace {

constexpr double kFloorShare = 0.001;

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) /
         static_cast<double>(values.size());
}

}  // namespace

void SampleErrors::Add(const OutputError& sample) {
  noises_.push_back(sample.noise());
  signals_.push_back(sample.signal());
}

SampleErrors SampleErrors::Of(const std::vector<size_t>& samples) const {
  SampleErrors some;
  for (size_t sample : samples) {
    some.noises_.push_back(noises_[sample]);
    some.signals_.push_back(signals_[sample]);
  }
  return some;
}

std::vector<double> SampleErrors::Decibels() const {
  std::vector<double> decibels;
  if (noises_.empty()) return decibels;
  const double signal = Mean(signals_);
  const double floor = kFloorShare * Mean(noises_);
  for (double noise : noises_) {
    decibels.push_back(RatioDecibels(signal, noise + floor));
  }
  return decibels;
}

double SampleErrors::TotalDecibels() const {
  OCTET_CHECK(!noises_.empty());
  return RatioDecibels(Mean(signals_), Mean(noises_));
}

Gain SampleErrors::Over(const SampleErrors& before) const {
  OCTET_CHECK(!noises_.empty() && noises_.size() == before.noises_.size());
  std::vector<double> gains = Decibels();
  const std::vector<double> decibels = before.Decibels();
  for (size_t i = 0; i < gains.size(); ++i) gains[i] -= decibels[i];
  Gain gain;
  gain.db = Mean(gains);
  double squares = 0;
  for (double g : gains) squares += (g - gain.db) * (g - gain.db);
  const auto count = static_cast<double>(gains.size());
  if (count > 1) {
    gain.standard_error_db = std::sqrt(squares / (count - 1) / count);
  }

  const double old_total = count * Mean(before.noises_);
  const double total = count * Mean(noises_);
  if (old_total == 0 || total == 0) return gain;
  // The ratio of two sums, linearized: a sample moves it by its shares of both.
  double moved = 0;
  for (size_t i = 0; i < noises_.size(); ++i) {
    const double shares = before.noises_[i] / old_total - noises_[i] / total;
    moved += shares * shares;
  }
  gain.total_standard_error_db = 10 / std::log(10.0) * std::sqrt(moved);
  return gain;
}

}  // namespace octet::internal
