// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/fuse_into_producer.h"

#include <algorithm>
#include <utility>

namespace octet::passes {
namespace {

using ir::Graph;
using ir::GraphIndex;
using ir::GraphPatch;
using ir::Node;
using ir::ValueId;

// A patch in which `op` on `inputs` computes what `last` does.
GraphPatch Fused(const Graph& graph, const Node& first, const Node& last,
                 ir::Op op, std::vector<ValueId> inputs) {
  const ir::Value& output = graph.value(last.outputs[0]);
  GraphPatch patch(graph);
  patch.Replace(last.outputs[0],
                patch.AddNode(first.name, std::move(op), std::move(inputs),
                              output.name, output.type));
  return patch;
}

const ir::Activation* ActivationOf(const ir::Op& op) {
  if (const auto* conv = std::get_if<ir::Conv>(&op)) return &conv->activation;
  if (const auto* conv = std::get_if<ir::ConvTranspose>(&op)) {
    return &conv->activation;
  }
  if (const auto* matmul = std::get_if<ir::MatMul>(&op)) {
    return &matmul->activation;
  }
  if (const auto* binary = std::get_if<ir::Binary>(&op)) {
    return &binary->activation;
  }
  return nullptr;
}

void SetActivation(ir::Op& op, const ir::Activation& activation) {
  if (auto* conv = std::get_if<ir::Conv>(&op)) conv->activation = activation;
  if (auto* conv = std::get_if<ir::ConvTranspose>(&op)) {
    conv->activation = activation;
  }
  if (auto* matmul = std::get_if<ir::MatMul>(&op)) {
    matmul->activation = activation;
  }
  if (auto* binary = std::get_if<ir::Binary>(&op)) {
    binary->activation = activation;
  }
}

// The limits of clamping to `first`, then to `second`.
ir::Activation Compose(const ir::Activation& first,
                       const ir::Activation& second) {
  return {std::clamp(first.lower, second.lower, second.upper),
          std::clamp(first.upper, second.lower, second.upper)};
}

// The constant of `id`, looking through a Dequantize.
const Tensor* ConstantBehind(const Graph& graph, const GraphIndex& index,
                             ValueId id) {
  if (graph.value(id).is_constant()) return &*graph.value(id).constant;
  const Node* producer = index.Producer(id);
  if (producer == nullptr ||
      !std::holds_alternative<ir::Dequantize>(producer->op)) {
    return nullptr;
  }
  const ir::Value& source = graph.value(producer->inputs[0]);
  return source.is_constant() ? &*source.constant : nullptr;
}

// Whether `shape`, broadcast against a tensor of `rank` axes, has one element
// for each of `channels` along `axis` and one along every other axis.
bool IsPerChannel(const Shape& shape, int rank, int axis, int64_t channels) {
  const int offset = rank - static_cast<int>(shape.size());
  if (offset < 0 || axis < offset) return false;
  for (int i = 0; i < static_cast<int>(shape.size()); ++i) {
    if (shape[i] != (i + offset == axis ? channels : 1)) return false;
  }
  return true;
}

// The axis of a Conv's or MatMul's output that a bias runs along; nothing where
// `op` has a bias, a residual or an activation, or is another operator.
std::optional<int> BiasAxis(const ir::Op& op, int rank) {
  if (const auto* conv = std::get_if<ir::Conv>(&op)) {
    const bool plain = !conv->has_bias && !conv->has_residual &&
                       conv->activation.is_identity();
    if (!plain) return std::nullopt;
    return conv->layout == ir::Layout::kChannelsFirst ? 1 : rank - 1;
  }
  if (const auto* matmul = std::get_if<ir::MatMul>(&op)) {
    if (matmul->has_bias || !matmul->activation.is_identity()) {
      return std::nullopt;
    }
    return rank - 1;
  }
  return std::nullopt;
}

// The value of [channels] that `add` adds, fit to become the bias of `first`.
std::optional<ValueId> BiasOf(const Graph& graph, const GraphIndex& index,
                              const Node& first, ValueId added) {
  const ir::Dims& dims = graph.type(first.outputs[0]).dims;
  const int rank = static_cast<int>(dims.size());
  const std::optional<int> axis = BiasAxis(first.op, rank);
  const Tensor* constant = ConstantBehind(graph, index, added);
  if (!axis || constant == nullptr ||
      !IsPerChannel(constant->shape(), rank, *axis, dims[*axis].value)) {
    return std::nullopt;
  }
  return added;
}

bool IsAdd(const Node& node) {
  const auto* binary = std::get_if<ir::Binary>(&node.op);
  return binary != nullptr && binary->kind == ir::BinaryKind::kAdd;
}

GraphPatch WithBias(const Graph& graph, const Node& first, const Node& add,
                    ValueId added) {
  ir::Op op = first.op;
  if (auto* conv = std::get_if<ir::Conv>(&op)) conv->has_bias = true;
  if (auto* matmul = std::get_if<ir::MatMul>(&op)) matmul->has_bias = true;
  SetActivation(op, std::get<ir::Binary>(add.op).activation);
  std::vector<ValueId> inputs = first.inputs;
  const ir::Value& bias = graph.value(added);
  if (bias.type.dims.size() == 1) {
    inputs.push_back(added);
    return Fused(graph, first, add, std::move(op), std::move(inputs));
  }
  const ir::Value& output = graph.value(add.outputs[0]);
  GraphPatch patch(graph);
  inputs.push_back(patch.AddConstant(
      bias.name + "_flat",
      bias.constant->Reshaped({ElementCount(bias.constant->shape())})));
  patch.Replace(add.outputs[0],
                patch.AddNode(first.name, std::move(op), std::move(inputs),
                              output.name, output.type));
  return patch;
}

// Whether the addition `add` can become the residual of `conv`, one of its
// operands, with `other` as the other.
bool TakesResidual(const Graph& graph, const GraphIndex& index,
                   const Node& conv, const Node& add, ValueId other) {
  const auto* op = std::get_if<ir::Conv>(&conv.op);
  if (op == nullptr || op->has_residual || !op->activation.is_identity()) {
    return false;
  }
  // A float convolution, or none that has rounded already.
  return index.SoleReader(conv.outputs[0]) == &add &&
         !graph.value(other).is_constant() &&
         graph.type(conv.outputs[0]) == graph.type(other) &&
         graph.type(other).dtype == DType::kFloat32;
}

}  // namespace

absl::StatusOr<std::optional<GraphPatch>> FuseBias(
    const Graph& graph, const PassContext& /*context*/) {
  const GraphIndex index(graph);
  for (const Node& add : graph.nodes()) {
    if (!IsAdd(add)) continue;
    for (int side = 0; side < 2; ++side) {
      const Node* first = index.Producer(add.inputs[side]);
      if (first == nullptr || index.SoleReader(add.inputs[side]) != &add ||
          graph.type(add.inputs[side]).dtype != DType::kFloat32 ||
          graph.type(add.inputs[side]).dims !=
              graph.type(add.outputs[0]).dims) {
        continue;
      }
      const ValueId added = add.inputs[1 - side];
      std::optional<ValueId> bias = BiasOf(graph, index, *first, added);
      if (!bias) continue;
      const bool flat = graph.type(*bias).dims.size() == 1;
      if (!flat && !graph.value(*bias).is_constant()) continue;
      return WithBias(graph, *first, add, *bias);
    }
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<GraphPatch>> FuseResidualAdd(
    const Graph& graph, const PassContext& /*context*/) {
  const GraphIndex index(graph);
  for (const Node& add : graph.nodes()) {
    if (!IsAdd(add)) continue;
    // Where both operands are convolutions, the later one takes the addition.
    const Node* best = nullptr;
    ValueId residual = 0;
    for (int side = 0; side < 2; ++side) {
      const Node* conv = index.Producer(add.inputs[side]);
      const ValueId other = add.inputs[1 - side];
      if (conv == nullptr || !TakesResidual(graph, index, *conv, add, other)) {
        continue;
      }
      if (best == nullptr || conv > best) {
        best = conv;
        residual = other;
      }
    }
    if (best == nullptr) continue;
    ir::Conv op = std::get<ir::Conv>(best->op);
    op.has_residual = true;
    op.activation = std::get<ir::Binary>(add.op).activation;
    std::vector<ValueId> inputs = best->inputs;
    inputs.push_back(residual);
    return Fused(graph, *best, add, op, std::move(inputs));
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<GraphPatch>> FuseActivation(
    const Graph& graph, const PassContext& /*context*/) {
  const GraphIndex index(graph);
  for (const Node& clamp : graph.nodes()) {
    const auto* range = std::get_if<ir::Clamp>(&clamp.op);
    if (range == nullptr) continue;
    const Node* first = index.Producer(clamp.inputs[0]);
    if (first == nullptr || index.SoleReader(clamp.inputs[0]) != &clamp) {
      continue;
    }
    const ir::Activation* activation = ActivationOf(first->op);
    if (activation == nullptr ||
        graph.type(first->outputs[0]).dtype != DType::kFloat32) {
      continue;
    }
    ir::Op op = first->op;
    SetActivation(op, Compose(*activation, range->range));
    return Fused(graph, *first, clamp, std::move(op), first->inputs);
  }
  return std::nullopt;
}

}  // namespace octet::passes
