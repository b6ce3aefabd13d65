// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_ENGINE_ONNX_MODEL_BUILDER_H_
#define OCTET_TESTS_ENGINE_ONNX_MODEL_BUILDER_H_

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/tensor.h"

namespace octet::onnx {

// Attributes of the node that was added last.
class NodeHandle {
 public:
  explicit NodeHandle(::onnx::NodeProto* node) : node_(node) {}

  NodeHandle& Name(const std::string& name);
  NodeHandle& Domain(const std::string& domain);
  NodeHandle& Int(const std::string& name, int64_t value);
  NodeHandle& Float(const std::string& name, float value);
  NodeHandle& String(const std::string& name, const std::string& value);
  NodeHandle& Ints(const std::string& name, std::vector<int64_t> values);
  NodeHandle& Value(const std::string& name, const Tensor& value);

 private:
  ::onnx::AttributeProto* Add(const std::string& name,
                              ::onnx::AttributeProto::AttributeType type);

  ::onnx::NodeProto* node_;
};

// Small ONNX models, one line a node:
//
//   ModelBuilder model(13);
//   model.Input("x", {-1, 4});
//   model.Node("Relu", {"x"}, {"y"});
//   model.Output("y");
//   ImportModel(model.Bytes());
class ModelBuilder {
 public:
  explicit ModelBuilder(int64_t opset);

  // Dimensions; -1 is the symbol "N".
  ModelBuilder& Input(const std::string& name, std::vector<int64_t> dims,
                      int32_t type = ::onnx::TensorProto::FLOAT);
  ModelBuilder& Output(const std::string& name);
  ModelBuilder& Floats(const std::string& name, Shape shape,
                       std::vector<float> values);
  // Float32 elements 0.01, 0.02, ...
  ModelBuilder& Weights(const std::string& name, Shape shape);
  ModelBuilder& Ints(const std::string& name, std::vector<int64_t> values);
  ModelBuilder& Constant(const std::string& name, const Tensor& tensor);
  NodeHandle Node(const std::string& op_type, std::vector<std::string> inputs,
                  std::vector<std::string> outputs);

  ::onnx::ModelProto& proto() { return proto_; }
  std::string Bytes() const { return proto_.SerializeAsString(); }

 private:
  ::onnx::ModelProto proto_;
};

}  // namespace octet::onnx

#endif  // OCTET_TESTS_ENGINE_ONNX_MODEL_BUILDER_H_
