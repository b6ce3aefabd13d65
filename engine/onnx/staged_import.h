// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_STAGED_IMPORT_H_
#define OCTET_ENGINE_ONNX_STAGED_IMPORT_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"
#include "engine/ir/graph.h"
#include "engine/onnx/declared_tensor.h"

// Import of models whose shapes are known only when they run. A stage is a
// graph of all nodes whose shapes follow from those of its inputs; where a
// node's result depends on a value that is computed (the target of a Reshape,
// the condition of an If), the stage ends, and the next one starts from what
// has been computed by then.
namespace octet::onnx {

// A value that a stage starts from. Its dimensions are fixed.
struct StageInput {
  std::string name;
  ir::TensorType type;
  // Given where the import is to use the value itself and not only its shape.
  std::optional<Tensor> value;
};

// Nodes that are still to be imported. Immutable and thread-safe.
class PendingNodes {
 public:
  virtual ~PendingNodes() = default;
  // The names that they and the model's outputs read and that they do not
  // compute themselves.
  virtual const std::vector<std::string>& reads() const = 0;
  // Those of reads() whose values the import asked for.
  virtual const absl::flat_hash_set<std::string>& wanted() const = 0;
  // Why the first of them could not be imported yet; "" for a model's start.
  virtual const std::string& why() const = 0;
};

struct ImportedStage {
  // Inputs: the StageInputs without a value. Outputs, by name: what the rest or
  // the model's outputs read of what the stage computes.
  ir::Graph graph;
  // The same of what is a constant in this stage.
  absl::flat_hash_map<std::string, Tensor> known;
  // Null when the model is complete.
  std::shared_ptr<const PendingNodes> rest;
};

// A parsed model that stages are imported from. Immutable and thread-safe.
class StagedImport {
 public:
  virtual ~StagedImport() = default;

  virtual const std::vector<DeclaredTensor>& inputs() const = 0;
  virtual const std::vector<DeclaredTensor>& outputs() const = 0;
  // All nodes of the model.
  virtual std::shared_ptr<const PendingNodes> start() const = 0;

  // Imports what it can of `pending`. `inputs` has all of its reads() that
  // are no constants of the file. Errors as ImportModel().
  virtual absl::StatusOr<ImportedStage> Import(
      const PendingNodes& pending,
      absl::Span<const StageInput> inputs) const = 0;

  // The tensor of an initializer, for outputs and reads() that are one.
  virtual std::optional<Tensor> Initializer(const std::string& name) const = 0;
};

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_STAGED_IMPORT_H_
