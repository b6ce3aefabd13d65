// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/graph_builder.h"

#include <cstdio>
#include <memory>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/base/thread_pool.h"
#include "engine/ir/infer_types.h"
#include "engine/plan/weight_cache.h"

namespace octet {
namespace {

void CheckOk(const absl::Status& status, const std::string& where) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s: %s\n", where.c_str(), status.ToString().c_str());
  OCTET_CHECK(status.ok());
}

}  // namespace

ir::ValueId GraphBuilder::Input(const std::string& name, ir::Dims dims,
                                DType dtype) {
  return Input(name, ir::TensorType{dtype, std::move(dims), std::nullopt});
}

ir::ValueId GraphBuilder::Input(const std::string& name, ir::TensorType type) {
  const ir::ValueId id = graph_.AddValue({name, std::move(type), std::nullopt});
  graph_.mutable_inputs().push_back(id);
  return id;
}

ir::ValueId GraphBuilder::Constant(
    const std::string& name, Tensor tensor,
    std::optional<ir::Quantization> quantization) {
  return graph_.AddConstant(name, std::move(tensor), std::move(quantization));
}

ir::ValueId GraphBuilder::Node(const std::string& name, ir::Op op,
                               std::vector<ir::ValueId> inputs) {
  std::vector<ir::TensorType> types;
  for (ir::ValueId id : inputs) types.push_back(graph_.type(id));
  auto results = ir::InferTypes(op, types);
  CheckOk(results.status(), name);
  std::vector<ir::ValueId> outputs;
  for (ir::TensorType& type : *results) {
    const std::string suffix =
        outputs.empty() ? "" : "_" + std::to_string(outputs.size());
    outputs.push_back(
        graph_.AddValue({name + suffix, std::move(type), std::nullopt}));
  }
  graph_.AppendNode(
      {name + "_node", std::move(op), std::move(inputs), outputs});
  return outputs[0];
}

ir::ValueId GraphBuilder::Node(const std::string& name, ir::Op op,
                               std::vector<ir::ValueId> inputs, DType dtype,
                               std::optional<ir::Quantization> quantization) {
  const ir::ValueId id = Node(name, std::move(op), std::move(inputs));
  graph_.mutable_value(id).type.dtype = dtype;
  graph_.mutable_value(id).type.quantization = std::move(quantization);
  return id;
}

ir::ValueId GraphBuilder::QuantizePair(const std::string& name, ir::ValueId x,
                                       DType dtype, float scale,
                                       int32_t zero_point) {
  const ir::ValueId q = Node(name + "_q", ir::Quantize{}, {x}, dtype,
                             ir::Quantization::PerTensor(scale, zero_point));
  return Node(name + "_dq", ir::Dequantize{}, {q});
}

ir::Graph GraphBuilder::Build() const {
  CheckOk(ir::VerifyGraph(graph_), "GraphBuilder::Build");
  return graph_;
}

ir::Dims RowsAnd(const Shape& rest) {
  ir::Dims dims = {ir::Dim::Rows()};
  for (int64_t value : rest) dims.push_back(ir::Dim::Fixed(value));
  return dims;
}

ir::Window WindowOf(std::vector<int64_t> kernel, int64_t stride, int64_t pad) {
  ir::Window window;
  const size_t axes = kernel.size();
  window.kernel = std::move(kernel);
  window.strides.assign(axes, stride);
  window.pads_begin.assign(axes, pad);
  window.pads_end.assign(axes, pad);
  window.dilations.assign(axes, 1);
  return window;
}

absl::StatusOr<std::vector<Tensor>> Interpret(const ir::Graph& graph,
                                              const plan::Backend& backend,
                                              const std::vector<Tensor>& inputs,
                                              int threads) {
  std::vector<Tensor> values(graph.values().size());
  for (size_t i = 0; i < values.size(); ++i) {
    const ir::Value& value = graph.values()[i];
    values[i] =
        value.is_constant()
            ? *value.constant
            : Tensor(value.type.dtype, ir::ConcreteShape(value.type.dims));
  }
  OCTET_CHECK(inputs.size() == graph.inputs().size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    OCTET_CHECK(inputs[i].shape() == values[graph.inputs()[i]].shape());
    values[graph.inputs()[i]] = inputs[i];
  }
  plan::WeightCache weights;
  ThreadPool pool(threads);
  for (const ir::Node& node : graph.nodes()) {
    auto step = backend.CreateStep({graph, node, threads, &weights});
    if (!step.ok()) {
      return absl::Status(
          step.status().code(),
          absl::StrCat(node.name, ": ", step.status().message()));
    }
    std::vector<const std::byte*> sources;
    for (ir::ValueId id : node.inputs) sources.push_back(values[id].bytes());
    std::vector<std::byte*> targets;
    for (ir::ValueId id : node.outputs) {
      targets.push_back(values[id].mutable_bytes());
    }
    Tensor scratch(DType::kUInt8,
                   {static_cast<int64_t>((*step)->scratch_bytes())});
    OCTET_ASSIGN_OR_RETURN(
        std::unique_ptr<plan::BoundStep> bound,
        (*step)->Bind({sources, targets, scratch.mutable_bytes(), &pool}));
    OCTET_RETURN_IF_ERROR(bound->Run());
  }
  std::vector<Tensor> outputs;
  for (ir::ValueId id : graph.outputs()) outputs.push_back(values[id]);
  return outputs;
}

int CountOps(const ir::Graph& graph, const std::string& op) {
  int count = 0;
  for (const ir::Node& node : graph.nodes()) count += ir::OpName(node.op) == op;
  return count;
}

ir::ValueId IdOf(const ir::Graph& graph, const std::string& name) {
  for (size_t i = 0; i < graph.values().size(); ++i) {
    if (graph.values()[i].name == name) return static_cast<ir::ValueId>(i);
  }
  CheckOk(absl::NotFoundError(ir::DumpGraph(graph)), "no value " + name);
  return -1;
}

Tensor RandomFloats(const Shape& shape, uint32_t seed, float low, float high) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(low, high);
  Tensor tensor(DType::kFloat32, shape);
  for (float& value : tensor.mutable_data<float>()) value = uniform(random);
  return tensor;
}

Tensor RandomIntegers(DType dtype, const Shape& shape, uint32_t seed, int low,
                      int high) {
  OCTET_CHECK(SizeOf(dtype) == 1);
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> uniform(low, high);
  Tensor tensor(dtype, shape);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    tensor.mutable_bytes()[i] = static_cast<std::byte>(uniform(random));
  }
  return tensor;
}

}  // namespace octet
