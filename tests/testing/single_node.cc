// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/single_node.h"

#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/base/thread_pool.h"
#include "engine/ir/infer_types.h"
#include "engine/plan/weight_cache.h"

namespace octet {
namespace {

// Neither a likely answer in any dtype nor a zero.
constexpr int kPattern = 0xC5;

ir::TensorType TypeOf(const NodeInput& input) {
  return {input.tensor.dtype(), ir::FixedDims(input.tensor.shape()),
          input.quantization};
}

// What one run of `step` writes.
absl::StatusOr<std::vector<Tensor>> RunStep(
    const plan::Step& step, const std::vector<NodeInput>& inputs,
    const ir::Graph& graph, ThreadPool* pool) {
  std::vector<const std::byte*> addresses;
  for (const NodeInput& input : inputs) {
    addresses.push_back(input.tensor.bytes());
  }
  std::vector<Tensor> outputs;
  std::vector<std::byte*> written;
  for (ir::ValueId id : graph.outputs()) {
    const ir::TensorType& type = graph.type(id);
    Tensor& output =
        outputs.emplace_back(type.dtype, ir::ConcreteShape(type.dims));
    std::memset(output.mutable_bytes(), kPattern, output.byte_size());
  }
  for (Tensor& output : outputs) written.push_back(output.mutable_bytes());
  Tensor scratch(DType::kUInt8, {static_cast<int64_t>(step.scratch_bytes())});
  std::memset(scratch.mutable_bytes(), kPattern, scratch.byte_size());
  OCTET_ASSIGN_OR_RETURN(
      std::unique_ptr<plan::BoundStep> bound,
      step.Bind({addresses, written, scratch.mutable_bytes(), pool}));
  OCTET_RETURN_IF_ERROR(bound->Run());
  return outputs;
}

}  // namespace

absl::StatusOr<ir::Graph> SingleNode::Graph() const {
  ir::Graph graph;
  std::vector<ir::ValueId> ids;
  std::vector<ir::TensorType> types;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = absl::StrCat("x", i);
    types.push_back(TypeOf(inputs[i]));
    if (inputs[i].constant) {
      ids.push_back(
          graph.AddConstant(name, inputs[i].tensor, inputs[i].quantization));
    } else {
      ids.push_back(graph.AddValue({name, types.back(), std::nullopt}));
      graph.mutable_inputs().push_back(ids.back());
    }
  }
  OCTET_ASSIGN_OR_RETURN(std::vector<ir::TensorType> results,
                         ir::InferTypes(op, types));
  if (output.has_value()) {
    results[0].dtype = output->dtype;
    results[0].quantization = output->quantization;
  }
  ir::Node node = {"node", op, std::move(ids), {}};
  for (size_t i = 0; i < results.size(); ++i) {
    node.outputs.push_back(
        graph.AddValue({i == 0 ? "y" : absl::StrCat("y", i),
                        std::move(results[i]), std::nullopt}));
  }
  graph.mutable_outputs() = node.outputs;
  graph.AppendNode(std::move(node));
  OCTET_RETURN_IF_ERROR(ir::VerifyGraph(graph));
  return graph;
}

absl::StatusOr<std::vector<Tensor>> RunNodeForAll(const plan::Backend& backend,
                                                  const SingleNode& node,
                                                  int threads) {
  OCTET_ASSIGN_OR_RETURN(const ir::Graph graph, node.Graph());
  plan::WeightCache weights;
  OCTET_ASSIGN_OR_RETURN(
      std::unique_ptr<plan::Step> step,
      backend.CreateStep({graph, graph.nodes()[0], threads, &weights}));
  ThreadPool pool(threads);
  OCTET_ASSIGN_OR_RETURN(std::vector<Tensor> outputs,
                         RunStep(*step, node.inputs, graph, &pool));
  OCTET_ASSIGN_OR_RETURN(const std::vector<Tensor> again,
                         RunStep(*step, node.inputs, graph, &pool));
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (std::memcmp(outputs[i].bytes(), again[i].bytes(),
                    outputs[i].byte_size()) != 0) {
      return absl::InternalError(
          absl::StrCat(step->kernel(), ": two runs of one step differ"));
    }
  }
  return outputs;
}

absl::StatusOr<Tensor> RunSingleNode(const plan::Backend& backend,
                                     const SingleNode& node, int threads) {
  OCTET_ASSIGN_OR_RETURN(std::vector<Tensor> outputs,
                         RunNodeForAll(backend, node, threads));
  return std::move(outputs[0]);
}

}  // namespace octet
