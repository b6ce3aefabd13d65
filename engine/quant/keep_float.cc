// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/keep_float.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "engine/base/status_macros.h"

namespace octet::quant {
namespace {

using ir::Graph;
using ir::GraphIndex;
using ir::Node;
using ir::ValueId;

bool IsLayer(const Node& node) {
  return std::holds_alternative<ir::Conv>(node.op) ||
         std::holds_alternative<ir::ConvTranspose>(node.op) ||
         std::holds_alternative<ir::MatMul>(node.op);
}

template <typename T>
Tensor RealsOf(const Tensor& integers, const ir::Quantization& quantization) {
  Tensor reals(DType::kFloat32, integers.shape());
  int64_t inner = integers.size();
  if (!quantization.per_tensor()) {
    inner = 1;
    for (size_t i = quantization.axis + 1; i < integers.shape().size(); ++i) {
      inner *= integers.shape()[i];
    }
  }
  const auto channels = static_cast<int64_t>(quantization.scales.size());
  for (int64_t i = 0; i < integers.size(); ++i) {
    const int64_t c = i / inner % channels;
    reals.mutable_data<float>()[i] =
        static_cast<float>(integers.data<T>()[i] -
                           quantization.zero_points[c]) *
        quantization.scales[c];
  }
  return reals;
}

// What the integers of a constant stand for; nothing for types that no layer
// reads.
std::optional<Tensor> Reals(const ir::Value& integers) {
  if (!integers.is_constant() || !integers.type.quantization) {
    return std::nullopt;
  }
  const ir::Quantization& quantization = *integers.type.quantization;
  switch (integers.type.dtype) {
    case DType::kInt8:
      return RealsOf<int8_t>(*integers.constant, quantization);
    case DType::kUInt8:
      return RealsOf<uint8_t>(*integers.constant, quantization);
    case DType::kInt32:
      return RealsOf<int32_t>(*integers.constant, quantization);
    default:
      return std::nullopt;
  }
}

// The layers of `graph` that a layer's results come to through operators that
// are no layers.
class Neighbours {
 public:
  Neighbours(const Graph& graph, const std::set<std::string>& losing)
      : index_(graph), losing_(losing) {}

  // The losing layers that touch each other, of which `first` is one; they are
  // taken out of `left`.
  std::vector<std::string> Take(const Node& first,
                                std::set<std::string>& left) const {
    std::vector<std::string> names;
    std::vector<const Node*> open = {&first};
    left.erase(first.name);
    while (!open.empty()) {
      const Node* layer = open.back();
      open.pop_back();
      names.push_back(layer->name);
      for (const Node* next : LayersAround(*layer)) {
        if (left.erase(next->name) > 0) open.push_back(next);
      }
    }
    return names;
  }

 private:
  // Losing layers that read what `layer` gives or give what it reads, through
  // any operators that are no layers.
  std::vector<const Node*> LayersAround(const Node& layer) const {
    std::vector<const Node*> found;
    std::set<const Node*> seen = {&layer};
    std::vector<const Node*> open = {&layer};
    while (!open.empty()) {
      const Node* node = open.back();
      open.pop_back();
      for (const Node* next : Touching(*node)) {
        if (!seen.insert(next).second) continue;
        if (!IsLayer(*next)) {
          open.push_back(next);
        } else if (losing_.contains(next->name)) {
          found.push_back(next);
        }
      }
    }
    return found;
  }

  std::vector<const Node*> Touching(const Node& node) const {
    std::vector<const Node*> nodes;
    for (ValueId id : node.inputs) {
      const Node* producer = index_.Producer(id);
      if (producer != nullptr) nodes.push_back(producer);
    }
    for (ValueId id : node.outputs) {
      const auto& readers = index_.Readers(id);
      nodes.insert(nodes.end(), readers.begin(), readers.end());
    }
    return nodes;
  }

  const GraphIndex index_;
  const std::set<std::string>& losing_;
};

// What loses, with the most to gain first.
std::vector<FloatSegment> LosingSegments(const Graph& graph,
                                         const std::vector<LayerTimes>& times) {
  std::map<std::string, LayerTimes> by_name;
  std::set<std::string> losing;
  for (const LayerTimes& layer : times) {
    by_name[layer.node] = layer;
    if (layer.int8_ms > kClearLoss * layer.float_ms) losing.insert(layer.node);
  }
  // Layers of one name, which files may have, cannot be told apart.
  std::set<std::string> seen;
  for (const Node& node : graph.nodes()) {
    if (IsLayer(node) && !seen.insert(node.name).second) {
      losing.erase(node.name);
    }
  }
  const Neighbours neighbours(graph, losing);
  std::set<std::string> left = losing;
  std::vector<FloatSegment> segments;
  for (const Node& node : graph.nodes()) {
    if (!IsLayer(node) || !left.contains(node.name)) continue;
    FloatSegment segment;
    segment.nodes = neighbours.Take(node, left);
    for (const std::string& name : segment.nodes) {
      segment.float_ms += by_name[name].float_ms;
      segment.int8_ms += by_name[name].int8_ms;
    }
    segments.push_back(std::move(segment));
  }
  std::stable_sort(segments.begin(), segments.end(),
                   [](const FloatSegment& a, const FloatSegment& b) {
                     return a.int8_ms - a.float_ms > b.int8_ms - b.float_ms;
                   });
  return segments;
}

// Rewrites a quantized graph so that some layers are float.
class FloatRewriter {
 public:
  FloatRewriter(const Graph& graph, const std::vector<std::string>& nodes)
      : result_(graph), index_(graph), float_(nodes.begin(), nodes.end()) {}

  Graph Run() {
    for (Node& node : result_.mutable_nodes()) {
      if (!IsFloatLayer(node)) continue;
      for (size_t i = 1; i < node.inputs.size(); ++i) {
        if (const auto real = RealConstant(node.inputs[i])) {
          node.inputs[i] = *real;
        }
      }
    }
    for (size_t i = 0; i < result_.nodes().size(); ++i) DropPair(i);
    return result_.Compacted();
  }

 private:
  bool IsFloatLayer(const Node& node) const {
    return IsLayer(node) && float_.contains(node.name);
  }

  // The constant behind the Dequantize that computes `id`, as reals.
  std::optional<ValueId> RealConstant(ValueId id) {
    const Node* dequantize = index_.Producer(id);
    if (dequantize == nullptr ||
        !std::holds_alternative<ir::Dequantize>(dequantize->op)) {
      return std::nullopt;
    }
    const ir::Value integers = result_.value(dequantize->inputs[0]);
    std::optional<Tensor> reals = Reals(integers);
    if (!reals) return std::nullopt;
    return result_.AddConstant(result_.FreshName(integers.name + "_real"),
                               *std::move(reals));
  }

  // Whether `node` is a float layer, or a clamp right behind one, which will be
  // fused into it.
  bool EndsFloatLayer(const Node& node) const {
    if (!std::holds_alternative<ir::Clamp>(node.op)) return IsFloatLayer(node);
    const Node* layer = index_.Producer(node.inputs[0]);
    return layer != nullptr && IsFloatLayer(*layer);
  }

  // Takes out the Quantize at `i` and its Dequantize where float layers alone
  // give and read the value.
  void DropPair(size_t i) {
    const Node quantize = result_.nodes()[i];
    if (!std::holds_alternative<ir::Quantize>(quantize.op)) return;
    const Node* producer = index_.Producer(quantize.inputs[0]);
    const Node* dequantize = index_.SoleReader(quantize.outputs[0]);
    if (producer == nullptr || dequantize == nullptr ||
        !EndsFloatLayer(*producer) ||
        !std::holds_alternative<ir::Dequantize>(dequantize->op) ||
        index_.IsOutput(dequantize->outputs[0])) {
      return;
    }
    const auto& readers = index_.Readers(dequantize->outputs[0]);
    if (!std::all_of(readers.begin(), readers.end(), [&](const Node* reader) {
          return IsFloatLayer(*reader);
        })) {
      return;
    }
    for (Node& node : result_.mutable_nodes()) {
      std::replace(node.inputs.begin(), node.inputs.end(),
                   dequantize->outputs[0], quantize.inputs[0]);
    }
  }

  Graph result_;
  const GraphIndex index_;  // of the graph as it was given
  const std::set<std::string> float_;
};

}  // namespace

Graph WithFloatLayers(const Graph& quantized,
                      const std::vector<std::string>& nodes) {
  return FloatRewriter(quantized, nodes).Run();
}

Graph WithoutRounding(const Graph& quantized) {
  Graph result = quantized;
  const GraphIndex index(quantized);
  std::map<ValueId, ValueId> unrounded;  // what Quantize reads, by its result
  std::map<ValueId, ValueId> exact;      // what replaces a Dequantize's result
  for (Node& node : result.mutable_nodes()) {
    for (ValueId& id : node.inputs) {
      const auto found = exact.find(id);
      if (found != exact.end()) id = found->second;
    }
    if (std::holds_alternative<ir::Quantize>(node.op)) {
      unrounded[node.outputs[0]] = node.inputs[0];
    }
    if (!std::holds_alternative<ir::Dequantize>(node.op) ||
        index.IsOutput(node.outputs[0])) {
      continue;
    }
    const ir::Value& integers = quantized.value(node.inputs[0]);
    const auto pair = unrounded.find(node.inputs[0]);
    if (std::optional<Tensor> reals = Reals(integers)) {
      exact[node.outputs[0]] = result.AddConstant(
          result.FreshName(integers.name + "_real"), *std::move(reals));
    } else if (pair != unrounded.end()) {
      exact[node.outputs[0]] = pair->second;
    }
  }
  return result.Compacted();
}

absl::StatusOr<FloatSegments> KeepFasterFloat(
    const Graph& quantized, const std::vector<LayerTimes>& times,
    const NetworkTimer& timer) {
  FloatSegments result{quantized, LosingSegments(quantized, times)};
  if (result.segments.empty()) return result;
  result.segments.resize(std::min<size_t>(result.segments.size(), kMostTrials));
  OCTET_ASSIGN_OR_RETURN(double best, timer(quantized));
  std::vector<std::string> kept;
  for (FloatSegment& segment : result.segments) {
    std::vector<std::string> nodes = kept;
    nodes.insert(nodes.end(), segment.nodes.begin(), segment.nodes.end());
    Graph tried = WithFloatLayers(quantized, nodes);
    OCTET_ASSIGN_OR_RETURN(segment.network_float_ms, timer(tried));
    // Once more behind it, so that a machine that slows down or speeds up
    // between two measurements decides nothing.
    OCTET_ASSIGN_OR_RETURN(const double again, timer(result.graph));
    best = std::min(best, again);
    segment.network_int8_ms = best;
    // Layers can't save more than they take.
    const bool plausible = best - segment.network_float_ms <= segment.int8_ms;
    if (!plausible || best < kClearGain * segment.network_float_ms) continue;
    segment.kept_float = true;
    best = segment.network_float_ms;
    kept = std::move(nodes);
    result.graph = std::move(tried);
  }
  return result;
}

}  // namespace octet::quant
