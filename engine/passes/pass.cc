// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/pass.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/infer_types.h"

namespace octet::passes {
namespace {

// Every patch removes a node, folds a constant or moves one step nearer to the
// end, so a graph takes a few patches per node; more is a pass undoing another.
int PatchLimit(const ir::Graph& graph) {
  return 100 + 20 * static_cast<int>(graph.nodes().size());
}

absl::Status InPass(const Pass& pass, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("in pass ", pass.name, ": ",
                                                  status.message()));
}

// Runs `pass` until it finds nothing; returns how often it found something.
absl::StatusOr<int> RunToEnd(const Pass& pass, const PassContext& context,
                             int limit, ir::Graph& graph) {
  for (int patches = 0;; ++patches) {
    absl::StatusOr<std::optional<ir::GraphPatch>> patch =
        pass.run(graph, context);
    if (!patch.ok()) return InPass(pass, patch.status());
    if (!patch->has_value()) return patches;
    if (patches == limit) {
      return absl::InternalError(absl::StrCat(
          "pass ", pass.name, " did not stop after ", limit, " patches"));
    }
    graph = (*patch)->Apply();
  }
}

}  // namespace

absl::StatusOr<ir::Graph> RunPasses(ir::Graph graph,
                                    absl::Span<const Pass> passes,
                                    const PassContext& context,
                                    std::vector<PassCount>* counts) {
  const int limit = PatchLimit(graph);
  std::vector<PassCount> found;
  for (const Pass& pass : passes) found.push_back({std::string(pass.name), 0});
  int rounds = 0;
  for (bool changed = true; changed; ++rounds) {
    if (rounds > limit) return absl::InternalError("passes undo each other");
    changed = false;
    for (size_t i = 0; i < passes.size(); ++i) {
      OCTET_ASSIGN_OR_RETURN(const int patches,
                             RunToEnd(passes[i], context, limit, graph));
      if (patches == 0) continue;
      changed = true;
      found[i].patches += patches;
      absl::Status valid = ir::VerifyGraph(graph);
      if (!valid.ok()) return InPass(passes[i], valid);
    }
  }
  if (counts != nullptr) *counts = std::move(found);
  return graph;
}

}  // namespace octet::passes
