// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_HISTOGRAM_H_
#define OCTET_ENGINE_QUANT_HISTOGRAM_H_

#include <array>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/quant/scheme.h"

namespace octet::quant {

// How often the values of one tensor fell where, over all that it is shown.
//
// The bins are of equal width and cover [low(), high()). A value beyond them
// doubles what they cover, toward it, as often as needed: two neighbours become
// one. So the memory is the same whatever is shown, no value is shown twice,
// and the values seen span at least a quarter of the bins. Exact zeros, of
// which a rectifier leaves many, are counted aside: no rounding touches them.
// Thread-compatible; copyable.
class Histogram {
 public:
  static constexpr int kBins = 2048;

  // INVALID_ARGUMENT, with nothing kept of `values`, where one is NaN or
  // infinite.
  absl::Status Observe(absl::Span<const float> values);

  // Adds what `other` has seen, each of its bins at its middle.
  void Merge(const Histogram& other);

  // The least and the largest value seen; nothing before the first value.
  const std::optional<Range>& range() const { return range_; }
  double low() const { return low_; }
  double high() const { return low_ + width_ * kBins; }
  double width() const { return width_; }  // of one bin; > 0 after a value
  double middle(int bin) const { return low_ + width_ * (bin + 0.5); }
  // Without zeros().
  const std::array<int64_t, kBins>& counts() const { return counts_; }
  int64_t zeros() const { return zeros_; }
  int64_t total() const { return total_; }  // with zeros()

  // How many of the values are less than range.min or more than range.max,
  // as a share of all; bins count as their middles.
  double ShareBeyond(const Range& range) const;

 private:
  // Makes the bins cover `range`.
  void Cover(const Range& range);
  // Halves the resolution; what was covered becomes the lower or the upper
  // half.
  void Double(bool upward);
  int BinOf(double value) const;
  void Count(absl::Span<const float> values);

  std::optional<Range> range_;
  double low_ = 0;
  double width_ = 0;
  int64_t zeros_ = 0;
  int64_t total_ = 0;
  std::array<int64_t, kBins> counts_{};
};

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_HISTOGRAM_H_
