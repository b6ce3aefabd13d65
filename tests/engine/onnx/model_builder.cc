// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/onnx/model_builder.h"

#include "engine/onnx/tensor_proto.h"

namespace octet::onnx {

using ::onnx::AttributeProto;

NodeHandle& NodeHandle::Name(const std::string& name) {
  node_->set_name(name);
  return *this;
}

NodeHandle& NodeHandle::Domain(const std::string& domain) {
  node_->set_domain(domain);
  return *this;
}

AttributeProto* NodeHandle::Add(const std::string& name,
                                AttributeProto::AttributeType type) {
  AttributeProto* attribute = node_->add_attribute();
  attribute->set_name(name);
  attribute->set_type(type);
  return attribute;
}

NodeHandle& NodeHandle::Int(const std::string& name, int64_t value) {
  Add(name, AttributeProto::INT)->set_i(value);
  return *this;
}

NodeHandle& NodeHandle::Float(const std::string& name, float value) {
  Add(name, AttributeProto::FLOAT)->set_f(value);
  return *this;
}

NodeHandle& NodeHandle::String(const std::string& name,
                               const std::string& value) {
  Add(name, AttributeProto::STRING)->set_s(value);
  return *this;
}

NodeHandle& NodeHandle::Ints(const std::string& name,
                             std::vector<int64_t> values) {
  AttributeProto* attribute = Add(name, AttributeProto::INTS);
  for (int64_t value : values) attribute->add_ints(value);
  return *this;
}

NodeHandle& NodeHandle::Value(const std::string& name, const Tensor& value) {
  *Add(name, AttributeProto::TENSOR)->mutable_t() = TensorToProto("", value);
  return *this;
}

ModelBuilder::ModelBuilder(int64_t opset) {
  proto_.set_ir_version(8);
  proto_.add_opset_import()->set_version(opset);
  proto_.mutable_graph()->set_name("test");
}

ModelBuilder& ModelBuilder::Input(const std::string& name,
                                  std::vector<int64_t> dims, int32_t type) {
  auto* input = proto_.mutable_graph()->add_input();
  input->set_name(name);
  auto* tensor = input->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  auto* shape = tensor->mutable_shape();
  for (int64_t dim : dims) {
    if (dim < 0) {
      shape->add_dim()->set_dim_param("N");
    } else {
      shape->add_dim()->set_dim_value(dim);
    }
  }
  return *this;
}

ModelBuilder& ModelBuilder::Output(const std::string& name) {
  proto_.mutable_graph()->add_output()->set_name(name);
  return *this;
}

ModelBuilder& ModelBuilder::Floats(const std::string& name, Shape shape,
                                   std::vector<float> values) {
  return Constant(name, Tensor::Of<float>(shape, values));
}

ModelBuilder& ModelBuilder::Weights(const std::string& name, Shape shape) {
  std::vector<float> values(ElementCount(shape));
  for (size_t i = 0; i < values.size(); ++i) values[i] = 0.01f * (i + 1);
  return Floats(name, shape, values);
}

ModelBuilder& ModelBuilder::Ints(const std::string& name,
                                 std::vector<int64_t> values) {
  const auto count = static_cast<int64_t>(values.size());
  return Constant(name, Tensor::Of<int64_t>({count}, values));
}

ModelBuilder& ModelBuilder::Constant(const std::string& name,
                                     const Tensor& tensor) {
  *proto_.mutable_graph()->add_initializer() = TensorToProto(name, tensor);
  return *this;
}

NodeHandle ModelBuilder::Node(const std::string& op_type,
                              std::vector<std::string> inputs,
                              std::vector<std::string> outputs) {
  ::onnx::NodeProto* node = proto_.mutable_graph()->add_node();
  node->set_op_type(op_type);
  for (const std::string& input : inputs) node->add_input(input);
  for (const std::string& output : outputs) node->add_output(output);
  return NodeHandle(node);
}

}  // namespace octet::onnx
