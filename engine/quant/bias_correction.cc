// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/bias_correction.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/quant/probe_builder.h"
#include "engine/quant/quantize_weights.h"
#include "engine/quant/weight_channels.h"

namespace octet::quant {

using ir::Graph;
using ir::Node;
using ir::ValueId;

namespace {

// The weights of node `index` as its integers stand for them; `data` is the
// scheme of what it reads.
absl::StatusOr<Tensor> RoundedWeights(
    const Graph& graph, size_t index, const Scheme& data,
    const QuantizationParameters& parameters) {
  OCTET_ASSIGN_OR_RETURN(const QuantizedWeights quantized,
                         WeightsOfNode(graph, index, data.scale, parameters));
  return DequantizedWeights(quantized);
}

RoundedLayer LayerOf(const Graph& graph, size_t index) {
  const Node& node = graph.nodes()[index];
  return {index, graph.value(node.inputs[1])
                     .constant->shape()[WeightChannelAxis(node.op)]};
}

}  // namespace

// Writes the float and the quantized model side by side.
class CorrectionBuilder {
 public:
  CorrectionBuilder(const Graph& graph, const QuantizationSites& sites,
                    const QuantizationParameters& parameters, Upstream upstream)
      : source_(graph),
        parameters_(parameters),
        upstream_(upstream),
        builder_(graph),
        carried_(CarriedSchemes(graph, sites, parameters.schemes)),
        is_site_(graph.values().size(), false),
        rounded_(graph.values().size()) {
    for (ValueId id : sites.rounded) is_site_[id] = true;
  }

  absl::StatusOr<BiasCorrector> Build() {
    for (ValueId id : source_.inputs()) {
      OCTET_RETURN_IF_ERROR(SetRounded(id, id));
    }
    for (size_t i = 0; i < source_.nodes().size(); ++i) {
      const Node& node = source_.nodes()[i];
      if (IsWeighted(source_, node) && carried_[node.inputs[0]]) {
        OCTET_RETURN_IF_ERROR(upstream_ == Upstream::kFloat
                                  ? AddLayerByItself(i)
                                  : AddLayerInLine(i));
      } else {
        OCTET_RETURN_IF_ERROR(AddOther(node));
      }
    }
    corrector_.watched_.graph = std::move(builder_).Take();
    corrector_.upstream_ = upstream_;
    return std::move(corrector_);
  }

 private:
  // Makes `twin` what the quantized model computes for `id`, rounded where that
  // is a site.
  absl::Status SetRounded(ValueId id, ValueId twin) {
    rounded_[id] = twin;
    if (!is_site_[id]) return absl::OkStatus();
    OCTET_ASSIGN_OR_RETURN(rounded_[id], builder_.Round(twin, *carried_[id]));
    return absl::OkStatus();
  }

  // What the quantized model reads for `id`.
  absl::StatusOr<ValueId> Rounded(ValueId id) {
    if (source_.value(id).is_constant()) return id;
    if (!rounded_[id]) {
      // With a float upstream, values are rounded where a layer reads them.
      OCTET_ASSIGN_OR_RETURN(rounded_[id], builder_.Round(id, *carried_[id]));
    }
    return *rounded_[id];
  }

  absl::StatusOr<ValueId> AddRoundedWeights(size_t index) {
    const ValueId data = source_.nodes()[index].inputs[0];
    OCTET_ASSIGN_OR_RETURN(
        Tensor weights,
        RoundedWeights(source_, index, *carried_[data], parameters_));
    return builder_.AddConstant("rounded_weights", std::move(weights));
  }

  // The mean of `exact` less that of `rounded`, by channel of `node`.
  absl::StatusOr<ValueId> AddShift(const Node& node, ValueId exact,
                                   ValueId rounded) {
    const int axis = ChannelAxisOf(node);
    OCTET_ASSIGN_OR_RETURN(
        const ValueId a, builder_.Reduce(exact, axis, ChannelReduction::kMean));
    OCTET_ASSIGN_OR_RETURN(
        const ValueId b,
        builder_.Reduce(rounded, axis, ChannelReduction::kMean));
    return builder_.Add("shift", ir::Binary{ir::BinaryKind::kSub, {}}, {a, b});
  }

  void AddToCorrector(size_t index, ValueId shift) {
    corrector_.watched_.watched.push_back(shift);
    corrector_.layers_.push_back(LayerOf(source_, index));
    const int64_t channels = corrector_.layers_.back().channels;
    BiasCorrector::Running running;
    running.kept.assign(channels, 0.0f);
    running.share.assign(channels, 0.0f);
    running.correction.assign(channels, 0.0);
    corrector_.running_.push_back(std::move(running));
  }

  absl::Status AddLayerByItself(size_t index) {
    const Node& node = source_.nodes()[index];
    builder_.Append(node);
    OCTET_ASSIGN_OR_RETURN(const ValueId weights, AddRoundedWeights(index));
    OCTET_ASSIGN_OR_RETURN(const ValueId data, Rounded(node.inputs[0]));
    const ir::Op bare = BareProducts(node.op);
    OCTET_ASSIGN_OR_RETURN(
        const ValueId exact,
        builder_.Add("exact", bare, {node.inputs[0], node.inputs[1]}));
    OCTET_ASSIGN_OR_RETURN(const ValueId rounded,
                           builder_.Add("rounded", bare, {data, weights}));
    OCTET_ASSIGN_OR_RETURN(const ValueId shift, AddShift(node, exact, rounded));
    AddToCorrector(index, shift);
    return absl::OkStatus();
  }

  absl::Status AddLayerInLine(size_t index) {
    const Node& node = source_.nodes()[index];
    const ir::Op linear = WithoutActivation(node.op);
    const ir::Activation& activation = ActivationOf(node.op);
    ValueId exact = node.outputs[0];
    if (activation.is_identity()) {
      builder_.Append(node);
    } else {
      OCTET_ASSIGN_OR_RETURN(exact, builder_.Add("exact", linear, node.inputs));
      builder_.Append(
          {node.name, ir::Clamp{activation}, {exact}, node.outputs});
    }
    std::vector<ValueId> inputs;
    for (ValueId id : node.inputs) {
      OCTET_ASSIGN_OR_RETURN(inputs.emplace_back(), Rounded(id));
    }
    OCTET_ASSIGN_OR_RETURN(inputs[1], AddRoundedWeights(index));
    OCTET_ASSIGN_OR_RETURN(const ValueId rounded,
                           builder_.Add("rounded", linear, inputs));
    OCTET_ASSIGN_OR_RETURN(const ValueId shift, AddShift(node, exact, rounded));
    AddToCorrector(index, shift);
    OCTET_ASSIGN_OR_RETURN(const ValueId corrected,
                           AddCorrection(node, shift, rounded));
    return SetRounded(node.outputs[0], corrected);
  }

  // activation(rounded + kept + share * shift).
  absl::StatusOr<ValueId> AddCorrection(const Node& node, ValueId shift,
                                        ValueId rounded) {
    const int axis = ChannelAxisOf(node);
    const int rank =
        static_cast<int>(source_.type(node.outputs[0]).dims.size());
    const int64_t channels = corrector_.layers_.back().channels;
    const ValueId kept = builder_.AddChannelInput("kept", rank, axis, channels);
    const ValueId share =
        builder_.AddChannelInput("share", rank, axis, channels);
    OCTET_ASSIGN_OR_RETURN(
        const ValueId part,
        builder_.Add("part", ir::Binary{ir::BinaryKind::kMul, {}},
                     {shift, share}));
    OCTET_ASSIGN_OR_RETURN(
        const ValueId correction,
        builder_.Add("correction", ir::Binary{ir::BinaryKind::kAdd, {}},
                     {kept, part}));
    return builder_.Add("corrected",
                        ir::Binary{ir::BinaryKind::kAdd, ActivationOf(node.op)},
                        {rounded, correction});
  }

  absl::Status AddOther(const Node& node) {
    builder_.Append(node);
    if (upstream_ == Upstream::kFloat) return absl::OkStatus();
    std::vector<ValueId> inputs;
    bool same = true;
    for (ValueId id : node.inputs) {
      OCTET_ASSIGN_OR_RETURN(inputs.emplace_back(), Rounded(id));
      same = same && inputs.back() == id;
    }
    if (same || node.outputs.size() != 1) {
      for (ValueId id : node.outputs) {
        OCTET_RETURN_IF_ERROR(SetRounded(id, id));
      }
      return absl::OkStatus();
    }
    OCTET_ASSIGN_OR_RETURN(const ValueId twin,
                           builder_.Add("twin", node.op, std::move(inputs)));
    return SetRounded(node.outputs[0], twin);
  }

  int ChannelAxisOf(const Node& node) const {
    return ResultChannelAxis(
        node.op, static_cast<int>(source_.type(node.outputs[0]).dims.size()));
  }

  const Graph& source_;
  const QuantizationParameters& parameters_;
  const Upstream upstream_;
  ProbeBuilder builder_;
  BiasCorrector corrector_;
  const std::vector<std::optional<Scheme>> carried_;  // by value
  std::vector<bool> is_site_;                         // by value
  std::vector<std::optional<ValueId>> rounded_;       // by value of the source
};

absl::StatusOr<BiasCorrector> BiasCorrector::Create(
    const Graph& graph, const QuantizationSites& sites,
    const QuantizationParameters& parameters, Upstream upstream) {
  return CorrectionBuilder(graph, sites, parameters, upstream).Build();
}

absl::Span<const float> BiasCorrector::Input(size_t index) const {
  const Running& running = running_[index / 2];
  return index % 2 == 0 ? running.kept : running.share;
}

void BiasCorrector::Prepare(double share) {
  for (Running& running : running_) {
    for (size_t c = 0; c < running.kept.size(); ++c) {
      running.kept[c] = static_cast<float>((1 - share) * running.correction[c]);
      running.share[c] = static_cast<float>(share);
    }
  }
}

void BiasCorrector::Take(size_t layer, absl::Span<const float> shift) {
  Running& running = running_[layer];
  OCTET_CHECK(shift.size() == running.correction.size());
  for (size_t c = 0; c < shift.size(); ++c) {
    running.correction[c] =
        running.kept[c] + static_cast<double>(running.share[c]) * shift[c];
  }
}

absl::Status BiasCorrector::Observe(const ActivationSource& source) {
  const ActivationSink sink = [&](size_t layer, absl::Span<const float> shift) {
    Take(layer, shift);
    return absl::OkStatus();
  };
  for (;;) {
    // By themselves, all samples count the same.
    const double forget = upstream_ == Upstream::kRounded ? 3 : 0;
    Prepare((1 + forget) / (static_cast<double>(seen_) + 1 + forget));
    OCTET_ASSIGN_OR_RETURN(const int64_t ran, source(sink));
    if (ran == 0) return absl::OkStatus();
    seen_ += ran;
  }
}

std::vector<std::vector<double>> BiasCorrector::Shifts() const {
  std::vector<std::vector<double>> shifts;
  for (const Running& running : running_) shifts.push_back(running.correction);
  return shifts;
}

absl::StatusOr<LayerShifts> AnalyticShifts(
    const Graph& graph, const QuantizationSites& sites,
    const QuantizationParameters& parameters,
    const std::vector<std::vector<double>>& input_means) {
  const std::vector<std::optional<Scheme>> carried =
      CarriedSchemes(graph, sites, parameters.schemes);
  LayerShifts result;
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!IsWeighted(graph, node) || !carried[node.inputs[0]]) continue;
    OCTET_ASSIGN_OR_RETURN(
        const Tensor rounded,
        RoundedWeights(graph, i, *carried[node.inputs[0]], parameters));
    const Tensor& exact = *graph.value(node.inputs[1]).constant;
    const WeightChannels channels(node.op, exact.shape());
    const auto before = exact.data<float>();
    const auto after = rounded.data<float>();
    result.layers.push_back(LayerOf(graph, i));
    std::vector<double> shift(channels.outputs(), 0.0);
    for (int64_t w = 0; w < exact.size(); ++w) {
      shift[channels.Output(w)] += (static_cast<double>(before[w]) - after[w]) *
                                   input_means[i][channels.Input(w)];
    }
    result.shifts.push_back(std::move(shift));
  }
  return result;
}

Graph CorrectBiases(const Graph& graph, const std::vector<RoundedLayer>& layers,
                    const std::vector<std::vector<double>>& shifts) {
  Graph corrected = graph;
  for (size_t l = 0; l < layers.size(); ++l) {
    Node& node = corrected.mutable_nodes()[layers[l].node];
    Tensor bias(DType::kFloat32, {layers[l].channels});
    auto values = bias.mutable_data<float>();
    for (int64_t c = 0; c < layers[l].channels; ++c) {
      const double before =
          HasBias(node.op)
              ? graph.value(node.inputs[2]).constant->data<float>()[c]
              : 0.0;
      values[c] = static_cast<float>(before + shifts[l][c]);
    }
    const std::string stem =
        absl::StrCat(graph.value(node.inputs[1]).name, "_bias");
    const ValueId id =
        corrected.AddConstant(corrected.FreshName(stem), std::move(bias));
    if (HasBias(node.op)) {
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
