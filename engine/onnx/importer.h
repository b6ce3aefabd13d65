// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_IMPORTER_H_
#define OCTET_ENGINE_ONNX_IMPORTER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/tensor.h"
#include "engine/ir/evaluator.h"
#include "engine/ir/graph.h"
#include "engine/onnx/staged_import.h"

namespace octet::onnx {

// A model as imported.
struct ImportedModel {
  ir::Graph graph;
  // Whether `graph` has rows: its inputs' leading dimension is Dim::Rows() and
  // its rows are independent (ir::CheckRowsIndependent). Otherwise all its
  // dimensions are fixed as the file says and `why_not_batched` names the
  // reason.
  bool batches = false;
  std::string why_not_batched;
  // Set, and `graph` empty, where shapes are not known before a run: the file
  // leaves dimensions open other than the rows, or computes shapes from data.
  // `why_staged` names what.
  std::shared_ptr<const StagedImport> staged;
  std::string why_staged;
};

// Turns a serialized ONNX ModelProto (opset 6 to 22) into a verified graph, or
// into the means to make graphs of it once shapes are known.
//
// An input's leading axis is taken for the rows where the file leaves it
// symbolic or says 1 in every input; where the graph then does not type-check
// or mixes rows, the dimensions are those of the file, or of each run.
// Constants are shared, never copied twice; `evaluate` computes those that the
// file makes of others. Untrusted input: time and memory are bounded by the
// size of `bytes` and limits.h.
// DATA_LOSS         no protobuf, or tensor bytes that don't fit their shape.
// INVALID_ARGUMENT  a graph that contradicts itself (unknown value, cycle,
//                   shapes that don't fit, bad attribute).
// UNIMPLEMENTED     an operator, attribute or type octet does not run: node,
//                   operator, opset, attribute.
// RESOURCE_EXHAUSTED   it asks for more than limits.h allows.
// FAILED_PRECONDITION  its weights are in other files.
absl::StatusOr<ImportedModel> ImportModel(
    absl::string_view bytes, const ir::Evaluator& evaluate = ir::NoEvaluator());

// The same of a file, whose weights may lie in other files of its folder
// (external data). Also NOT_FOUND, and what ExternalData says.
absl::StatusOr<ImportedModel> ImportModelFile(
    const std::string& path, const ir::Evaluator& evaluate = ir::NoEvaluator());

// The bytes of the model file at `path`, with what lies in other files put in.
// RESOURCE_EXHAUSTED where that is more than protobuf can write.
absl::StatusOr<std::string> ReadSelfContained(const std::string& path);

// Reads a serialized TensorProto. DATA_LOSS or UNIMPLEMENTED as above.
absl::StatusOr<NamedTensor> ImportTensor(absl::string_view bytes);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_IMPORTER_H_
