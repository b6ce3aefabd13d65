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
#include "engine/onnx/parsed_model.h"

namespace octet::onnx {
namespace {

// A model that is imported when it runs is told at once which operators octet
// does not have.
absl::Status ExpectKnownOperators(const ParsedModel& model) {
  for (const pb::NodeProto* proto : model.file().nodes) {
    if (IsKnownOperator(*proto)) continue;
    const NodeReader node(*proto, model.file().opset);
    return absl::UnimplementedError(absl::StrCat(
        "node '", node.name(), "' (", node.op_type(), ", domain ",
        proto->domain().empty() ? "ai.onnx" : proto->domain(), ", opset ",
        node.opset(), "): octet does not run this operator"));
  }
  return absl::OkStatus();
}

ir::Dims InputDims(const DeclaredTensor& input, BatchMode mode) {
  ir::Dims dims;
  for (const auto& dim : input.dims) {
    dims.push_back(ir::Dim::Fixed(dim.value_or(1)));
  }
  if (mode != BatchMode::kFixed) dims[0] = ir::Dim::Rows();
  return dims;
}

// The whole model as one graph; `staged_why` is set, and the graph of no use,
// where a node wants a value that is computed.
absl::StatusOr<ir::Graph> BuildGraph(const ParsedModel& model, BatchMode mode,
                                     std::string& staged_why) {
  const ModelFile& file = model.file();
  GraphBuilder builder(mode, file, model.evaluate());
  for (const DeclaredTensor& input : file.inputs) {
    OCTET_RETURN_IF_ERROR(builder.AddInput(
        input.name, {input.dtype, InputDims(input, mode), std::nullopt}));
  }
  NodeImport import(file, builder);
  OCTET_RETURN_IF_ERROR(import.Run(model.all_nodes()));
  staged_why = import.why();
  if (!staged_why.empty()) return ir::Graph();
  OCTET_ASSIGN_OR_RETURN(ir::Graph graph, builder.Finish(file.outputs));
  OCTET_RETURN_IF_ERROR(ir::VerifyGraph(graph));
  return graph;
}

// How the inputs' leading axes may be read; a reason where as numbers only.
std::pair<BatchMode, std::string> PickBatchMode(const ModelFile& file) {
  if (file.inputs.empty()) return {BatchMode::kFixed, "it has no inputs"};
  BatchMode mode = BatchMode::kSymbolicRows;
  for (const DeclaredTensor& input : file.inputs) {
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

absl::StatusOr<ir::Graph> BuildRowsGraph(const ParsedModel& model,
                                         BatchMode mode) {
  std::string staged_why;
  OCTET_ASSIGN_OR_RETURN(ir::Graph graph, BuildGraph(model, mode, staged_why));
  if (!staged_why.empty()) return absl::FailedPreconditionError(staged_why);
  OCTET_RETURN_IF_ERROR(ir::CheckRowsIndependent(graph));
  return graph;
}

// The first dimension that the file leaves open, as text; with `leading` the
// inputs' leading ones count too.
std::string OpenDimension(const ModelFile& file, bool leading) {
  for (const DeclaredTensor& input : file.inputs) {
    for (size_t i = leading ? 0 : 1; i < input.dims.size(); ++i) {
      if (input.dims[i].has_value()) continue;
      return absl::StrCat("dimension ", i, " of input '", input.name,
                          "' is open");
    }
  }
  return "";
}

absl::StatusOr<ImportedModel> ImportSource(ModelSource source,
                                           const ir::Evaluator& evaluate) {
  OCTET_ASSIGN_OR_RETURN(auto parsed,
                         ParsedModel::Create(std::move(source), evaluate));
  const ModelFile& file = parsed->file();
  ImportedModel model;
  auto [mode, reason] = PickBatchMode(file);
  model.why_staged = OpenDimension(file, /*leading=*/false);
  if (!model.why_staged.empty()) {
    mode = BatchMode::kFixed;
    reason = model.why_staged;
  }
  model.why_not_batched = reason;
  if (mode != BatchMode::kFixed) {
    auto graph = BuildRowsGraph(*parsed, mode);
    if (graph.ok()) {
      model.graph = *std::move(graph);
      model.batches = true;
      return model;
    }
    model.why_not_batched = std::string(graph.status().message());
    model.why_staged = OpenDimension(file, /*leading=*/true);
    const bool may_be_empty = std::any_of(
        file.inputs.begin(), file.inputs.end(),
        [](const DeclaredTensor& input) { return input.writes_zero; });
    if (!model.why_staged.empty() && !may_be_empty) {
      // What is wrong for one row is wrong: say so now, not at the first run.
      std::string staged_why;
      OCTET_RETURN_IF_ERROR(
          BuildGraph(*parsed, BatchMode::kFixed, staged_why).status());
    }
  }
  if (model.why_staged.empty()) {
    OCTET_ASSIGN_OR_RETURN(
        model.graph, BuildGraph(*parsed, BatchMode::kFixed, model.why_staged));
  }
  if (!model.why_staged.empty()) {
    OCTET_RETURN_IF_ERROR(ExpectKnownOperators(*parsed));
    model.staged = std::move(parsed);
  }
  return model;
}

}  // namespace

absl::StatusOr<ImportedModel> ImportModel(absl::string_view bytes,
                                          const ir::Evaluator& evaluate) {
  OCTET_ASSIGN_OR_RETURN(ModelSource source, SourceFromBytes(bytes));
  return ImportSource(std::move(source), evaluate);
}

absl::StatusOr<ImportedModel> ImportModelFile(const std::string& path,
                                              const ir::Evaluator& evaluate) {
  OCTET_ASSIGN_OR_RETURN(ModelSource source, SourceFromFile(path));
  return ImportSource(std::move(source), evaluate);
}

absl::StatusOr<std::string> ReadSelfContained(const std::string& path) {
  return SelfContainedModel(path);
}

}  // namespace octet::onnx
