// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_GRAPH_H_
#define OCTET_ENGINE_IR_GRAPH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/tensor.h"
#include "engine/ir/op.h"
#include "engine/ir/tensor_type.h"

namespace octet::ir {

// Index of a value in Graph::values().
using ValueId = int32_t;

// An edge of the graph: a model input, a constant, or what one node computes.
struct Value {
  std::string name;  // the ONNX name where it has one; unique in the graph
  TensorType type;
  std::optional<Tensor> constant;

  bool is_constant() const { return constant.has_value(); }
};

struct Node {
  std::string name;  // for messages; the ONNX node's where it has one
  Op op;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
};

// A model as a typed graph in single-assignment form.
//
// Nodes are in an order in which every value is computed before it is read
// (VerifyGraph() checks that and the types). Value ids are never reused: a
// value that nothing reads any more stays in values() until Compacted(). A
// plain value type: copyable (constants share their bytes), thread-compatible.
class Graph {
 public:
  ValueId AddValue(Value value);
  ValueId AddConstant(std::string name, Tensor tensor,
                      std::optional<Quantization> quantization = std::nullopt);
  // Appends a node that computes one new value; returns its id.
  ValueId AddNode(std::string name, Op op, std::vector<ValueId> inputs,
                  std::string output_name, TensorType output_type);
  void AppendNode(Node node) { nodes_.push_back(std::move(node)); }

  const std::vector<Value>& values() const { return values_; }
  const Value& value(ValueId id) const { return values_[id]; }
  const TensorType& type(ValueId id) const { return values_[id].type; }
  Value& mutable_value(ValueId id) { return values_[id]; }

  const std::vector<Node>& nodes() const { return nodes_; }
  std::vector<Node>& mutable_nodes() { return nodes_; }

  const std::vector<ValueId>& inputs() const { return inputs_; }
  std::vector<ValueId>& mutable_inputs() { return inputs_; }
  const std::vector<ValueId>& outputs() const { return outputs_; }
  std::vector<ValueId>& mutable_outputs() { return outputs_; }

  // Lets the bytes of a constant go; it stays one, of its type, without
  // elements. For graphs that are only described any more. Does nothing to
  // other values.
  void ReleaseConstant(ValueId id);

  // A name that no value has yet: `stem`, or `stem` with a number behind it.
  std::string FreshName(const std::string& stem) const;

  // The same graph for `rows` rows: no dimension is per row any more.
  Graph WithRows(int64_t rows) const;

  // The same graph without nodes whose results nobody reads and without values
  // that neither a node nor the signature mentions; ids change.
  Graph Compacted() const;

 private:
  std::vector<Value> values_;
  std::vector<Node> nodes_;
  std::vector<ValueId> inputs_;
  std::vector<ValueId> outputs_;
};

// Who computes and who reads each value; made from a graph, valid until it
// changes.
class GraphIndex {
 public:
  explicit GraphIndex(const Graph& graph);

  // The node that computes `id`, or null for inputs and constants.
  const Node* Producer(ValueId id) const;
  // The nodes that read `id`, once per reading input.
  const std::vector<const Node*>& Readers(ValueId id) const;
  bool IsOutput(ValueId id) const { return is_output_[id]; }
  // The one node that reads `id`, if there is exactly one and `id` is no
  // output of the graph; else null.
  const Node* SoleReader(ValueId id) const;

 private:
  std::vector<const Node*> producers_;
  std::vector<std::vector<const Node*>> readers_;
  std::vector<bool> is_output_;
};

// The text form: one line per value and node, for people and golden tests.
std::string DumpGraph(const Graph& graph);

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_GRAPH_H_
