// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/passes/fuse_integer.h"
#include "engine/passes/quantized_edges.h"

namespace octet::passes {
namespace {

using ir::Graph;
using ir::GraphIndex;
using ir::GraphPatch;
using ir::Node;
using ir::Quantization;
using ir::ValueId;

// How far the scale that a file gives its bias may be from s_x * s_w, relative.
// Tools write it in float32, rounded once or twice.
constexpr double kBiasScaleTolerance = 1e-5;

// The axis of the weights that output channels run along.
int ChannelAxis(const ir::Op& op, int rank) {
  if (std::holds_alternative<ir::ConvTranspose>(op)) return 1;
  const auto* matmul = std::get_if<ir::MatMul>(&op);
  return matmul != nullptr && !matmul->transpose_b ? rank - 1 : 0;
}

bool HasBias(const ir::Op& op) {
  if (const auto* conv = std::get_if<ir::Conv>(&op)) return conv->has_bias;
  if (const auto* conv = std::get_if<ir::ConvTranspose>(&op)) {
    return conv->has_bias;
  }
  return std::get<ir::MatMul>(op).has_bias;
}

// The 8-bit constant behind the weights of `node`, if its scales are per tensor
// or per output channel.
std::optional<ValueId> WeightsBehind(const Graph& graph,
                                     const GraphIndex& index,
                                     const Node& node) {
  std::optional<ValueId> id = IntegersBehind(graph, index, node.inputs[1]);
  if (!id || !graph.value(*id).is_constant()) return std::nullopt;
  const ir::TensorType& type = graph.type(*id);
  const Quantization& quantization = *type.quantization;
  const bool is_matmul = std::holds_alternative<ir::MatMul>(node.op);
  const auto rank = static_cast<int>(type.dims.size());
  if ((type.dtype != DType::kInt8 && type.dtype != DType::kUInt8) ||
      (is_matmul && rank != 2)) {
    return std::nullopt;
  }
  if (!quantization.per_tensor() &&
      quantization.axis != ChannelAxis(node.op, rank)) {
    return std::nullopt;
  }
  return id;
}

// q - zero point of 8-bit weights as int8; nothing where that is too small.
template <typename T>
std::optional<Tensor> Centred(const Tensor& weights,
                              const Quantization& quantization) {
  Tensor result(DType::kInt8, weights.shape());
  const auto from = weights.data<T>();
  const auto to = result.mutable_data<int8_t>();
  int64_t inner = weights.size();
  if (!quantization.per_tensor()) {
    inner = 1;
    for (size_t i = quantization.axis + 1; i < weights.shape().size(); ++i) {
      inner *= weights.shape()[i];
    }
  }
  const auto channels = static_cast<int64_t>(quantization.scales.size());
  for (int64_t i = 0; i < weights.size(); ++i) {
    const int value = from[i] - quantization.zero_points[i / inner % channels];
    if (value < std::numeric_limits<int8_t>::min() ||
        value > std::numeric_limits<int8_t>::max()) {
      return std::nullopt;
    }
    to[i] = static_cast<int8_t>(value);
  }
  return result;
}

// The weights as the integer operators take them, int8 with zero point 0, which
// may be a new constant of `patch`; nothing where they don't fit that.
std::optional<ValueId> CentredWeights(const Graph& graph, ValueId id,
                                      GraphPatch& patch) {
  const ir::Value& weights = graph.value(id);
  Quantization quantization = *weights.type.quantization;
  const bool centred = std::all_of(
      quantization.zero_points.begin(), quantization.zero_points.end(),
      [](int32_t zero_point) { return zero_point == 0; });
  const bool is_signed = weights.type.dtype == DType::kInt8;
  if (is_signed && centred) return id;
  std::optional<Tensor> tensor =
      is_signed ? Centred<int8_t>(*weights.constant, quantization)
                : Centred<uint8_t>(*weights.constant, quantization);
  if (!tensor) return std::nullopt;
  quantization.zero_points.assign(quantization.scales.size(), 0);
  return patch.AddConstant(weights.name + "_s8", *std::move(tensor),
                           std::move(quantization));
}

// The scale of the accumulator, s_x * s_w[c], for each of `channels`.
std::vector<double> AccumulatorScales(const Quantization& data,
                                      const Quantization& weights,
                                      int64_t channels) {
  std::vector<double> scales(channels);
  for (int64_t c = 0; c < channels; ++c) {
    const float weight_scale =
        weights.per_tensor() ? weights.scales[0] : weights.scales[c];
    scales[c] = static_cast<double>(data.scales[0]) * weight_scale;
  }
  return scales;
}

float ScaleOf(const Quantization& quantization, int64_t channel) {
  return quantization.per_tensor() ? quantization.scales[0]
                                   : quantization.scales[channel];
}

// The bias of `node` in real units; nothing where it is not constant.
std::optional<std::vector<double>> RealBias(const Graph& graph,
                                            const GraphIndex& index,
                                            ValueId bias) {
  std::vector<double> real;
  if (graph.value(bias).is_constant()) {
    if (graph.type(bias).dtype != DType::kFloat32) return std::nullopt;
    const auto values = graph.value(bias).constant->data<float>();
    real.assign(values.begin(), values.end());
    return real;
  }
  const std::optional<ValueId> id = IntegersBehind(graph, index, bias);
  if (!id || !graph.value(*id).is_constant() ||
      graph.type(*id).dtype != DType::kInt32) {
    return std::nullopt;
  }
  const auto values = graph.value(*id).constant->data<int32_t>();
  const Quantization& quantization = *graph.type(*id).quantization;
  for (size_t c = 0; c < values.size(); ++c) {
    const int32_t zero_point =
        quantization.zero_points[quantization.per_tensor() ? 0 : c];
    real.push_back((static_cast<double>(values[c]) - zero_point) *
                   ScaleOf(quantization, c));
  }
  return real;
}

// The s32 constant behind `bias`, if it already has the accumulator's scales.
std::optional<ValueId> ExactBias(const Graph& graph, const GraphIndex& index,
                                 ValueId bias,
                                 const std::vector<double>& scales) {
  const std::optional<ValueId> id = IntegersBehind(graph, index, bias);
  if (!id || !graph.value(*id).is_constant() ||
      graph.type(*id).dtype != DType::kInt32) {
    return std::nullopt;
  }
  const Quantization& quantization = *graph.type(*id).quantization;
  for (size_t c = 0; c < scales.size(); ++c) {
    const double scale = ScaleOf(quantization, c);
    if (std::abs(scale - scales[c]) > kBiasScaleTolerance * scales[c]) {
      return std::nullopt;
    }
  }
  for (int32_t zero_point : quantization.zero_points) {
    if (zero_point != 0) return std::nullopt;
  }
  return id;
}

Tensor QuantizeBias(const std::vector<double>& real,
                    const std::vector<double>& scales) {
  Tensor tensor(DType::kInt32, {static_cast<int64_t>(real.size())});
  auto integers = tensor.mutable_data<int32_t>();
  constexpr double kLimit = std::numeric_limits<int32_t>::max();
  for (size_t c = 0; c < real.size(); ++c) {
    integers[c] = static_cast<int32_t>(
        std::clamp(std::nearbyint(real[c] / scales[c]), -kLimit, kLimit));
  }
  return tensor;
}

std::optional<GraphPatch> FuseWeighted(const Graph& graph,
                                       const GraphIndex& index,
                                       const Node& node) {
  std::optional<ValueId> data = ActivationBehind(graph, index, node.inputs[0]);
  if (!data) return std::nullopt;
  std::optional<ValueId> weights = WeightsBehind(graph, index, node);
  if (!weights) return std::nullopt;
  GraphPatch patch(graph);
  std::optional<ValueId> centred = CentredWeights(graph, *weights, patch);
  if (!centred) return std::nullopt;
  std::vector<ValueId> inputs = {*data, *centred};
  const Shape& shape = graph.value(*weights).constant->shape();
  const int64_t channels =
      shape[ChannelAxis(node.op, static_cast<int>(shape.size()))];
  if (HasBias(node.op)) {
    const std::vector<double> scales =
        AccumulatorScales(*graph.type(*data).quantization,
                          *graph.type(*weights).quantization, channels);
    std::optional<ValueId> bias =
        ExactBias(graph, index, node.inputs[2], scales);
    if (!bias) {
      auto real = RealBias(graph, index, node.inputs[2]);
      if (!real) return std::nullopt;
      Quantization quantization;
      quantization.scales.assign(scales.begin(), scales.end());
      quantization.zero_points.assign(scales.size(), 0);
      bias = patch.AddConstant(graph.value(node.inputs[2]).name + "_s32",
                               QuantizeBias(*real, scales),
                               std::move(quantization));
    }
    inputs.push_back(*bias);
  }
  const auto* conv = std::get_if<ir::Conv>(&node.op);
  if (conv != nullptr && conv->has_residual) {
    std::optional<ValueId> residual =
        ActivationBehind(graph, index, node.inputs.back());
    if (!residual) return std::nullopt;
    inputs.push_back(*residual);
  }
  ReplaceByInteger(graph, index, node, node.op, std::move(inputs), patch);
  return patch;
}

bool HasIntegerProducts(const ir::Op& op) {
  if (const auto* conv = std::get_if<ir::ConvTranspose>(&op)) {
    return conv->groups == 1;
  }
  return std::holds_alternative<ir::Conv>(op) ||
         std::holds_alternative<ir::MatMul>(op);
}

// Add, Sub or Mul.
bool HasIntegerArithmetic(const Node& node) {
  const auto* binary = std::get_if<ir::Binary>(&node.op);
  return binary != nullptr && binary->kind <= ir::BinaryKind::kMul;
}

}  // namespace

absl::StatusOr<std::optional<GraphPatch>> FuseIntegerConvAndMatMul(
    const Graph& graph, const PassContext& /*context*/) {
  const GraphIndex index(graph);
  for (const Node& node : graph.nodes()) {
    if (!HasIntegerProducts(node.op)) continue;
    std::optional<GraphPatch> patch = FuseWeighted(graph, index, node);
    if (patch) return patch;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<GraphPatch>> FuseIntegerArithmeticAndPool(
    const Graph& graph, const PassContext& /*context*/) {
  const GraphIndex index(graph);
  for (const Node& node : graph.nodes()) {
    const bool binary = HasIntegerArithmetic(node);
    if (!binary && !ir::IsAveragePool(node.op)) continue;
    std::vector<ValueId> inputs;
    for (ValueId id : node.inputs) {
      std::optional<ValueId> integers = ActivationBehind(graph, index, id);
      if (integers) inputs.push_back(*integers);
    }
    if (inputs.size() != node.inputs.size()) continue;
    // What nobody quantizes is as well done in float.
    if (binary && EqualQuantizers(graph, index, node.outputs[0]).empty())
      continue;
    GraphPatch patch(graph);
    ReplaceByInteger(graph, index, node, node.op, std::move(inputs), patch);
    return patch;
  }
  return std::nullopt;
}

}  // namespace octet::passes
