// SPDX-License-Identifier: Apache-2.0
#include "engine/loaded_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/layer_choice.h"
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
  return Make(std::move(imported), options);
}

absl::StatusOr<std::shared_ptr<const LoadedModel>> LoadedModel::CreateFaster(
    onnx::ImportedModel imported, const ModelOptions& options) {
  OCTET_RETURN_IF_ERROR(CheckOptions(options));
  OCTET_ASSIGN_OR_RETURN(quant::FloatSegments chosen,
                         ChooseFasterLayers(imported, options));
  imported.graph = std::move(chosen.graph);
  OCTET_ASSIGN_OR_RETURN(std::shared_ptr<LoadedModel> model,
                         Make(std::move(imported), options));
  model->slower_layers_ = Published(std::move(chosen.segments));
  return model;
}

absl::StatusOr<std::shared_ptr<LoadedModel>> LoadedModel::Make(
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
  return model;
}

absl::StatusOr<std::vector<NamedTensor>> LoadedModel::WithoutInputForms(
    std::vector<NamedTensor> tensors) const {
  const ir::Graph& graph = imported_.graph;
  const std::vector<TensorSpec> own =
      Signature(graph, graph.inputs(), batches());
  if (tensors.size() != own.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("got ", tensors.size(), " tensors, expected ", own.size(),
                     ", one an input"));
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!inputs_.forms[i]) continue;
    OCTET_ASSIGN_OR_RETURN(tensors[i].tensor,
                           ToModelForm(*inputs_.forms[i], inputs_.specs[i],
                                       own[i].row_shape, tensors[i].tensor));
  }
  return tensors;
}

absl::Status LoadedModel::BuildPlans() {
  const BackendSet backends(options_.backend, options_.exact_qdq);
  // The largest first: the others take over its packed weights.
  for (auto bucket = buckets_.rbegin(); bucket != buckets_.rend(); ++bucket) {
    OCTET_RETURN_IF_ERROR(
        CheckTensorsFit(lowered_.WithRows(*bucket), kMaxArenaBytes));
    OCTET_ASSIGN_OR_RETURN(
        std::shared_ptr<const plan::Plan> plan,
        plan::Plan::BuildForRows(lowered_, *bucket, SecondLevelCacheBytes(),
                                 backends.in_order(), options_.threads,
                                 &weights_));
    if (plan->arena_bytes() > kMaxArenaBytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "a plan of ", *bucket, " rows takes ", plan->arena_bytes(),
          " bytes of memory; expected at most ", kMaxArenaBytes));
    }
    plans_[*bucket] = std::move(plan);
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

namespace {

absl::StatusOr<std::shared_ptr<const Model>> MakeModel(
    onnx::ImportedModel imported, const ModelOptions& options) {
  if (imported.staged != nullptr) {
    return internal::StagedModel::Create(std::move(imported), options);
  }
  if (options.keep_faster_float && !options.exact_qdq &&
      internal::IsQuantized(imported.graph)) {
    return internal::LoadedModel::CreateFaster(std::move(imported), options);
  }
  return internal::LoadedModel::Create(std::move(imported), options);
}

absl::Status OfFile(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(path, ": ", status.message()));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Model>> Model::FromFile(
    const std::string& path, const ModelOptions& options) {
  absl::StatusOr<onnx::ImportedModel> imported =
      onnx::ImportModelFile(path, internal::ReferenceEvaluator());
  if (!imported.ok()) return OfFile(path, imported.status());
  auto model = MakeModel(*std::move(imported), options);
  if (!model.ok()) return OfFile(path, model.status());
  return model;
}

absl::StatusOr<std::shared_ptr<const Model>> Model::FromBytes(
    absl::string_view bytes, const ModelOptions& options) {
  OCTET_ASSIGN_OR_RETURN(
      onnx::ImportedModel imported,
      onnx::ImportModel(bytes, internal::ReferenceEvaluator()));
  return MakeModel(std::move(imported), options);
}

absl::StatusOr<std::string> ReadSelfContainedModel(const std::string& path) {
  absl::StatusOr<std::string> bytes = onnx::ReadSelfContained(path);
  if (!bytes.ok()) return OfFile(path, bytes.status());
  return bytes;
}

}  // namespace octet
