// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/plan/input_conversion.h"
#include "engine/plan/memory_plan.h"
#include "engine/plan/plan.h"
#include "engine/plan/row_runs.h"

namespace octet::plan {

namespace {

// What the weights that one plan packs may take: transformed ones are a few
// times as large as the constants, but a file can have many nodes read the same
// ones, each packed in its own way.
int64_t MaxPackedBytes(const ir::Graph& graph) {
  constexpr int64_t kFree = int64_t{1} << 30;
  constexpr int64_t kPerByte = 8;
  int64_t bytes = 0;
  absl::flat_hash_set<const std::byte*> seen;
  for (const ir::Value& value : graph.values()) {
    if (value.is_constant() && seen.insert(value.constant->bytes()).second) {
      bytes += static_cast<int64_t>(value.constant->byte_size());
    }
  }
  return kFree + kPerByte * bytes;
}

// By value: the index of the last node that reads it, more than any of the
// graph's outputs.
std::vector<int> LastReaders(const ir::Graph& graph) {
  std::vector<int> last(graph.values().size(), -1);
  int index = 0;
  for (const ir::Node& node : graph.nodes()) {
    for (ir::ValueId id : node.inputs) last[id] = index;
    ++index;
  }
  for (ir::ValueId id : graph.outputs()) last[id] = index;
  return last;
}

}  // namespace

// Builds a Plan: takes the input conversions out of the graph, asks the
// backends for steps, and lays out the arena.
class PlanBuilder {
 public:
  PlanBuilder(ir::Graph graph, absl::Span<const Backend* const> backends,
              int threads, WeightCache* weights)
      : backends_(backends), threads_(threads), weights_(weights) {
    plan_.graph_ = std::move(graph);
    plan_.inputs_ = ModelInputs(plan_.graph_);
    landings_ = TakeInputConversions(plan_.graph_, plan_.inputs_);
    runs_of_nodes_.assign(plan_.graph_.nodes().size(), -1);
  }

  // Finds the steps that compute row after row. `one_row` is the graph that was
  // given, but for one row instead of `rows`.
  void FindRuns(ir::Graph one_row, int64_t rows, size_t cache_bytes) {
    plan_.rows_ = rows;
    std::vector<PlanTensor> inputs = ModelInputs(one_row);
    TakeInputConversions(one_row, inputs);
    OCTET_CHECK(one_row.nodes().size() == runs_of_nodes_.size());
    const std::vector<RowRun> runs =
        FindRowRuns(plan_.graph_, one_row, rows, cache_bytes);
    for (size_t i = 0; i < runs.size(); ++i) {
      std::fill(runs_of_nodes_.begin() + runs[i].begin,
                runs_of_nodes_.begin() + runs[i].end, static_cast<int>(i));
    }
    one_row_ = std::move(one_row);
  }

  absl::StatusOr<std::shared_ptr<const Plan>> Build() {
    OCTET_RETURN_IF_ERROR(MakeSteps());
    LayOutArena();
    ReleasePackedConstants();
    return std::make_shared<const Plan>(std::move(plan_));
  }

 private:
  static std::vector<PlanTensor> ModelInputs(const ir::Graph& graph) {
    std::vector<PlanTensor> inputs;
    for (ir::ValueId id : graph.inputs()) {
      inputs.push_back({graph.type(id), 0, {}});
    }
    return inputs;
  }

  absl::Status MakeSteps() {
    const auto count = static_cast<ir::ValueId>(plan_.graph_.values().size());
    const int64_t before = weights_->bytes();
    const int64_t most = MaxPackedBytes(plan_.graph_);
    storage_.resize(count);
    std::iota(storage_.begin(), storage_.end(), 0);
    last_readers_ = LastReaders(plan_.graph_);
    int index = -1;
    for (const ir::Node& node : plan_.graph_.nodes()) {
      ++index;
      // The same bytes under other dimensions: no step, one buffer.
      if (std::holds_alternative<ir::Reshape>(node.op) &&
          !plan_.graph_.value(node.inputs[0]).is_constant()) {
        Store(node.outputs[0], storage_[node.inputs[0]]);
        continue;
      }
      // Nothing to compute.
      if (std::all_of(node.outputs.begin(), node.outputs.end(),
                      [&](ir::ValueId id) { return BytesOf(id) == 0; })) {
        continue;
      }
      const int run = runs_of_nodes_[index];
      OCTET_ASSIGN_OR_RETURN(
          std::shared_ptr<const Step> step,
          run < 0 ? MakeStep(plan_.graph_, node)
                  : MakeStep(*one_row_, one_row_->nodes()[index]));
      if (const auto input = OverwrittenInput(*step, node, index)) {
        Store(node.outputs[0], storage_[*input]);
      }
      plan_.steps_.push_back({std::move(step), node, run});
      if (weights_->bytes() - before > most) {
        return absl::ResourceExhaustedError(
            absl::StrCat("packed weights come to ", weights_->bytes() - before,
                         " bytes; expected at most ", most));
      }
    }
    return absl::OkStatus();
  }

  // Has `value` live in the memory of `storage`.
  void Store(ir::ValueId value, ir::ValueId storage) {
    storage_[value] = storage;
    last_readers_[storage] =
        std::max(last_readers_[storage], last_readers_[value]);
  }

  // Of the node at `index`, the input in whose memory its output can live.
  std::optional<ir::ValueId> OverwrittenInput(const Step& step,
                                              const ir::Node& node,
                                              int index) const {
    const std::optional<size_t> place = step.overwritable_input();
    if (!place) return std::nullopt;
    const ir::ValueId input = node.inputs[*place];
    const bool is_read_elsewhere =
        last_readers_[storage_[input]] > index ||
        std::count_if(node.inputs.begin(), node.inputs.end(),
                      [&](ir::ValueId other) {
                        return storage_[other] == storage_[input];
                      }) > 1;
    if (plan_.graph_.value(input).is_constant() || is_read_elsewhere ||
        BytesOf(input) != BytesOf(node.outputs[0])) {
      return std::nullopt;
    }
    return input;
  }

  absl::StatusOr<std::shared_ptr<const Step>> MakeStep(const ir::Graph& graph,
                                                       const ir::Node& node) {
    std::string refusals;
    // Only the last, plain loops, thinks of tensors without elements.
    const bool empty =
        std::any_of(node.inputs.begin(), node.inputs.end(),
                    [&](ir::ValueId id) { return BytesOf(id) == 0; });
    for (const Backend* backend : empty ? backends_.last(1) : backends_) {
      absl::StatusOr<std::unique_ptr<Step>> step =
          backend->CreateStep({graph, node, threads_, weights_});
      if (step.ok()) return std::shared_ptr<const Step>(*std::move(step));
      if (!absl::IsUnimplemented(step.status())) {
        return absl::Status(
            step.status().code(),
            absl::StrCat("node ", node.name, " (", ir::OpName(node.op),
                         "): ", step.status().message()));
      }
      absl::StrAppend(&refusals, "; ", backend->name(), ": ",
                      step.status().message());
    }
    return absl::UnimplementedError(
        absl::StrCat("node ", node.name, " (", ir::OpName(node.op),
                     "): no backend runs it", refusals));
  }

  // Constants that only steps read which have packed them.
  void ReleasePackedConstants() {
    std::vector<bool> read(plan_.graph_.values().size(), false);
    for (const PlannedStep& planned : plan_.steps_) {
      for (size_t i = 0; i < planned.node.inputs.size(); ++i) {
        if (planned.step->reads_input(i)) read[planned.node.inputs[i]] = true;
      }
    }
    for (ir::ValueId id : plan_.graph_.outputs()) read[id] = true;
    for (size_t id = 0; id < read.size(); ++id) {
      if (!read[id]) plan_.graph_.ReleaseConstant(static_cast<ir::ValueId>(id));
    }
  }

  size_t BytesOf(ir::ValueId id) const {
    const ir::TensorType& type = plan_.graph_.type(id);
    return ElementCount(ir::ConcreteShape(type.dims)) * SizeOf(type.dtype);
  }

  // Calls visit(value, step) for each tensor that a step reads or writes; the
  // inputs come before all steps, the outputs are read behind them.
  template <typename Visit>
  void ForEachUse(Visit visit) const {
    const auto steps = static_cast<int>(plan_.steps_.size());
    for (ir::ValueId id : landings_) visit(id, -1);
    for (int i = 0; i < steps; ++i) {
      for (ir::ValueId id : plan_.steps_[i].node.inputs) visit(id, i);
      for (ir::ValueId id : plan_.steps_[i].node.outputs) visit(id, i);
    }
    for (ir::ValueId id : plan_.graph_.outputs()) visit(id, steps);
  }

  // The steps that compute row after row together with step `i`.
  std::pair<int, int> RunAround(int i) const {
    const auto steps = static_cast<int>(plan_.steps_.size());
    const auto run = [&](int step) { return plan_.steps_[step].row_run; };
    int first = i;
    int last = i;
    if (i < 0 || i == steps || run(i) < 0) return {first, last};
    while (first > 0 && run(first - 1) == run(i)) --first;
    while (last + 1 < steps && run(last + 1) == run(i)) ++last;
    return {first, last};
  }

  // Lives of the buffers. One that is used by a single run of rows alone holds
  // one row, and each row takes the place of the one before; any other holds
  // all rows, and is in use from the first step of a run to the last.
  void FindLives() {
    const auto steps = static_cast<int>(plan_.steps_.size());
    const size_t values = plan_.graph_.values().size();
    lives_.assign(values, BufferLife{0, steps, -1});
    ForEachUse([&](ir::ValueId id, int step) {
      if (plan_.graph_.value(id).is_constant()) return;
      BufferLife& life = lives_[storage_[id]];
      life.first_step = std::min(life.first_step, step);
      life.last_step = std::max(life.last_step, step);
    });
    plan_.row_strides_.assign(values, 0);
    ForEachUse([&](ir::ValueId id, int step) {
      if (plan_.graph_.value(id).is_constant()) return;
      BufferLife& life = lives_[storage_[id]];
      const auto [first, last] = RunAround(step);
      const bool one_row =
          first != last && life.first_step >= first && life.last_step <= last;
      const size_t bytes = BytesOf(id);
      if (one_row) {
        life.bytes = std::max(life.bytes, bytes / plan_.rows_);
      } else {
        life.bytes = std::max(life.bytes, bytes);
        life.first_step = std::min(life.first_step, first);
        life.last_step = std::max(life.last_step, last);
        plan_.row_strides_[id] = bytes / plan_.rows_;
      }
    });
  }

  void LayOutArena() {
    const size_t values = plan_.graph_.values().size();
    // Values first, then one scratch buffer per step.
    FindLives();
    for (const PlannedStep& planned : plan_.steps_) {
      const int i = static_cast<int>(lives_.size() - values);
      lives_.push_back({planned.step->scratch_bytes(), i, i});
    }
    const MemoryPlan memory = PlanMemory(lives_);
    plan_.arena_bytes_ = memory.arena_bytes;
    plan_.offsets_.resize(values);
    for (size_t id = 0; id < values; ++id) {
      plan_.offsets_[id] = memory.offsets[storage_[id]];
    }
    plan_.scratch_offsets_.assign(memory.offsets.begin() + values,
                                  memory.offsets.end());
    for (size_t i = 0; i < landings_.size(); ++i) {
      plan_.inputs_[i].offset = plan_.offsets_[landings_[i]];
    }
    for (ir::ValueId id : plan_.graph_.outputs()) {
      plan_.outputs_.push_back({plan_.graph_.type(id), plan_.offsets_[id], {}});
    }
  }

  const absl::Span<const Backend* const> backends_;
  const int threads_;
  WeightCache* const weights_;
  Plan plan_;
  std::vector<ir::ValueId> landings_;  // where each input lands in the arena
  std::vector<ir::ValueId> storage_;   // by value: whose buffer it lives in
  // By value: the last node that reads what lives in its buffer.
  std::vector<int> last_readers_;
  std::vector<BufferLife> lives_;
  std::vector<int> runs_of_nodes_;    // by node: PlannedStep::row_run
  std::optional<ir::Graph> one_row_;  // where there may be runs
};

absl::StatusOr<std::shared_ptr<const Plan>> Plan::Build(
    ir::Graph graph, absl::Span<const Backend* const> backends, int threads,
    WeightCache* weights) {
  OCTET_CHECK(threads >= 1 && weights != nullptr);
  return PlanBuilder(std::move(graph), backends, threads, weights).Build();
}

absl::StatusOr<std::shared_ptr<const Plan>> Plan::BuildForRows(
    const ir::Graph& lowered, int64_t rows, size_t cache_bytes,
    absl::Span<const Backend* const> backends, int threads,
    WeightCache* weights) {
  OCTET_CHECK(rows >= 1 && threads >= 1 && weights != nullptr);
  PlanBuilder builder(lowered.WithRows(rows), backends, threads, weights);
  if (rows > 1 && threads == 1) {
    builder.FindRuns(lowered.WithRows(1), rows, cache_bytes);
  }
  return builder.Build();
}

}  // namespace octet::plan
