// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_CONTROL_FLOW_H_
#define OCTET_ENGINE_ONNX_CONTROL_FLOW_H_

#include <cstdint>
#include <deque>
#include <string>
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

// How far a Loop node made by an expansion is.
struct LoopProgress {
  const pb::NodeProto* loop = nullptr;  // the file's, which has the body
  int64_t iteration = 0;                // done
  // By scan output: what each iteration has given.
  std::vector<std::vector<std::string>> pieces;
};

// Nodes made while a stage is imported; they stay where they are.
struct Expansion {
  std::deque<pb::NodeProto> nodes;
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
