// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/byte_expression.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"

namespace octet::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::TensorType;
using ir::ValueId;

constexpr int64_t kBytes = 256;

// Whether `node` computes each element from one of each input, reals or the
// integers that stand for them.
bool IsElementwise(const Node& node) {
  if (const auto* unary = std::get_if<ir::Unary>(&node.op)) {
    return !ir::GivesBool(unary->kind) && unary->kind != ir::UnaryKind::kBitNot;
  }
  if (const auto* binary = std::get_if<ir::Binary>(&node.op)) {
    return binary->kind <= ir::BinaryKind::kPrelu;
  }
  return std::holds_alternative<ir::Clamp>(node.op) ||
         std::holds_alternative<ir::Quantize>(node.op) ||
         std::holds_alternative<ir::Dequantize>(node.op) ||
         std::holds_alternative<ir::Requantize>(node.op) ||
         std::holds_alternative<ir::LookUp>(node.op);
}

bool IsReal(const TensorType& type) {
  return type.dtype == DType::kFloat32 && !type.quantization;
}

bool IsByte(const TensorType& type) {
  return (type.dtype == DType::kInt8 || type.dtype == DType::kUInt8) &&
         type.quantization && type.quantization->per_tensor();
}

// A constant of one element, of any rank.
bool IsNumber(const ir::Value& value) {
  return value.is_constant() && value.constant->size() == 1;
}

bool IsConversion(const Node& node) {
  return std::holds_alternative<ir::Quantize>(node.op) ||
         std::holds_alternative<ir::Dequantize>(node.op) ||
         std::holds_alternative<ir::Requantize>(node.op);
}

// All bytes, in the order of their bits.
Tensor AllBytes(DType dtype) {
  Tensor bytes(dtype, {kBytes});
  for (int64_t i = 0; i < kBytes; ++i) {
    bytes.mutable_bytes()[i] = static_cast<std::byte>(i);
  }
  return bytes;
}

}  // namespace

ByteExpressions::ByteExpressions(const Graph& graph,
                                 const ir::GraphIndex& index)
    : graph_(graph), index_(index), entries_(graph.values().size()) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    const auto id = static_cast<ValueId>(i);
    if (IsNumber(graph.value(id))) entries_[i].is_function = true;
    if (index.Producer(id) == nullptr && IsRoot(id)) entries_[i] = {true, id};
  }
  for (const Node& node : graph.nodes()) {
    const Entry entry = Explain(node);
    for (ValueId id : node.outputs) {
      entries_[id] = entry;
      if (!entry.is_function && IsRoot(id)) entries_[id] = {true, id};
    }
  }
}

bool ByteExpressions::IsRoot(ValueId id) const {
  return !graph_.value(id).is_constant() && IsByte(graph_.type(id));
}

ByteExpressions::Entry ByteExpressions::Explain(const Node& node) const {
  const TensorType& output = graph_.type(node.outputs[0]);
  if (!IsElementwise(node) || (!IsReal(output) && !IsByte(output))) return {};
  Entry entry{true, std::nullopt};
  for (ValueId id : node.inputs) {
    const Entry& input = entries_[id];
    if (!input.is_function) return {};
    if (!input.root) continue;
    if (entry.root && *entry.root != *input.root) return {};
    entry.root = input.root;
  }
  // Operands of one element must not widen what they are combined with.
  if (entry.root && graph_.type(*entry.root).dims != output.dims) return {};
  return entry;
}

std::optional<ValueId> ByteExpressions::RootOf(ValueId id) const {
  return entries_[id].root;
}

std::vector<const Node*> ByteExpressions::NodesBehind(ValueId id) const {
  std::vector<const Node*> nodes;
  std::vector<ValueId> left = {id};
  const ValueId root = *entries_[id].root;
  while (!left.empty()) {
    const ValueId next = left.back();
    left.pop_back();
    const Node* producer = index_.Producer(next);
    if (next == root || producer == nullptr ||
        std::find(nodes.begin(), nodes.end(), producer) != nodes.end()) {
      continue;
    }
    nodes.push_back(producer);
    left.insert(left.end(), producer->inputs.begin(), producer->inputs.end());
  }
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

absl::StatusOr<Tensor> ByteExpressions::TableOf(
    ValueId id, const PassContext& context) const {
  OCTET_CHECK(RootOf(id).has_value());
  const ValueId root = *RootOf(id);
  Graph bytes;
  std::vector<std::optional<ValueId>> copies(graph_.values().size());
  const auto add = [&](ValueId from, Tensor tensor) {
    if (tensor.size() == 1) tensor = tensor.Reshaped({});
    copies[from] = bytes.AddConstant(bytes.FreshName("v"), std::move(tensor),
                                     graph_.type(from).quantization);
  };
  add(root, AllBytes(graph_.type(root).dtype));
  for (const Node* node : NodesBehind(id)) {
    Node copy{node->name, node->op, {}, {}};
    for (ValueId input : node->inputs) {
      if (!copies[input]) add(input, *graph_.value(input).constant);
      copy.inputs.push_back(*copies[input]);
    }
    const ValueId output = node->outputs[0];
    TensorType type = graph_.type(output);
    type.dims =
        entries_[output].root ? ir::Dims{ir::Dim::Fixed(kBytes)} : ir::Dims{};
    copy.outputs = {bytes.AddValue({bytes.FreshName("y"), type, std::nullopt})};
    OCTET_ASSIGN_OR_RETURN(std::vector<Tensor> results,
                           context.evaluate(bytes, copy));
    add(output, std::move(results[0]));
  }
  return *bytes.value(*copies[id]).constant;
}

std::string ByteExpressions::Describe(ValueId id) const {
  std::vector<absl::string_view> names;
  for (const Node* node : NodesBehind(id)) {
    if (IsConversion(*node)) continue;
    const auto* before = std::get_if<ir::LookUp>(&node->op);
    names.push_back(before != nullptr ? absl::string_view(before->function)
                                      : ir::OpName(node->op));
  }
  return absl::StrJoin(names, " ");
}

}  // namespace octet::passes
