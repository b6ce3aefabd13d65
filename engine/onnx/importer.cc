// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/importer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/infer_types.h"
#include "engine/onnx/graph_builder.h"
#include "engine/onnx/model_file.h"
#include "engine/onnx/node_reader.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

absl::Status ApplyRule(const NodeReader& node, const pb::NodeProto& proto,
                       GraphBuilder& graph) {
  if (!proto.domain().empty() && proto.domain() != "ai.onnx") {
    return absl::UnimplementedError("octet does not run this operator");
  }
  if (node.output_count() == 0 || node.output(0).empty()) {
    return absl::UnimplementedError("its first output has no name");
  }
  OCTET_ASSIGN_OR_RETURN(const bool folded, FoldIntegers(node, graph));
  if (!folded) {
    const ImportRule rule = FindImportRule(node.op_type());
    if (rule == nullptr) {
      return absl::UnimplementedError("octet does not run this operator");
    }
    OCTET_RETURN_IF_ERROR(rule(node, graph));
  }
  return node.ExpectAllKnown();
}

absl::Status ImportNode(const pb::NodeProto& proto, int64_t opset,
                        GraphBuilder& graph) {
  const NodeReader node(proto, opset);
  const absl::Status status = ApplyRule(node, proto, graph);
  if (status.ok()) return status;
  return absl::Status(
      status.code(),
      absl::StrCat("node '", node.name(), "' (", node.op_type(), ", domain ",
                   proto.domain().empty() ? "ai.onnx" : proto.domain(),
                   ", opset ", opset, "): ", status.message()));
}

ir::Dims InputDims(const DeclaredInput& input, BatchMode mode) {
  ir::Dims dims;
  for (const auto& dim : input.dims) {
    dims.push_back(ir::Dim::Fixed(dim.value_or(1)));
  }
  if (mode != BatchMode::kFixed) dims[0] = ir::Dim::Rows();
  return dims;
}

absl::StatusOr<ir::Graph> BuildGraph(const ModelFile& file, BatchMode mode) {
  GraphBuilder builder(mode, file.initializers, file.names);
  for (const DeclaredInput& input : file.inputs) {
    OCTET_RETURN_IF_ERROR(builder.AddInput(
        input.name, {input.dtype, InputDims(input, mode), std::nullopt}));
  }
  for (const pb::NodeProto* node : file.nodes) {
    OCTET_RETURN_IF_ERROR(ImportNode(*node, file.opset, builder));
  }
  OCTET_ASSIGN_OR_RETURN(ir::Graph graph, builder.Finish(file.outputs));
  OCTET_RETURN_IF_ERROR(ir::VerifyGraph(graph));
  return graph;
}

// How the inputs' leading axes may be read; a reason where as numbers only.
std::pair<BatchMode, std::string> PickBatchMode(const ModelFile& file) {
  if (file.inputs.empty()) return {BatchMode::kFixed, "it has no inputs"};
  BatchMode mode = BatchMode::kSymbolicRows;
  for (const DeclaredInput& input : file.inputs) {
    if (input.dims.empty()) {
      return {BatchMode::kFixed,
              absl::StrCat("input '", input.name, "' is a scalar")};
    }
    if (!input.dims[0].has_value()) continue;
    if (*input.dims[0] != 1) {
      return {BatchMode::kFixed,
              absl::StrCat("the leading dimension of input '", input.name,
                           "' is ", *input.dims[0])};
    }
    mode = BatchMode::kRowsForOne;
  }
  return {mode, ""};
}

absl::StatusOr<ir::Graph> BuildRowsGraph(const ModelFile& file,
                                         BatchMode mode) {
  OCTET_ASSIGN_OR_RETURN(ir::Graph graph, BuildGraph(file, mode));
  OCTET_RETURN_IF_ERROR(ir::CheckRowsIndependent(graph));
  return graph;
}

}  // namespace

absl::StatusOr<ImportedModel> ImportModel(absl::string_view bytes) {
  OCTET_ASSIGN_OR_RETURN(const ModelFile file, ParseModel(bytes));
  ImportedModel model;
  const auto [mode, reason] = PickBatchMode(file);
  model.why_not_batched = reason;
  if (mode != BatchMode::kFixed) {
    auto graph = BuildRowsGraph(file, mode);
    if (graph.ok()) {
      model.graph = *std::move(graph);
      model.batches = true;
      return model;
    }
    model.why_not_batched = std::string(graph.status().message());
  }
  OCTET_ASSIGN_OR_RETURN(model.graph, BuildGraph(file, BatchMode::kFixed));
  return model;
}

}  // namespace octet::onnx
