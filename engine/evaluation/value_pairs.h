// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_EVALUATION_VALUE_PAIRS_H_
#define OCTET_ENGINE_EVALUATION_VALUE_PAIRS_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/ir/graph.h"

// Which values of an int8 graph stand for which of the float graph it was made
// of. Files of other tools link too, for what counts is the chain of
// QuantizeLinear and DequantizeLinear, not how it is called.
namespace octet::internal {

// The names that values of an optimized graph had in their file. Immutable.
class NameOrigins {
 public:
  // Of the graph as imported.
  explicit NameOrigins(const ir::Graph& imported);

  // The name of the value that `name` stands for, before any rounding: passes
  // number a value that they compute anew (`y_1` for `y`), and behind `y` may
  // stand Quantize and Dequantize.
  std::string Of(const std::string& name) const;

 private:
  std::set<std::string> names_;
  std::map<std::string, std::string> before_rounding_;
};

struct ValuePair {
  ir::ValueId exact;
  ir::ValueId rounded;
};

// A graph, optimized, with channels first, and its names' origins.
struct NamedGraph {
  const ir::Graph& graph;
  const NameOrigins& origins;
};

// A pair for each value that a node of `exact` computes and `rounded` has in
// the same shape, by name: integers where there are some, in the order of the
// nodes of `exact`. Inputs and constants are left out.
std::vector<ValuePair> PairValues(const NamedGraph& exact,
                                  const NamedGraph& rounded);

// `rounded` cut into its layers: whatever read the value of a pair reads a new
// float32 input in its place, rounded to the value's type where that is
// integer. The new inputs follow the graph's own, and the outputs are the
// values, both in the order of `pairs`. Fed with the float model's values, it
// computes each layer's own error.
ir::Graph CutIntoLayers(const ir::Graph& rounded,
                        const std::vector<ValuePair>& pairs);

// The name that a step's output had before plans were made: without the ending
// that a change of layout adds.
std::string WithoutLayout(const std::string& name);

}  // namespace octet::internal

#endif  // OCTET_ENGINE_EVALUATION_VALUE_PAIRS_H_
