// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_INPUT_MOMENTS_H_
#define OCTET_ENGINE_QUANT_INPUT_MOMENTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/ir/graph.h"
#include "engine/quant/calibrate.h"

namespace octet::quant {

// How the values vary together that the weights of one output channel of a
// layer meet, over samples and places.
//
// An output channel of a Conv meets (input channel, tap) of its group,
// row-major, one of a MatMul the last axis of its data. These are cut into
// blocks of equal length, of whole channels, in that order, group after group;
// how values of two blocks vary together is not kept.
struct InputMoments {
  int64_t blocks = 0;              // of all groups
  int64_t block = 0;               // values in one
  int64_t seen = 0;                // samples times places of each
  std::vector<double> means;       // [blocks, block]
  std::vector<double> covariance;  // [blocks, block, block]
};

// Observes the InputMoments of layers. Where a sample has so many places that
// they would take more than kMostProducts a layer, those some way apart are
// looked at, as they are where they would be more than kMostMet values.
//
// Memory, whatever the number of samples: up to kMostMoments of 8 bytes, half
// as much again while samples run, and what one layer meets in a sample, up to
// kMostMet values, three times. Blocks are of up to kLargestBlock values, or of
// as much less as that takes; a layer with more taps than a block may have is
// not observed.
// Thread-compatible.
class MomentObserver {
 public:
  static constexpr int64_t kLargestBlock = 512;
  static constexpr int64_t kMostMoments = 32 << 20;
  static constexpr int64_t kMostProducts = 128 << 20;
  static constexpr int64_t kMostMet = 16 << 20;

  // `layers` are indices, ascending, of nodes that IsWeighted() holds of.
  static absl::StatusOr<MomentObserver> Create(
      const ir::Graph& graph, const std::vector<size_t>& layers);

  // What to run, for one row.
  const WatchedGraph& watched() const { return watched_; }

  // Takes all samples of `source`, which runs watched().
  absl::Status Observe(const ActivationSource& source);

  // By node; no blocks where nothing was observed.
  std::vector<InputMoments> TakeMoments() &&;

  // An estimate of what observing the layers of `graph` takes, whatever the
  // rows.
  static int64_t MemoryFor(const ir::Graph& graph);

 private:
  friend class MomentProbe;
  struct Layer {
    size_t node = 0;
    int64_t places = 0;  // of a sample
    // Sums over the samples: `covariance` has the products of what differs from
    // the sample's means, and of these means.
    InputMoments sums;
  };

  void TakeProducts(absl::Span<const float> products, Layer& layer);
  void TakeMeans(absl::Span<const float> means, Layer& layer);

  size_t nodes_ = 0;
  std::vector<Layer> layers_;
  WatchedGraph watched_;  // products and means of each layer
};

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_INPUT_MOMENTS_H_
