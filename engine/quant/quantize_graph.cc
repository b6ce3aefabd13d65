// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/quantize_graph.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/ir/fresh_names.h"
#include "engine/ir/infer_types.h"
#include "engine/quant/probe_builder.h"

namespace octet::quant {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

// Writes the quantized graph node by node. Ids of the source stay valid in the
// result, which starts as a copy without nodes.
class Rewriter {
 public:
  Rewriter(const Graph& source, const QuantizationSites& sites,
           const QuantizationParameters& parameters)
      : source_(source),
        parameters_(parameters),
        result_(source),
        names_(source),
        schemes_(source.values().size()),
        carried_(CarriedSchemes(source, sites, parameters.schemes)),
        readable_(source.values().size()) {
    for (size_t i = 0; i < parameters.schemes.size(); ++i) {
      schemes_[sites.rounded[i]] = parameters.schemes[i];
    }
    result_.mutable_nodes().clear();
    for (size_t id = 0; id < readable_.size(); ++id) {
      readable_[id] = static_cast<ValueId>(id);
    }
  }

  absl::StatusOr<Graph> Run() {
    for (ValueId id : source_.inputs()) AddPair(id);
    for (size_t i = 0; i < source_.nodes().size(); ++i) {
      const Node& node = source_.nodes()[i];
      OCTET_RETURN_IF_ERROR(Rewrite(i));
      for (ValueId id : node.outputs) AddPair(id);
    }
    Graph compact = result_.Compacted();
    OCTET_RETURN_IF_ERROR(ir::VerifyGraph(compact));
    return compact;
  }

 private:
  // Quantize and Dequantize behind `id`, where it is a site.
  void AddPair(ValueId id) {
    if (!schemes_[id]) return;
    const std::string& name = source_.value(id).name;
    const ir::Dims& dims = source_.type(id).dims;
    const ValueId integers = result_.AddNode(
        absl::StrCat(name, "/quantize"), ir::Quantize{}, {id},
        names_.After(absl::StrCat(name, "_quantized")),
        {schemes_[id]->dtype, dims, schemes_[id]->ToQuantization()});
    readable_[id] = result_.AddNode(
        absl::StrCat(name, "/dequantize"), ir::Dequantize{}, {integers},
        names_.After(absl::StrCat(name, "_dequantized")),
        {DType::kFloat32, dims, std::nullopt});
  }

  absl::Status Rewrite(size_t index) {
    const Node& node = source_.nodes()[index];
    std::vector<ValueId> inputs;
    for (ValueId id : node.inputs) inputs.push_back(readable_[id]);
    const std::optional<Scheme>& data = carried_[node.inputs[0]];
    absl::Status added = absl::OkStatus();
    if (IsWeightedRecurrent(source_, node)) {
      added = AddRecurrentWeights(node, inputs);
    } else if (data && (IsWeighted(source_, node) ||
                        IsWeightedTranspose(source_, node))) {
      added = AddWeights(index, data->scale, inputs);
    }
    if (!added.ok()) {
      return absl::Status(added.code(), absl::StrCat("node ", node.name, ": ",
                                                     added.message()));
    }
    result_.AppendNode({node.name, node.op, std::move(inputs), node.outputs});
    return absl::OkStatus();
  }

  absl::Status AddRecurrentWeights(const Node& node,
                                   std::vector<ValueId>& inputs) {
    for (int i : {1, 2}) {
      const ir::Value& weights = source_.value(node.inputs[i]);
      OCTET_ASSIGN_OR_RETURN(
          QuantizedWeights quantized,
          QuantizeWeights(*weights.constant, WeightChannelAxis(node.op),
                          std::nullopt, 1.0f));
      inputs[i] = AddConstant(weights.name, std::move(quantized.weights),
                              std::move(quantized.weight_quantization));
    }
    return absl::OkStatus();
  }

  absl::Status AddWeights(size_t index, float input_scale,
                          std::vector<ValueId>& inputs) {
    const Node& node = source_.nodes()[index];
    OCTET_ASSIGN_OR_RETURN(
        QuantizedWeights quantized,
        WeightsOfNode(source_, index, input_scale, parameters_));
    inputs[1] = AddConstant(source_.value(node.inputs[1]).name,
                            std::move(quantized.weights),
                            std::move(quantized.weight_quantization));
    if (quantized.bias) {
      inputs[2] = AddConstant(source_.value(node.inputs[2]).name,
                              *std::move(quantized.bias),
                              std::move(quantized.bias_quantization));
    }
    return absl::OkStatus();
  }

  // An integer constant and its Dequantize; returns the latter's value.
  ValueId AddConstant(const std::string& name, Tensor tensor,
                      ir::Quantization quantization) {
    const ir::Dims dims = ir::FixedDims(tensor.shape());
    const ValueId integers =
        result_.AddConstant(names_.After(absl::StrCat(name, "_quantized")),
                            std::move(tensor), std::move(quantization));
    return result_.AddNode(absl::StrCat(name, "/dequantize"), ir::Dequantize{},
                           {integers},
                           names_.After(absl::StrCat(name, "_dequantized")),
                           {DType::kFloat32, dims, std::nullopt});
  }

  const Graph& source_;
  const QuantizationParameters& parameters_;
  Graph result_;
  ir::FreshNames names_;
  std::vector<std::optional<Scheme>> schemes_;  // by value: of its own pair
  // By value: of its integers.
  const std::vector<std::optional<Scheme>> carried_;
  std::vector<ValueId> readable_;  // by value: what its readers read now
};

}  // namespace

std::vector<std::optional<Scheme>> CarriedSchemes(
    const Graph& graph, const QuantizationSites& sites,
    const std::vector<Scheme>& schemes) {
  OCTET_CHECK(sites.rounded.size() == schemes.size() &&
              sites.group.size() == graph.values().size());
  std::vector<std::optional<Scheme>> of_group(graph.values().size());
  for (size_t i = 0; i < schemes.size(); ++i) {
    of_group[sites.group[sites.rounded[i]]] = schemes[i];
  }
  std::vector<std::optional<Scheme>> carried;
  for (ValueId group : sites.group) carried.push_back(of_group[group]);
  return carried;
}

absl::StatusOr<QuantizedWeights> WeightsOfNode(
    const Graph& graph, size_t index, float input_scale,
    const QuantizationParameters& parameters) {
  const Node& node = graph.nodes()[index];
  std::optional<Tensor> bias;
  if (HasBias(node.op)) bias = graph.value(node.inputs[2]).constant;
  return QuantizeWeights(*graph.value(node.inputs[1]).constant,
                         WeightChannelAxis(node.op), bias, input_scale,
                         parameters.WeightsOf(index));
}

absl::StatusOr<Graph> QuantizeGraph(const Graph& graph,
                                    const QuantizationSites& sites,
                                    const QuantizationParameters& parameters) {
  return Rewriter(graph, sites, parameters).Run();
}

}  // namespace octet::quant
