// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/plan.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"

namespace octet::plan {

const std::byte* Plan::Address(ir::ValueId id, const std::byte* arena) const {
  const ir::Value& value = graph_.value(id);
  return value.is_constant() ? value.constant->bytes() : arena + offsets_[id];
}

absl::StatusOr<std::vector<std::unique_ptr<BoundStep>>> Plan::BindSteps(
    std::byte* arena, ThreadPool* pool) const {
  std::vector<absl::Span<const std::byte>> next_weights(steps_.size());
  for (size_t i = steps_.size(); i-- > 1;) {
    const absl::Span<const std::byte> weights = steps_[i].step->first_weights();
    next_weights[i - 1] = weights.empty() ? next_weights[i] : weights;
  }
  std::vector<std::unique_ptr<BoundStep>> bound;
  for (size_t i = 0; i < steps_.size(); ++i) {
    std::vector<const std::byte*> inputs;
    for (ir::ValueId id : steps_[i].node.inputs) {
      inputs.push_back(Address(id, arena));
    }
    std::vector<std::byte*> outputs;
    for (ir::ValueId id : steps_[i].node.outputs) {
      outputs.push_back(arena + offsets_[id]);
    }
    OCTET_ASSIGN_OR_RETURN(
        std::unique_ptr<BoundStep> step,
        steps_[i].step->Bind({inputs, outputs, arena + scratch_offsets_[i],
                              pool, next_weights[i]}));
    bound.push_back(std::move(step));
  }
  return bound;
}

absl::StatusOr<std::unique_ptr<BoundPlan>> Plan::Bind(std::byte* arena,
                                                      ThreadPool* pool) const {
  OCTET_ASSIGN_OR_RETURN(std::vector<std::unique_ptr<BoundStep>> bound,
                         BindSteps(arena, pool));
  return std::make_unique<BoundPlan>(std::move(bound));
}

std::string Plan::Dump() const {
  std::string text = absl::StrCat("arena ", arena_bytes_, " bytes\n");
  for (const PlanTensor& input : inputs_) {
    absl::StrAppend(&text, "input at ", input.offset, ": ",
                    TypeToString(input.type),
                    input.conversion.quantized ? ", quantized" : "",
                    input.conversion.to_channels_last ? ", channels last" : "",
                    " while gathered\n");
  }
  for (const PlannedStep& planned : steps_) {
    const ir::ValueId output = planned.node.outputs[0];
    absl::StrAppend(
        &text, ir::OpName(planned.node.op), ir::OpAttributes(planned.node.op),
        " [", planned.step->kernel(), "] ",
        TypeToString(graph_.type(planned.node.inputs[0])), " -> ",
        TypeToString(graph_.type(output)), " at ", offsets_[output], "\n");
  }
  return text;
}

absl::Status BoundPlan::Run() {
  for (const std::unique_ptr<BoundStep>& step : steps_) {
    OCTET_RETURN_IF_ERROR(step->Run());
  }
  return absl::OkStatus();
}

}  // namespace octet::plan
