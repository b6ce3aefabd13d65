// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/exporter.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/base/status_macros.h"
#include "engine/onnx/export_rules.h"
#include "engine/onnx/model_writer.h"
#include "engine/onnx/node_writer.h"

namespace octet::onnx {
namespace {

bool IsConversion(const ir::Op& op) {
  return std::holds_alternative<ir::Quantize>(op) ||
         std::holds_alternative<ir::Dequantize>(op) ||
         std::holds_alternative<ir::Requantize>(op);
}

// Whether `predicate` holds for the type of an input or output.
template <typename Predicate>
bool AnyType(const ir::Graph& graph, const ir::Node& node,
             const Predicate& predicate) {
  const auto holds = [&](ir::ValueId id) { return predicate(graph.type(id)); };
  return std::any_of(node.inputs.begin(), node.inputs.end(), holds) ||
         std::any_of(node.outputs.begin(), node.outputs.end(), holds);
}

bool HasIntegers(const ir::Graph& graph, const ir::Node& node) {
  return AnyType(graph, node, [](const ir::TensorType& type) {
    return type.quantization.has_value();
  });
}

// Of reals in 16 bits, which QuantizeLinear took up with opset 21.
bool HasWideIntegers(const ir::Graph& graph, const ir::Node& node) {
  return AnyType(graph, node, [](const ir::TensorType& type) {
    return type.quantization.has_value() &&
           (type.dtype == DType::kInt16 || type.dtype == DType::kUInt16);
  });
}

// Whether ONNX Runtime, too, has the ONNX operator of `op` for 8-bit integers;
// they are then moved as they are.
bool MovesIntegers(const ir::Op& op) {
  if (std::holds_alternative<ir::GlobalPool>(op)) return false;
  return ir::MovesElements(op) || std::holds_alternative<ir::Gather>(op) ||
         std::holds_alternative<ir::GatherElements>(op) ||
         std::holds_alternative<ir::GatherNd>(op) ||
         std::holds_alternative<ir::ScatterElements>(op) ||
         std::holds_alternative<ir::ScatterNd>(op);
}

absl::Status WriteByRule(const ir::Op& op, NodeWriter& writer) {
  return std::visit(
      [&writer](const auto& op) -> absl::Status {
        if constexpr (requires { WriteOp(op, writer); }) {
          return WriteOp(op, writer);
        } else {
          return writer.Unsupported("octet does not write this operator");
        }
      },
      op);
}

absl::Status WriteNode(const ir::Graph& graph, const ir::Node& node,
                       ModelWriter& model) {
  NodeWriter writer(graph, node, model);
  if (HasWideIntegers(graph, node)) {
    return writer.Unsupported("quantized to 16 bits, which came with opset 21");
  }
  if (IsConversion(node.op) || MovesIntegers(node.op) ||
      !HasIntegers(graph, node)) {
    return WriteByRule(node.op, writer);
  }
  if (WriteQLinear(node.op, writer)) return absl::OkStatus();
  writer.WriteInFloat();
  OCTET_RETURN_IF_ERROR(WriteByRule(node.op, writer));
  writer.FinishInFloat();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ExportModel(
    const ir::Graph& graph,
    const std::vector<std::pair<std::string, std::string>>& metadata) {
  ModelWriter writer(graph);
  for (const auto& [key, value] : metadata) writer.AddMetadata(key, value);
  for (const ir::Node& node : graph.nodes()) {
    OCTET_RETURN_IF_ERROR(WriteNode(graph, node, writer));
  }
  return writer.Finish();
}

}  // namespace octet::onnx
