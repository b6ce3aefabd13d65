// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/onnx/export_rules.h"

// QLinearConv-10 and QLinearMatMul-10 of ONNX; QGemm, QLinearAdd, QLinearMul,
// QLinearAveragePool and QLinearGlobalAveragePool of ONNX Runtime's domain
// com.microsoft, version 1.
namespace octet::onnx {
namespace {

// ONNX Runtime has these operators for data and results of one type.
bool KeepsType(const NodeWriter& writer) {
  const ir::TensorType& x = writer.InputType(0);
  const ir::TensorType& y = writer.OutputType();
  return x.quantization.has_value() && y.quantization.has_value() &&
         x.quantization->per_tensor() && y.quantization->per_tensor() &&
         x.dtype == y.dtype &&
         (x.dtype == DType::kUInt8 || x.dtype == DType::kInt8);
}

// Whether every integer of `type` stands for a real that `range` lets pass,
// so that rounding to it clamps already.
bool HoldsByItself(const ir::Activation& range, const ir::TensorType& type) {
  const double scale = type.quantization->scales[0];
  const int32_t zero_point = type.quantization->zero_points[0];
  const bool is_signed = type.dtype == DType::kInt8;
  const double least = is_signed ? std::numeric_limits<int8_t>::min() : 0;
  const double most = is_signed ? std::numeric_limits<int8_t>::max()
                                : std::numeric_limits<uint8_t>::max();
  return std::nearbyint(range.lower / scale) + zero_point <= least &&
         std::nearbyint(range.upper / scale) + zero_point >= most;
}

int ClampNodes(const ir::Activation& range, const ir::TensorType& type) {
  return HoldsByItself(range, type) ? 0 : 3;
}

// Rounding is monotone, so that it may come before the clamp as well as after.
void AddIntegerClamp(const ir::Activation& range, NodeWriter& writer) {
  if (HoldsByItself(range, writer.OutputType())) return;
  writer.AddDequantize(writer.current(), writer.output_id());
  writer.AddActivation(range, writer.current());
  writer.AddQuantize(writer.current(), writer.output_id());
}

void Append(const std::pair<std::string, std::string>& quantization,
            std::vector<std::string>& inputs) {
  inputs.push_back(quantization.first);
  inputs.push_back(quantization.second);
}

void AppendOperand(int i, NodeWriter& writer,
                   std::vector<std::string>& inputs) {
  inputs.push_back(writer.Input(i));
  Append(writer.InputQuantization(i), inputs);
}

bool WriteAsQLinear(const ir::Conv& op, NodeWriter& writer) {
  if (op.has_residual || op.layout != ir::Layout::kChannelsFirst ||
      !KeepsType(writer)) {
    return false;
  }
  std::vector<std::string> inputs;
  AppendOperand(0, writer, inputs);
  AppendOperand(1, writer, inputs);
  Append(writer.OutputQuantization(), inputs);
  if (op.has_bias) inputs.push_back(writer.Input(2));
  writer.Expect(1 + ClampNodes(op.activation, writer.OutputType()));
  pb::NodeProto* conv = writer.Add("QLinearConv", std::move(inputs));
  SetWindow(op.window, conv);
  SetInts(conv, "dilations", op.window.dilations);
  SetInt(conv, "group", op.groups);
  AddIntegerClamp(op.activation, writer);
  return true;
}

// a [M, K] times b, with the result's integers, or its reals where it has none.
void AddQGemm(const ir::MatMul& op, std::string a, NodeWriter& writer) {
  std::vector<std::string> inputs = {std::move(a)};
  Append(writer.InputQuantization(0), inputs);
  AppendOperand(1, writer, inputs);
  inputs.push_back(op.has_bias ? writer.Input(2) : "");
  if (writer.OutputType().quantization.has_value()) {
    Append(writer.OutputQuantization(), inputs);
  }
  SetInt(writer.AddMicrosoft("QGemm", std::move(inputs)), "transB",
         op.transpose_b ? 1 : 0);
}

// A result of reals.
bool WriteQGemmToFloat(const ir::MatMul& op, NodeWriter& writer) {
  if (writer.InputDims(0).size() != 2) return false;
  const bool clamps = !op.activation.is_identity();
  writer.Expect(clamps ? 2 : 1);
  AddQGemm(op, writer.Input(0), writer);
  if (clamps) writer.AddActivation(op.activation, writer.current());
  return true;
}

bool WriteAsQLinear(const ir::MatMul& op, NodeWriter& writer) {
  if (writer.InputDims(1).size() != 2) return false;
  if (!writer.OutputType().quantization.has_value()) {
    return WriteQGemmToFloat(op, writer);
  }
  if (!KeepsType(writer)) return false;
  const int clamp_nodes = ClampNodes(op.activation, writer.OutputType());
  if (!op.has_bias && !op.transpose_b) {
    std::vector<std::string> inputs;
    AppendOperand(0, writer, inputs);
    AppendOperand(1, writer, inputs);
    Append(writer.OutputQuantization(), inputs);
    writer.Expect(1 + clamp_nodes);
    writer.Add("QLinearMatMul", std::move(inputs));
    AddIntegerClamp(op.activation, writer);
    return true;
  }
  if (writer.InputDims(0).size() == 2) {
    writer.Expect(1 + clamp_nodes);
    AddQGemm(op, writer.Input(0), writer);
    AddIntegerClamp(op.activation, writer);
    return true;
  }
  // QGemm has two axes only: the leading ones are joined around it.
  const ir::Dims& dims = writer.OutputType().dims;
  if (!writer.CheckReshape(dims).ok()) return false;
  const int64_t depth = writer.InputDims(0).back().value;
  writer.Expect(3 + clamp_nodes);
  writer.Add("Reshape", {writer.Input(0), writer.Ints("joined", {-1, depth})});
  AddQGemm(op, writer.current(), writer);
  writer.AddReshape(writer.current(), dims);
  AddIntegerClamp(op.activation, writer);
  return true;
}

bool WriteAsQLinear(const ir::Binary& op, NodeWriter& writer) {
  const bool adds = op.kind == ir::BinaryKind::kAdd;
  if ((!adds && op.kind != ir::BinaryKind::kMul) || !KeepsType(writer) ||
      writer.InputType(1).dtype != writer.InputType(0).dtype) {
    return false;
  }
  std::vector<std::string> inputs;
  AppendOperand(0, writer, inputs);
  AppendOperand(1, writer, inputs);
  Append(writer.OutputQuantization(), inputs);
  writer.Expect(1 + ClampNodes(op.activation, writer.OutputType()));
  writer.AddMicrosoft(adds ? "QLinearAdd" : "QLinearMul", std::move(inputs));
  AddIntegerClamp(op.activation, writer);
  return true;
}

pb::NodeProto* AddQLinearPool(const char* op_type, NodeWriter& writer) {
  std::vector<std::string> inputs;
  AppendOperand(0, writer, inputs);
  Append(writer.OutputQuantization(), inputs);
  writer.Expect(1);
  return writer.AddMicrosoft(op_type, std::move(inputs));
}

bool WriteAsQLinear(const ir::Pool& op, NodeWriter& writer) {
  const bool dilated =
      std::any_of(op.window.dilations.begin(), op.window.dilations.end(),
                  [](int64_t step) { return step != 1; });
  if (op.kind != ir::PoolKind::kAverage || dilated || !KeepsType(writer) ||
      op.layout != ir::Layout::kChannelsFirst) {
    return false;
  }
  pb::NodeProto* pool = AddQLinearPool("QLinearAveragePool", writer);
  SetWindow(op.window, pool);
  SetInt(pool, "ceil_mode", op.ceil_mode ? 1 : 0);
  SetInt(pool, "count_include_pad", op.count_include_pad ? 1 : 0);
  return true;
}

bool WriteAsQLinear(const ir::GlobalPool& op, NodeWriter& writer) {
  if (op.kind != ir::PoolKind::kAverage || !KeepsType(writer) ||
      op.layout != ir::Layout::kChannelsFirst) {
    return false;
  }
  AddQLinearPool("QLinearGlobalAveragePool", writer);
  return true;
}

}  // namespace

bool WriteQLinear(const ir::Op& op, NodeWriter& writer) {
  return std::visit(
      [&writer](const auto& op) -> bool {
        if constexpr (requires { WriteAsQLinear(op, writer); }) {
          return WriteAsQLinear(op, writer);
        } else {
          return false;
        }
      },
      op);
}

}  // namespace octet::onnx
