// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "engine/base/status_macros.h"
#include "engine/passes/byte_expression.h"
#include "engine/passes/fuse_integer.h"

namespace octet::passes {
namespace {

using ir::Graph;
using ir::GraphIndex;
using ir::GraphPatch;
using ir::Node;
using ir::ValueId;

bool IsConversion(const ir::Op& op) {
  return std::holds_alternative<ir::Quantize>(op) ||
         std::holds_alternative<ir::Dequantize>(op) ||
         std::holds_alternative<ir::Requantize>(op);
}

// Whether `node` starts a table of bytes: a Quantize, or a second table behind
// a first one.
bool EndsInBytes(const Graph& graph, const Node& node) {
  const ir::TensorType& type = graph.type(node.outputs[0]);
  return type.quantization && type.quantization->per_tensor() &&
         (type.dtype == DType::kInt8 || type.dtype == DType::kUInt8) &&
         (std::holds_alternative<ir::Quantize>(node.op) ||
          std::holds_alternative<ir::LookUp>(node.op) ||
          std::holds_alternative<ir::Requantize>(node.op));
}

// Whether somebody reads `id` as floats and is no function of the same byte.
bool IsReadAsFloats(const GraphIndex& index, const ByteExpressions& read,
                    ValueId id) {
  if (index.IsOutput(id)) return true;
  const auto& readers = index.Readers(id);
  return std::any_of(readers.begin(), readers.end(), [&](const Node* reader) {
    return read.RootOf(reader->outputs[0]) != read.RootOf(id);
  });
}

absl::StatusOr<std::optional<GraphPatch>> WithTable(
    const Graph& graph, const ByteExpressions& read, const Node& node,
    const PassContext& context) {
  const ValueId result = node.outputs[0];
  absl::StatusOr<Tensor> table = read.TableOf(result, context);
  if (absl::IsUnimplemented(table.status())) return std::nullopt;
  if (!table.ok()) return table.status();
  const ir::Value& output = graph.value(result);
  GraphPatch patch(graph);
  patch.Replace(
      result,
      patch.AddNode(node.name,
                    ir::LookUp{*std::move(table), read.Describe(result)},
                    {*read.RootOf(result)}, output.name, output.type));
  return patch;
}

}  // namespace

absl::StatusOr<std::optional<GraphPatch>> FoldByteFunctions(
    const Graph& graph, const PassContext& context) {
  const GraphIndex index(graph);
  const ByteExpressions read(graph, index);
  for (const Node& node : graph.nodes()) {
    const std::optional<ValueId> root = read.RootOf(node.outputs[0]);
    if (!root || !EndsInBytes(graph, node)) continue;
    // A table of its own already, or only a change of scale.
    if (node.inputs[0] == *root || read.Describe(node.outputs[0]).empty()) {
      continue;
    }
    OCTET_ASSIGN_OR_RETURN(auto patch, WithTable(graph, read, node, context));
    if (patch) return patch;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<GraphPatch>> FoldByteFunctionsToFloats(
    const Graph& graph, const PassContext& context) {
  const GraphIndex index(graph);
  const ByteExpressions read(graph, index);
  for (const Node& node : graph.nodes()) {
    const ValueId result = node.outputs[0];
    if (!read.RootOf(result) || IsConversion(node.op) ||
        std::holds_alternative<ir::LookUp>(node.op) ||
        graph.type(result).dtype != DType::kFloat32 ||
        !IsReadAsFloats(index, read, result)) {
      continue;
    }
    OCTET_ASSIGN_OR_RETURN(auto patch, WithTable(graph, read, node, context));
    if (patch) return patch;
  }
  return std::nullopt;
}

}  // namespace octet::passes
