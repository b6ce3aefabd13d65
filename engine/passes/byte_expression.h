// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PASSES_BYTE_EXPRESSION_H_
#define OCTET_ENGINE_PASSES_BYTE_EXPRESSION_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/ir/graph.h"
#include "engine/ir/graph_patch.h"
#include "engine/passes/pass.h"

// Values that are functions of one 8-bit value, element by element: chains and
// trees of elementwise operators whose other operands are single numbers.
namespace octet::passes {

class ByteExpressions {
 public:
  // Both must outlive this object.
  ByteExpressions(const ir::Graph& graph, const ir::GraphIndex& index);

  // The quantized 8-bit value of one scale that `id` is a function of, element
  // by element; nothing where there is none or more than one. Roundings
  // (Quantize) belong to the function, so that the root is as far up as can be.
  // A value that nothing smaller explains is its own root.
  std::optional<ir::ValueId> RootOf(ir::ValueId id) const;

  // The function itself: its value for each of the 256 bytes of the root, as
  // plain loops compute them. REQUIRES: RootOf(id).
  // UNIMPLEMENTED  a node that `context` does not evaluate.
  absl::StatusOr<Tensor> TableOf(ir::ValueId id,
                                 const PassContext& context) const;

  // The operators between the root and `id`, in order, conversions left out.
  std::string Describe(ir::ValueId id) const;

 private:
  struct Entry {
    bool is_function = false;
    // Unset for a single number.
    std::optional<ir::ValueId> root;
  };

  Entry Explain(const ir::Node& node) const;
  bool IsRoot(ir::ValueId id) const;
  // The nodes between the root and `id`, in the graph's order.
  std::vector<const ir::Node*> NodesBehind(ir::ValueId id) const;

  const ir::Graph& graph_;
  const ir::GraphIndex& index_;
  std::vector<Entry> entries_;  // by value
};

}  // namespace octet::passes

#endif  // OCTET_ENGINE_PASSES_BYTE_EXPRESSION_H_
