// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/lattice.h"

#include <algorithm>
#include <cmath>

namespace octet::quant {
namespace {

// Values nearer than that share of a step are one, computed in two ways.
constexpr double kSameValue = 0.01;
// Fewer values may lie in a lattice by chance.
constexpr size_t kEnoughValues = 16;
// What float32 may make of a scale.
constexpr double kRoundedScale = 1e-6;
// Mean squared error in squared steps, 1/12 being usual: less is exact.
constexpr double kExact = 1e-4;

// The range over which `grid` has steps of `scale`. Steps that `seen` leaves
// over go to both its ends, where it has 0 between them.
Range RangeOf(double scale, const Range& seen, Grid grid) {
  if (grid == Grid::kSymmetric) {
    const auto reach =
        static_cast<float>(scale * (seen.min < 0 ? 127.0 : 255.0));
    return {seen.min < 0 ? -reach : 0.0f, reach};
  }
  double zero = seen.min < 0 ? 255 : 0;
  if (seen.min < 0 && seen.max > 0) {
    const double least = std::nearbyint(-seen.min / scale);
    const double most = 255 - std::nearbyint(seen.max / scale);
    zero = std::floor((least + most) / 2);
  }
  return {static_cast<float>(-zero * scale),
          static_cast<float>((255 - zero) * scale)};
}

bool HoldsExactly(const std::map<float, int64_t>& counts,
                  const Scheme& scheme) {
  double squares = 0;
  double total = 0;
  for (const auto& [value, count] : counts) {
    const double error =
        (value - DequantizeValue(QuantizeValue(value, scheme), scheme)) /
        scheme.scale;
    squares += static_cast<double>(count) * error * error;
    total += static_cast<double>(count);
  }
  return squares <= kExact * total;
}

// The step of the lattice that the values lie in, as far as two neighbours of
// it were seen; `finest` is a step that is of no interest.
std::optional<double> LatticeStep(const std::map<float, int64_t>& counts,
                                  double finest) {
  std::optional<double> least;
  double before = counts.begin()->first;
  for (const auto& [value, count] : counts) {
    const double gap = value - before;
    before = value;
    if (gap > finest * kSameValue && (!least || gap < *least)) least = gap;
  }
  if (!least) return std::nullopt;
  const double span =
      static_cast<double>(counts.rbegin()->first) - counts.begin()->first;
  return span / std::nearbyint(span / *least);
}

}  // namespace

void FewValues::Observe(absl::Span<const float> values) {
  if (too_many_) return;
  for (float value : values) {
    ++counts_[value == 0 ? 0.0f : value];  // -0 is 0
    if (counts_.size() > kMost) {
      too_many_ = true;
      counts_.clear();
      return;
    }
  }
}

std::map<float, int64_t> FewValues::counts() const {
  return {counts_.begin(), counts_.end()};
}

std::optional<Range> LatticeRange(const std::map<float, int64_t>& counts,
                                  Grid grid) {
  if (counts.empty()) return std::nullopt;
  const Range seen{counts.begin()->first, counts.rbegin()->first};
  const Scheme plain = SchemeFor(seen, grid);
  if (HoldsExactly(counts, plain)) return std::nullopt;
  const std::optional<double> step = LatticeStep(counts, plain.scale);
  if (!step) return std::nullopt;
  const double parts = std::floor(*step / plain.scale * (1 + kRoundedScale));
  if (parts < 1) return std::nullopt;
  const Range range = RangeOf(*step / parts, seen, grid);
  if (!HoldsExactly(counts, SchemeFor(range, grid))) return std::nullopt;
  return range;
}

std::optional<Lattice> ByteLattice(const std::map<float, int64_t>& counts) {
  if (counts.size() < kEnoughValues) return std::nullopt;
  const double least = counts.begin()->first;
  const double span = counts.rbegin()->first - least;
  const std::optional<double> step = LatticeStep(counts, span / 255);
  if (!step) return std::nullopt;
  const double left_over = 255 - std::nearbyint(span / *step);
  if (left_over < 0) return std::nullopt;
  double squares = 0;
  double total = 0;
  for (const auto& [value, count] : counts) {
    const double n = (value - least) / *step;
    squares += static_cast<double>(count) * std::pow(n - std::nearbyint(n), 2);
    total += static_cast<double>(count);
  }
  if (squares > kExact * total) return std::nullopt;
  return Lattice{least - std::floor(left_over / 2) * *step, *step};
}

}  // namespace octet::quant
