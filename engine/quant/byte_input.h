// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_BYTE_INPUT_H_
#define OCTET_ENGINE_QUANT_BYTE_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "engine/ir/graph.h"
#include "engine/quant/lattice.h"
#include "engine/quant/scheme.h"

// Pictures are bytes before they are normalized, each channel by its own mean
// and deviation: (p / 255 - mean[c]) / std[c]. One scale and zero point for
// three such lattices holds none of them exactly (and 0, which padding needs,
// lies in none). The bytes themselves are exact: the graph undoes the
// normalization, rounds what it finds, and the first layer has its weights and
// bias in units of these bytes.
namespace octet::quant {

// Over which a quantizer of unsigned integers has scale 1 and zero point 0.
inline constexpr Range kByteRange = {0, 255};

// The inputs of `graph` (optimized, float, channels first), by index, that can
// be rounded to bytes: pictures that one Conv of one group alone reads, its
// weights and bias constant, its padding no more than three pictures' worth.
std::vector<size_t> ByteInputCandidates(const ir::Graph& graph);

// Watches the samples of one input. Thread-compatible.
class ByteInputObserver {
 public:
  // REQUIRES: `channels` > 0.
  explicit ByteInputObserver(int64_t channels) : channels_(channels) {}

  // `values` are pictures, [channels, pixels] each. Returns false where no
  // further sample would change anything: Lattices() will be nothing.
  // REQUIRES: finite values, a multiple of `channels` * `pixels`.
  bool Observe(absl::Span<const float> values, int64_t pixels);

  // By channel; nothing where a channel has none, or where all channels lie in
  // one (LatticeRange() sees to those that hold 0).
  std::optional<std::vector<Lattice>> Lattices() const;

 private:
  std::vector<FewValues> channels_;
};

// `graph` with its `input`, one of ByteInputCandidates(), as bytes: padded with
// 0 where the Conv padded, and then (x - first[c]) / step[c] by a BatchNorm,
// which is to be rounded over kByteRange; `bytes` is that value. The Conv has
// weights and bias for these, and pads no more. Padding by 0, which is in no
// lattice, is off by half a step at most. Nothing where 0 is beyond the 256
// values of a lattice and the Conv pads.
std::optional<ir::Graph> WithByteInput(const ir::Graph& graph, size_t input,
                                       const std::vector<Lattice>& lattices,
                                       ir::ValueId* bytes);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_BYTE_INPUT_H_
