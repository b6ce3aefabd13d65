// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/status_macros.h"
#include "engine/onnx/export_rules.h"

namespace octet::onnx {
namespace {

// x / sqrt(mean(x^2) + epsilon), for opset 17 has no RMSNormalization.
void WriteRmsNorm(const ir::LayerNorm& op, NodeWriter& writer) {
  std::vector<int> axes(writer.InputDims(0).size() - op.axis);
  std::iota(axes.begin(), axes.end(), op.axis);
  writer.Expect(5 + (op.has_scale ? 1 : 0) + (op.has_bias ? 1 : 0));
  writer.Add("Mul", {writer.Input(0), writer.Input(0)});
  SetInts(writer.Add("ReduceMean", {writer.current()}), "axes", axes);
  writer.Add("Add", {writer.current(), writer.Float("epsilon", op.epsilon)});
  writer.Add("Sqrt", {writer.current()});
  writer.Add("Div", {writer.Input(0), writer.current()});
  int input = 1;
  if (op.has_scale) {
    writer.Add("Mul", {writer.current(), writer.Input(input++)});
  }
  if (op.has_bias) writer.Add("Add", {writer.current(), writer.Input(input)});
}

// The scale of LayerNormalization, which it cannot do without.
absl::StatusOr<std::string> Ones(const ir::LayerNorm& op, NodeWriter& writer) {
  Shape shape;
  const ir::Dims& dims = writer.InputDims(0);
  for (size_t i = op.axis; i < dims.size(); ++i) {
    if (dims[i].per_row) return writer.Unsupported("it normalizes over rows");
    shape.push_back(dims[i].value);
  }
  Tensor ones(DType::kFloat32, shape);
  const auto data = ones.mutable_data<float>();
  std::fill(data.begin(), data.end(), 1.0f);
  return writer.Initializer("scale", ones);
}

}  // namespace

absl::Status WriteOp(const ir::LayerNorm& op, NodeWriter& writer) {
  if (!op.subtract_mean) {
    WriteRmsNorm(op, writer);
    return absl::OkStatus();
  }
  std::vector<std::string> inputs = {writer.Input(0)};
  if (op.has_scale) {
    inputs.push_back(writer.Input(1));
  } else {
    OCTET_ASSIGN_OR_RETURN(inputs.emplace_back(), Ones(op, writer));
  }
  if (op.has_bias) inputs.push_back(writer.Input(op.has_scale ? 2 : 1));
  writer.Expect(1);
  pb::NodeProto* node = writer.Add("LayerNormalization", std::move(inputs));
  SetInt(node, "axis", op.axis);
  SetFloat(node, "epsilon", op.epsilon);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::BatchNorm& op, NodeWriter& writer) {
  writer.Expect(1);
  SetFloat(writer.Add("BatchNormalization", writer.Inputs(5)), "epsilon",
           op.epsilon);
  return absl::OkStatus();
}

}  // namespace octet::onnx
