// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_EVALUATOR_H_
#define OCTET_ENGINE_IR_EVALUATOR_H_

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/tensor.h"
#include "engine/ir/graph.h"

namespace octet::ir {

// Computes the outputs of `node`, all of whose inputs are constants of `graph`
// and whose dimensions are fixed. The facade supplies it, so that neither the
// importer nor the passes know a backend. UNIMPLEMENTED where nothing can run
// the node.
using Evaluator = std::function<absl::StatusOr<std::vector<Tensor>>(
    const Graph& graph, const Node& node)>;

// Leaves every constant as it is.
inline Evaluator NoEvaluator() {
  return [](const Graph&, const Node&) {
    return absl::UnimplementedError("nothing is evaluated here");
  };
}

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_EVALUATOR_H_
