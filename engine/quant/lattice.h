// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_LATTICE_H_
#define OCTET_ENGINE_QUANT_LATTICE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "engine/quant/scheme.h"
#include "engine/quant/threshold.h"

// Inputs that were made from 8 bits take few values, which lie in a lattice of
// multiples of a step: features of another int8 model, say. Where integers have
// that step, rounding loses nothing, whereas min-max over samples that do not
// show both ends loses as with any data.
namespace octet::quant {

// Counts the distinct values of a tensor, as long as they are few.
// Thread-compatible; copyable.
class FewValues {
 public:
  // With more, none is kept.
  static constexpr size_t kMost = 1024;

  // REQUIRES: finite values.
  void Observe(absl::Span<const float> values);

  // How often each was seen; empty where they were too many.
  std::map<float, int64_t> counts() const;
  bool too_many() const { return too_many_; }

 private:
  absl::flat_hash_map<float, int64_t> counts_;
  bool too_many_ = false;
};

// The range, at least as wide as min-max, over which the integers of `grid`
// hold all of `counts` exactly, up to float rounding: their step is that of the
// lattice or a whole part of it. Nothing where there is none, or where min-max
// is exact, too.
std::optional<Range> LatticeRange(const std::map<float, int64_t>& counts,
                                  Grid grid);

// The values first + n * step, n from 0 to 255.
struct Lattice {
  double first = 0;
  double step = 1;
};

// One that holds all of `counts`, up to float rounding; what these leave over
// of its 256 values goes to both ends. Nothing where there is none, or where
// too few values were seen to tell.
std::optional<Lattice> ByteLattice(const std::map<float, int64_t>& counts);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_LATTICE_H_
