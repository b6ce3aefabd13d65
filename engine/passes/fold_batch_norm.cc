// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/fold_batch_norm.h"

#include <cmath>
#include <utility>

namespace octet::passes {
namespace {

using ir::Graph;
using ir::Node;

bool IsFloatConstant(const Graph& graph, ir::ValueId id) {
  return graph.value(id).is_constant() &&
         graph.type(id).dtype == DType::kFloat32;
}

absl::Span<const float> Floats(const Graph& graph, ir::ValueId id) {
  return graph.value(id).constant->data<float>();
}

// Whether `conv` is a plain convolution with constant float parameters whose
// result is read by the batch norm alone.
bool CanTake(const Graph& graph, const ir::GraphIndex& index,
             const Node& conv) {
  const auto* op = std::get_if<ir::Conv>(&conv.op);
  if (op == nullptr || op->has_residual || !op->activation.is_identity()) {
    return false;
  }
  if (index.SoleReader(conv.outputs[0]) == nullptr) return false;
  return IsFloatConstant(graph, conv.inputs[1]) &&
         (!op->has_bias || IsFloatConstant(graph, conv.inputs[2]));
}

struct Folded {
  Tensor weights;  // shaped like the convolution's
  Tensor bias;     // [O]
};

Folded FoldInto(const Graph& graph, const Node& conv, const Node& norm) {
  const auto gamma = Floats(graph, norm.inputs[1]);
  const auto beta = Floats(graph, norm.inputs[2]);
  const auto mean = Floats(graph, norm.inputs[3]);
  const auto variance = Floats(graph, norm.inputs[4]);
  const double epsilon = std::get<ir::BatchNorm>(norm.op).epsilon;
  const Tensor& weights = *graph.value(conv.inputs[1]).constant;
  const bool has_bias = std::get<ir::Conv>(conv.op).has_bias;
  const auto channels = static_cast<int64_t>(gamma.size());
  const int64_t per_channel = weights.size() / channels;
  Folded folded{Tensor(DType::kFloat32, weights.shape()),
                Tensor(DType::kFloat32, {channels})};
  const auto source = weights.data<float>();
  auto scaled = folded.weights.mutable_data<float>();
  auto bias = folded.bias.mutable_data<float>();
  for (int64_t o = 0; o < channels; ++o) {
    const double gain = gamma[o] / std::sqrt(variance[o] + epsilon);
    for (int64_t i = o * per_channel; i < (o + 1) * per_channel; ++i) {
      scaled[i] = static_cast<float>(source[i] * gain);
    }
    const double before = has_bias ? Floats(graph, conv.inputs[2])[o] : 0.0;
    bias[o] = static_cast<float>((before - mean[o]) * gain + beta[o]);
  }
  return folded;
}

}  // namespace

absl::StatusOr<std::optional<ir::GraphPatch>> FoldBatchNorm(
    const Graph& graph, const PassContext& /*context*/) {
  const ir::GraphIndex index(graph);
  for (const Node& norm : graph.nodes()) {
    if (!std::holds_alternative<ir::BatchNorm>(norm.op)) continue;
    const Node* conv = index.Producer(norm.inputs[0]);
    if (conv == nullptr || !CanTake(graph, index, *conv)) continue;
    bool constant = true;
    for (int i = 1; i <= 4; ++i) {
      constant = constant && IsFloatConstant(graph, norm.inputs[i]);
    }
    if (!constant) continue;
    Folded folded = FoldInto(graph, *conv, norm);
    ir::GraphPatch patch(graph);
    ir::Conv op = std::get<ir::Conv>(conv->op);
    op.has_bias = true;
    const ir::Value& output = graph.value(norm.outputs[0]);
    const std::string& stem = graph.value(conv->inputs[1]).name;
    const ir::ValueId weights =
        patch.AddConstant(stem + "_folded", std::move(folded.weights));
    const ir::ValueId bias =
        patch.AddConstant(stem + "_bias", std::move(folded.bias));
    patch.Replace(
        norm.outputs[0],
        patch.AddNode(conv->name, op, {conv->inputs[0], weights, bias},
                      output.name, output.type));
    return patch;
  }
  return std::nullopt;
}

}  // namespace octet::passes
