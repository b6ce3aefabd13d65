// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/input_conversion.h"

#include <algorithm>
#include <utility>

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

bool ArePictures(const ir::TensorType& type) {
  return type.dims.size() == 4 &&  // [N, C, H, W]
         std::all_of(type.dims.begin(), type.dims.end(),
                     [](const ir::Dim& dim) { return dim.value > 0; });
}

// Whether `node` pads pictures with zeros; where, in `padding`.
bool PadsPictures(const ir::Node& node, InputConversion::Padding& padding) {
  const auto* pad = std::get_if<ir::Pad>(&node.op);
  if (pad == nullptr || pad->value != 0 ||
      pad->mode != ir::PadMode::kConstant || pad->begin[0] != 0 ||
      pad->end[0] != 0 || pad->begin[1] != 0 || pad->end[1] != 0) {
    return false;
  }
  padding = {pad->begin[2], pad->begin[3], pad->end[2], pad->end[3]};
  return true;
}

bool AllAre(const ir::Value& value, float expected) {
  if (!value.is_constant()) return false;
  const auto numbers = value.constant->data<float>();
  return std::all_of(numbers.begin(), numbers.end(),
                     [&](float number) { return number == expected; });
}

// Whether `node` is (x - mean[c]) * scale[c], as a quantizer writes it that
// undoes a normalization.
bool Normalizes(const ir::Graph& graph, const ir::Node& node,
                InputConversion& conversion) {
  const auto* norm = std::get_if<ir::BatchNorm>(&node.op);
  if (norm == nullptr || norm->epsilon != 0 ||
      graph.type(node.outputs[0]).dtype != DType::kFloat32) {
    return false;
  }
  const ir::Value& scale = graph.value(node.inputs[1]);
  const ir::Value& mean = graph.value(node.inputs[3]);
  if (!scale.is_constant() || !mean.is_constant() ||
      !AllAre(graph.value(node.inputs[2]), 0) ||
      !AllAre(graph.value(node.inputs[4]), 1)) {
    return false;
  }
  const auto means = mean.constant->data<float>();
  const auto scales = scale.constant->data<float>();
  conversion.mean.assign(means.begin(), means.end());
  conversion.scale.assign(scales.begin(), scales.end());
  return true;
}

// Takes [Pad,] BatchNorm, Quantize and Transpose behind `input`, all or none of
// them; as Take().
ir::ValueId TakeNormalization(const ir::Graph& graph,
                              const ir::GraphIndex& index, ir::ValueId input,
                              InputConversion& conversion,
                              std::vector<const ir::Node*>& taken) {
  if (!ArePictures(graph.type(input))) return input;
  std::vector<const ir::Node*> nodes;
  ir::ValueId landing = input;
  const auto next = [&]() -> const ir::Node* {
    const ir::Node* reader = index.SoleReader(landing);
    if (reader != nullptr) {
      landing = reader->outputs[0];
      nodes.push_back(reader);
    }
    return reader;
  };
  InputConversion found;
  const ir::Node* node = next();
  InputConversion::Padding padding;
  if (node != nullptr && PadsPictures(*node, padding)) {
    found.padding = padding;
    node = next();
  }
  if (node == nullptr || !Normalizes(graph, *node, found)) return input;
  node = next();
  if (node == nullptr || !QuantizesPerTensor(graph, *node)) return input;
  found.quantized = graph.type(landing);
  node = next();
  if (node == nullptr || !IsToChannelsLast(*node)) return input;
  found.to_channels_last = true;
  conversion = std::move(found);
  taken.insert(taken.end(), nodes.begin(), nodes.end());
  return landing;
}

// Takes what follows `input` into `conversion` for as long as it fits; marks
// the nodes that are done for. Returns where the input lands.
ir::ValueId Take(const ir::Graph& graph, const ir::GraphIndex& index,
                 ir::ValueId input, InputConversion& conversion,
                 std::vector<const ir::Node*>& taken) {
  ir::ValueId landing =
      TakeNormalization(graph, index, input, conversion, taken);
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
