// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

ir::BinaryKind BinaryKindOf(const std::string& op_type) {
  static const auto& kinds =
      *new absl::flat_hash_map<absl::string_view, ir::BinaryKind>{
          {"Add", ir::BinaryKind::kAdd}, {"Sub", ir::BinaryKind::kSub},
          {"Mul", ir::BinaryKind::kMul}, {"Div", ir::BinaryKind::kDiv},
          {"Min", ir::BinaryKind::kMin}, {"Max", ir::BinaryKind::kMax},
          {"Pow", ir::BinaryKind::kPow}, {"Sum", ir::BinaryKind::kAdd}};
  return kinds.at(op_type);
}

struct UnaryRule {
  ir::UnaryKind kind;
  std::optional<float> alpha;  // default of the attribute, if it has one
  std::optional<float> beta;
};

UnaryRule UnaryRuleOf(const std::string& op_type) {
  using Kind = ir::UnaryKind;
  static const auto& rules =
      *new absl::flat_hash_map<absl::string_view, UnaryRule>{
          {"Abs", {Kind::kAbs, {}, {}}},
          {"Neg", {Kind::kNeg, {}, {}}},
          {"Exp", {Kind::kExp, {}, {}}},
          {"Log", {Kind::kLog, {}, {}}},
          {"Sqrt", {Kind::kSqrt, {}, {}}},
          {"Reciprocal", {Kind::kReciprocal, {}, {}}},
          {"Floor", {Kind::kFloor, {}, {}}},
          {"Ceil", {Kind::kCeil, {}, {}}},
          {"Round", {Kind::kRound, {}, {}}},
          {"Sign", {Kind::kSign, {}, {}}},
          {"Erf", {Kind::kErf, {}, {}}},
          {"Sigmoid", {Kind::kSigmoid, {}, {}}},
          {"Tanh", {Kind::kTanh, {}, {}}},
          {"Softplus", {Kind::kSoftplus, {}, {}}},
          {"Softsign", {Kind::kSoftsign, {}, {}}},
          {"Mish", {Kind::kMish, {}, {}}},
          {"HardSwish", {Kind::kHardSwish, {}, {}}},
          {"LeakyRelu", {Kind::kLeakyRelu, 0.01f, {}}},
          {"Elu", {Kind::kElu, 1.0f, {}}},
          {"HardSigmoid", {Kind::kHardSigmoid, 0.2f, 0.5f}}};
  return rules.at(op_type);
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

ir::Activation AtLeast(float lower) {
  ir::Activation range;
  range.lower = lower;
  return range;
}

// A limit of Clip from opset 11 on, where it is an input.
absl::StatusOr<float> LimitInput(const NodeReader& node, GraphBuilder& graph,
                                 int i, float absent) {
  if (!node.HasInput(i)) return absent;
  OCTET_ASSIGN_OR_RETURN(Tensor limit,
                         graph.RequireConstant(node, i, "a limit"));
  if (limit.dtype() != DType::kFloat32 || limit.size() != 1) {
    return absl::UnimplementedError(absl::StrCat(
        "a limit (input '", node.input(i), "') is ", Name(limit.dtype()),
        ShapeToString(limit.shape()), "; octet runs one float32 number"));
  }
  return limit.data<float>()[0];
}

// Clip with computed limits.
absl::Status ClipToValues(const NodeReader& node, GraphBuilder& graph) {
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  const ir::Dims dims = graph.dims(x);
  const ir::BinaryKind kinds[] = {ir::BinaryKind::kMax, ir::BinaryKind::kMin};
  for (int i = 1; i <= 2; ++i) {
    if (!node.HasInput(i)) continue;
    OCTET_ASSIGN_OR_RETURN(ir::ValueId limit, graph.Read(node, i));
    OCTET_ASSIGN_OR_RETURN(
        x, graph.Compute(node, ir::Binary{kinds[i - 1], {}}, {x, limit}));
    if (graph.dims(x) != dims) {
      return absl::InvalidArgumentError(
          absl::StrCat("a limit (input '", node.input(i), "') is no scalar"));
    }
  }
  return graph.ResultIs(node, x);
}

}  // namespace

absl::Status ImportBinary(const NodeReader& node, GraphBuilder& graph) {
  const bool variadic = node.op_type() == "Min" || node.op_type() == "Max" ||
                        node.op_type() == "Sum";
  OCTET_RETURN_IF_ERROR(variadic ? node.ExpectInputs(1, node.input_count())
                                 : node.ExpectInputs(2, 2));
  OCTET_RETURN_IF_ERROR(
      node.ExpectInputs(node.input_count(), node.input_count()));
  const ir::Binary op = {BinaryKindOf(node.op_type()), {}};
  OCTET_ASSIGN_OR_RETURN(ir::ValueId sum, graph.Read(node, 0));
  if (node.input_count() == 1) return graph.ResultIs(node, sum);
  for (int i = 1; i < node.input_count(); ++i) {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId next, ReadOperand(node, graph, i));
    if (node.opset() < 7 && !variadic) {
      OCTET_ASSIGN_OR_RETURN(next, AlignAtAxis(node, graph, sum, next));
    }
    if (i + 1 == node.input_count()) {
      return graph.Result(node, op, {sum, next});
    }
    OCTET_ASSIGN_OR_RETURN(sum, graph.Compute(node, op, {sum, next}));
  }
  return absl::OkStatus();
}

absl::Status ImportUnary(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  const UnaryRule rule = UnaryRuleOf(node.op_type());
  ir::Unary op;
  op.kind = rule.kind;
  if (rule.alpha.has_value()) {
    OCTET_ASSIGN_OR_RETURN(op.alpha, node.Float("alpha", *rule.alpha));
  }
  if (rule.beta.has_value()) {
    OCTET_ASSIGN_OR_RETURN(op.beta, node.Float("beta", *rule.beta));
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  return graph.Result(node, op, {x});
}

absl::Status ImportRelu(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  return graph.Result(node, ir::Clamp{AtLeast(0)}, {x});
}

absl::Status ImportClip(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, node.opset() < 11 ? 1 : 3));
  ir::Activation range;
  if (node.opset() < 11) {
    OCTET_ASSIGN_OR_RETURN(range.lower, node.Float("min", range.lower));
    OCTET_ASSIGN_OR_RETURN(range.upper, node.Float("max", range.upper));
  } else {
    for (int i = 1; i <= 2; ++i) {
      if (node.HasInput(i) && !graph.Constant(node, i).has_value()) {
        return ClipToValues(node, graph);
      }
    }
    OCTET_ASSIGN_OR_RETURN(range.lower,
                           LimitInput(node, graph, 1, range.lower));
    OCTET_ASSIGN_OR_RETURN(range.upper,
                           LimitInput(node, graph, 2, range.upper));
  }
  if (std::isnan(range.lower) || std::isnan(range.upper)) {
    return absl::InvalidArgumentError("a limit is not a number");
  }
  // The operator's own defaults, which some exporters write out, stand for no
  // limit.
  if (range.lower == std::numeric_limits<float>::lowest()) {
    range.lower = ir::Activation().lower;
  }
  if (range.upper == std::numeric_limits<float>::max()) {
    range.upper = ir::Activation().upper;
  }
  // ONNX: where min > max, everything becomes max.
  if (range.lower > range.upper) range.lower = range.upper;
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  return graph.Result(node, ir::Clamp{range}, {x});
}

absl::Status ImportSoftmax(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  const size_t rank = graph.dims(x).size();
  const bool coerces_to_matrix = node.opset() < 13;
  OCTET_ASSIGN_OR_RETURN(const int64_t axis,
                         node.Int("axis", coerces_to_matrix ? 1 : -1));
  ir::Softmax op;
  op.log = node.op_type() == "LogSoftmax";
  OCTET_ASSIGN_OR_RETURN(op.axis, NormalizedAxis(axis, rank));
  // Where the axes behind have one entry each, both forms are the same.
  const ir::Dims& dims = graph.dims(x);
  op.through_last_axis =
      coerces_to_matrix &&
      std::any_of(dims.begin() + op.axis + 1, dims.end(),
                  [](const ir::Dim& dim) { return dim != ir::Dim::Fixed(1); });
  return graph.Result(node, op, {x});
}

absl::Status ImportCast(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  node.Ignore("saturate");  // of 8-bit floats
  if (!node.HasAttribute("to")) {
    return absl::InvalidArgumentError("attribute 'to' is missing");
  }
  OCTET_ASSIGN_OR_RETURN(const int64_t to, node.Int("to", 0));
  if (to < 0 || to > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("attribute 'to' is ", to, ", which is no element type"));
  }
  OCTET_ASSIGN_OR_RETURN(const DType dtype,
                         DTypeFromOnnx(static_cast<int32_t>(to)));
  if (IsFloat(dtype) && dtype != DType::kFloat32) {
    return absl::UnimplementedError(absl::StrCat(
        "attribute 'to' is ", Name(dtype), "; octet computes in float32"));
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  if (graph.type(x).dtype == dtype) return graph.ResultIs(node, x);
  return graph.Result(node, ir::Cast{dtype}, {x});
}

}  // namespace octet::onnx
