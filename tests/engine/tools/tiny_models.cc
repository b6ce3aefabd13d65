// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/tools/tiny_models.h"

#include "onnx/onnx_pb.h"

namespace octet::tools {
namespace {

constexpr int kIrVersion = 8;
constexpr int kOpset = 13;

// A dimension of kRows is the symbolic N.
constexpr int64_t kRows = -1;

onnx::ModelProto EmptyModel() {
  onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.add_opset_import()->set_version(kOpset);
  model.mutable_graph()->set_name("tiny");
  return model;
}

void SetValue(onnx::ValueInfoProto* value, const std::string& name,
              const std::vector<int64_t>& shape) {
  value->set_name(name);
  auto* type = value->mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx::TensorProto::FLOAT);
  for (int64_t size : shape) {
    auto* dimension = type->mutable_shape()->add_dim();
    if (size == kRows) {
      dimension->set_dim_param("N");
    } else {
      dimension->set_dim_value(size);
    }
  }
}

void SetTensor(onnx::TensorProto* tensor, const std::string& name,
               const std::vector<int64_t>& shape,
               const std::vector<float>& values) {
  tensor->set_name(name);
  tensor->set_data_type(onnx::TensorProto::FLOAT);
  for (int64_t size : shape) tensor->add_dims(size);
  for (float value : values) tensor->add_float_data(value);
}

onnx::NodeProto* AddNode(onnx::ModelProto* model, const std::string& op,
                         const std::vector<std::string>& inputs,
                         const std::string& output) {
  onnx::NodeProto* node = model->mutable_graph()->add_node();
  node->set_name("node_" + op);
  node->set_op_type(op);
  for (const std::string& input : inputs) node->add_input(input);
  node->add_output(output);
  return node;
}

std::string Linear(const std::string& input, const std::string& output,
                   float bias) {
  onnx::ModelProto model = EmptyModel();
  onnx::GraphProto* graph = model.mutable_graph();
  SetValue(graph->add_input(), input, {kRows, 3});
  SetValue(graph->add_output(), output, {kRows, 2});
  SetTensor(graph->add_initializer(), "w", {3, 2}, {1, 0, 0, 1, 1, -1});
  SetTensor(graph->add_initializer(), "b", {2}, {0, bias});
  AddNode(&model, "Gemm", {input, "w", "b"}, "hidden");
  AddNode(&model, "Relu", {"hidden"}, output);
  return model.SerializeAsString();
}

}  // namespace

std::string LinearModel(float bias) { return Linear("x", "y", bias); }

std::string LinearModelWithOddNames() {
  return Linear("in/x:0", "out/y:0", 0.5);
}

std::string SumModel() {
  onnx::ModelProto model = EmptyModel();
  onnx::GraphProto* graph = model.mutable_graph();
  SetValue(graph->add_input(), "a", {kRows, 2});
  SetValue(graph->add_input(), "b", {kRows, 2});
  SetValue(graph->add_output(), "sum", {kRows, 2});
  AddNode(&model, "Add", {"a", "b"}, "sum");
  return model.SerializeAsString();
}

std::string StackModel() {
  onnx::ModelProto model = EmptyModel();
  onnx::GraphProto* graph = model.mutable_graph();
  SetValue(graph->add_input(), "x", {2, 3});
  SetValue(graph->add_output(), "y", {4, 3});
  onnx::AttributeProto* axis =
      AddNode(&model, "Concat", {"x", "x"}, "y")->add_attribute();
  axis->set_name("axis");
  axis->set_type(onnx::AttributeProto::INT);
  axis->set_i(0);
  return model.SerializeAsString();
}

std::string UnknownOperatorModel() {
  onnx::ModelProto model = EmptyModel();
  onnx::GraphProto* graph = model.mutable_graph();
  SetValue(graph->add_input(), "x", {kRows, 2});
  SetValue(graph->add_output(), "y", {kRows, 2});
  AddNode(&model, "Frobnicate", {"x"}, "y");
  return model.SerializeAsString();
}

std::string FloatTensorProto(const std::string& name,
                             const std::vector<int64_t>& shape,
                             const std::vector<float>& values) {
  onnx::TensorProto tensor;
  SetTensor(&tensor, name, shape, values);
  return tensor.SerializeAsString();
}

}  // namespace octet::tools
