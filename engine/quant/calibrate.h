// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_CALIBRATE_H_
#define OCTET_ENGINE_QUANT_CALIBRATE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/ir/graph.h"
#include "engine/quant/histogram.h"
#include "engine/quant/lattice.h"
#include "engine/quant/quantization_sites.h"

namespace octet::quant {

// Takes what one sample makes of watched value `index`.
using ActivationSink =
    std::function<absl::Status(size_t index, absl::Span<const float> values)>;

// Runs a graph on the next calibration sample and hands every watched value to
// `sink`, in order or, where the sink of that call allows it, on several
// threads at once. Returns how many samples it ran, 0 when there are no more.
// The facade supplies it, so that this folder knows no plan.
using ActivationSource =
    std::function<absl::StatusOr<int64_t>(const ActivationSink& sink)>;

// A float graph whose `watched` values are to be seen.
struct WatchedGraph {
  ir::Graph graph;
  std::vector<ir::ValueId> watched;
};

// The values of one tensor by channel (see SiteChannelAxis()), as many entries
// each as there are channels; nothing before the first sample.
struct ChannelStatistics {
  std::vector<float> mins;
  std::vector<float> maxs;
  std::vector<double> means;
  std::vector<double> mean_squares;
};

// What the samples make of one site.
struct SiteStatistics {
  // The values of the site and of all others in its group.
  Histogram histogram;
  // The values of the site alone.
  ChannelStatistics channels;
  // Of an input of the graph that shares its scale with no other site: how
  // often each value was seen, where these are few; else empty.
  std::map<float, int64_t> few_values;
};

// Which tensors the channel means are kept of.
enum class ObservedMeans {
  kSites,
  // And of what layers read that is no site: what a Concat or a pool passes on.
  kLayerInputs,
};

// Statistics of every site over the samples shown so far. Memory: one histogram
// and four numbers per channel a site, and at most FewValues::kMost values of
// an input, whatever the number of samples.
// Thread-compatible; copyable.
class SiteObserver {
 public:
  SiteObserver(const ir::Graph& graph, const QuantizationSites& sites,
               ObservedMeans means = ObservedMeans::kSites);

  // What to run: the sites, then four reductions of each, then the means of
  // what else layers read.
  absl::StatusOr<WatchedGraph> Watched() const;

  // Takes all samples of `source`, which runs Watched() and may call its sink
  // on several threads, each time for another value. INVALID_ARGUMENT names the
  // value that is NaN or infinite; errors of `source` are passed on.
  absl::Status Observe(const ActivationSource& source);

  // By site. INVALID_ARGUMENT before the first sample.
  absl::StatusOr<std::vector<SiteStatistics>> Statistics() const;

  // By node of the graph, of each Conv and MatMul with constant weights: the
  // mean of each channel of its data over samples and places, all input
  // channels of a grouped Conv. Empty for other nodes. INVALID_ARGUMENT before
  // the first sample. REQUIRES: kLayerInputs.
  absl::StatusOr<std::vector<std::vector<double>>> LayerInputMeans() const;

 private:
  // What layers read along an axis that the statistics of sites do not have.
  struct LayerInput {
    ir::ValueId id;
    int axis;
    std::vector<double> sums;  // of each sample's means
  };

  void FindLoneInputs();
  void FindLayerInputs();
  absl::Status Take(size_t index, absl::Span<const float> values);
  absl::Status CheckSeen() const;

  ir::Graph graph_;
  QuantizationSites sites_;
  std::vector<Histogram> histograms_;        // by site, of the site alone
  std::vector<ChannelStatistics> channels_;  // sums where they say means
  std::vector<std::optional<FewValues>> few_values_;  // by site
  std::vector<LayerInput> layer_inputs_;
  int64_t samples_ = 0;
};

// The axis of a value that its channels run along: what the weights of the Conv
// (1) or MatMul (the last) that reads or computes it see as channels; of
// others, 1 where there are four axes or more and no rows behind the first,
// else the last.
int SiteChannelAxis(const ir::Graph& graph, ir::ValueId id);

// The axis of its data that the input channels of a Conv or MatMul run along.
// REQUIRES: one of the two, with data of `rank` axes.
int DataChannelAxis(const ir::Op& op, int rank);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_CALIBRATE_H_
