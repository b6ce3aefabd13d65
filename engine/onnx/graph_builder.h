// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_GRAPH_BUILDER_H_
#define OCTET_ENGINE_ONNX_GRAPH_BUILDER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/tensor.h"
#include "engine/ir/evaluator.h"
#include "engine/ir/graph.h"
#include "engine/onnx/integer_list.h"
#include "engine/onnx/model_file.h"
#include "engine/onnx/node_reader.h"

namespace octet::onnx {

// How the leading axis of the inputs is read.
enum class BatchMode {
  kFixed,         // as a number
  kSymbolicRows,  // as the rows; the file has a symbol there
  kRowsForOne,    // as the rows, although the file says 1
};

// The graph under construction, and what each ONNX name stands for: a value of
// the graph, or a tensor known now, which becomes a constant of the graph only
// when a node reads it.
//
// Operator rules read inputs by index and leave their results with the
// Result*() functions. Status messages don't name the node.
class GraphBuilder {
 public:
  // Values made up here get names that `file` does not have. `evaluate`
  // computes what depends on small constants alone.
  GraphBuilder(BatchMode mode, const ModelFile& file, ir::Evaluator evaluate);

  BatchMode mode() const { return mode_; }
  const ir::TensorType& type(ir::ValueId id) const { return graph_.type(id); }
  const ir::Dims& dims(ir::ValueId id) const { return graph_.type(id).dims; }
  // The tensor of a value that is a constant of the graph already.
  const std::optional<Tensor>& constant(ir::ValueId id) const {
    return graph_.value(id).constant;
  }

  // An input of a half type is cast to float32, which `name` then stands for.
  absl::Status AddInput(const std::string& name, ir::TensorType type);
  // Makes `name` stand for a tensor. INVALID_ARGUMENT if it stands for
  // something already.
  absl::Status Bind(const std::string& name, Tensor tensor);
  // The tensor that `name` stands for, where that is known.
  std::optional<Tensor> KnownTensor(const std::string& name) const;

  // The narrower type that the file has where the graph computes in a wider
  // one, as far as it is known: of inputs, initializers and what Cast gives.
  std::optional<NarrowType> Narrow(const std::string& name) const;
  void SetNarrow(const std::string& name, NarrowType type) {
    narrow_[name] = type;
  }

  // The value that input `i` of `node` reads. REQUIRES: node.HasInput(i).
  absl::StatusOr<ir::ValueId> Read(const NodeReader& node, int i);
  // The tensor that input `i` stands for if that is known now.
  std::optional<Tensor> Constant(const NodeReader& node, int i) const;
  // The same, with UNIMPLEMENTED naming `what` where it is not known: a status
  // that ValueWanted() tells from others, so that the node can be imported once
  // the value is.
  absl::StatusOr<Tensor> RequireConstant(const NodeReader& node, int i,
                                         absl::string_view what) const;
  // The name of the value that a rule asked for in vain; nullopt where `status`
  // says something else.
  static std::optional<std::string> ValueWanted(const absl::Status& status);
  // The elements of a known int32 or int64 tensor of at most one axis.
  absl::StatusOr<std::vector<int64_t>> RequireInts(
      const NodeReader& node, int i, absl::string_view what) const;
  // The same where they may hold rows. A target dimension may be negative.
  absl::StatusOr<ir::Dims> RequireDims(const NodeReader& node, int i,
                                       absl::string_view what) const;
  // Input `i` as integers known but for the rows, if it is such.
  std::optional<IntegerList> Integers(const NodeReader& node, int i) const;
  // The value of input `i` with its integers standing for reals.
  // UNIMPLEMENTED if it already has another quantization.
  absl::StatusOr<ir::ValueId> ReadQuantized(const NodeReader& node, int i,
                                            const ir::Quantization& q);

  // A constant made up by a rule.
  absl::StatusOr<ir::ValueId> AddConstant(
      const NodeReader& node, Tensor tensor,
      std::optional<ir::Quantization> quantization = std::nullopt);
  // Counts memory that the file does not hold itself. RESOURCE_EXHAUSTED
  // beyond kMaxChargedBytes; call it before allocating.
  absl::Status Charge(int64_t bytes);

  // A node for an intermediate value.
  absl::StatusOr<ir::ValueId> Compute(const NodeReader& node, ir::Op op,
                                      std::vector<ir::ValueId> inputs);
  // The same for an operator of several outputs: all of them.
  absl::StatusOr<std::vector<ir::ValueId>> ComputeAll(
      const NodeReader& node, ir::Op op, std::vector<ir::ValueId> inputs);
  // The node that computes the ONNX node's output 0.
  absl::Status Result(const NodeReader& node, ir::Op op,
                      std::vector<ir::ValueId> inputs);
  // The node whose outputs are the ONNX node's, one by one; those that the file
  // leaves out are computed for nobody.
  absl::Status Results(const NodeReader& node, ir::Op op,
                       std::vector<ir::ValueId> inputs);
  // The same for Quantize, whose output type is the caller's choice.
  absl::Status ResultQuantized(const NodeReader& node, ir::ValueId input,
                               DType dtype, ir::Quantization q);
  // Output `output` is another name for a value or a tensor; nothing happens
  // where the file leaves that output out.
  absl::Status ResultIs(const NodeReader& node, ir::ValueId id, int output = 0);
  absl::Status ResultConstant(const NodeReader& node, Tensor tensor,
                              int output = 0);

  absl::Status ResultIntegers(const NodeReader& node, IntegerList list);

  // Makes `names` the outputs and hands the graph out; nothing is left here.
  absl::StatusOr<ir::Graph> Finish(const std::vector<std::string>& names);

 private:
  struct Binding {
    std::optional<Tensor> constant;
    std::optional<ir::ValueId> id;
    std::optional<IntegerList> integers;  // with rows
    // The constant under each quantization that it is read with.
    std::vector<std::pair<ir::Quantization, ir::ValueId>> quantized;
  };

  absl::StatusOr<Binding*> Find(const std::string& name);
  ir::ValueId Materialize(const std::string& name, Binding& binding);
  absl::StatusOr<std::vector<ir::ValueId>> AddNode(
      const NodeReader& node, ir::Op op, std::vector<ir::ValueId> inputs,
      const std::vector<std::string>& output_names);
  absl::StatusOr<ir::ValueId> NamedOutput(
      const std::string& name, const absl::flat_hash_set<std::string>& names);
  // The output `name`, which callers get in a half type, from its float32.
  ir::ValueId NarrowOutput(const std::string& name, ir::ValueId id, DType half);
  std::string FreshName(absl::string_view stem);

  // What `op` gives for these inputs where all of them are constants and the
  // results and the `work` small; else nullopt.
  absl::StatusOr<std::optional<std::vector<Tensor>>> Fold(
      const ir::Op& op, const std::vector<ir::ValueId>& inputs,
      const std::vector<ir::TensorType>& results, double work);
  // Counts what the graph takes to run. RESOURCE_EXHAUSTED beyond the limit.
  absl::Status ChargeWork(double work);

  const BatchMode mode_;
  const ir::Evaluator evaluate_;
  ir::Graph graph_;
  absl::flat_hash_map<std::string, Binding> bindings_;
  absl::flat_hash_set<std::string> names_;
  absl::flat_hash_map<std::string, NarrowType> narrow_;
  absl::flat_hash_map<std::string, DType> half_outputs_;
  absl::flat_hash_map<std::string, int64_t> next_suffix_;
  // Intermediate values, until an output of the file names one.
  absl::flat_hash_set<ir::ValueId> nameless_;
  int64_t charged_bytes_ = 0;
  double folded_work_ = 0;  // as ir::WorkOf() has it
  double graph_work_ = 0;
};

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_GRAPH_BUILDER_H_
