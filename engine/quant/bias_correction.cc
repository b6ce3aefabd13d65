// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/bias_correction.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/quant/quantize_weights.h"

namespace octet::quant {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

bool HasBias(const Node& node) {
  if (const auto* conv = std::get_if<ir::Conv>(&node.op)) {
    return conv->has_bias;
  }
  return std::get<ir::MatMul>(node.op).has_bias;
}

// The same products without bias, residual and activation.
ir::Op BareProducts(const ir::Op& op) {
  if (const auto* conv = std::get_if<ir::Conv>(&op)) {
    ir::Conv bare = *conv;
    bare.has_bias = false;
    bare.has_residual = false;
    bare.activation = {};
    return bare;
  }
  ir::MatMul bare = std::get<ir::MatMul>(op);
  bare.has_bias = false;
  bare.activation = {};
  return bare;
}

// The float scale that the integers behind each value have, where it has one.
std::vector<std::optional<float>> ScalesByValue(
    const Graph& graph, const QuantizationSites& sites,
    const std::vector<Scheme>& schemes) {
  std::vector<std::optional<float>> of_group(graph.values().size());
  for (size_t i = 0; i < schemes.size(); ++i) {
    of_group[sites.group[sites.rounded[i]]] = schemes[i].scale;
  }
  std::vector<std::optional<float>> scales;
  for (ValueId group : sites.group) scales.push_back(of_group[group]);
  return scales;
}

// W - Wq, computed in float32.
absl::StatusOr<Tensor> WeightError(const Graph& graph, const Node& node,
                                   float input_scale) {
  const int axis = WeightChannelAxis(node.op);
  const Tensor& weights = *graph.value(node.inputs[1]).constant;
  std::optional<Tensor> bias;
  if (HasBias(node)) bias = graph.value(node.inputs[2]).constant;
  OCTET_ASSIGN_OR_RETURN(QuantizedWeights rounded,
                         QuantizeWeights(weights, axis, bias, input_scale));
  return RoundingError(weights, rounded);
}

}  // namespace

absl::StatusOr<TwinnedGraph> AddErrorTwins(const Graph& graph,
                                           const QuantizationSites& sites,
                                           const std::vector<Scheme>& schemes) {
  TwinnedGraph twinned{graph, {}};
  const auto scales = ScalesByValue(graph, sites, schemes);
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!IsWeighted(graph, node) || !scales[node.inputs[0]]) continue;
    OCTET_ASSIGN_OR_RETURN(
        Tensor error, WeightError(graph, node, *scales[node.inputs[0]]));
    const ValueId weights = twinned.graph.AddConstant(
        twinned.graph.FreshName("weight_error"), std::move(error));
    const ir::Value& output = graph.value(node.outputs[0]);
    const ValueId result = twinned.graph.AddNode(
        absl::StrCat(node.name, "/error"), BareProducts(node.op),
        {node.inputs[0], weights},
        twinned.graph.FreshName(absl::StrCat(output.name, "_error")),
        output.type);
    const Tensor& constant = *graph.value(node.inputs[1]).constant;
    twinned.layers.push_back(
        {i, result, constant.shape()[WeightChannelAxis(node.op)]});
  }
  return twinned;
}

void ChannelMean::Add(absl::Span<const float> values) {
  const size_t channels = sums_.size();
  OCTET_CHECK(channels > 0 && values.size() % channels == 0);
  for (size_t i = 0; i < values.size(); i += channels) {
    for (size_t c = 0; c < channels; ++c) sums_[c] += values[i + c];
  }
  count_ += static_cast<int64_t>(values.size() / channels);
}

std::vector<double> ChannelMean::Means() const {
  std::vector<double> means = sums_;
  for (double& mean : means) mean = count_ == 0 ? 0 : mean / count_;
  return means;
}

Graph CorrectBiases(const Graph& graph,
                    const std::vector<RoundedLayer>& layers,
                    const std::vector<std::vector<double>>& means) {
  Graph corrected = graph;
  for (size_t l = 0; l < layers.size(); ++l) {
    Node& node = corrected.mutable_nodes()[layers[l].node];
    Tensor bias(DType::kFloat32, {layers[l].channels});
    auto values = bias.mutable_data<float>();
    for (int64_t c = 0; c < layers[l].channels; ++c) {
      const double before =
          HasBias(node)
              ? graph.value(node.inputs[2]).constant->data<float>()[c]
              : 0.0;
      values[c] = static_cast<float>(before + means[l][c]);
    }
    const std::string stem =
        absl::StrCat(graph.value(node.inputs[1]).name, "_bias");
    const ValueId id =
        corrected.AddConstant(corrected.FreshName(stem), std::move(bias));
    if (HasBias(node)) {
      node.inputs[2] = id;
      continue;
    }
    node.inputs.insert(node.inputs.begin() + 2, id);
    if (auto* conv = std::get_if<ir::Conv>(&node.op)) conv->has_bias = true;
    if (auto* matmul = std::get_if<ir::MatMul>(&node.op)) {
      matmul->has_bias = true;
    }
  }
  return corrected;
}

}  // namespace octet::quant
