// SPDX-License-Identifier: Apache-2.0
#include "engine/ir/graph.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace octet::ir {
namespace {

void FixRows(int64_t rows, Dims& dims) {
  for (Dim& dim : dims) {
    if (dim.per_row) dim = Dim::Fixed(dim.value * rows);
  }
}

// Sizes along axes of `dims`, written as 0 where these carry rows.
void FixSizes(const Dims& dims, int64_t rows, std::vector<int64_t>& sizes) {
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i].per_row) sizes[i] = dims[i].value * rows;
  }
}

// Which nodes compute something that an output of `graph` depends on.
std::vector<bool> LiveNodes(const Graph& graph) {
  std::vector<bool> wanted(graph.values().size(), false);
  for (ValueId id : graph.outputs()) wanted[id] = true;
  std::vector<bool> live(graph.nodes().size(), false);
  for (size_t i = graph.nodes().size(); i-- > 0;) {
    const Node& node = graph.nodes()[i];
    live[i] = std::any_of(node.outputs.begin(), node.outputs.end(),
                          [&](ValueId id) { return wanted[id]; });
    if (!live[i]) continue;
    for (ValueId id : node.inputs) wanted[id] = true;
  }
  return live;
}

}  // namespace

ValueId Graph::AddValue(Value value) {
  values_.push_back(std::move(value));
  return static_cast<ValueId>(values_.size()) - 1;
}

ValueId Graph::AddConstant(std::string name, Tensor tensor,
                           std::optional<Quantization> quantization) {
  TensorType type{tensor.dtype(), FixedDims(tensor.shape()),
                  std::move(quantization)};
  return AddValue({std::move(name), std::move(type), std::move(tensor)});
}

ValueId Graph::AddNode(std::string name, Op op, std::vector<ValueId> inputs,
                       std::string output_name, TensorType output_type) {
  const ValueId output =
      AddValue({std::move(output_name), std::move(output_type), std::nullopt});
  nodes_.push_back(
      {std::move(name), std::move(op), std::move(inputs), {output}});
  return output;
}

std::string Graph::FreshName(const std::string& stem) const {
  absl::flat_hash_set<absl::string_view> taken;
  for (const Value& value : values_) taken.insert(value.name);
  if (!taken.contains(stem)) return stem;
  for (int i = 1;; ++i) {
    std::string name = absl::StrCat(stem, "_", i);
    if (!taken.contains(name)) return name;
  }
}

void Graph::ReleaseConstant(ValueId id) {
  std::optional<Tensor>& constant = values_[id].constant;
  if (constant.has_value()) constant = Tensor(constant->dtype(), Shape{0});
}

Graph Graph::WithRows(int64_t rows) const {
  Graph result = *this;
  for (Value& value : result.values_) FixRows(rows, value.type.dims);
  for (Node& node : result.nodes_) {
    if (auto* reshape = std::get_if<Reshape>(&node.op)) {
      FixRows(rows, reshape->dims);
    } else if (auto* expand = std::get_if<Expand>(&node.op)) {
      FixRows(rows, expand->dims);
    } else if (auto* slice = std::get_if<Slice>(&node.op)) {
      FixSizes(values_[node.inputs[0]].type.dims, rows, slice->sizes);
    } else if (auto* resize = std::get_if<Resize>(&node.op)) {
      FixSizes(values_[node.inputs[0]].type.dims, rows, resize->sizes);
    }
  }
  return result;
}

Graph Graph::Compacted() const {
  Graph result;
  std::vector<ValueId> moved(values_.size(), -1);
  auto keep = [&](ValueId id) {
    if (moved[id] < 0) moved[id] = result.AddValue(values_[id]);
    return moved[id];
  };
  auto keep_all = [&](const std::vector<ValueId>& ids) {
    std::vector<ValueId> kept;
    kept.reserve(ids.size());
    for (ValueId id : ids) kept.push_back(keep(id));
    return kept;
  };
  result.inputs_ = keep_all(inputs_);
  const std::vector<bool> live = LiveNodes(*this);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!live[i]) continue;
    const Node& node = nodes_[i];
    std::vector<ValueId> inputs = keep_all(node.inputs);
    std::vector<ValueId> outputs = keep_all(node.outputs);
    result.nodes_.push_back(
        {node.name, node.op, std::move(inputs), std::move(outputs)});
  }
  result.outputs_ = keep_all(outputs_);
  return result;
}

GraphIndex::GraphIndex(const Graph& graph)
    : producers_(graph.values().size(), nullptr),
      readers_(graph.values().size()),
      is_output_(graph.values().size(), false) {
  for (const Node& node : graph.nodes()) {
    for (ValueId id : node.outputs) producers_[id] = &node;
    for (ValueId id : node.inputs) readers_[id].push_back(&node);
  }
  for (ValueId id : graph.outputs()) is_output_[id] = true;
}

const Node* GraphIndex::Producer(ValueId id) const { return producers_[id]; }

const std::vector<const Node*>& GraphIndex::Readers(ValueId id) const {
  return readers_[id];
}

const Node* GraphIndex::SoleReader(ValueId id) const {
  if (is_output_[id] || readers_[id].size() != 1) return nullptr;
  return readers_[id][0];
}

}  // namespace octet::ir
