// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PLAN_ROW_RUNS_H_
#define OCTET_ENGINE_PLAN_ROW_RUNS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/ir/graph.h"

namespace octet::plan {

// Nodes [begin, end) of a graph.
struct RowRun {
  int begin = 0;
  int end = 0;

  bool operator==(const RowRun&) const = default;
};

// Which chains of nodes had better compute all of one row before they begin
// the next: those whose tensors of `rows` rows together leave a cache of
// `cache_bytes`, while what a row hands on from node to node stays in it.
// Where a row alone has too little to compute for the weights that it reads
// (matrix products of one vector, images of a few pixels) rows stay together,
// as they do in nodes that do not see a row as a stretch of memory of its own.
//
// `graph` is for `rows` rows, `one_row` the same graph for one. Runs are in
// order and apart from each other.
std::vector<RowRun> FindRowRuns(const ir::Graph& graph,
                                const ir::Graph& one_row, int64_t rows,
                                size_t cache_bytes);

}  // namespace octet::plan

#endif  // OCTET_ENGINE_PLAN_ROW_RUNS_H_
