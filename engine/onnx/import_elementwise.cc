// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

// A number that an attribute sets.
struct Parameter {
  const char* attribute = nullptr;  // null: the operator has none
  float absent = 0;
};

struct UnaryRule {
  ir::UnaryKind kind;
  Parameter alpha;
  Parameter beta;
};

const UnaryRule& UnaryRuleOf(const std::string& op_type) {
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
          {"Sin", {Kind::kSin, {}, {}}},
          {"Cos", {Kind::kCos, {}, {}}},
          {"Tan", {Kind::kTan, {}, {}}},
          {"Asin", {Kind::kAsin, {}, {}}},
          {"Acos", {Kind::kAcos, {}, {}}},
          {"Atan", {Kind::kAtan, {}, {}}},
          {"Sinh", {Kind::kSinh, {}, {}}},
          {"Cosh", {Kind::kCosh, {}, {}}},
          {"Asinh", {Kind::kAsinh, {}, {}}},
          {"Acosh", {Kind::kAcosh, {}, {}}},
          {"Atanh", {Kind::kAtanh, {}, {}}},
          {"Sigmoid", {Kind::kSigmoid, {}, {}}},
          {"Tanh", {Kind::kTanh, {}, {}}},
          {"Softplus", {Kind::kSoftplus, {}, {}}},
          {"Softsign", {Kind::kSoftsign, {}, {}}},
          {"Mish", {Kind::kMish, {}, {}}},
          {"HardSwish", {Kind::kHardSwish, {}, {}}},
          {"Swish", {Kind::kSwish, {"alpha", 1.0f}, {}}},
          {"LeakyRelu", {Kind::kLeakyRelu, {"alpha", 0.01f}, {}}},
          {"Elu", {Kind::kElu, {"alpha", 1.0f}, {}}},
          {"Celu", {Kind::kCelu, {"alpha", 1.0f}, {}}},
          {"Selu",
           {Kind::kSelu,
            {"alpha", 1.67326319217681884765625f},
            {"gamma", 1.05070102214813232421875f}}},
          {"ThresholdedRelu", {Kind::kThresholdedRelu, {"alpha", 1.0f}, {}}},
          {"HardSigmoid",
           {Kind::kHardSigmoid, {"alpha", 0.2f}, {"beta", 0.5f}}},
          {"Shrink", {Kind::kShrink, {"lambd", 0.5f}, {"bias", 0.0f}}},
          {"IsNaN", {Kind::kIsNan, {}, {}}},
          {"Not", {Kind::kNot, {}, {}}},
          {"BitwiseNot", {Kind::kBitNot, {}, {}}}};
  return rules.at(op_type);
}

absl::StatusOr<float> Read(const NodeReader& node, const Parameter& parameter) {
  if (parameter.attribute == nullptr) return 0.0f;
  return node.Float(parameter.attribute, parameter.absent);
}

ir::Activation AtLeast(float lower) {
  ir::Activation range;
  range.lower = lower;
  return range;
}

// Clip with limits that are computed, or of another type than float32, whose
// numbers a Clamp might not hold.
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

// Whether input `i` is left out or one known float32.
bool IsKnownFloat(const NodeReader& node, const GraphBuilder& graph, int i) {
  if (!node.HasInput(i)) return true;
  const std::optional<Tensor> limit = graph.Constant(node, i);
  return limit.has_value() && limit->dtype() == DType::kFloat32 &&
         limit->size() == 1;
}

float KnownFloat(const NodeReader& node, const GraphBuilder& graph, int i,
                 float absent) {
  if (!node.HasInput(i)) return absent;
  return graph.Constant(node, i)->data<float>()[0];
}

// A Clamp of `range` as Clip means it.
absl::Status ClipToRange(const NodeReader& node, GraphBuilder& graph,
                         ir::Activation range) {
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

}  // namespace

absl::Status ImportUnary(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  node.Ignore("consumed_inputs");
  const UnaryRule& rule = UnaryRuleOf(node.op_type());
  ir::Unary op;
  op.kind = rule.kind;
  OCTET_ASSIGN_OR_RETURN(op.alpha, Read(node, rule.alpha));
  OCTET_ASSIGN_OR_RETURN(op.beta, Read(node, rule.beta));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  return graph.Result(node, op, {x});
}

absl::Status ImportIsInf(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(const int64_t negative,
                         node.Int("detect_negative", 1));
  OCTET_ASSIGN_OR_RETURN(const int64_t positive,
                         node.Int("detect_positive", 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  return graph.Result(
      node,
      ir::Unary{ir::UnaryKind::kIsInf, negative != 0 ? 1.0f : 0.0f,
                positive != 0 ? 1.0f : 0.0f},
      {x});
}

absl::Status ImportGelu(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  const absl::StatusOr<std::string> approximate =
      node.String("approximate", "none");
  OCTET_RETURN_IF_ERROR(approximate.status());
  ir::Unary op;
  if (*approximate == "none") {
    op.kind = ir::UnaryKind::kGelu;
  } else if (*approximate == "tanh") {
    op.kind = ir::UnaryKind::kGeluTanh;
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "approximate is '", *approximate, "'; expected none or tanh"));
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  return graph.Result(node, op, {x});
}

absl::Status ImportRelu(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  node.Ignore("consumed_inputs");
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  return graph.Result(node, ir::Clamp{AtLeast(0)}, {x});
}

absl::Status ImportClip(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, node.opset() < 11 ? 1 : 3));
  node.Ignore("consumed_inputs");
  ir::Activation range;
  if (node.opset() < 11) {
    OCTET_ASSIGN_OR_RETURN(range.lower, node.Float("min", range.lower));
    OCTET_ASSIGN_OR_RETURN(range.upper, node.Float("max", range.upper));
    return ClipToRange(node, graph, range);
  }
  if (!IsKnownFloat(node, graph, 1) || !IsKnownFloat(node, graph, 2)) {
    return ClipToValues(node, graph);
  }
  range.lower = KnownFloat(node, graph, 1, range.lower);
  range.upper = KnownFloat(node, graph, 2, range.upper);
  return ClipToRange(node, graph, range);
}

absl::Status ImportWhere(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(3, 3));
  std::vector<ir::ValueId> inputs(3);
  for (int i = 0; i < 3; ++i) {
    OCTET_ASSIGN_OR_RETURN(inputs[i], graph.Read(node, i));
  }
  return graph.Result(node, ir::Where{}, std::move(inputs));
}

}  // namespace octet::onnx
