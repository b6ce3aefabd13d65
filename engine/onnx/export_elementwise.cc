// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/export_rules.h"

namespace octet::onnx {
namespace {

// Whether opset 13 has the operator under the same name and attributes.
bool HasOneNode(ir::UnaryKind kind) {
  switch (kind) {
    case ir::UnaryKind::kMish:
    case ir::UnaryKind::kHardSwish:
    case ir::UnaryKind::kSwish:
    case ir::UnaryKind::kGelu:
    case ir::UnaryKind::kGeluTanh:
    case ir::UnaryKind::kCelu:
    case ir::UnaryKind::kSelu:
    case ir::UnaryKind::kThresholdedRelu:
    case ir::UnaryKind::kShrink:
    case ir::UnaryKind::kIsInf:
    case ir::UnaryKind::kBitNot:
      return false;
    default:
      return true;
  }
}

}  // namespace

absl::Status WriteOp(const ir::Binary& op, NodeWriter& writer) {
  if (op.kind > ir::BinaryKind::kPow) {
    return writer.Unsupported("octet does not write this operator");
  }
  const bool clamps = !op.activation.is_identity();
  writer.Expect(clamps ? 2 : 1);
  writer.Add(op.Name(), writer.Inputs(2));
  if (clamps) writer.AddActivation(op.activation, writer.current());
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Unary& op, NodeWriter& writer) {
  if (op.kind == ir::UnaryKind::kMish) {
    // x * tanh(log(1 + exp(x)))
    writer.Expect(3);
    writer.Add("Softplus", {writer.Input(0)});
    writer.Add("Tanh", {writer.current()});
    writer.Add("Mul", {writer.Input(0), writer.current()});
    return absl::OkStatus();
  }
  if (op.kind == ir::UnaryKind::kHardSwish) {
    // x * clamp(x / 6 + 1 / 2, 0, 1)
    writer.Expect(2);
    pb::NodeProto* gate = writer.Add("HardSigmoid", {writer.Input(0)});
    SetFloat(gate, "alpha", 1.0f / 6);
    SetFloat(gate, "beta", 0.5f);
    writer.Add("Mul", {writer.Input(0), writer.current()});
    return absl::OkStatus();
  }
  if (!HasOneNode(op.kind)) {
    return writer.Unsupported("octet does not write this operator");
  }
  writer.Expect(1);
  pb::NodeProto* node = writer.Add(op.Name(), {writer.Input(0)});
  if (op.kind == ir::UnaryKind::kLeakyRelu || op.kind == ir::UnaryKind::kElu ||
      op.kind == ir::UnaryKind::kHardSigmoid) {
    SetFloat(node, "alpha", op.alpha);
  }
  if (op.kind == ir::UnaryKind::kHardSigmoid) {
    SetFloat(node, "beta", op.beta);
  }
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Clamp& op, NodeWriter& writer) {
  writer.Expect(1);
  if (op.range.is_identity()) {
    writer.Add("Identity", {writer.Input(0)});
  } else {
    writer.AddActivation(op.range, writer.Input(0));
  }
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::BatchNorm& op, NodeWriter& writer) {
  writer.Expect(1);
  SetFloat(writer.Add("BatchNormalization", writer.Inputs(5)), "epsilon",
           op.epsilon);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Cast& op, NodeWriter& writer) {
  writer.Expect(1);
  SetInt(writer.Add("Cast", {writer.Input(0)}), "to", DTypeToOnnx(op.to));
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Quantize& /*op*/, NodeWriter& writer) {
  writer.Expect(1);
  writer.AddQuantize(writer.Input(0), writer.output_id());
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Dequantize& /*op*/, NodeWriter& writer) {
  writer.Expect(1);
  writer.AddDequantize(writer.Input(0), writer.input_id(0));
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Requantize& /*op*/, NodeWriter& writer) {
  writer.Expect(2);
  writer.AddDequantize(writer.Input(0), writer.input_id(0));
  writer.AddQuantize(writer.current(), writer.output_id());
  return absl::OkStatus();
}

}  // namespace octet::onnx
