// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/expressions.h"

#include <algorithm>
#include <cmath>

namespace octet::passes {
namespace {

// Larger constants are not looked through.
constexpr int64_t kMaxElements = 1 << 16;

}  // namespace

using ir::Node;
using ir::ValueId;

std::optional<Expressions::Pair> Expressions::Binary(
    ValueId id, ir::BinaryKind kind) const {
  const Node* node = index_.Producer(id);
  if (node == nullptr) return std::nullopt;
  const auto* binary = std::get_if<ir::Binary>(&node->op);
  if (binary == nullptr || binary->kind != kind ||
      !binary->activation.is_identity() ||
      graph_.type(id).dtype != DType::kFloat32 ||
      graph_.type(id).quantization.has_value()) {
    return std::nullopt;
  }
  return Pair(node->inputs[0], node->inputs[1]);
}

std::optional<ValueId> Expressions::Unary(ValueId id,
                                          ir::UnaryKind kind) const {
  const Node* node = index_.Producer(id);
  if (node == nullptr) return std::nullopt;
  const auto* unary = std::get_if<ir::Unary>(&node->op);
  if (unary == nullptr || unary->kind != kind) return std::nullopt;
  if (graph_.type(node->inputs[0]).dtype != DType::kFloat32) {
    return std::nullopt;
  }
  return node->inputs[0];
}

std::optional<ValueId> Expressions::MeanOfLastAxis(ValueId id) const {
  const Node* node = index_.Producer(id);
  if (node == nullptr) return std::nullopt;
  const auto* reduce = std::get_if<ir::Reduce>(&node->op);
  if (reduce == nullptr || reduce->kind != ir::ReduceKind::kMean ||
      !reduce->keep_dims) {
    return std::nullopt;
  }
  const int rank = static_cast<int>(graph_.type(node->inputs[0]).dims.size());
  if (reduce->axes != std::vector<int>{rank - 1}) return std::nullopt;
  return node->inputs[0];
}

std::optional<float> Expressions::Number(ValueId id) const {
  const ir::Value& value = graph_.value(id);
  if (!value.is_constant() || value.type.dtype != DType::kFloat32 ||
      value.constant->size() == 0 || value.constant->size() > kMaxElements) {
    return std::nullopt;
  }
  const auto data = value.constant->data<float>();
  if (!std::all_of(data.begin(), data.end(),
                   [&](float each) { return each == data[0]; })) {
    return std::nullopt;
  }
  return data[0];
}

bool Expressions::IsNumber(ValueId id, float wanted) const {
  const std::optional<float> number = Number(id);
  return number.has_value() &&
         std::fabs(*number - wanted) <= 1e-4f * std::fabs(wanted);
}

std::optional<ValueId> Expressions::Other(const Pair& operands, ValueId one) {
  if (operands.first == one) return operands.second;
  if (operands.second == one) return operands.first;
  return std::nullopt;
}

std::optional<std::pair<ValueId, float>> Expressions::WithNumber(
    const std::optional<Pair>& operands) const {
  if (!operands.has_value()) return std::nullopt;
  if (const auto number = Number(operands->first)) {
    return std::pair(operands->second, *number);
  }
  if (const auto number = Number(operands->second)) {
    return std::pair(operands->first, *number);
  }
  return std::nullopt;
}

Expressions::Product Expressions::Factors(ValueId id) const {
  Product product;
  AddFactors(id, /*depth=*/0, product);
  return product;
}

void Expressions::AddFactors(ValueId id, int depth, Product& product) const {
  // Formulas are short; a chain of products is not taken apart for each node.
  constexpr int kDeepest = 4;
  if (const auto number = Number(id)) {
    product.number *= *number;
    return;
  }
  // What others read as well stays a factor, but for the whole.
  const bool inner = depth == 0 || index_.SoleReader(id) != nullptr;
  if (inner && depth < kDeepest) {
    if (const auto operands = Binary(id, ir::BinaryKind::kMul)) {
      if (operands->first != operands->second) {
        AddFactors(operands->first, depth + 1, product);
        AddFactors(operands->second, depth + 1, product);
        return;
      }
    }
    if (const auto operands = Binary(id, ir::BinaryKind::kDiv)) {
      if (const auto number = Number(operands->second);
          number.has_value() && *number != 0) {
        product.number /= *number;
        AddFactors(operands->first, depth + 1, product);
        return;
      }
    }
  }
  product.values.push_back(id);
}

std::optional<ValueId> Expressions::BaseOfPower(ValueId id,
                                                int exponent) const {
  if (const auto operands = Binary(id, ir::BinaryKind::kPow)) {
    if (IsNumber(operands->second, static_cast<float>(exponent))) {
      return operands->first;
    }
    return std::nullopt;
  }
  const auto operands = Binary(id, ir::BinaryKind::kMul);
  if (!operands.has_value()) return std::nullopt;
  if (exponent == 2) {
    if (operands->first == operands->second) return operands->first;
    return std::nullopt;
  }
  for (const auto& [square, base] :
       {*operands, Pair(operands->second, operands->first)}) {
    if (BaseOfPower(square, exponent - 1) == base) return base;
  }
  return std::nullopt;
}

}  // namespace octet::passes
