// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>
#include <string>

#include "absl/strings/string_view.h"
#include "engine/onnx/export_rules.h"

namespace octet::onnx {
namespace {

using ir::BinaryKind;
using ir::UnaryKind;

// x * tanh(log(1 + exp(x)))
void WriteMish(NodeWriter& writer) {
  writer.Expect(3);
  writer.Add("Softplus", {writer.Input(0)});
  writer.Add("Tanh", {writer.current()});
  writer.Add("Mul", {writer.Input(0), writer.current()});
}

// x * clamp(x / 6 + 1 / 2, 0, 1)
void WriteHardSwish(NodeWriter& writer) {
  writer.Expect(2);
  pb::NodeProto* gate = writer.Add("HardSigmoid", {writer.Input(0)});
  SetFloat(gate, "alpha", 1.0f / 6);
  SetFloat(gate, "beta", 0.5f);
  writer.Add("Mul", {writer.Input(0), writer.current()});
}

// x * sigmoid(alpha * x)
void WriteSwish(float alpha, NodeWriter& writer) {
  writer.Expect(alpha == 1 ? 2 : 3);
  std::string inner = writer.Input(0);
  if (alpha != 1) {
    writer.Add("Mul", {inner, writer.Float("alpha", alpha)});
    inner = writer.current();
  }
  writer.Add("Sigmoid", {inner});
  writer.Add("Mul", {writer.Input(0), writer.current()});
}

// x * (1 + inner) / 2, as the last three of the nodes expected.
void WriteGate(NodeWriter& writer) {
  writer.Add("Add", {writer.current(), writer.Float("one", 1)});
  writer.Add("Mul", {writer.Input(0), writer.current()});
  writer.Add("Mul", {writer.current(), writer.Float("half", 0.5f)});
}

void WriteGelu(NodeWriter& writer) {
  writer.Expect(5);
  writer.Add("Div", {writer.Input(0),
                     writer.Float("sqrt_2", std::numbers::sqrt2_v<float>)});
  writer.Add("Erf", {writer.current()});
  WriteGate(writer);
}

// With tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)) in place of erf.
void WriteGeluTanh(NodeWriter& writer) {
  const float factor = std::sqrt(2 * std::numbers::inv_pi_v<float>);
  writer.Expect(8);
  writer.Add("Pow", {writer.Input(0), writer.Float("three", 3)});
  writer.Add("Mul", {writer.current(), writer.Float("cubic", 0.044715f)});
  writer.Add("Add", {writer.Input(0), writer.current()});
  writer.Add("Mul", {writer.current(), writer.Float("factor", factor)});
  writer.Add("Tanh", {writer.current()});
  WriteGate(writer);
}

// One node of the same name, and what ONNX calls alpha and beta.
void WriteOneNode(const ir::Unary& op, NodeWriter& writer) {
  writer.Expect(1);
  pb::NodeProto* node = writer.Add(op.Name(), {writer.Input(0)});
  switch (op.kind) {
    case UnaryKind::kHardSigmoid:
      SetFloat(node, "alpha", op.alpha);
      SetFloat(node, "beta", op.beta);
      return;
    case UnaryKind::kSelu:
      SetFloat(node, "alpha", op.alpha);
      SetFloat(node, "gamma", op.beta);
      return;
    case UnaryKind::kShrink:
      SetFloat(node, "lambd", op.alpha);
      SetFloat(node, "bias", op.beta);
      return;
    case UnaryKind::kIsInf:
      SetInt(node, "detect_negative", op.alpha != 0 ? 1 : 0);
      SetInt(node, "detect_positive", op.beta != 0 ? 1 : 0);
      return;
    case UnaryKind::kLeakyRelu:
    case UnaryKind::kElu:
    case UnaryKind::kCelu:
    case UnaryKind::kThresholdedRelu:
      SetFloat(node, "alpha", op.alpha);
      return;
    default:
      return;
  }
}

// How ONNX calls it; empty where opset 17 has none.
absl::string_view OnnxName(const ir::Binary& op) {
  switch (op.kind) {
    case BinaryKind::kFmod:
      return "Mod";
    case BinaryKind::kShiftLeft:
    case BinaryKind::kShiftRight:
      return "BitShift";
    case BinaryKind::kBitAnd:
    case BinaryKind::kBitOr:
    case BinaryKind::kBitXor:
      return "";
    default:
      return op.Name();
  }
}

constexpr absl::string_view kBitwise = "bitwise operators came with opset 18";

}  // namespace

absl::Status WriteOp(const ir::Binary& op, NodeWriter& writer) {
  const absl::string_view name = OnnxName(op);
  if (name.empty()) return writer.Unsupported(kBitwise);
  const bool clamps = !op.activation.is_identity();
  writer.Expect(clamps ? 2 : 1);
  pb::NodeProto* node = writer.Add(name, writer.Inputs(2));
  if (op.kind == BinaryKind::kFmod) SetInt(node, "fmod", 1);
  if (op.kind == BinaryKind::kShiftLeft) SetString(node, "direction", "LEFT");
  if (op.kind == BinaryKind::kShiftRight) SetString(node, "direction", "RIGHT");
  if (clamps) writer.AddActivation(op.activation, writer.current());
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Unary& op, NodeWriter& writer) {
  switch (op.kind) {
    case UnaryKind::kMish:
      WriteMish(writer);
      break;
    case UnaryKind::kHardSwish:
      WriteHardSwish(writer);
      break;
    case UnaryKind::kSwish:
      WriteSwish(op.alpha, writer);
      break;
    case UnaryKind::kGelu:
      WriteGelu(writer);
      break;
    case UnaryKind::kGeluTanh:
      WriteGeluTanh(writer);
      break;
    case UnaryKind::kBitNot:
      return writer.Unsupported(kBitwise);
    default:
      WriteOneNode(op, writer);
  }
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Where& /*op*/, NodeWriter& writer) {
  writer.Expect(1);
  writer.Add("Where", writer.Inputs(3));
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
