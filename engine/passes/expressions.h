// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PASSES_EXPRESSIONS_H_
#define OCTET_ENGINE_PASSES_EXPRESSIONS_H_

#include <optional>
#include <utility>
#include <vector>

#include "engine/ir/graph.h"

namespace octet::passes {

// Reads a float graph as formulas, for passes that look for one written as
// many nodes. Valid until the graph changes.
class Expressions {
 public:
  using Pair = std::pair<ir::ValueId, ir::ValueId>;

  explicit Expressions(const ir::Graph& graph) : graph_(graph), index_(graph) {}

  const ir::Graph& graph() const { return graph_; }
  const ir::GraphIndex& index() const { return index_; }

  // The operands of `id` where it is computed by that operator, without a
  // clamp of its own.
  std::optional<Pair> Binary(ir::ValueId id, ir::BinaryKind kind) const;
  std::optional<ir::ValueId> Unary(ir::ValueId id, ir::UnaryKind kind) const;
  // The input of the mean over the last axis, kept as one entry.
  std::optional<ir::ValueId> MeanOfLastAxis(ir::ValueId id) const;

  // The one number that every element of a float constant is. It may have any
  // shape: whoever puts a formula together compares the shapes of its ends.
  std::optional<float> Number(ir::ValueId id) const;
  // Whether Number() is `wanted` to within 1e-4 of it, as exporters round.
  bool IsNumber(ir::ValueId id, float wanted) const;

  // For commutative operators: the operand that is not `one`.
  static std::optional<ir::ValueId> Other(const Pair& operands,
                                          ir::ValueId one);
  // The operand that is no constant, beside a number that is returned too.
  std::optional<std::pair<ir::ValueId, float>> WithNumber(
      const std::optional<Pair>& operands) const;

  // A product as its factors: numbers taken together, the rest in `values`.
  // Divisions by numbers are taken apart, too.
  struct Product {
    double number = 1;
    std::vector<ir::ValueId> values;
  };
  Product Factors(ir::ValueId id) const;

  // x where `id` is x * x, x^2 or, for 3, x^3.
  std::optional<ir::ValueId> BaseOfPower(ir::ValueId id, int exponent) const;

 private:
  void AddFactors(ir::ValueId id, int depth, Product& product) const;

  const ir::Graph& graph_;
  const ir::GraphIndex index_;
};

}  // namespace octet::passes

#endif  // OCTET_ENGINE_PASSES_EXPRESSIONS_H_
