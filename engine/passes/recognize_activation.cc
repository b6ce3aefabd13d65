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
using Product = Expressions::Product;

bool Near(double value, double wanted) {
  return std::fabs(value - wanted) <= 1e-4 * std::fabs(wanted);
}

GraphPatch WithUnary(const Graph& graph, const Node& last, ir::Unary op,
                     ValueId x) {
  const ir::Value& output = graph.value(last.outputs[0]);
  GraphPatch patch(graph);
  patch.Replace(last.outputs[0],
                patch.AddNode(last.name, op, {x}, output.name, output.type));
  return patch;
}

// Whether `gate` is clamp(x + 3, 0, 6).
bool IsHardGate(const Expressions& read, ValueId gate, ValueId x) {
  const Node* node = read.index().Producer(gate);
  if (node == nullptr) return false;
  const ir::Activation wanted{0, 6};
  const Node* add = node;
  if (const auto* clamp = std::get_if<ir::Clamp>(&node->op)) {
    if (!(clamp->range == wanted)) return false;
    add = read.index().Producer(node->inputs[0]);
  } else if (const auto* binary = std::get_if<ir::Binary>(&node->op);
             binary == nullptr || !(binary->activation == wanted)) {
    return false;
  }
  if (add == nullptr) return false;
  const auto* sum = std::get_if<ir::Binary>(&add->op);
  if (sum == nullptr || sum->kind != ir::BinaryKind::kAdd ||
      (add != node && !sum->activation.is_identity())) {
    return false;
  }
  const auto other = Expressions::Other({add->inputs[0], add->inputs[1]}, x);
  return other.has_value() && read.IsNumber(*other, 3);
}

// What x times `gate` times `number` is.
std::optional<ir::Unary> GatedBy(const Expressions& read, ValueId gate,
                                 ValueId x, double number) {
  if (const auto inner = read.Unary(gate, ir::UnaryKind::kSigmoid);
      inner.has_value() && number == 1) {
    if (*inner == x) return ir::Unary{ir::UnaryKind::kSwish, 1, 0};
    const Product product = read.Factors(*inner);
    if (product.values == std::vector<ValueId>{x}) {
      return ir::Unary{ir::UnaryKind::kSwish,
                       static_cast<float>(product.number), 0};
    }
  }
  if (const auto inner = read.Unary(gate, ir::UnaryKind::kTanh);
      inner.has_value() && number == 1 &&
      read.Unary(*inner, ir::UnaryKind::kSoftplus) == x) {
    return ir::Unary{ir::UnaryKind::kMish, 0, 0};
  }
  const Node* node = read.index().Producer(gate);
  if (node != nullptr && number == 1 && node->inputs[0] == x) {
    const auto* unary = std::get_if<ir::Unary>(&node->op);
    if (unary != nullptr && unary->kind == ir::UnaryKind::kHardSigmoid &&
        Near(unary->alpha, 1.0 / 6) && unary->beta == 0.5f) {
      return ir::Unary{ir::UnaryKind::kHardSwish, 0, 0};
    }
  }
  if (Near(number, 1.0 / 6) && IsHardGate(read, gate, x)) {
    return ir::Unary{ir::UnaryKind::kHardSwish, 0, 0};
  }
  return std::nullopt;
}

// x where `id` is erf(x / sqrt 2).
std::optional<ValueId> InsideErf(const Expressions& read, ValueId id) {
  const auto inner = read.Unary(id, ir::UnaryKind::kErf);
  if (!inner.has_value()) return std::nullopt;
  const Product product = read.Factors(*inner);
  if (product.values.size() != 1 || !Near(product.number, std::sqrt(0.5))) {
    return std::nullopt;
  }
  return product.values[0];
}

// x where `id` is tanh(sqrt(2 / pi) (x + 0.044715 x^3)).
std::optional<ValueId> InsideTanh(const Expressions& read, ValueId id) {
  const auto inner = read.Unary(id, ir::UnaryKind::kTanh);
  if (!inner.has_value()) return std::nullopt;
  const Product product = read.Factors(*inner);
  if (product.values.size() != 1 ||
      !Near(product.number, std::sqrt(2 / M_PI))) {
    return std::nullopt;
  }
  const auto sum = read.Binary(product.values[0], ir::BinaryKind::kAdd);
  if (!sum.has_value()) return std::nullopt;
  for (const auto& [x, term] :
       {*sum, Expressions::Pair(sum->second, sum->first)}) {
    const Product cubic = read.Factors(term);
    if (!Near(cubic.number, 0.044715)) continue;
    if (cubic.values.size() == 1 && read.BaseOfPower(cubic.values[0], 3) == x) {
      return x;
    }
    if (cubic.values == std::vector<ValueId>{x, x, x}) return x;
    // A square that is a node of its own, times x.
    if (cubic.values.size() == 2) {
      for (int i = 0; i < 2; ++i) {
        if (cubic.values[i] == x &&
            read.BaseOfPower(cubic.values[1 - i], 2) == x) {
          return x;
        }
      }
    }
  }
  return std::nullopt;
}

// The Gelu that a product of these factors is.
std::optional<std::pair<ir::Unary, ValueId>> GeluOf(const Expressions& read,
                                                    const Product& product) {
  if (product.values.size() != 2 || !Near(product.number, 0.5)) {
    return std::nullopt;
  }
  for (int i = 0; i < 2; ++i) {
    const ValueId x = product.values[i];
    const auto sum = read.WithNumber(
        read.Binary(product.values[1 - i], ir::BinaryKind::kAdd));
    if (!sum.has_value() || sum->second != 1) continue;
    if (InsideErf(read, sum->first) == x) {
      return std::pair(ir::Unary{ir::UnaryKind::kGelu, 0, 0}, x);
    }
    if (InsideTanh(read, sum->first) == x) {
      return std::pair(ir::Unary{ir::UnaryKind::kGeluTanh, 0, 0}, x);
    }
  }
  return std::nullopt;
}

bool IsMulOrDiv(const Node& node) {
  const auto* binary = std::get_if<ir::Binary>(&node.op);
  return binary != nullptr && (binary->kind == ir::BinaryKind::kMul ||
                               binary->kind == ir::BinaryKind::kDiv);
}

}  // namespace

absl::StatusOr<std::optional<GraphPatch>> RecognizeGatedActivation(
    const Graph& graph, const PassContext& /*context*/) {
  const Expressions read(graph);
  for (const Node& node : graph.nodes()) {
    if (!IsMulOrDiv(node)) continue;
    const Product product = read.Factors(node.outputs[0]);
    if (product.values.size() != 2) continue;
    for (int i = 0; i < 2; ++i) {
      const ValueId x = product.values[i];
      // Of one shape: broadcasting is no activation.
      if (graph.type(x) != graph.type(node.outputs[0])) continue;
      const auto op = GatedBy(read, product.values[1 - i], x, product.number);
      if (op.has_value()) return WithUnary(graph, node, *op, x);
    }
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<GraphPatch>> RecognizeGelu(
    const Graph& graph, const PassContext& /*context*/) {
  const Expressions read(graph);
  for (const Node& node : graph.nodes()) {
    if (!IsMulOrDiv(node)) continue;
    const auto gelu = GeluOf(read, read.Factors(node.outputs[0]));
    if (!gelu.has_value() ||
        graph.type(gelu->second) != graph.type(node.outputs[0])) {
      continue;
    }
    return WithUnary(graph, node, gelu->first, gelu->second);
  }
  return std::nullopt;
}

}  // namespace octet::passes
