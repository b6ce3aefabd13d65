// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/pass.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
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

// Bytes of the constants, shared ones counted once.
double ConstantBytes(const ir::Graph& graph) {
  double bytes = 0;
  absl::flat_hash_set<const std::byte*> seen;
  for (const ir::Value& value : graph.values()) {
    if (value.is_constant() && seen.insert(value.constant->bytes()).second) {
      bytes += static_cast<double>(value.constant->byte_size());
    }
  }
  return bytes;
}

absl::Status ExpectFewConstants(const ir::Graph& graph,
                                const PassContext& context) {
  const double bytes = ConstantBytes(graph);
  if (bytes <= context.max_constant_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the graph's constants come to ", bytes,
                   " bytes; expected at most ", context.max_constant_bytes));
}

absl::Status InPass(const Pass& pass, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("in pass ", pass.name, ": ",
                                                  status.message()));
}

absl::Status TakeCopy(const ir::Graph& graph, int64_t& copies_left) {
  copies_left -=
      static_cast<int64_t>(graph.nodes().size() + graph.values().size());
  if (copies_left >= 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("a graph of ", graph.nodes().size(),
                   " nodes takes too many patches to simplify"));
}

// Runs `pass` until it finds nothing; returns how often it found something.
absl::StatusOr<int> RunToEnd(const Pass& pass, const PassContext& context,
                             int limit, int64_t& copies_left,
                             ir::Graph& graph) {
  for (int patches = 0;; ++patches) {
    absl::StatusOr<std::optional<ir::GraphPatch>> patch =
        pass.run(graph, context);
    if (!patch.ok()) return InPass(pass, patch.status());
    if (!patch->has_value()) return patches;
    if (patches == limit) {
      return absl::InternalError(absl::StrCat(
          "pass ", pass.name, " did not stop after ", limit, " patches"));
    }
    if (absl::Status cheap = TakeCopy(graph, copies_left); !cheap.ok()) {
      return InPass(pass, cheap);
    }
    graph = (*patch)->Apply();
    if (absl::Status few = ExpectFewConstants(graph, context); !few.ok()) {
      return InPass(pass, few);
    }
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
  int64_t copies_left = context.max_copies;
  int rounds = 0;
  for (bool changed = true; changed; ++rounds) {
    if (rounds > limit) return absl::InternalError("passes undo each other");
    changed = false;
    for (size_t i = 0; i < passes.size(); ++i) {
      OCTET_ASSIGN_OR_RETURN(
          const int patches,
          RunToEnd(passes[i], context, limit, copies_left, graph));
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
