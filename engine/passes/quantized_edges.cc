// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/quantized_edges.h"

#include <utility>

namespace octet::passes {
namespace {

bool Is8BitPerTensor(const ir::TensorType& type) {
  return (type.dtype == DType::kInt8 || type.dtype == DType::kUInt8) &&
         type.quantization && type.quantization->per_tensor();
}

}  // namespace

std::optional<ir::ValueId> IntegersBehind(const ir::Graph& graph,
                                          const ir::GraphIndex& index,
                                          ir::ValueId id) {
  const ir::Node* producer = index.Producer(id);
  if (producer == nullptr ||
      !std::holds_alternative<ir::Dequantize>(producer->op) ||
      !graph.type(producer->inputs[0]).quantization) {
    return std::nullopt;
  }
  return producer->inputs[0];
}

std::optional<ir::ValueId> ActivationBehind(const ir::Graph& graph,
                                            const ir::GraphIndex& index,
                                            ir::ValueId id) {
  std::optional<ir::ValueId> integers = IntegersBehind(graph, index, id);
  if (!integers || graph.value(*integers).is_constant() ||
      !Is8BitPerTensor(graph.type(*integers))) {
    return std::nullopt;
  }
  return integers;
}

std::vector<const ir::Node*> EqualQuantizers(const ir::Graph& graph,
                                             const ir::GraphIndex& index,
                                             ir::ValueId id) {
  const std::vector<const ir::Node*>& readers = index.Readers(id);
  if (readers.empty() || index.IsOutput(id)) return {};
  const ir::TensorType& type = graph.type(readers[0]->outputs[0]);
  for (const ir::Node* reader : readers) {
    if (!std::holds_alternative<ir::Quantize>(reader->op) ||
        graph.type(reader->outputs[0]) != type) {
      return {};
    }
  }
  if (!Is8BitPerTensor(type)) return {};
  return readers;
}

void ReplaceByInteger(const ir::Graph& graph, const ir::GraphIndex& index,
                      const ir::Node& node, ir::Op op,
                      std::vector<ir::ValueId> inputs, ir::GraphPatch& patch) {
  const std::vector<const ir::Node*> quantizers =
      EqualQuantizers(graph, index, node.outputs[0]);
  const ir::ValueId last =
      quantizers.empty() ? node.outputs[0] : quantizers[0]->outputs[0];
  const ir::Value& output = graph.value(last);
  const ir::ValueId result = patch.AddNode(
      node.name, std::move(op), std::move(inputs), output.name, output.type);
  patch.Replace(last, result);
  for (size_t i = 1; i < quantizers.size(); ++i) {
    patch.Replace(quantizers[i]->outputs[0], result);
  }
}

}  // namespace octet::passes
