// SPDX-License-Identifier: Apache-2.0
#include "engine/ir/op.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/check.h"

namespace octet::ir {
namespace {

absl::string_view KindName(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::kAdd:
      return "Add";
    case BinaryKind::kSub:
      return "Sub";
    case BinaryKind::kMul:
      return "Mul";
    case BinaryKind::kDiv:
      return "Div";
    case BinaryKind::kMin:
      return "Min";
    case BinaryKind::kMax:
      return "Max";
    case BinaryKind::kPow:
      return "Pow";
  }
  OCTET_CHECK(false);
}

absl::string_view KindName(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::kAbs:
      return "Abs";
    case UnaryKind::kNeg:
      return "Neg";
    case UnaryKind::kExp:
      return "Exp";
    case UnaryKind::kLog:
      return "Log";
    case UnaryKind::kSqrt:
      return "Sqrt";
    case UnaryKind::kReciprocal:
      return "Reciprocal";
    case UnaryKind::kFloor:
      return "Floor";
    case UnaryKind::kCeil:
      return "Ceil";
    case UnaryKind::kRound:
      return "Round";
    case UnaryKind::kSign:
      return "Sign";
    case UnaryKind::kErf:
      return "Erf";
    case UnaryKind::kSigmoid:
      return "Sigmoid";
    case UnaryKind::kTanh:
      return "Tanh";
    case UnaryKind::kSoftplus:
      return "Softplus";
    case UnaryKind::kSoftsign:
      return "Softsign";
    case UnaryKind::kMish:
      return "Mish";
    case UnaryKind::kHardSwish:
      return "HardSwish";
    case UnaryKind::kLeakyRelu:
      return "LeakyRelu";
    case UnaryKind::kElu:
      return "Elu";
    case UnaryKind::kHardSigmoid:
      return "HardSigmoid";
  }
  OCTET_CHECK(false);
}

absl::string_view KindName(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::kSum:
      return "ReduceSum";
    case ReduceKind::kMean:
      return "ReduceMean";
    case ReduceKind::kMax:
      return "ReduceMax";
    case ReduceKind::kMin:
      return "ReduceMin";
    case ReduceKind::kProd:
      return "ReduceProd";
    case ReduceKind::kSumSquare:
      return "ReduceSumSquare";
    case ReduceKind::kL1:
      return "ReduceL1";
    case ReduceKind::kL2:
      return "ReduceL2";
  }
  OCTET_CHECK(false);
}

struct NameVisitor {
  absl::string_view operator()(const Conv&) const { return "Conv"; }
  absl::string_view operator()(const MatMul&) const { return "MatMul"; }
  absl::string_view operator()(const Pool& op) const {
    return op.kind == PoolKind::kMax ? "MaxPool" : "AveragePool";
  }
  absl::string_view operator()(const GlobalPool& op) const {
    return op.kind == PoolKind::kMax ? "GlobalMaxPool" : "GlobalAveragePool";
  }
  absl::string_view operator()(const Binary& op) const {
    return KindName(op.kind);
  }
  absl::string_view operator()(const Unary& op) const {
    return KindName(op.kind);
  }
  absl::string_view operator()(const Clamp&) const { return "Clamp"; }
  absl::string_view operator()(const BatchNorm&) const { return "BatchNorm"; }
  absl::string_view operator()(const Softmax& op) const {
    return op.log ? "LogSoftmax" : "Softmax";
  }
  absl::string_view operator()(const Concat&) const { return "Concat"; }
  absl::string_view operator()(const Slice&) const { return "Slice"; }
  absl::string_view operator()(const Pad&) const { return "Pad"; }
  absl::string_view operator()(const Reshape&) const { return "Reshape"; }
  absl::string_view operator()(const Transpose&) const { return "Transpose"; }
  absl::string_view operator()(const Reduce& op) const {
    return KindName(op.kind);
  }
  absl::string_view operator()(const Cast&) const { return "Cast"; }
  absl::string_view operator()(const Quantize&) const { return "Quantize"; }
  absl::string_view operator()(const Dequantize&) const { return "Dequantize"; }
  absl::string_view operator()(const Requantize&) const { return "Requantize"; }
};

template <typename T>
std::string List(absl::string_view name, const std::vector<T>& values) {
  return absl::StrCat(" ", name, "=[", absl::StrJoin(values, ","), "]");
}

std::string Text(const Activation& activation) {
  if (activation.is_identity()) return "";
  return absl::StrCat(" clamp=[", activation.lower, ",", activation.upper, "]");
}

std::string Text(const Window& window) {
  return absl::StrCat(
      List("kernel", window.kernel), List("strides", window.strides),
      List("pads", window.pads_begin), "..",
      absl::StrJoin(window.pads_end, ","), List("dilations", window.dilations));
}

absl::string_view Text(Layout layout) {
  return layout == Layout::kChannelsLast ? " channels_last" : "";
}

struct AttributesVisitor {
  std::string operator()(const Conv& op) const {
    return absl::StrCat(
        Text(op.window),
        op.groups == 1 ? "" : absl::StrCat(" groups=", op.groups),
        Text(op.layout), op.has_bias ? " bias" : "",
        op.has_residual ? " residual" : "", Text(op.activation));
  }
  std::string operator()(const MatMul& op) const {
    return absl::StrCat(op.transpose_b ? " transpose_b" : "",
                        op.has_bias ? " bias" : "", Text(op.activation));
  }
  std::string operator()(const Pool& op) const {
    return absl::StrCat(Text(op.window), op.ceil_mode ? " ceil_mode" : "",
                        op.count_include_pad ? " count_include_pad" : "",
                        Text(op.layout));
  }
  std::string operator()(const GlobalPool& op) const {
    return std::string(Text(op.layout));
  }
  std::string operator()(const Binary& op) const { return Text(op.activation); }
  std::string operator()(const Unary& op) const {
    if (op.alpha == 0 && op.beta == 0) return "";
    return absl::StrCat(" alpha=", op.alpha, " beta=", op.beta);
  }
  std::string operator()(const Clamp& op) const { return Text(op.range); }
  std::string operator()(const BatchNorm& op) const {
    return absl::StrCat(" epsilon=", op.epsilon);
  }
  std::string operator()(const Softmax& op) const {
    return absl::StrCat(" axis=", op.axis,
                        op.through_last_axis ? " through_last_axis" : "");
  }
  std::string operator()(const Concat& op) const {
    return absl::StrCat(" axis=", op.axis);
  }
  std::string operator()(const Slice& op) const {
    return absl::StrCat(List("starts", op.starts), List("steps", op.steps),
                        List("sizes", op.sizes));
  }
  std::string operator()(const Pad& op) const {
    return absl::StrCat(List("begin", op.begin), List("end", op.end),
                        " value=", op.value);
  }
  std::string operator()(const Reshape& op) const {
    return absl::StrCat(" dims=", DimsToString(op.dims));
  }
  std::string operator()(const Transpose& op) const {
    return List("perm", op.perm);
  }
  std::string operator()(const Reduce& op) const {
    return absl::StrCat(List("axes", op.axes),
                        op.keep_dims ? " keep_dims" : "");
  }
  std::string operator()(const Cast& op) const {
    return absl::StrCat(" to=", Name(op.to));
  }
  std::string operator()(const Quantize&) const { return ""; }
  std::string operator()(const Dequantize&) const { return ""; }
  std::string operator()(const Requantize&) const { return ""; }
};

}  // namespace

absl::string_view OpName(const Op& op) { return std::visit(NameVisitor(), op); }

std::string OpAttributes(const Op& op) {
  return std::visit(AttributesVisitor(), op);
}

bool MovesElements(const Op& op) {
  if (const auto* pool = std::get_if<Pool>(&op)) {
    return pool->kind == PoolKind::kMax;
  }
  if (const auto* pool = std::get_if<GlobalPool>(&op)) {
    return pool->kind == PoolKind::kMax;
  }
  if (const auto* pad = std::get_if<Pad>(&op)) return pad->value == 0;
  return std::holds_alternative<Reshape>(op) ||
         std::holds_alternative<Slice>(op) ||
         std::holds_alternative<Transpose>(op) ||
         std::holds_alternative<Concat>(op);
}

bool IsAveragePool(const Op& op) {
  if (const auto* pool = std::get_if<Pool>(&op)) {
    return pool->kind == PoolKind::kAverage;
  }
  const auto* pool = std::get_if<GlobalPool>(&op);
  return pool != nullptr && pool->kind == PoolKind::kAverage;
}

}  // namespace octet::ir
