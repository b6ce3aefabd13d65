// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_NODE_WRITER_H_
#define OCTET_ENGINE_ONNX_NODE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/ir/graph.h"
#include "engine/onnx/model_writer.h"

namespace octet::onnx {

// Writes one IR node as a chain of ONNX nodes, the last of which computes the
// node's output under its own name. A rule (export_rules.h) says how many nodes
// follow, then adds them one by one:
//
//   writer.Expect(2);
//   writer.Add("Softplus", {writer.Input(0)});
//   writer.Add("Tanh", {writer.current()});
//
// Thread-compatible; what it is made from must outlive it.
class NodeWriter {
 public:
  NodeWriter(const ir::Graph& graph, const ir::Node& node, ModelWriter& model);

  const ir::TensorType& InputType(int i) const {
    return graph_.type(node_.inputs[i]);
  }
  const ir::Dims& InputDims(int i) const { return InputType(i).dims; }
  const ir::TensorType& OutputType() const {
    return graph_.type(node_.outputs[0]);
  }
  size_t input_count() const { return node_.inputs.size(); }

  // What the chain reads as input `i`, and the first `count` of them.
  std::string Input(int i);
  std::vector<std::string> Inputs(size_t count);
  // Of the integers of input `i`, or of the output: scale and zero point.
  const std::pair<std::string, std::string>& InputQuantization(int i) {
    return model_.Quantization(node_.inputs[i]);
  }
  const std::pair<std::string, std::string>& OutputQuantization() {
    return model_.Quantization(node_.outputs[0]);
  }
  // The name of a new initializer, which has the output's with `suffix`.
  std::string Initializer(absl::string_view suffix, const Tensor& tensor);
  std::string Ints(absl::string_view suffix, absl::Span<const int64_t> values);
  std::string Float(absl::string_view suffix, float value);

  // The number of rows, int64 [1], as a run finds it; UNIMPLEMENTED for a graph
  // without an input that leads with them.
  absl::StatusOr<std::string> Rows();

  // From here on the chain is written in float: DequantizeLinear of each input
  // of integers before it and, by FinishInFloat(), QuantizeLinear behind it
  // where the output is of integers.
  void WriteInFloat();
  void FinishInFloat();

  // Says that `nodes` calls of Add() follow, so that the last one can have the
  // output's name.
  void Expect(int nodes);
  // The next node of the chain; current() becomes its output.
  pb::NodeProto* Add(absl::string_view op_type,
                     std::vector<std::string> inputs);
  // Gives the chain's last node the outputs of the IR node behind the first.
  void AddOtherOutputs(pb::NodeProto* last) const;
  // Puts an output that nobody reads before those the chain's last node has.
  void SkipFirstOutput(pb::NodeProto* last);
  const std::string& current() const { return current_; }
  // Relu or Clip.
  void AddActivation(const ir::Activation& range, const std::string& x);
  // DequantizeLinear of integers `x`, and QuantizeLinear of reals `x`, with the
  // quantization of the value `like`.
  void AddDequantize(const std::string& x, ir::ValueId like) {
    AddConversion("DequantizeLinear", x, like);
  }
  void AddQuantize(const std::string& x, ir::ValueId like) {
    AddConversion("QuantizeLinear", x, like);
  }
  // Add() of an operator of ONNX Runtime's domain com.microsoft.
  pb::NodeProto* AddMicrosoft(absl::string_view op_type,
                              std::vector<std::string> inputs);
  ir::ValueId input_id(int i) const { return node_.inputs[i]; }
  ir::ValueId output_id() const { return node_.outputs[0]; }

  // UNIMPLEMENTED, naming the node and `why` no ONNX file can hold it.
  absl::Status Unsupported(absl::string_view why) const;
  // Whether a Reshape can say `dims`: UNIMPLEMENTED for rows on two axes, and
  // for rows of no elements.
  absl::Status CheckReshape(const ir::Dims& dims) const;
  // Reshape of `x` to `dims`, one node. REQUIRES: CheckReshape(dims) is OK.
  void AddReshape(const std::string& x, const ir::Dims& dims);

 private:
  std::string Stem(absl::string_view suffix) const;
  void AddConversion(absl::string_view op_type, const std::string& x,
                     ir::ValueId like);
  // Inputs and attributes of a conversion.
  std::vector<std::string> ConversionInputs(const std::string& x,
                                            ir::ValueId like);
  void SetChannelAxis(ir::ValueId like, pb::NodeProto* node) const;

  const ir::Graph& graph_;
  const ir::Node& node_;
  ModelWriter& model_;
  const std::string output_;
  std::vector<std::string> dequantized_;  // by input; empty: read as it is
  bool quantizes_ = false;                // a QuantizeLinear ends the chain
  std::string current_;
  int remaining_ = 0;
  int added_ = 0;
};

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_NODE_WRITER_H_
