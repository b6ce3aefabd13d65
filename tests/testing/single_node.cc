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

absl::Status RunStep(const plan::Step& step, const plan::Bindings& bindings,
                     Tensor& output, Tensor& scratch) {
  std::memset(output.mutable_bytes(), kPattern, output.byte_size());
  std::memset(scratch.mutable_bytes(), kPattern, scratch.byte_size());
  OCTET_ASSIGN_OR_RETURN(std::unique_ptr<plan::BoundStep> bound,
                         step.Bind(bindings));
  return bound->Run();
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
  OCTET_ASSIGN_OR_RETURN(ir::TensorType type, ir::InferType(op, types));
  if (output.has_value()) {
    type.dtype = output->dtype;
    type.quantization = output->quantization;
  }
  const ir::ValueId y = graph.AddNode("node", op, ids, "y", std::move(type));
  graph.mutable_outputs().push_back(y);
  OCTET_RETURN_IF_ERROR(ir::VerifyGraph(graph));
  return graph;
}

absl::StatusOr<Tensor> RunSingleNode(const plan::Backend& backend,
                                     const SingleNode& node, int threads) {
  OCTET_ASSIGN_OR_RETURN(const ir::Graph graph, node.Graph());
  plan::WeightCache weights;
  OCTET_ASSIGN_OR_RETURN(
      std::unique_ptr<plan::Step> step,
      backend.CreateStep({graph, graph.nodes()[0], threads, &weights}));

  const ir::TensorType& type = graph.type(graph.outputs()[0]);
  Tensor output(type.dtype, ir::ConcreteShape(type.dims));
  Tensor again(output.dtype(), output.shape());
  Tensor scratch(DType::kUInt8, {static_cast<int64_t>(step->scratch_bytes())});
  std::vector<const std::byte*> inputs;
  for (const NodeInput& input : node.inputs) {
    inputs.push_back(input.tensor.bytes());
  }
  ThreadPool pool(threads);
  for (Tensor* result : {&output, &again}) {
    std::byte* const outputs[] = {result->mutable_bytes()};
    OCTET_RETURN_IF_ERROR(
        RunStep(*step, {inputs, outputs, scratch.mutable_bytes(), &pool},
                *result, scratch));
  }
  if (std::memcmp(output.bytes(), again.bytes(), output.byte_size()) != 0) {
    return absl::InternalError(
        absl::StrCat(step->kernel(), ": two runs of one step differ"));
  }
  return output;
}

}  // namespace octet
