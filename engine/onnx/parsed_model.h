// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_PARSED_MODEL_H_
#define OCTET_ENGINE_ONNX_PARSED_MODEL_H_

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "engine/ir/evaluator.h"
#include "engine/onnx/control_flow.h"
#include "engine/onnx/graph_builder.h"
#include "engine/onnx/model_file.h"
#include "engine/onnx/op_registry.h"
#include "engine/onnx/staged_import.h"
#include "engine/onnx/subgraphs.h"

// The implementation of StagedImport. Internal to engine/onnx.
namespace octet::onnx {

struct PendingNodeList : PendingNodes {
  const std::vector<std::string>& reads() const override { return read_names; }
  const absl::flat_hash_set<std::string>& wanted() const override {
    return wanted_names;
  }
  const std::string& why() const override { return reason; }

  // Sets read_names; `outputs` are the model's.
  void CollectReads(const std::vector<std::string>& outputs);

  // Of the file or of `expansions`, each behind what it reads.
  std::vector<const pb::NodeProto*> nodes;
  absl::flat_hash_map<const pb::NodeProto*, LoopProgress> loops;
  std::vector<std::shared_ptr<const Expansion>> expansions;
  std::vector<std::string> read_names;
  absl::flat_hash_set<std::string> wanted_names;
  std::string reason;
};

// Whether there is a rule for the operator of `node`, or it is control flow.
bool IsKnownOperator(const pb::NodeProto& node);

// Imports nodes one after the other into a GraphBuilder, and sets those aside
// that want values which are not known.
class NodeImport {
 public:
  NodeImport(const ModelFile& file, GraphBuilder& graph)
      : file_(file), graph_(graph) {}

  absl::Status Run(const PendingNodeList& pending);

  // Why the first node was set aside; "" if none was.
  const std::string& why() const { return why_; }
  // The nodes set aside; null if none.
  std::shared_ptr<PendingNodeList> TakeLeft();
  std::shared_ptr<const Expansion> expansion() const { return expansion_; }

 private:
  using Nodes = std::vector<const pb::NodeProto*>;

  bool ReadsPending(const pb::NodeProto& proto) const;
  void Defer(const pb::NodeProto& proto);
  // The nodes that take the place of `proto`; none where it is imported or set
  // aside.
  absl::StatusOr<Nodes> Import(const pb::NodeProto& proto);

  const ModelFile& file_;
  GraphBuilder& graph_;
  std::shared_ptr<Expansion> expansion_ = std::make_shared<Expansion>();
  Nodes left_;
  absl::flat_hash_set<std::string> uncomputed_;
  absl::flat_hash_set<std::string> wanted_;
  std::string why_;
};

class ParsedModel : public StagedImport {
 public:
  static absl::StatusOr<std::shared_ptr<const ParsedModel>> Create(
      ModelSource source, ir::Evaluator evaluate);

  const ModelFile& file() const { return file_; }
  const ir::Evaluator& evaluate() const { return evaluate_; }
  const PendingNodeList& all_nodes() const { return *start_; }

  const std::vector<DeclaredTensor>& inputs() const override {
    return file_.inputs;
  }
  const std::vector<DeclaredTensor>& outputs() const override {
    return file_.declared_outputs;
  }
  std::shared_ptr<const PendingNodes> start() const override { return start_; }
  absl::StatusOr<ImportedStage> Import(
      const PendingNodes& pending,
      absl::Span<const StageInput> inputs) const override;
  std::optional<Tensor> Initializer(const std::string& name) const override;

 private:
  // `tensor` in the type that the file declares for the output `name`, if that
  // is one of half precision.
  Tensor AsDeclared(const std::string& name, const Tensor& tensor) const;

  ModelFile file_;
  ir::Evaluator evaluate_;
  std::shared_ptr<const PendingNodeList> start_;
};

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_PARSED_MODEL_H_
