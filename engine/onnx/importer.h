// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_IMPORTER_H_
#define OCTET_ENGINE_ONNX_IMPORTER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/tensor.h"
#include "engine/ir/graph.h"

namespace octet::onnx {

// A model as imported.
struct ImportedModel {
  ir::Graph graph;
  // Whether `graph` has rows: its inputs' leading dimension is Dim::Rows() and
  // its rows are independent (ir::CheckRowsIndependent). Otherwise all its
  // dimensions are fixed as the file says (symbolic ones are 1) and
  // `why_not_batched` names the reason.
  bool batches = false;
  std::string why_not_batched;
};

// Turns a serialized ONNX ModelProto (opset 6 to 22) into a verified graph.
//
// An input's leading axis is taken for the rows where the file leaves it
// symbolic or says 1 in every input; where the graph then does not type-check
// or mixes rows, the model is imported with fixed dimensions instead. Constants
// are shared, never copied twice. Untrusted input: time and memory are bounded
// by the size of `bytes` and the limits in the .cc. DATA_LOSS         no
// protobuf, or tensor bytes that don't fit their shape. INVALID_ARGUMENT  a
// graph that contradicts itself (unknown value, cycle,
//                   shapes that don't fit, bad attribute).
// UNIMPLEMENTED     an operator, attribute or type octet does not run: node,
//                   operator, opset, attribute.
absl::StatusOr<ImportedModel> ImportModel(absl::string_view bytes);

// Reads a serialized TensorProto. DATA_LOSS or UNIMPLEMENTED as above.
absl::StatusOr<NamedTensor> ImportTensor(absl::string_view bytes);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_IMPORTER_H_
