// SPDX-License-Identifier: Apache-2.0
#include "engine/staged_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/signature.h"

namespace octet::internal {
namespace {

// Shapes that are kept planned at one point of a run.
constexpr size_t kMaxStages = 32;

std::vector<TensorSpec> SpecsOf(
    const std::vector<onnx::DeclaredTensor>& declared) {
  std::vector<TensorSpec> specs;
  for (const onnx::DeclaredTensor& tensor : declared) {
    Shape shape;
    for (const auto& dim : tensor.dims) shape.push_back(dim.value_or(-1));
    specs.push_back({tensor.name, tensor.dtype, std::move(shape)});
  }
  return specs;
}

ir::TensorType TypeOf(const Tensor& tensor) {
  return {tensor.dtype(), ir::FixedDims(tensor.shape()), std::nullopt};
}

// Tells runs apart that need different stages.
std::string KeyOf(const StagePoint& point, const NamedValues& values) {
  std::string key;
  for (const std::string& name : point.pending->reads()) {
    const auto found = values.find(name);
    if (found == values.end()) continue;
    const Tensor& tensor = found->second;
    absl::StrAppend(&key, Name(tensor.dtype()), ShapeToString(tensor.shape()));
    if (!point.by_value.contains(name)) continue;
    key.append(reinterpret_cast<const char*>(tensor.bytes()),
               tensor.byte_size());
  }
  return key;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const StagedModel>> StagedModel::Create(
    onnx::ImportedModel imported, const ModelOptions& options) {
  OCTET_RETURN_IF_ERROR(CheckOptions(options));
  if (!options.input_forms.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "input '", options.input_forms[0].input,
        "' has a form; a model whose shapes are not known before it runs (",
        imported.why_staged, ") takes its inputs as they are"));
  }
  std::shared_ptr<StagedModel> model(new StagedModel());
  model->options_ = options;
  model->inputs_ = SpecsOf(imported.staged->inputs());
  model->outputs_ = SpecsOf(imported.staged->outputs());
  {
    absl::MutexLock lock(&model->mutex_);
    model->start_.pending = imported.staged->start();
  }
  model->imported_ = std::move(imported);
  return std::shared_ptr<const StagedModel>(std::move(model));
}

absl::StatusOr<std::shared_ptr<const Stage>> StagedModel::First(
    const NamedValues& values) const {
  absl::MutexLock lock(&mutex_);
  return Choose(start_, values);
}

absl::StatusOr<std::shared_ptr<const Stage>> StagedModel::After(
    const Stage& stage, const NamedValues& values) const {
  absl::MutexLock lock(&mutex_);
  return Choose(*stage.next, values);
}

absl::StatusOr<std::shared_ptr<const Stage>> StagedModel::Choose(
    StagePoint& point, const NamedValues& values) const {
  const auto found = point.stages.find(KeyOf(point, values));
  if (found != point.stages.end()) return found->second;
  if (point.stages.size() >= kMaxStages) point.stages.clear();
  OCTET_ASSIGN_OR_RETURN(std::shared_ptr<const Stage> stage,
                         Make(point, values));
  // By what counts now: making it may have asked for more values.
  point.stages.emplace(KeyOf(point, values), stage);
  return stage;
}

absl::StatusOr<onnx::ImportedStage> StagedModel::Import(
    StagePoint& point, const NamedValues& values) const {
  while (true) {
    std::vector<onnx::StageInput> inputs;
    for (const std::string& name : point.pending->reads()) {
      const auto found = values.find(name);
      if (found == values.end()) continue;
      onnx::StageInput input{name, TypeOf(found->second), std::nullopt};
      if (point.by_value.contains(name)) input.value = found->second;
      inputs.push_back(std::move(input));
    }
    OCTET_ASSIGN_OR_RETURN(onnx::ImportedStage stage,
                           imported_.staged->Import(*point.pending, inputs));
    if (stage.rest == nullptr) return stage;
    // Values that were wanted and are there already: once more, with them.
    bool retry = false;
    bool progress = false;
    for (const std::string& name : stage.rest->wanted()) {
      if (values.contains(name)) {
        retry = point.by_value.insert(name).second || retry;
      } else {
        progress = true;
      }
    }
    if (retry) {
      point.stages.clear();
      continue;
    }
    if (!progress) return absl::UnimplementedError(stage.rest->why());
    return stage;
  }
}

absl::StatusOr<std::shared_ptr<const Stage>> StagedModel::Make(
    StagePoint& point, const NamedValues& values) const {
  OCTET_ASSIGN_OR_RETURN(onnx::ImportedStage imported, Import(point, values));
  auto stage = std::make_shared<Stage>();
  for (ir::ValueId id : imported.graph.inputs()) {
    stage->inputs.push_back(imported.graph.value(id).name);
  }
  for (ir::ValueId id : imported.graph.outputs()) {
    stage->outputs.push_back(imported.graph.value(id).name);
  }
  stage->known = std::move(imported.known);
  if (imported.rest != nullptr) {
    stage->next = std::make_unique<StagePoint>();
    stage->next->by_value = imported.rest->wanted();
    stage->next->pending = std::move(imported.rest);
  }
  OCTET_ASSIGN_OR_RETURN(
      ir::Graph graph, Optimize(std::move(imported.graph), options_.exact_qdq));
  OCTET_ASSIGN_OR_RETURN(graph, Lower(graph));
  OCTET_RETURN_IF_ERROR(
      CheckTensorsFit(graph, options_.max_dynamic_arena_bytes));
  const BackendSet backends(options_.backend, options_.exact_qdq);
  OCTET_ASSIGN_OR_RETURN(
      stage->plan, plan::Plan::Build(std::move(graph), backends.in_order(),
                                     options_.threads, &weights_));
  const auto arena_bytes = static_cast<int64_t>(stage->plan->arena_bytes());
  if (arena_bytes > options_.max_dynamic_arena_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("these shapes take ", arena_bytes,
                     " bytes of memory; expected at most ",
                     options_.max_dynamic_arena_bytes));
  }
  if (&point == &start_) newest_.clear();
  newest_.push_back(stage->plan);
  arena_bytes_ = std::max(arena_bytes_, arena_bytes);
  for (const plan::PlannedStep& step : stage->plan->steps()) {
    quantized_ =
        quantized_ || ComputesInIntegers(stage->plan->graph(), step.node);
  }
  return std::shared_ptr<const Stage>(std::move(stage));
}

int64_t StagedModel::arena_bytes() const {
  absl::MutexLock lock(&mutex_);
  return arena_bytes_;
}

bool StagedModel::quantized() const {
  absl::MutexLock lock(&mutex_);
  return quantized_;
}

std::vector<StepDescription> StagedModel::Steps() const {
  absl::MutexLock lock(&mutex_);
  std::vector<StepDescription> steps;
  for (const auto& plan : newest_) {
    const std::vector<StepDescription> more = DescribeSteps(*plan);
    steps.insert(steps.end(), more.begin(), more.end());
  }
  return steps;
}

std::string StagedModel::Dump(DumpStage stage) const {
  absl::MutexLock lock(&mutex_);
  if (newest_.empty()) {
    return absl::StrCat("nothing is planned before the first run: ",
                        imported_.why_staged, "\n");
  }
  std::string text;
  for (const auto& plan : newest_) {
    absl::StrAppend(&text, stage == DumpStage::kPlan
                               ? plan->Dump()
                               : ir::DumpGraph(plan->graph()));
  }
  return text;
}

}  // namespace octet::internal
