// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_THRESHOLD_CHOICE_H_
#define OCTET_ENGINE_QUANT_THRESHOLD_CHOICE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/ir/graph.h"
#include "engine/quant/calibrate.h"
#include "engine/quant/quantization_sites.h"
#include "engine/quant/threshold.h"

namespace octet::quant {

// Finds out which of several thresholds for a tensor does least harm to the
// results of the layers that read it, which is not always the one that does
// least to the tensor: a layer may hardly look at what is clipped.
//
// Of each layer, the error is measured per channel on samples, the mean of each
// channel left out where a bias can take it up, and counted in shares of what
// the layer's result varies by: of its elements, and of the means of its
// channels in a sample. The latter are what layers behind it see that average
// over many places; rounding hardly touches them, clipping does. Groups of
// sites choose together.
// Thread-compatible.
class ThresholdChooser {
 public:
  // `candidates` is by site: one or more each, those of one group equal.
  static absl::StatusOr<ThresholdChooser> Create(
      const ir::Graph& graph, const QuantizationSites& sites,
      const std::vector<std::vector<Threshold>>& candidates, Grid grid);

  // What to run; what is watched is reduced to a few numbers a channel.
  const WatchedGraph& watched() const { return watched_; }

  // Takes all samples of `source`, which runs watched().
  absl::Status Observe(const ActivationSource& source);

  // By site, the index of the best candidate; the first of equal ones, and of
  // sites that nothing reads.
  std::vector<size_t> Best() const;

 private:
  friend class ThresholdProbe;
  // Numbers of a channel, summed over the samples.
  struct Sums {
    std::vector<double> means;         // of the means of a sample
    std::vector<double> mean_squares;  // of the squares of these
    std::vector<double> squares;       // of the mean squares of a sample

    // Mean square of the elements, and of the means of a sample, summed over
    // the channels.
    double Energy(int64_t samples, bool without_mean) const;
    double CoherentEnergy(int64_t samples, bool without_mean) const;
  };
  // One reader of one group.
  struct Reader {
    size_t group = 0;
    bool takes_mean = false;  // its bias takes up a shift of the mean
    // Of its result, then of the error of each candidate.
    std::vector<Sums> sums;
  };

  WatchedGraph watched_;
  std::vector<size_t> group_of_site_;
  std::vector<size_t> candidates_;  // by group, how many
  std::vector<Reader> readers_;
  // By pair of watched values (means, squares): which sums of which reader.
  struct Place {
    size_t reader = 0;
    size_t sums = 0;
  };
  std::vector<Place> places_;
  int64_t samples_ = 0;
};

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_THRESHOLD_CHOICE_H_
