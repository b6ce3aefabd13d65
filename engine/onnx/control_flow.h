// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_CONTROL_FLOW_H_
#define OCTET_ENGINE_ONNX_CONTROL_FLOW_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "engine/onnx/graph_builder.h"
#include "engine/onnx/node_reader.h"

// If and Loop are unrolled at import: a branch, or one iteration of a body,
// takes the place of the node, the rest of a loop following as a node of its
// own. Where a condition or trip count is computed, the node waits for the next
// stage (engine/onnx/staged_import.h).
namespace octet::onnx {

// What an iteration gave to each scan output, and what those before it did:
// shared by all that go on from it.
struct LoopPieces {
  const std::vector<std::string> names;
  mutable std::shared_ptr<const LoopPieces> before;  // for the destructor alone

  LoopPieces(std::vector<std::string> names,
             std::shared_ptr<const LoopPieces> before)
      : names(std::move(names)), before(std::move(before)) {}
  LoopPieces(const LoopPieces&) = delete;
  LoopPieces& operator=(const LoopPieces&) = delete;
  // Not by recursion, for a loop may be long.
  ~LoopPieces();
};

// How far a Loop node made by an expansion is.
struct LoopProgress {
  const pb::NodeProto* loop = nullptr;       // the file's, which has the body
  int64_t iteration = 0;                     // done
  std::shared_ptr<const LoopPieces> pieces;  // of the last; null at the start
};

// Nodes made while a stage is imported; they stay where they are.
struct Expansion {
  std::deque<pb::NodeProto> nodes;
  size_t earlier_nodes = 0;  // made by the stages before this one
  // The initializers of bodies, which all iterations share.
  absl::flat_hash_map<const pb::TensorProto*, Tensor> tensors;
  absl::flat_hash_map<const pb::NodeProto*, LoopProgress> loops;
};

// The nodes, made in `expansion`, that take the place of `proto`, a
// control-flow node read by `node`; nullopt if it is none. `progress` is of a
// Loop that an earlier expansion made, else null. Constants that they read are
// bound in `graph`. Errors as import rules, and RESOURCE_EXHAUSTED beyond the
// limits in the .cc.
absl::StatusOr<std::optional<std::vector<const pb::NodeProto*>>>
ExpandControlFlow(const NodeReader& node, const pb::NodeProto& proto,
                  const LoopProgress* progress, GraphBuilder& graph,
                  Expansion& expansion);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_CONTROL_FLOW_H_
