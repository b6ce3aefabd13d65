// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/staged_import.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/infer_types.h"
#include "engine/onnx/parsed_model.h"

namespace octet::onnx {
namespace {

absl::Status InContextOf(const NodeReader& node, const pb::NodeProto& proto,
                         const absl::Status& status) {
  return absl::Status(
      status.code(),
      absl::StrCat("node '", node.name(), "' (", node.op_type(), ", domain ",
                   proto.domain().empty() ? "ai.onnx" : proto.domain(),
                   ", opset ", node.opset(), "): ", status.message()));
}

bool IsStandard(const pb::NodeProto& node) {
  return node.domain().empty() || node.domain() == "ai.onnx";
}

absl::Status ApplyRule(const NodeReader& node, const pb::NodeProto& proto,
                       GraphBuilder& graph) {
  if (node.output_count() == 0) {
    return absl::UnimplementedError("it has no output");
  }
  bool folded = false;
  if (IsStandard(proto)) {
    OCTET_ASSIGN_OR_RETURN(folded, FoldIntegers(node, graph));
  }
  if (!folded) {
    const ImportRule rule = FindImportRule(proto.domain(), node.op_type());
    if (rule == nullptr) {
      return absl::UnimplementedError("octet does not run this operator");
    }
    OCTET_RETURN_IF_ERROR(rule(node, graph));
  }
  return node.ExpectAllKnown();
}

}  // namespace

bool IsKnownOperator(const pb::NodeProto& node) {
  return FindImportRule(node.domain(), node.op_type()) != nullptr ||
         (IsStandard(node) &&
          (node.op_type() == "If" || node.op_type() == "Loop"));
}

absl::Status NodeImport::Run(const PendingNodeList& pending) {
  for (const auto& expansion : pending.expansions) {
    expansion_->earlier_nodes += expansion->nodes.size();
  }
  for (const auto& [proto, progress] : pending.loops) {
    expansion_->loops.emplace(proto, progress);
  }
  std::deque<const pb::NodeProto*> work(pending.nodes.begin(),
                                        pending.nodes.end());
  while (!work.empty()) {
    const pb::NodeProto& proto = *work.front();
    work.pop_front();
    if (ReadsPending(proto)) {
      Defer(proto);
      continue;
    }
    OCTET_ASSIGN_OR_RETURN(Nodes replacement, Import(proto));
    work.insert(work.begin(), replacement.begin(), replacement.end());
  }
  return absl::OkStatus();
}

bool NodeImport::ReadsPending(const pb::NodeProto& proto) const {
  for (const std::string& input : proto.input()) {
    if (uncomputed_.contains(input)) return true;
  }
  return false;
}

void NodeImport::Defer(const pb::NodeProto& proto) {
  left_.push_back(&proto);
  for (const std::string& output : proto.output()) {
    if (!output.empty()) uncomputed_.insert(output);
  }
}

absl::StatusOr<NodeImport::Nodes> NodeImport::Import(
    const pb::NodeProto& proto) {
  const NodeReader node(proto, file_.opset);
  const auto loop = expansion_->loops.find(&proto);
  const LoopProgress* progress =
      loop == expansion_->loops.end() ? nullptr : &loop->second;
  auto replacement =
      ExpandControlFlow(node, proto, progress, graph_, *expansion_);
  if (replacement.ok() && replacement->has_value()) return **replacement;
  const absl::Status status =
      replacement.ok() ? ApplyRule(node, proto, graph_) : replacement.status();
  if (status.ok()) return Nodes();
  if (std::optional<std::string> name = GraphBuilder::ValueWanted(status)) {
    if (why_.empty()) {
      why_ = std::string(InContextOf(node, proto, status).message());
    }
    wanted_.insert(*std::move(name));
    Defer(proto);
    return Nodes();
  }
  return InContextOf(node, proto, status);
}

std::shared_ptr<PendingNodeList> NodeImport::TakeLeft() {
  if (left_.empty()) return nullptr;
  auto list = std::make_shared<PendingNodeList>();
  list->nodes = std::move(left_);
  list->wanted_names = std::move(wanted_);
  list->reason = std::move(why_);
  for (const pb::NodeProto* node : list->nodes) {
    const auto loop = expansion_->loops.find(node);
    if (loop != expansion_->loops.end()) list->loops.insert(*loop);
  }
  list->CollectReads(file_.outputs);
  return list;
}

void PendingNodeList::CollectReads(const std::vector<std::string>& outputs) {
  absl::flat_hash_set<std::string> seen;
  for (const pb::NodeProto* node : nodes) {
    for (const std::string& output : node->output()) seen.insert(output);
  }
  const auto add = [&](const std::string& name) {
    if (!name.empty() && seen.insert(name).second) read_names.push_back(name);
  };
  for (const pb::NodeProto* node : nodes) {
    for (const std::string& name : NamesReadBy(*node)) add(name);
    const auto loop = loops.find(node);
    if (loop == loops.end()) continue;
    for (const std::string& name : NamesReadBy(*loop->second.loop)) add(name);
    for (const LoopPieces* at = loop->second.pieces.get(); at != nullptr;
         at = at->before.get()) {
      for (const std::string& piece : at->names) add(piece);
    }
  }
  for (const std::string& output : outputs) add(output);
}

absl::StatusOr<std::shared_ptr<const ParsedModel>> ParsedModel::Create(
    ModelSource source, ir::Evaluator evaluate) {
  auto model = std::make_shared<ParsedModel>();
  OCTET_ASSIGN_OR_RETURN(model->file_, ReadModel(std::move(source)));
  model->evaluate_ = std::move(evaluate);
  auto start = std::make_shared<PendingNodeList>();
  start->nodes = model->file_.nodes;
  start->CollectReads(model->file_.outputs);
  model->start_ = std::move(start);
  return std::shared_ptr<const ParsedModel>(std::move(model));
}

std::optional<Tensor> ParsedModel::Initializer(const std::string& name) const {
  const auto found = file_.initializers.find(name);
  if (found == file_.initializers.end()) return std::nullopt;
  return AsDeclared(name, found->second);
}

Tensor ParsedModel::AsDeclared(const std::string& name,
                               const Tensor& tensor) const {
  const std::optional<DType> half = file_.HalfOutput(name);
  if (!half.has_value() || tensor.dtype() != DType::kFloat32) return tensor;
  return Narrowed(tensor, *half);
}

absl::StatusOr<ImportedStage> ParsedModel::Import(
    const PendingNodes& pending, absl::Span<const StageInput> inputs) const {
  const auto& list = static_cast<const PendingNodeList&>(pending);
  GraphBuilder builder(BatchMode::kFixed, file_, evaluate_);
  absl::flat_hash_set<std::string> given;
  for (const StageInput& input : inputs) {
    given.insert(input.name);
    if (input.value.has_value()) {
      OCTET_RETURN_IF_ERROR(builder.Bind(input.name, *input.value));
    } else {
      OCTET_RETURN_IF_ERROR(builder.AddInput(input.name, input.type));
    }
  }
  NodeImport import(file_, builder);
  OCTET_RETURN_IF_ERROR(import.Run(list));
  ImportedStage stage;
  std::shared_ptr<PendingNodeList> rest = import.TakeLeft();
  std::vector<std::string> computed;
  const std::vector<std::string>& needed =
      rest == nullptr ? file_.outputs : rest->read_names;
  for (const std::string& name : needed) {
    if (given.contains(name) || file_.initializers.contains(name)) continue;
    if (std::optional<Tensor> tensor = builder.KnownTensor(name)) {
      stage.known.emplace(name, AsDeclared(name, *tensor));
    } else {
      computed.push_back(name);
    }
  }
  OCTET_ASSIGN_OR_RETURN(stage.graph, builder.Finish(computed));
  OCTET_RETURN_IF_ERROR(ir::VerifyGraph(stage.graph));
  if (rest != nullptr) {
    rest->expansions = list.expansions;
    rest->expansions.push_back(import.expansion());
    stage.rest = std::move(rest);
  }
  return stage;
}

}  // namespace octet::onnx
