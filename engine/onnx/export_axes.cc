// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/status_macros.h"
#include "engine/onnx/export_rules.h"

namespace octet::onnx {

absl::Status WriteOp(const ir::MatMul& op, NodeWriter& writer) {
  const size_t rank_b = writer.InputDims(1).size();
  const bool gemm = writer.InputDims(0).size() == 2 && rank_b == 2 &&
                    (op.transpose_b || op.has_bias);
  const bool clamps = !op.activation.is_identity();
  if (gemm) {
    writer.Expect(clamps ? 2 : 1);
    SetInt(writer.Add("Gemm", writer.Inputs(op.has_bias ? 3 : 2)), "transB",
           op.transpose_b ? 1 : 0);
  } else {
    writer.Expect(1 + (op.transpose_b ? 1 : 0) + (op.has_bias ? 1 : 0) +
                  (clamps ? 1 : 0));
    std::string b = writer.Input(1);
    if (op.transpose_b) {
      std::vector<int> perm;
      for (size_t i = 0; i < rank_b; ++i) perm.push_back(i);
      std::swap(perm[rank_b - 2], perm[rank_b - 1]);
      SetInts(writer.Add("Transpose", {b}), "perm", perm);
      b = writer.current();
    }
    writer.Add("MatMul", {writer.Input(0), b});
    if (op.has_bias) writer.Add("Add", {writer.current(), writer.Input(2)});
  }
  if (clamps) writer.AddActivation(op.activation, writer.current());
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Softmax& op, NodeWriter& writer) {
  const char* op_type = op.log ? "LogSoftmax" : "Softmax";
  if (!op.through_last_axis) {
    writer.Expect(1);
    SetInt(writer.Add(op_type, {writer.Input(0)}), "axis", op.axis);
    return absl::OkStatus();
  }
  // Since opset 13 it is over one axis only: the axes are joined before.
  OCTET_RETURN_IF_ERROR(writer.CheckReshape(writer.InputDims(0)));
  std::vector<int64_t> joined(op.axis, 0);
  joined.push_back(-1);
  writer.Expect(3);
  writer.Add("Reshape", {writer.Input(0), writer.Ints("joined", joined)});
  SetInt(writer.Add(op_type, {writer.current()}), "axis", op.axis);
  writer.AddReshape(writer.current(), writer.InputDims(0));
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Reduce& op, NodeWriter& writer) {
  if (op.axes.empty()) return writer.Unsupported("no axes");
  writer.Expect(1);
  pb::NodeProto* node = nullptr;
  if (op.kind == ir::ReduceKind::kSum) {
    const std::vector<int64_t> axes(op.axes.begin(), op.axes.end());
    node =
        writer.Add("ReduceSum", {writer.Input(0), writer.Ints("axes", axes)});
  } else {
    node = writer.Add(op.Name(), {writer.Input(0)});
    SetInts(node, "axes", op.axes);
  }
  SetInt(node, "keepdims", op.keep_dims ? 1 : 0);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::ArgReduce& op, NodeWriter& writer) {
  writer.Expect(1);
  pb::NodeProto* node = writer.Add(op.Name(), {writer.Input(0)});
  SetInt(node, "axis", op.axis);
  SetInt(node, "keepdims", op.keep_dims ? 1 : 0);
  SetInt(node, "select_last_index", op.last_index ? 1 : 0);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::TopK& op, NodeWriter& writer) {
  writer.Expect(1);
  pb::NodeProto* node =
      writer.Add("TopK", {writer.Input(0), writer.Ints("k", {op.k})});
  writer.AddOtherOutputs(node);
  SetInt(node, "axis", op.axis);
  SetInt(node, "largest", op.largest ? 1 : 0);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::CumSum& op, NodeWriter& writer) {
  writer.Expect(1);
  const Tensor axis = Tensor::Of<int64_t>({}, {op.axis});
  pb::NodeProto* node =
      writer.Add("CumSum", {writer.Input(0), writer.Initializer("axis", axis)});
  SetInt(node, "exclusive", op.exclusive ? 1 : 0);
  SetInt(node, "reverse", op.reverse ? 1 : 0);
  return absl::OkStatus();
}

}  // namespace octet::onnx
