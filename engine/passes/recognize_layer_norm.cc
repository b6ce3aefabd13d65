// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <utility>

#include "engine/passes/expressions.h"
#include "engine/passes/recognize.h"

namespace octet::passes {
namespace {

using ir::Graph;
using ir::GraphPatch;
using ir::Node;
using ir::ValueId;

// x where `id` is x minus its mean over the last axis.
std::optional<ValueId> Centered(const Expressions& read, ValueId id) {
  const auto operands = read.Binary(id, ir::BinaryKind::kSub);
  if (!operands.has_value() ||
      read.MeanOfLastAxis(operands->second) != operands->first) {
    return std::nullopt;
  }
  return operands->first;
}

// What is normalized: x, or x minus its mean, and epsilon.
struct Deviation {
  ValueId of = -1;
  float epsilon = 0;
};

// `id` is mean(d^2) + epsilon over the last axis.
std::optional<Deviation> VarianceOf(const Expressions& read, ValueId id) {
  const auto sum = read.WithNumber(read.Binary(id, ir::BinaryKind::kAdd));
  if (!sum.has_value() || !(sum->second > 0)) return std::nullopt;
  const auto squares = read.MeanOfLastAxis(sum->first);
  if (!squares.has_value()) return std::nullopt;
  const auto base = read.BaseOfPower(*squares, 2);
  if (!base.has_value()) return std::nullopt;
  return Deviation{*base, sum->second};
}

std::optional<Deviation> DeviationOf(const Expressions& read, ValueId id) {
  const auto variance = read.Unary(id, ir::UnaryKind::kSqrt);
  if (!variance.has_value()) return std::nullopt;
  return VarianceOf(read, *variance);
}

// `id` is 1 / sqrt(mean(d^2) + epsilon).
std::optional<Deviation> InverseDeviationOf(const Expressions& read,
                                            ValueId id) {
  if (const auto inner = read.Unary(id, ir::UnaryKind::kReciprocal)) {
    return DeviationOf(read, *inner);
  }
  if (const auto ratio = read.Binary(id, ir::BinaryKind::kDiv);
      ratio.has_value() && read.IsNumber(ratio->first, 1)) {
    return DeviationOf(read, ratio->second);
  }
  if (const auto power = read.Binary(id, ir::BinaryKind::kPow);
      power.has_value() && read.IsNumber(power->second, -0.5f)) {
    return VarianceOf(read, power->first);
  }
  return std::nullopt;
}

// What `id` normalizes, without scale and bias: d / deviation(d).
std::optional<Deviation> Normalized(const Expressions& read, ValueId id) {
  if (const auto ratio = read.Binary(id, ir::BinaryKind::kDiv)) {
    const auto deviation = DeviationOf(read, ratio->second);
    if (deviation.has_value() && deviation->of == ratio->first) {
      return deviation;
    }
  }
  const auto product = read.Binary(id, ir::BinaryKind::kMul);
  if (!product.has_value()) return std::nullopt;
  for (const auto& [d, inverse] :
       {*product, Expressions::Pair(product->second, product->first)}) {
    const auto deviation = InverseDeviationOf(read, inverse);
    if (deviation.has_value() && deviation->of == d) return deviation;
  }
  return std::nullopt;
}

// The elements of a constant that runs along the last axis of `dims` alone.
std::optional<Tensor> AlongLastAxis(const Graph& graph, ValueId id,
                                    const ir::Dims& dims) {
  const ir::Value& value = graph.value(id);
  if (!value.is_constant() || value.type.dtype != DType::kFloat32 ||
      value.type.quantization.has_value() || value.type.dims.empty() ||
      value.type.dims.size() > dims.size()) {
    return std::nullopt;
  }
  const int64_t length = dims.back().value;
  if (value.type.dims.back().value != length ||
      value.constant->size() != length) {
    return std::nullopt;
  }
  return value.constant->Reshaped({length});
}

ir::LayerNorm OverLastAxis(const ir::Dims& dims, float epsilon) {
  ir::LayerNorm op;
  op.axis = static_cast<int>(dims.size()) - 1;
  op.epsilon = epsilon;
  return op;
}

// The whole formula in the form x * s + (bias - mean * s).
std::optional<GraphPatch> MatchScaled(const Expressions& read,
                                      const Node& node) {
  const Graph& graph = read.graph();
  const auto sum = read.Binary(node.outputs[0], ir::BinaryKind::kAdd);
  if (!sum.has_value()) return std::nullopt;
  for (const auto& [main, rest] :
       {*sum, Expressions::Pair(sum->second, sum->first)}) {
    const auto scaled = read.Binary(main, ir::BinaryKind::kMul);
    const auto shift = read.Binary(rest, ir::BinaryKind::kSub);
    if (!scaled.has_value() || !shift.has_value()) continue;
    for (const auto& [x, s] :
         {*scaled, Expressions::Pair(scaled->second, scaled->first)}) {
      const auto shifted = read.Binary(shift->second, ir::BinaryKind::kMul);
      const auto factors = read.Binary(s, ir::BinaryKind::kMul);
      if (!shifted.has_value() || !factors.has_value()) continue;
      const auto mean = Expressions::Other(*shifted, s);
      if (!mean.has_value() || read.MeanOfLastAxis(*mean) != x) continue;
      const ir::TensorType& type = graph.type(x);
      if (type != graph.type(node.outputs[0])) continue;
      const auto bias = AlongLastAxis(graph, shift->first, type.dims);
      for (const auto& [inverse, gamma] :
           {*factors, Expressions::Pair(factors->second, factors->first)}) {
        const auto deviation = InverseDeviationOf(read, inverse);
        const auto scale = AlongLastAxis(graph, gamma, type.dims);
        if (!deviation.has_value() || !scale.has_value() || !bias.has_value() ||
            Centered(read, deviation->of) != x) {
          continue;
        }
        ir::LayerNorm op = OverLastAxis(type.dims, deviation->epsilon);
        op.has_scale = true;
        op.has_bias = true;
        GraphPatch patch(graph);
        const std::string& name = graph.value(node.outputs[0]).name;
        const ValueId scale_id = patch.AddConstant(name + "_scale", *scale);
        const ValueId bias_id = patch.AddConstant(name + "_bias", *bias);
        patch.Replace(
            node.outputs[0],
            patch.AddNode(node.name, op, {x, scale_id, bias_id}, name, type));
        return patch;
      }
    }
  }
  return std::nullopt;
}

std::optional<GraphPatch> MatchBare(const Expressions& read, const Node& node) {
  const Graph& graph = read.graph();
  const auto deviation = Normalized(read, node.outputs[0]);
  if (!deviation.has_value()) return std::nullopt;
  const auto x = Centered(read, deviation->of);
  const ValueId input = x.value_or(deviation->of);
  const ir::TensorType& type = graph.type(input);
  if (type != graph.type(node.outputs[0])) return std::nullopt;
  ir::LayerNorm op = OverLastAxis(type.dims, deviation->epsilon);
  op.subtract_mean = x.has_value();
  GraphPatch patch(graph);
  patch.Replace(node.outputs[0],
                patch.AddNode(node.name, op, {input},
                              graph.value(node.outputs[0]).name, type));
  return patch;
}

// A scale, then a bias, that follows a LayerNorm without one.
std::optional<GraphPatch> TakeScaleOrBias(const Expressions& read,
                                          const Node& node) {
  const Graph& graph = read.graph();
  const auto* norm = std::get_if<ir::LayerNorm>(&node.op);
  if (norm == nullptr || norm->has_bias) return std::nullopt;
  const ValueId normalized = node.outputs[0];
  const Node* reader = read.index().SoleReader(normalized);
  if (reader == nullptr) return std::nullopt;
  const ValueId result = reader->outputs[0];
  const auto product = read.Binary(result, ir::BinaryKind::kMul);
  const auto sum = read.Binary(result, ir::BinaryKind::kAdd);
  const bool scales = product.has_value() && !norm->has_scale;
  if (!scales && !sum.has_value()) return std::nullopt;
  const auto other = Expressions::Other(scales ? *product : *sum, normalized);
  const ir::TensorType& type = graph.type(normalized);
  if (!other.has_value() || graph.type(result) != type) return std::nullopt;
  // Over several axes, scale and bias have all of these.
  if (norm->axis + 1 != static_cast<int>(type.dims.size())) return std::nullopt;
  const auto constant = AlongLastAxis(graph, *other, type.dims);
  if (!constant.has_value()) return std::nullopt;
  ir::LayerNorm op = *norm;
  (scales ? op.has_scale : op.has_bias) = true;
  GraphPatch patch(graph);
  std::vector<ValueId> inputs = node.inputs;
  inputs.push_back(
      patch.AddConstant(graph.value(*other).name + "_flat", *constant));
  patch.Replace(result, patch.AddNode(node.name, op, std::move(inputs),
                                      graph.value(result).name, type));
  return patch;
}

}  // namespace

absl::StatusOr<std::optional<GraphPatch>> RecognizeLayerNorm(
    const Graph& graph, const PassContext& /*context*/) {
  const Expressions read(graph);
  for (const Node& node : graph.nodes()) {
    for (const auto match : {MatchScaled, MatchBare, TakeScaleOrBias}) {
      if (auto patch = match(read, node)) return patch;
    }
  }
  return std::nullopt;
}

}  // namespace octet::passes
