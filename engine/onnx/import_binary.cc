// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

// Arithmetic, comparison and logic on two operands, or more, that broadcast.
namespace octet::onnx {
namespace {

absl::StatusOr<ir::BinaryKind> ModKind(const NodeReader& node, DType operands) {
  OCTET_ASSIGN_OR_RETURN(const int64_t fmod, node.Int("fmod", 0));
  if (fmod == 0 && IsFloat(operands)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "fmod is 0 for operands of ", Name(operands), "; expected 1"));
  }
  return fmod == 0 ? ir::BinaryKind::kMod : ir::BinaryKind::kFmod;
}

absl::StatusOr<ir::BinaryKind> ShiftKind(const NodeReader& node) {
  OCTET_ASSIGN_OR_RETURN(const std::string direction,
                         node.String("direction", ""));
  if (direction == "LEFT") return ir::BinaryKind::kShiftLeft;
  if (direction == "RIGHT") return ir::BinaryKind::kShiftRight;
  return absl::InvalidArgumentError(
      absl::StrCat("direction is '", direction, "'; expected LEFT or RIGHT"));
}

absl::StatusOr<ir::BinaryKind> KindOf(const NodeReader& node, DType operands) {
  using Kind = ir::BinaryKind;
  static const auto& kinds = *new absl::flat_hash_map<absl::string_view, Kind>{
      {"Add", Kind::kAdd},
      {"Sub", Kind::kSub},
      {"Mul", Kind::kMul},
      {"Div", Kind::kDiv},
      {"Min", Kind::kMin},
      {"Max", Kind::kMax},
      {"Pow", Kind::kPow},
      {"Sum", Kind::kAdd},
      {"Mean", Kind::kAdd},
      {"PRelu", Kind::kPrelu},
      {"Equal", Kind::kEqual},
      {"Less", Kind::kLess},
      {"LessOrEqual", Kind::kLessOrEqual},
      {"Greater", Kind::kGreater},
      {"GreaterOrEqual", Kind::kGreaterOrEqual},
      {"And", Kind::kAnd},
      {"Or", Kind::kOr},
      {"Xor", Kind::kXor},
      {"BitwiseAnd", Kind::kBitAnd},
      {"BitwiseOr", Kind::kBitOr},
      {"BitwiseXor", Kind::kBitXor}};
  if (node.op_type() == "Mod") return ModKind(node, operands);
  if (node.op_type() == "BitShift") return ShiftKind(node);
  return kinds.at(node.op_type());
}

// Before opset 7, `axis` says where b's first axis lies in a; axes of one entry
// behind b's own make that numpy's rule.
absl::StatusOr<ir::ValueId> AlignAtAxis(const NodeReader& node,
                                        GraphBuilder& graph, ir::ValueId a,
                                        ir::ValueId b) {
  OCTET_ASSIGN_OR_RETURN(const int64_t broadcast, node.Int("broadcast", 0));
  const int64_t rank_a = graph.dims(a).size();
  const int64_t rank_b = graph.dims(b).size();
  OCTET_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", rank_a - rank_b));
  if (broadcast == 0 || rank_b == 0 || axis == rank_a - rank_b) return b;
  OCTET_ASSIGN_OR_RETURN(const int start, NormalizedAxis(axis, rank_a));
  if (start + rank_b > rank_a) {
    return absl::InvalidArgumentError(
        absl::StrCat("axis ", axis, " puts ", ir::DimsToString(graph.dims(b)),
                     " outside ", ir::DimsToString(graph.dims(a))));
  }
  ir::Dims dims = graph.dims(b);
  dims.resize(rank_a - start, ir::Dim::Fixed(1));
  return graph.Compute(node, ir::Reshape{std::move(dims)}, {b});
}

// Input `i` of a binary operator. Pow's exponent may have a type of its own; as
// a constant of one number it is converted.
absl::StatusOr<ir::ValueId> ReadOperand(const NodeReader& node,
                                        GraphBuilder& graph, int i) {
  const std::optional<Tensor> constant = graph.Constant(node, i);
  if (node.op_type() == "Pow" && i == 1 && constant.has_value() &&
      constant->size() == 1) {
    std::optional<float> exponent;
    if (constant->dtype() == DType::kInt64) {
      exponent = static_cast<float>(constant->data<int64_t>()[0]);
    } else if (constant->dtype() == DType::kInt32) {
      exponent = static_cast<float>(constant->data<int32_t>()[0]);
    }
    if (exponent.has_value()) {
      return graph.AddConstant(
          node, Tensor::Of<float>(constant->shape(), {*exponent}));
    }
  }
  return graph.Read(node, i);
}

// The slope of PRelu: one number a channel before opset 7.
absl::StatusOr<ir::ValueId> AlignSlope(const NodeReader& node,
                                       GraphBuilder& graph, ir::ValueId x,
                                       ir::ValueId slope) {
  const size_t rank = graph.dims(x).size();
  ir::Dims dims = graph.dims(slope);
  if (node.opset() >= 7 || dims.size() != 1 || rank < 3) return slope;
  dims.resize(rank - 1, ir::Dim::Fixed(1));
  return graph.Compute(node, ir::Reshape{std::move(dims)}, {slope});
}

}  // namespace

absl::Status ImportBinary(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
  node.Ignore("consumed_inputs");
  OCTET_ASSIGN_OR_RETURN(ir::ValueId a, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId b, ReadOperand(node, graph, 1));
  OCTET_ASSIGN_OR_RETURN(const ir::BinaryKind kind,
                         KindOf(node, graph.type(a).dtype));
  if (node.opset() < 7) {
    OCTET_ASSIGN_OR_RETURN(b, AlignAtAxis(node, graph, a, b));
  }
  return graph.Result(node, ir::Binary{kind, {}}, {a, b});
}

absl::Status ImportPrelu(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
  node.Ignore("consumed_inputs");
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId slope, graph.Read(node, 1));
  OCTET_ASSIGN_OR_RETURN(slope, AlignSlope(node, graph, x, slope));
  const ir::Dims dims = graph.dims(x);
  const ir::Dims slope_dims = graph.dims(slope);
  OCTET_ASSIGN_OR_RETURN(
      const ir::ValueId y,
      graph.Compute(node, ir::Binary{ir::BinaryKind::kPrelu, {}}, {x, slope}));
  if (graph.dims(y) != dims) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the slope has dimensions ", ir::DimsToString(slope_dims),
        "; expected some that broadcast to ", ir::DimsToString(dims)));
  }
  return graph.ResultIs(node, y);
}

absl::Status ImportVariadic(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(
      node.ExpectInputs(std::max(1, node.input_count()), node.input_count()));
  node.Ignore("consumed_inputs");
  OCTET_ASSIGN_OR_RETURN(ir::ValueId sum, graph.Read(node, 0));
  const DType dtype = graph.type(sum).dtype;
  OCTET_ASSIGN_OR_RETURN(const ir::BinaryKind kind, KindOf(node, dtype));
  for (int i = 1; i < node.input_count(); ++i) {
    OCTET_ASSIGN_OR_RETURN(const ir::ValueId next, graph.Read(node, i));
    OCTET_ASSIGN_OR_RETURN(
        sum, graph.Compute(node, ir::Binary{kind, {}}, {sum, next}));
  }
  if (node.op_type() != "Mean" || node.input_count() == 1) {
    return graph.ResultIs(node, sum);
  }
  OCTET_ASSIGN_OR_RETURN(const ir::ValueId count,
                         AddScalar(node, graph, dtype, node.input_count()));
  return graph.Result(node, ir::Binary{ir::BinaryKind::kDiv, {}}, {sum, count});
}

absl::StatusOr<ir::ValueId> AddScalar(const NodeReader& node,
                                      GraphBuilder& graph, DType dtype,
                                      double value) {
  if (dtype == DType::kFloat32) {
    return graph.AddConstant(
        node, Tensor::Of<float>({}, {static_cast<float>(value)}));
  }
  if (dtype == DType::kFloat64) {
    return graph.AddConstant(node, Tensor::Of<double>({}, {value}));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the input is ", Name(dtype), "; expected float32 or float64"));
}

}  // namespace octet::onnx
