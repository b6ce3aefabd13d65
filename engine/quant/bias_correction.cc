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

// Adds the twins of one layer after another.
class TwinBuilder {
 public:
  TwinBuilder(const Graph& graph, const QuantizationSites& sites,
              const std::vector<Scheme>& schemes)
      : source_(graph), twinned_{graph, {}}, rounded_(graph.values().size()) {
    OCTET_CHECK(sites.group.size() == graph.values().size());
    std::vector<std::optional<Scheme>> of_group(graph.values().size());
    for (size_t i = 0; i < schemes.size(); ++i) {
      of_group[sites.group[sites.rounded[i]]] = schemes[i];
    }
    for (ValueId group : sites.group) schemes_.push_back(of_group[group]);
  }

  absl::StatusOr<TwinnedGraph> Build() {
    for (size_t i = 0; i < source_.nodes().size(); ++i) {
      const Node& node = source_.nodes()[i];
      if (!IsWeighted(source_, node) || !schemes_[node.inputs[0]]) continue;
      OCTET_RETURN_IF_ERROR(AddTwins(i));
    }
    return std::move(twinned_);
  }

 private:
  absl::Status AddTwins(size_t index) {
    const Node& node = source_.nodes()[index];
    const Tensor& weights = *source_.value(node.inputs[1]).constant;
    std::optional<Tensor> bias;
    if (HasBias(node)) bias = source_.value(node.inputs[2]).constant;
    OCTET_ASSIGN_OR_RETURN(
        QuantizedWeights quantized,
        QuantizeWeights(weights, WeightChannelAxis(node.op), bias,
                        schemes_[node.inputs[0]]->scale));
    Graph& graph = twinned_.graph;
    const ValueId rounded_weights = graph.AddConstant(
        graph.FreshName("rounded_weights"), DequantizedWeights(quantized));
    const ValueId exact = AddBare(node, node.inputs[0], node.inputs[1]);
    const ValueId rounded =
        AddBare(node, Rounded(node.inputs[0]), rounded_weights);
    const ValueId error = Add(node, ir::Binary{ir::BinaryKind::kSub, {}},
                              {exact, rounded}, source_.type(node.outputs[0]));
    twinned_.layers.push_back(
        {index, error, weights.shape()[WeightChannelAxis(node.op)]});
    return absl::OkStatus();
  }

  // `id` after Quantize and Dequantize.
  ValueId Rounded(ValueId id) {
    if (rounded_[id]) return *rounded_[id];
    const Scheme& scheme = *schemes_[id];
    const ir::Dims& dims = source_.type(id).dims;
    Graph& graph = twinned_.graph;
    const ValueId integers = graph.AddNode(
        "quantize", ir::Quantize{}, {id}, graph.FreshName("integers"),
        {scheme.dtype, dims, scheme.ToQuantization()});
    rounded_[id] = graph.AddNode("dequantize", ir::Dequantize{}, {integers},
                                 graph.FreshName("rounded"),
                                 {DType::kFloat32, dims, std::nullopt});
    return *rounded_[id];
  }

  ValueId AddBare(const Node& node, ValueId data, ValueId weights) {
    return Add(node, BareProducts(node.op), {data, weights},
               source_.type(node.outputs[0]));
  }

  ValueId Add(const Node& layer, ir::Op op, std::vector<ValueId> inputs,
              ir::TensorType type) {
    Graph& graph = twinned_.graph;
    return graph.AddNode(absl::StrCat(layer.name, "/twin"), std::move(op),
                         std::move(inputs), graph.FreshName("twin"),
                         std::move(type));
  }

  const Graph& source_;
  TwinnedGraph twinned_;
  std::vector<std::optional<Scheme>> schemes_;   // by value of the source
  std::vector<std::optional<ValueId>> rounded_;  // by value of the source
};

}  // namespace

absl::StatusOr<TwinnedGraph> AddErrorTwins(const Graph& graph,
                                           const QuantizationSites& sites,
                                           const std::vector<Scheme>& schemes) {
  return TwinBuilder(graph, sites, schemes).Build();
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

Graph CorrectBiases(const Graph& graph, const std::vector<RoundedLayer>& layers,
                    const std::vector<std::vector<double>>& means) {
  Graph corrected = graph;
  for (size_t l = 0; l < layers.size(); ++l) {
    Node& node = corrected.mutable_nodes()[layers[l].node];
    Tensor bias(DType::kFloat32, {layers[l].channels});
    auto values = bias.mutable_data<float>();
    for (int64_t c = 0; c < layers[l].channels; ++c) {
      const double before =
          HasBias(node) ? graph.value(node.inputs[2]).constant->data<float>()[c]
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
