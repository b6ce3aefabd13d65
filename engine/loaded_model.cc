// SPDX-License-Identifier: Apache-2.0
#include "engine/loaded_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/signature.h"
#include "engine/staged_model.h"

namespace octet {
namespace internal {
namespace {

// 1, 2, 4, ... and the largest.
std::vector<int> BucketsUpTo(int max_batch) {
  std::vector<int> buckets;
  for (int rows = 1; rows < max_batch; rows *= 2) buckets.push_back(rows);
  buckets.push_back(max_batch);
  return buckets;
}

std::vector<TensorSpec> Signature(const ir::Graph& graph,
                                  const std::vector<ir::ValueId>& ids,
                                  bool batches) {
  std::vector<TensorSpec> specs;
  for (ir::ValueId id : ids) {
    const ir::Value& value = graph.value(id);
    Shape shape = ir::ConcreteShape(value.type.dims, 1);
    if (batches) shape.erase(shape.begin());
    specs.push_back({value.name, value.type.dtype, std::move(shape)});
  }
  return specs;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const LoadedModel>> LoadedModel::Create(
    onnx::ImportedModel imported, const ModelOptions& options) {
  OCTET_RETURN_IF_ERROR(CheckOptions(options));
  std::shared_ptr<LoadedModel> model(new LoadedModel());
  model->options_ = options;
  model->imported_ = std::move(imported);
  const ir::Graph& graph = model->imported_.graph;
  const bool batches = model->imported_.batches;
  model->outputs_ = Signature(graph, graph.outputs(), batches);
  OCTET_ASSIGN_OR_RETURN(model->optimized_, Optimize(graph, options.exact_qdq));
  OCTET_ASSIGN_OR_RETURN(model->lowered_, Lower(model->optimized_));
  model->quantized_ =
      std::any_of(model->lowered_.nodes().begin(),
                  model->lowered_.nodes().end(), [&](const ir::Node& node) {
                    return ComputesInIntegers(model->lowered_, node);
                  });
  model->buckets_ =
      batches ? BucketsUpTo(options.max_batch) : std::vector<int>{1};
  OCTET_RETURN_IF_ERROR(model->BuildPlans());
  // The plans have what they need; these are kept to be printed.
  for (ir::Graph* described :
       {&model->imported_.graph, &model->optimized_, &model->lowered_}) {
    for (size_t id = 0; id < described->values().size(); ++id) {
      described->ReleaseConstant(static_cast<ir::ValueId>(id));
    }
  }
  OCTET_ASSIGN_OR_RETURN(
      model->inputs_,
      ResolveInputForms(options.input_forms,
                        Signature(graph, graph.inputs(), batches),
                        model->plans_.begin()->second->inputs(), batches));
  return std::shared_ptr<const LoadedModel>(std::move(model));
}

absl::Status LoadedModel::BuildPlans() {
  const BackendSet backends(options_.backend);
  // The largest first: the others take over its packed weights.
  for (auto bucket = buckets_.rbegin(); bucket != buckets_.rend(); ++bucket) {
    OCTET_ASSIGN_OR_RETURN(
        plans_[*bucket],
        plan::Plan::Build(lowered_.WithRows(*bucket), backends.in_order(),
                          options_.threads, &weights_));
  }
  return absl::OkStatus();
}

int64_t LoadedModel::arena_bytes() const {
  size_t largest = 0;
  for (const auto& [bucket, plan] : plans_) {
    largest = std::max(largest, plan->arena_bytes());
  }
  return static_cast<int64_t>(largest);
}

std::vector<StepDescription> LoadedModel::Steps() const {
  return DescribeSteps(*plans_.begin()->second);
}

std::string LoadedModel::Dump(DumpStage stage) const {
  switch (stage) {
    case DumpStage::kImported:
      return ir::DumpGraph(imported_.graph);
    case DumpStage::kOptimized:
      return ir::DumpGraph(optimized_);
    case DumpStage::kLowered:
      return ir::DumpGraph(lowered_);
    case DumpStage::kPlan:
      return plans_.begin()->second->Dump();
  }
  OCTET_CHECK(false);
}

}  // namespace internal

absl::StatusOr<std::shared_ptr<const Model>> Model::FromFile(
    const std::string& path, const ModelOptions& options) {
  OCTET_ASSIGN_OR_RETURN(std::string bytes, internal::ReadModelFile(path));
  absl::StatusOr<std::shared_ptr<const Model>> model =
      FromBytes(bytes, options);
  if (model.ok()) return model;
  return absl::Status(model.status().code(),
                      absl::StrCat(path, ": ", model.status().message()));
}

absl::StatusOr<std::shared_ptr<const Model>> Model::FromBytes(
    absl::string_view bytes, const ModelOptions& options) {
  OCTET_ASSIGN_OR_RETURN(
      onnx::ImportedModel imported,
      onnx::ImportModel(bytes, internal::ReferenceContext().evaluate));
  if (imported.staged != nullptr) {
    return internal::StagedModel::Create(std::move(imported), options);
  }
  return internal::LoadedModel::Create(std::move(imported), options);
}

}  // namespace octet
