// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/plan.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"

namespace octet::plan {

namespace {

// Which step computes which row, in order.
struct RowOfStep {
  size_t step = 0;
  int64_t row = 0;  // 0 also where the step computes all rows at once
};

std::vector<RowOfStep> InOrder(const std::vector<PlannedStep>& steps,
                               int64_t rows) {
  std::vector<RowOfStep> order;
  size_t begin = 0;
  while (begin < steps.size()) {
    size_t end = begin + 1;
    const int run = steps[begin].row_run;
    while (run >= 0 && end < steps.size() && steps[end].row_run == run) ++end;
    for (int64_t row = 0; row < (run < 0 ? 1 : rows); ++row) {
      for (size_t i = begin; i < end; ++i) order.push_back({i, row});
    }
    begin = end;
  }
  return order;
}

}  // namespace

const std::byte* Plan::Address(ir::ValueId id, int64_t row,
                               const std::byte* arena) const {
  const ir::Value& value = graph_.value(id);
  if (value.is_constant()) return value.constant->bytes();
  return arena + offsets_[id] + row * row_strides_[id];
}

absl::StatusOr<std::vector<Turn>> Plan::BindSteps(std::byte* arena,
                                                  ThreadPool* pool) const {
  const std::vector<RowOfStep> order = InOrder(steps_, rows_);
  std::vector<absl::Span<const std::byte>> next_weights(order.size());
  for (size_t i = order.size(); i-- > 1;) {
    const absl::Span<const std::byte> weights =
        steps_[order[i].step].step->first_weights();
    next_weights[i - 1] = weights.empty() ? next_weights[i] : weights;
  }
  std::vector<Turn> turns;
  for (size_t i = 0; i < order.size(); ++i) {
    const PlannedStep& planned = steps_[order[i].step];
    std::vector<const std::byte*> inputs;
    for (ir::ValueId id : planned.node.inputs) {
      inputs.push_back(Address(id, order[i].row, arena));
    }
    std::vector<std::byte*> outputs;
    for (ir::ValueId id : planned.node.outputs) {
      outputs.push_back(arena + (Address(id, order[i].row, arena) - arena));
    }
    OCTET_ASSIGN_OR_RETURN(
        std::unique_ptr<BoundStep> bound,
        planned.step->Bind({inputs, outputs,
                            arena + scratch_offsets_[order[i].step], pool,
                            next_weights[i]}));
    turns.push_back({order[i].step, std::move(bound)});
  }
  return turns;
}

absl::StatusOr<std::unique_ptr<BoundPlan>> Plan::Bind(std::byte* arena,
                                                      ThreadPool* pool) const {
  OCTET_ASSIGN_OR_RETURN(std::vector<Turn> turns, BindSteps(arena, pool));
  return std::make_unique<BoundPlan>(std::move(turns));
}

std::string Plan::Dump() const {
  std::string text = absl::StrCat("arena ", arena_bytes_, " bytes\n");
  for (const PlanTensor& input : inputs_) {
    absl::StrAppend(&text, "input at ", input.offset, ": ",
                    TypeToString(input.type),
                    input.conversion.padding ? ", padded" : "",
                    input.conversion.scale.empty() ? "" : ", normalized",
                    input.conversion.quantized ? ", quantized" : "",
                    input.conversion.to_channels_last ? ", channels last" : "",
                    " while gathered\n");
  }
  for (const PlannedStep& planned : steps_) {
    const ir::ValueId output = planned.node.outputs[0];
    absl::StrAppend(&text, ir::OpName(planned.node.op),
                    ir::OpAttributes(planned.node.op), " [",
                    planned.step->kernel(), "] ",
                    TypeToString(graph_.type(planned.node.inputs[0])), " -> ",
                    TypeToString(graph_.type(output)), " at ", offsets_[output],
                    planned.row_run < 0 ? "" : ", row by row", "\n");
  }
  return text;
}

absl::Status BoundPlan::Run() {
  for (const Turn& turn : turns_) {
    OCTET_RETURN_IF_ERROR(turn.bound->Run());
  }
  return absl::OkStatus();
}

}  // namespace octet::plan
