// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/histogram.h"

#include <algorithm>
#include <cmath>

#include "engine/quant/observer.h"

namespace octet::quant {
namespace {

// A span that doubles keep finite and whose bins are not denormal.
constexpr double kSmallestSpan = 1e-30;

// The bins of a block of values are computed together, then counted.
constexpr size_t kBlock = 1024;

}  // namespace

absl::Status Histogram::Observe(absl::Span<const float> values) {
  if (values.empty()) return absl::OkStatus();
  MinMaxObserver seen;
  absl::Status finite = seen.Observe(values);
  if (!finite.ok()) return finite;
  Cover(*seen.range());
  Count(values);
  return absl::OkStatus();
}

void Histogram::Merge(const Histogram& other) {
  if (!other.range_) return;
  if (!range_) {
    *this = other;
    return;
  }
  Cover(*other.range_);
  for (int i = 0; i < kBins; ++i) {
    if (other.counts_[i] == 0) continue;
    // The middle of an outermost bin may lie beyond what was seen.
    const double middle = std::clamp<double>(other.middle(i), other.range_->min,
                                             other.range_->max);
    counts_[BinOf(middle)] += other.counts_[i];
  }
  zeros_ += other.zeros_;
  total_ += other.total_;
}

double Histogram::ShareBeyond(const Range& range) const {
  if (total_ == 0) return 0;
  int64_t beyond = 0 < range.min || 0 > range.max ? zeros_ : 0;
  for (int i = 0; i < kBins; ++i) {
    const double middle = this->middle(i);
    // The bin that holds an end of what was seen is within, if that end is.
    const bool low = middle < range.min && range.min > range_->min;
    const bool high = middle > range.max && range.max < range_->max;
    if (low || high) beyond += counts_[i];
  }
  return static_cast<double>(beyond) / static_cast<double>(total_);
}

void Histogram::Cover(const Range& range) {
  if (!range_) {
    // A little more than the first values span, so that the last bin holds the
    // largest.
    const double span = std::max({static_cast<double>(range.max) - range.min,
                                  std::abs(range.max) * 1e-6,
                                  std::abs(range.min) * 1e-6, kSmallestSpan});
    low_ = range.min;
    width_ = span * (1 + 1e-6) / kBins;
    range_ = range;
  }
  while (range.min < low_) Double(/*upward=*/false);
  while (range.max >= high()) Double(/*upward=*/true);
  range_ = Union(*range_, range);
}

void Histogram::Double(bool upward) {
  std::array<int64_t, kBins> halves{};
  const int offset = upward ? 0 : kBins / 2;
  for (int i = 0; i < kBins; ++i) halves[offset + i / 2] += counts_[i];
  counts_ = halves;
  if (!upward) low_ -= width_ * kBins;
  width_ *= 2;
}

int Histogram::BinOf(double value) const {
  const double bin = (value - low_) / width_;
  return std::clamp(static_cast<int>(bin), 0, kBins - 1);
}

void Histogram::Count(absl::Span<const float> values) {
  const auto low = static_cast<float>(low_);
  const auto per_width = static_cast<float>(1 / width_);
  constexpr float kLast = kBins - 1;
  int32_t bins[kBlock];
  // Two tables, so that equal neighbours do not wait for each other.
  std::array<int64_t, kBins> even{};
  std::array<int64_t, kBins> odd{};
  int64_t zeros = 0;
  for (size_t begin = 0; begin < values.size(); begin += kBlock) {
    const size_t count = std::min(kBlock, values.size() - begin);
    const float* block = values.data() + begin;
    int32_t block_zeros = 0;
    for (size_t i = 0; i < count; ++i) {
      const float place = (block[i] - low) * per_width;
      const float above = place > 0.0f ? place : 0.0f;
      bins[i] = static_cast<int32_t>(above < kLast ? above : kLast);
      block_zeros += block[i] == 0.0f ? 1 : 0;
    }
    zeros += block_zeros;
    size_t i = 0;
    for (; i + 1 < count; i += 2) {
      ++even[bins[i]];
      ++odd[bins[i + 1]];
    }
    if (i < count) ++even[bins[i]];
  }
  for (int i = 0; i < kBins; ++i) counts_[i] += even[i] + odd[i];
  // They were counted with the others of their bin.
  if (zeros > 0) {
    const float place = std::max((0.0f - low) * per_width, 0.0f);
    counts_[static_cast<int32_t>(std::min(place, kLast))] -= zeros;
  }
  zeros_ += zeros;
  total_ += static_cast<int64_t>(values.size());
}

}  // namespace octet::quant
