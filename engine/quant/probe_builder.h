// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_PROBE_BUILDER_H_
#define OCTET_ENGINE_QUANT_PROBE_BUILDER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/ir/fresh_names.h"
#include "engine/ir/graph.h"
#include "engine/quant/scheme.h"

namespace octet::quant {

// What a tensor is reduced to, by channel.
enum class ChannelReduction { kMin, kMax, kMean, kMeanSquare };

// Writes a graph that measures another one: its nodes in their order, with what
// is to be computed from their results right behind them, so that a run keeps
// no result longer than it must. Starts as the source without nodes; ids of the
// source's values stay valid. Thread-compatible.
class ProbeBuilder {
 public:
  explicit ProbeBuilder(const ir::Graph& source)
      : graph_(source), names_(source) {
    graph_.mutable_nodes().clear();
  }

  const ir::Graph& graph() const { return graph_; }
  ir::Graph Take() && { return std::move(graph_); }

  // A node as it is.
  void Append(ir::Node node) { graph_.AppendNode(std::move(node)); }

  // A node that computes a new value called about `stem`. INVALID_ARGUMENT
  // where the inputs do not fit.
  absl::StatusOr<ir::ValueId> Add(const std::string& stem, ir::Op op,
                                  std::vector<ir::ValueId> inputs);

  ir::ValueId AddConstant(const std::string& stem, Tensor tensor) {
    return graph_.AddConstant(names_.After(stem), std::move(tensor));
  }

  // `id` after Quantize and Dequantize.
  absl::StatusOr<ir::ValueId> Round(ir::ValueId id, const Scheme& scheme);

  // `id` reduced over all axes but `channel_axis`, all of them kept.
  absl::StatusOr<ir::ValueId> Reduce(ir::ValueId id, int channel_axis,
                                     ChannelReduction kind);

  // A float32 input of the graph with a value for each channel, shaped like
  // what Reduce() makes of a tensor of `rank` axes.
  ir::ValueId AddChannelInput(const std::string& stem, int rank,
                              int channel_axis, int64_t channels);

 private:
  // The mean or the maximum; images by pooling, which is fast channels last.
  absl::StatusOr<ir::ValueId> MeanOrMax(ir::ValueId id, int channel_axis,
                                        bool mean);

  ir::Graph graph_;
  ir::FreshNames names_;
};

// Conv or MatMul without bias, residual and activation.
ir::Op BareProducts(const ir::Op& op);
// Whether input 2 is a bias. REQUIRES: Conv, ConvTranspose or MatMul.
bool HasBias(const ir::Op& op);
// The clamp of its result. REQUIRES: Conv or MatMul.
const ir::Activation& ActivationOf(const ir::Op& op);
ir::Op WithoutActivation(const ir::Op& op);

// The axis of its result that the output channels of a Conv or MatMul run
// along. REQUIRES: one of the two, with a result of `rank` axes.
int ResultChannelAxis(const ir::Op& op, int rank);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_PROBE_BUILDER_H_
