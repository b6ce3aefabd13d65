// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/recurrent_inputs.h"
#include "engine/onnx/op_registry.h"
#include "engine/onnx/recurrent_functions.h"

namespace octet::onnx {
namespace {

// ONNX takes the names whatever their case.
absl::StatusOr<NamedFunction> FunctionNamed(const std::string& name) {
  for (const NamedFunction& named : RecurrentFunctions()) {
    if (absl::EqualsIgnoreCase(named.name, name)) return named;
  }
  return absl::UnimplementedError(absl::StrCat(
      "attribute 'activations' has '", name,
      "'; octet runs the functions that the operator's text lists"));
}

std::vector<std::string> DefaultFunctions(ir::RecurrentKind kind,
                                          int directions) {
  std::vector<std::string> names;
  for (int d = 0; d < directions; ++d) {
    if (kind != ir::RecurrentKind::kRnn) names.push_back("Sigmoid");
    names.push_back("Tanh");
    if (kind == ir::RecurrentKind::kLstm) names.push_back("Tanh");
  }
  return names;
}

absl::StatusOr<std::vector<ir::RecurrentFunction>> ReadFunctions(
    const NodeReader& node, const ir::Recurrent& op) {
  OCTET_ASSIGN_OR_RETURN(auto names, node.Strings("activations"));
  OCTET_ASSIGN_OR_RETURN(auto alphas, node.Floats("activation_alpha"));
  OCTET_ASSIGN_OR_RETURN(auto betas, node.Floats("activation_beta"));
  if (!names.has_value() || names->empty()) {
    names = DefaultFunctions(op.kind, ir::DirectionCount(op.direction));
  }
  std::vector<ir::RecurrentFunction> functions;
  size_t alpha = 0;
  size_t beta = 0;
  for (const std::string& name : *names) {
    OCTET_ASSIGN_OR_RETURN(NamedFunction named, FunctionNamed(name));
    // Each list goes to the functions that take one, in their order.
    if (named.takes_alpha && alphas.has_value() && alpha < alphas->size()) {
      named.function.alpha = (*alphas)[alpha++];
    }
    if (named.takes_beta && betas.has_value() && beta < betas->size()) {
      named.function.beta = (*betas)[beta++];
    }
    functions.push_back(named.function);
  }
  return functions;
}

absl::StatusOr<ir::RecurrentDirection> ReadDirection(const NodeReader& node) {
  OCTET_ASSIGN_OR_RETURN(const std::string direction,
                         node.String("direction", "forward"));
  if (direction == "forward") return ir::RecurrentDirection::kForward;
  if (direction == "reverse") return ir::RecurrentDirection::kReverse;
  if (direction == "bidirectional") {
    return ir::RecurrentDirection::kBidirectional;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("attribute 'direction' is '", direction,
                   "'; expected forward, reverse or bidirectional"));
}

absl::StatusOr<ir::Recurrent> ReadAttributes(const NodeReader& node) {
  ir::Recurrent op;
  op.kind = node.op_type() == "RNN"   ? ir::RecurrentKind::kRnn
            : node.op_type() == "GRU" ? ir::RecurrentKind::kGru
                                      : ir::RecurrentKind::kLstm;
  OCTET_ASSIGN_OR_RETURN(op.direction, ReadDirection(node));
  OCTET_ASSIGN_OR_RETURN(op.functions, ReadFunctions(node, op));
  OCTET_ASSIGN_OR_RETURN(op.clip, node.Float("clip", 0));
  if (op.kind == ir::RecurrentKind::kGru) {
    OCTET_ASSIGN_OR_RETURN(const int64_t linear,
                           node.Int("linear_before_reset", 0));
    op.linear_before_reset = linear != 0;
  }
  if (op.kind == ir::RecurrentKind::kLstm) {
    OCTET_ASSIGN_OR_RETURN(const int64_t couple, node.Int("input_forget", 0));
    op.input_forget = couple != 0;
  }
  node.Ignore("output_sequence");  // opset 6: the outputs' names say it
  op.has_bias = node.HasInput(3);
  op.has_sequence_lens = node.HasInput(4);
  op.has_initial_h = node.HasInput(5);
  op.has_initial_c = node.HasInput(6);
  op.has_peepholes = node.HasInput(7);
  return op;
}

// 8-bit integers with their scales and zero points as DynamicQuantizeLSTM has
// W and R: [directions, depth, rows of gates], one scale for all or for each
// direction, or one for each of its rows.
struct DynamicWeights {
  Tensor integers;
  Tensor scales;
  std::optional<Tensor> zero_points;

  int64_t directions() const { return integers.shape()[0]; }
  int64_t depth() const { return integers.shape()[1]; }
  int64_t rows() const { return integers.shape()[2]; }
  int64_t At(int64_t d, int64_t k, int64_t row) const {
    return (d * depth() + k) * rows() + row;
  }
  float Scale(int64_t d, int64_t row) const {
    return scales.data<float>()[IndexIn(scales, d, row)];
  }
  int ZeroPoint(int64_t d, int64_t row) const {
    if (!zero_points.has_value()) return 0;
    return ByteAt(*zero_points, IndexIn(*zero_points, d, row));
  }
  // The integer less its zero point.
  int Value(int64_t d, int64_t k, int64_t row) const {
    return ByteAt(integers, At(d, k, row)) - ZeroPoint(d, row);
  }

  static int ByteAt(const Tensor& tensor, int64_t i) {
    return tensor.dtype() == DType::kInt8 ? tensor.data<int8_t>()[i]
                                          : tensor.data<uint8_t>()[i];
  }

 private:
  int64_t IndexIn(const Tensor& tensor, int64_t d, int64_t row) const {
    if (tensor.size() == 1) return 0;
    return tensor.size() == directions() ? d : d * rows() + row;
  }
};

absl::Status ExpectScaleForm(absl::string_view what, const Tensor& tensor,
                             const DynamicWeights& weights) {
  for (int64_t size : {int64_t{1}, weights.directions(),
                       weights.directions() * weights.rows()}) {
    if (tensor.size() == size) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      what, " has ", tensor.size(), " elements; expected 1, ",
      weights.directions(), " or ", weights.directions() * weights.rows()));
}

// Weights in input `input`, their scales in `scale` and zero points behind it.
absl::StatusOr<DynamicWeights> ReadDynamicWeights(const NodeReader& node,
                                                  GraphBuilder& graph,
                                                  int input, int scale,
                                                  absl::string_view name) {
  if (!node.HasInput(scale)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "input ", scale, " is missing; expected ", name, "_scale"));
  }
  OCTET_ASSIGN_OR_RETURN(Tensor integers,
                         graph.RequireConstant(node, input, name));
  OCTET_ASSIGN_OR_RETURN(
      Tensor scales,
      graph.RequireConstant(node, scale, absl::StrCat(name, "_scale")));
  DynamicWeights weights{std::move(integers), std::move(scales), std::nullopt};
  const auto is_byte = [](const Tensor& tensor) {
    return tensor.dtype() == DType::kInt8 || tensor.dtype() == DType::kUInt8;
  };
  if (!is_byte(weights.integers) || weights.integers.shape().size() != 3 ||
      weights.integers.size() == 0 ||
      weights.scales.dtype() != DType::kFloat32) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, " is ", Name(weights.integers.dtype()),
        ShapeToString(weights.integers.shape()), " with scales of ",
        Name(weights.scales.dtype()),
        "; expected int8 or uint8 [directions, inputs, rows of gates], none "
        "empty, and float32"));
  }
  OCTET_RETURN_IF_ERROR(
      ExpectScaleForm(absl::StrCat(name, "_scale"), weights.scales, weights));
  if (node.HasInput(scale + 1)) {
    OCTET_ASSIGN_OR_RETURN(
        weights.zero_points,
        graph.RequireConstant(node, scale + 1,
                              absl::StrCat(name, "_zero_point")));
    if (weights.zero_points->dtype() != weights.integers.dtype()) {
      return absl::InvalidArgumentError(absl::StrCat(
          name, "_zero_point is ", Name(weights.zero_points->dtype()),
          "; expected ", Name(weights.integers.dtype()), " like ", name));
    }
    OCTET_RETURN_IF_ERROR(ExpectScaleForm(absl::StrCat(name, "_zero_point"),
                                          *weights.zero_points, weights));
  }
  return weights;
}

// The same as Recurrent takes them, s8 behind a Dequantize: nothing where a
// weight does not fit, a direction has scales of its own, or one is no scale.
std::optional<Tensor> AsBytes(const DynamicWeights& weights,
                              ir::Quantization& quantization) {
  const int64_t rows = weights.rows();
  for (int64_t row = 0; row < rows; ++row) {
    const float scale = weights.Scale(0, row);
    if (!(scale > 0) || !std::isfinite(scale)) return std::nullopt;
    quantization.scales.push_back(scale);
  }
  quantization.zero_points.assign(rows, 0);
  quantization.axis = 1;
  Tensor bytes(DType::kInt8, {weights.directions(), rows, weights.depth()});
  auto to = bytes.mutable_data<int8_t>().begin();
  for (int64_t d = 0; d < weights.directions(); ++d) {
    for (int64_t row = 0; row < rows; ++row) {
      if (weights.Scale(d, row) != quantization.scales[row]) {
        return std::nullopt;
      }
      for (int64_t k = 0; k < weights.depth(); ++k) {
        const int value = weights.Value(d, k, row);
        if (value < -128 || value > 127) return std::nullopt;
        *to++ = static_cast<int8_t>(value);
      }
    }
  }
  return bytes;
}

Tensor AsFloats(const DynamicWeights& weights) {
  Tensor floats(DType::kFloat32,
                {weights.directions(), weights.rows(), weights.depth()});
  auto to = floats.mutable_data<float>().begin();
  for (int64_t d = 0; d < weights.directions(); ++d) {
    for (int64_t row = 0; row < weights.rows(); ++row) {
      for (int64_t k = 0; k < weights.depth(); ++k) {
        *to++ = weights.Scale(d, row) *
                static_cast<float>(weights.Value(d, k, row));
      }
    }
  }
  return floats;
}

// The float [directions, rows of gates, inputs] that the weights stand for.
absl::StatusOr<ir::ValueId> RealWeights(const NodeReader& node,
                                        GraphBuilder& graph,
                                        const DynamicWeights& weights) {
  OCTET_RETURN_IF_ERROR(
      graph.Charge(weights.integers.size() * int64_t{sizeof(float)}));
  ir::Quantization quantization;
  std::optional<Tensor> bytes = AsBytes(weights, quantization);
  if (!bytes.has_value()) return graph.AddConstant(node, AsFloats(weights));
  OCTET_ASSIGN_OR_RETURN(
      const ir::ValueId id,
      graph.AddConstant(node, *std::move(bytes), std::move(quantization)));
  return graph.Compute(node, ir::Dequantize{}, {id});
}

// The inputs that are there, in order, as layout 0 has them.
absl::StatusOr<std::vector<ir::ValueId>> ReadInputs(const NodeReader& node,
                                                    GraphBuilder& graph,
                                                    bool batch_first) {
  std::vector<ir::ValueId> inputs;
  for (int i = 0; i < node.input_count(); ++i) {
    if (!node.HasInput(i)) continue;
    OCTET_ASSIGN_OR_RETURN(ir::ValueId id, graph.Read(node, i));
    const bool has_batch = i == 0 || i == 5 || i == 6;
    if (batch_first && has_batch) {
      OCTET_ASSIGN_OR_RETURN(
          id, graph.Compute(node, ir::Transpose{{1, 0, 2}}, {id}));
    }
    inputs.push_back(id);
  }
  return inputs;
}

}  // namespace

absl::Status ImportRecurrent(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(3, node.op_type() == "LSTM" ? 8 : 6));
  OCTET_ASSIGN_OR_RETURN(ir::Recurrent op, ReadAttributes(node));
  OCTET_ASSIGN_OR_RETURN(const int64_t layout, node.Int("layout", 0));
  OCTET_ASSIGN_OR_RETURN(std::vector<ir::ValueId> inputs,
                         ReadInputs(node, graph, layout != 0));
  const ir::Dims& r = graph.dims(inputs[2]);
  OCTET_ASSIGN_OR_RETURN(
      op.hidden,
      node.Int("hidden_size", r.size() == 3 && !r[2].per_row ? r[2].value : 0));
  if (layout == 0) return graph.Results(node, std::move(op), std::move(inputs));
  OCTET_ASSIGN_OR_RETURN(
      std::vector<ir::ValueId> outputs,
      graph.ComputeAll(node, std::move(op), std::move(inputs)));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto output = static_cast<int>(i);
    if (output >= node.output_count() || node.output(output).empty()) continue;
    const ir::Transpose batch_first = {i == 0 ? std::vector<int>{2, 0, 1, 3}
                                              : std::vector<int>{1, 0, 2}};
    OCTET_ASSIGN_OR_RETURN(ir::ValueId id,
                           graph.Compute(node, batch_first, {outputs[i]}));
    OCTET_RETURN_IF_ERROR(graph.ResultIs(node, id, output));
  }
  return absl::OkStatus();
}

// com.microsoft, version 1: an LSTM whose weights are integers. ONNX Runtime
// rounds the input and the state to 8 bits, by their range of each run; here
// they are not rounded so far.
absl::Status ImportDynamicQuantizeLstm(const NodeReader& node,
                                       GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(3, 12));
  OCTET_ASSIGN_OR_RETURN(ir::Recurrent op, ReadAttributes(node));
  OCTET_ASSIGN_OR_RETURN(const DynamicWeights w,
                         ReadDynamicWeights(node, graph, 1, 8, "W"));
  OCTET_ASSIGN_OR_RETURN(const DynamicWeights r,
                         ReadDynamicWeights(node, graph, 2, 10, "R"));
  OCTET_ASSIGN_OR_RETURN(op.hidden, node.Int("hidden_size", r.depth()));
  std::vector<ir::ValueId> inputs(3);
  OCTET_ASSIGN_OR_RETURN(inputs[0], graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(inputs[1], RealWeights(node, graph, w));
  OCTET_ASSIGN_OR_RETURN(inputs[2], RealWeights(node, graph, r));
  for (int i = 3; i < 8; ++i) {
    if (!node.HasInput(i)) continue;
    OCTET_ASSIGN_OR_RETURN(inputs.emplace_back(), graph.Read(node, i));
  }
  return graph.Results(node, std::move(op), std::move(inputs));
}

}  // namespace octet::onnx
