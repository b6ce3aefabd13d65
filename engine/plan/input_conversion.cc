// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/input_conversion.h"

#include <algorithm>

namespace octet::plan {
namespace {

bool IsToChannelsLast(const ir::Node& node) {
  const auto* transpose = std::get_if<ir::Transpose>(&node.op);
  if (transpose == nullptr) return false;
  const auto rank = static_cast<int>(transpose->perm.size());
  if (rank < 3 || transpose->perm[0] != 0 || transpose->perm[rank - 1] != 1) {
    return false;
  }
  for (int i = 1; i + 1 < rank; ++i) {
    if (transpose->perm[i] != i + 1) return false;
  }
  return true;
}

bool QuantizesPerTensor(const ir::Graph& graph, const ir::Node& node) {
  if (!std::holds_alternative<ir::Quantize>(node.op)) return false;
  const ir::TensorType& type = graph.type(node.outputs[0]);
  return type.quantization->per_tensor() &&
         (type.dtype == DType::kUInt8 || type.dtype == DType::kInt8);
}

// Takes what follows `input` into `conversion` for as long as it fits; marks
// the nodes that are done for. Returns where the input lands.
ir::ValueId Take(const ir::Graph& graph, const ir::GraphIndex& index,
                 ir::ValueId input, InputConversion& conversion,
                 std::vector<const ir::Node*>& taken) {
  ir::ValueId landing = input;
  while (const ir::Node* reader = index.SoleReader(landing)) {
    const bool quantizes = !conversion.quantized &&
                           !conversion.to_channels_last &&
                           QuantizesPerTensor(graph, *reader);
    const bool transposes =
        !conversion.to_channels_last && IsToChannelsLast(*reader);
    if (!quantizes && !transposes) break;
    if (quantizes) conversion.quantized = graph.type(reader->outputs[0]);
    if (transposes) conversion.to_channels_last = true;
    landing = reader->outputs[0];
    taken.push_back(reader);
  }
  return landing;
}

}  // namespace

std::vector<ir::ValueId> TakeInputConversions(ir::Graph& graph,
                                              std::vector<PlanTensor>& inputs) {
  const ir::GraphIndex index(graph);
  std::vector<const ir::Node*> taken;
  std::vector<ir::ValueId> landings;
  for (size_t i = 0; i < inputs.size(); ++i) {
    landings.push_back(
        Take(graph, index, graph.inputs()[i], inputs[i].conversion, taken));
  }
  std::vector<ir::Node> left;
  for (const ir::Node& node : graph.nodes()) {
    if (std::count(taken.begin(), taken.end(), &node) == 0)
      left.push_back(node);
  }
  graph.mutable_nodes() = std::move(left);
  return landings;
}

}  // namespace octet::plan
