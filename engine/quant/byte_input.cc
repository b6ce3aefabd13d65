// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/byte_input.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/ir/infer_types.h"
#include "engine/quant/weight_channels.h"

namespace octet::quant {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

constexpr size_t kPictureRank = 4;  // [rows, C, H, W]
constexpr double kLastByte = 255;
// Padding that no window needs would become memory.
constexpr double kMostPadded = 4;  // times the picture

bool IsConstantFloat(const ir::Value& value) {
  return value.is_constant() && value.type.dtype == DType::kFloat32;
}

// The Conv that alone reads `id`, as its data, where its weights can take up
// other units; else null.
const Node* FirstLayer(const Graph& graph, const ir::GraphIndex& index,
                       ValueId id) {
  const Node* reader = index.SoleReader(id);
  if (reader == nullptr || reader->inputs[0] != id) return nullptr;
  const auto* conv = std::get_if<ir::Conv>(&reader->op);
  if (conv == nullptr || conv->groups != 1 ||
      !IsConstantFloat(graph.value(reader->inputs[1])) ||
      (conv->has_bias && !IsConstantFloat(graph.value(reader->inputs[2])))) {
    return nullptr;
  }
  return reader;
}

bool Pads(const ir::Window& window) {
  const auto any = [](const std::vector<int64_t>& pads) {
    return std::any_of(pads.begin(), pads.end(),
                       [](int64_t pad) { return pad != 0; });
  };
  return any(window.pads_begin) || any(window.pads_end);
}

// Whether a padded picture is of reasonable size.
bool PadsWithinReason(const ir::Window& window, const ir::Dims& dims) {
  double before = 1;
  double padded = 1;
  for (size_t i = 0; i < window.pads_begin.size(); ++i) {
    const auto side = static_cast<double>(dims[i + 2].value);
    before *= side;
    padded *= side + static_cast<double>(window.pads_begin[i]) +
              static_cast<double>(window.pads_end[i]);
  }
  return padded <= kMostPadded * before;
}

// What `window` adds around pictures.
ir::Pad PadOf(const ir::Window& window) {
  ir::Pad pad;
  pad.begin = {0, 0};
  pad.end = {0, 0};
  pad.begin.insert(pad.begin.end(), window.pads_begin.begin(),
                   window.pads_begin.end());
  pad.end.insert(pad.end.end(), window.pads_end.begin(), window.pads_end.end());
  return pad;
}

// By channel, (x - mean) * scale.
struct Normalization {
  Tensor mean;
  Tensor scale;
};

Normalization ToBytes(const std::vector<Lattice>& lattices) {
  const Shape shape = {static_cast<int64_t>(lattices.size())};
  Normalization to_bytes{Tensor(DType::kFloat32, shape),
                         Tensor(DType::kFloat32, shape)};
  for (size_t c = 0; c < lattices.size(); ++c) {
    to_bytes.mean.mutable_data<float>()[c] =
        static_cast<float>(lattices[c].first);
    to_bytes.scale.mutable_data<float>()[c] =
        static_cast<float>(1 / lattices[c].step);
  }
  return to_bytes;
}

struct Layer {
  Tensor weights;
  Tensor bias;
};

// The layer of `weights` and `bias` (none: 0), for data that went through
// `to_bytes`.
Layer ForBytes(const ir::Op& op, const Tensor& weights, const Tensor* bias,
               const Normalization& to_bytes) {
  const WeightChannels channels(op, weights.shape());
  Layer layer{Tensor(DType::kFloat32, weights.shape()),
              Tensor(DType::kFloat32, {channels.outputs()})};
  std::vector<double> sums(channels.outputs(), 0.0);
  for (int64_t i = 0; i < weights.size(); ++i) {
    const int64_t c = channels.Input(i);
    const double weight = weights.data<float>()[i];
    layer.weights.mutable_data<float>()[i] =
        static_cast<float>(weight / to_bytes.scale.data<float>()[c]);
    sums[channels.Output(i)] += weight * to_bytes.mean.data<float>()[c];
  }
  for (size_t o = 0; o < sums.size(); ++o) {
    const double before = bias == nullptr ? 0 : bias->data<float>()[o];
    layer.bias.mutable_data<float>()[o] = static_cast<float>(before + sums[o]);
  }
  return layer;
}

Tensor Filled(int64_t count, float value) {
  Tensor tensor(DType::kFloat32, {count});
  std::fill(tensor.mutable_data<float>().begin(),
            tensor.mutable_data<float>().end(), value);
  return tensor;
}

// Adds `op` of `inputs`, which fit it.
ValueId Add(Graph& graph, std::vector<Node>& nodes, const std::string& stem,
            ir::Op op, std::vector<ValueId> inputs) {
  std::vector<ir::TensorType> types;
  for (ValueId id : inputs) types.push_back(graph.type(id));
  auto type = ir::InferType(op, types);
  OCTET_CHECK(type.ok());
  const ValueId result =
      graph.AddValue({graph.FreshName(stem), *std::move(type), std::nullopt});
  nodes.push_back(
      {graph.value(result).name, std::move(op), std::move(inputs), {result}});
  return result;
}

}  // namespace

std::vector<size_t> ByteInputCandidates(const Graph& graph) {
  const ir::GraphIndex index(graph);
  std::vector<size_t> candidates;
  for (size_t i = 0; i < graph.inputs().size(); ++i) {
    const ValueId id = graph.inputs()[i];
    const ir::TensorType& type = graph.type(id);
    if (type.dtype != DType::kFloat32 || type.dims.size() != kPictureRank ||
        std::any_of(type.dims.begin(), type.dims.end(),
                    [](const ir::Dim& dim) { return dim.value < 1; })) {
      continue;
    }
    const Node* layer = FirstLayer(graph, index, id);
    if (layer != nullptr &&
        PadsWithinReason(std::get<ir::Conv>(layer->op).window, type.dims)) {
      candidates.push_back(i);
    }
  }
  return candidates;
}

bool ByteInputObserver::Observe(absl::Span<const float> values,
                                int64_t pixels) {
  for (size_t first = 0; first < values.size(); first += pixels) {
    FewValues& channel = channels_[first / pixels % channels_.size()];
    channel.Observe(values.subspan(first, pixels));
    if (channel.too_many()) return false;
  }
  return true;
}

std::optional<std::vector<Lattice>> ByteInputObserver::Lattices() const {
  std::vector<Lattice> lattices;
  std::map<float, int64_t> all;
  for (const FewValues& channel : channels_) {
    const std::map<float, int64_t> counts = channel.counts();
    const std::optional<Lattice> lattice = ByteLattice(counts);
    if (!lattice) return std::nullopt;
    lattices.push_back(*lattice);
    for (const auto& [value, count] : counts) all[value] += count;
  }
  if (ByteLattice(all)) return std::nullopt;
  return lattices;
}

std::optional<Graph> WithByteInput(const Graph& graph, size_t input,
                                   const std::vector<Lattice>& lattices,
                                   ValueId* bytes) {
  const ValueId x = graph.inputs()[input];
  const Node& layer = *FirstLayer(graph, ir::GraphIndex(graph), x);
  ir::Conv conv = std::get<ir::Conv>(layer.op);
  const bool pads = Pads(conv.window);
  for (const Lattice& lattice : lattices) {
    const double zero = -lattice.first / lattice.step;
    if (pads && (zero < -0.5 || zero > kLastByte + 0.5)) return std::nullopt;
  }
  const std::string& name = graph.value(x).name;
  const Normalization to_bytes = ToBytes(lattices);
  const auto channels = static_cast<int64_t>(lattices.size());

  Graph result = graph;
  const auto constant = [&](absl::string_view what, Tensor tensor) {
    return result.AddConstant(result.FreshName(absl::StrCat(name, what)),
                              std::move(tensor));
  };
  std::vector<Node> before;
  ValueId data = x;
  if (pads) {
    data = Add(result, before, absl::StrCat(name, "_padded"),
               PadOf(conv.window), {x});
    std::fill(conv.window.pads_begin.begin(), conv.window.pads_begin.end(), 0);
    std::fill(conv.window.pads_end.begin(), conv.window.pads_end.end(), 0);
  }
  *bytes = Add(result, before, absl::StrCat(name, "_bytes"),
               ir::BatchNorm{/*epsilon=*/0},
               {data, constant("_per_step", to_bytes.scale),
                constant("_zeros", Filled(channels, 0)),
                constant("_first", to_bytes.mean),
                constant("_ones", Filled(channels, 1))});

  const ir::Value& weights = graph.value(layer.inputs[1]);
  const Tensor* bias =
      conv.has_bias ? &*graph.value(layer.inputs[2]).constant : nullptr;
  Layer for_bytes = ForBytes(layer.op, *weights.constant, bias, to_bytes);
  Node changed = layer;
  changed.inputs[0] = *bytes;
  changed.inputs[1] =
      result.AddConstant(result.FreshName(absl::StrCat(weights.name, "_bytes")),
                         std::move(for_bytes.weights));
  const ValueId new_bias = result.AddConstant(
      result.FreshName(absl::StrCat(layer.name, "_bias_bytes")),
      std::move(for_bytes.bias));
  if (conv.has_bias) {
    changed.inputs[2] = new_bias;
  } else {
    changed.inputs.insert(changed.inputs.begin() + 2, new_bias);
  }
  conv.has_bias = true;
  changed.op = std::move(conv);

  std::vector<Node> nodes;
  for (const Node& node : graph.nodes()) {
    if (&node != &layer) {
      nodes.push_back(node);
      continue;
    }
    nodes.insert(nodes.end(), before.begin(), before.end());
    nodes.push_back(changed);
  }
  result.mutable_nodes() = std::move(nodes);
  return result;
}

}  // namespace octet::quant
