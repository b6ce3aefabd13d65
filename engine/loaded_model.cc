// SPDX-License-Identifier: Apache-2.0
#include "engine/loaded_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"

namespace octet {
namespace internal {
namespace {

absl::Status CheckOptions(const ModelOptions& options) {
  if (options.threads < 1 || options.threads > 256) {
    return absl::InvalidArgumentError(
        absl::StrCat("threads is ", options.threads, "; expected 1 to 256"));
  }
  if (options.max_batch < 1 || options.max_batch > 1024) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_batch is ", options.max_batch, "; expected 1 to 1024"));
  }
  return absl::OkStatus();
}

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

// Multiply-accumulates of `node` for one row.
int64_t MacsOf(const ir::Graph& graph, const ir::Node& node) {
  const int64_t outputs =
      ElementCount(ir::ConcreteShape(graph.type(node.outputs[0]).dims));
  if (std::holds_alternative<ir::Conv>(node.op)) {
    const Shape weights = ir::ConcreteShape(graph.type(node.inputs[1]).dims);
    return outputs * ElementCount(weights) / std::max<int64_t>(weights[0], 1);
  }
  if (std::holds_alternative<ir::MatMul>(node.op)) {
    return outputs * ir::ConcreteShape(graph.type(node.inputs[0]).dims).back();
  }
  return 0;
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
  OCTET_ASSIGN_OR_RETURN(model->optimized_, Optimize(graph));
  OCTET_ASSIGN_OR_RETURN(model->lowered_, Lower(model->optimized_));
  model->quantized_ =
      std::any_of(model->lowered_.nodes().begin(),
                  model->lowered_.nodes().end(), [&](const ir::Node& node) {
                    return ComputesInIntegers(model->lowered_, node);
                  });
  model->buckets_ =
      batches ? BucketsUpTo(options.max_batch) : std::vector<int>{1};
  OCTET_RETURN_IF_ERROR(model->BuildPlans());
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
  const plan::Plan& plan = *plans_.begin()->second;
  const ir::Graph& graph = plan.graph();
  std::vector<StepDescription> steps;
  for (const plan::PlannedStep& planned : plan.steps()) {
    const ir::Node& node = planned.node;
    steps.push_back(
        {node.name, std::string(ir::OpName(node.op)), planned.step->kernel(),
         absl::StrCat(Name(graph.type(node.inputs[0]).dtype), " -> ",
                      Name(graph.type(node.outputs[0]).dtype)),
         MacsOf(graph, node)});
  }
  return steps;
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
  OCTET_ASSIGN_OR_RETURN(onnx::ImportedModel imported,
                         onnx::ImportModel(bytes));
  return internal::LoadedModel::Create(std::move(imported), options);
}

}  // namespace octet
