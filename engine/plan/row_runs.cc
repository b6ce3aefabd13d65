// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/row_runs.h"

#include <algorithm>
#include <variant>

#include "engine/base/shape.h"
#include "engine/ir/work.h"

namespace octet::plan {
namespace {

// Operations for each weight below which weights had better be shared by rows.
constexpr double kLeastWorkPerWeight = 128;
// Nodes in a row, in the middle of a run, whose tensors fit the cache.
constexpr int kMostSmall = 2;
// Tensors of all rows leave the cache if they are as many times as large.
constexpr double kOverflow = 1.25;

class Finder {
 public:
  Finder(const ir::Graph& graph, const ir::Graph& one_row, int64_t rows,
         size_t cache_bytes)
      : graph_(graph),
        one_row_(one_row),
        rows_(rows),
        cache_bytes_(static_cast<double>(cache_bytes)) {}

  std::vector<RowRun> Find() {
    const int count = static_cast<int>(graph_.nodes().size());
    for (int i = 0; i < count; ++i) {
      const ir::Node& node = one_row_.nodes()[i];
      if (!CanSplit(node)) {
        EndRun();
      } else if (Overflows(node)) {
        if (large_ == 0) run_.begin = i;
        run_.end = i + 1;
        ++large_;
        small_ = 0;
      } else if (!std::holds_alternative<ir::Reshape>(node.op) &&
                 ++small_ > kMostSmall) {
        EndRun();
      }
    }
    EndRun();
    return std::move(runs_);
  }

 private:
  // Row r of a value is the r-th part of its memory.
  bool IsOneRowAfterTheOther(ir::ValueId id) const {
    const Shape all = ir::ConcreteShape(graph_.type(id).dims);
    const Shape one = ir::ConcreteShape(one_row_.type(id).dims);
    return !all.empty() && all[0] == rows_ * one[0] &&
           std::equal(all.begin() + 1, all.end(), one.begin() + 1, one.end());
  }

  bool CanSplit(const ir::Node& node) const {
    double weights = 0;
    std::vector<ir::TensorType> inputs;
    std::vector<ir::TensorType> outputs;
    for (ir::ValueId id : node.inputs) {
      inputs.push_back(one_row_.type(id));
      if (one_row_.value(id).is_constant()) {
        weights += static_cast<double>(
            ElementCount(ir::ConcreteShape(inputs.back().dims)));
      } else if (!IsOneRowAfterTheOther(id)) {
        return false;
      }
    }
    for (ir::ValueId id : node.outputs) {
      outputs.push_back(one_row_.type(id));
      if (!IsOneRowAfterTheOther(id)) return false;
    }
    return ir::WorkOf(node.op, inputs, outputs) >=
           kLeastWorkPerWeight * weights;
  }

  // Whether what the node reads and writes for all rows leaves the cache.
  bool Overflows(const ir::Node& node) const {
    double bytes = 0;
    for (const std::vector<ir::ValueId>* ids : {&node.inputs, &node.outputs}) {
      for (ir::ValueId id : *ids) {
        if (graph_.value(id).is_constant()) continue;
        const ir::TensorType& type = graph_.type(id);
        bytes += static_cast<double>(
            ElementCount(ir::ConcreteShape(type.dims)) * SizeOf(type.dtype));
      }
    }
    return bytes > kOverflow * cache_bytes_;
  }

  void EndRun() {
    if (large_ > 1) runs_.push_back(run_);
    large_ = 0;
    small_ = 0;
  }

  const ir::Graph& graph_;
  const ir::Graph& one_row_;
  const int64_t rows_;
  const double cache_bytes_;
  RowRun run_;     // from its first large node to its last
  int large_ = 0;  // nodes of it that overflow
  int small_ = 0;  // nodes behind the last of them
  std::vector<RowRun> runs_;
};

}  // namespace

std::vector<RowRun> FindRowRuns(const ir::Graph& graph,
                                const ir::Graph& one_row, int64_t rows,
                                size_t cache_bytes) {
  return Finder(graph, one_row, rows, cache_bytes).Find();
}

}  // namespace octet::plan
