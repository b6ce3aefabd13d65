// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/check.h"
#include "engine/ir/op.h"

// How operators look in dumps and messages.
namespace octet::ir {
namespace {

template <typename T>
std::string List(absl::string_view name, const std::vector<T>& values) {
  return absl::StrCat(" ", name, "=[", absl::StrJoin(values, ","), "]");
}

std::string Flag(absl::string_view name, bool set) {
  return set ? absl::StrCat(" ", name) : "";
}

template <typename T>
std::string Number(absl::string_view name, T value) {
  return absl::StrCat(" ", name, "=", value);
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

std::string Text(Layout layout) {
  return Flag("channels_last", layout == Layout::kChannelsLast);
}

std::string Text(ResizeMode mode) {
  switch (mode) {
    case ResizeMode::kNearest:
      return " nearest";
    case ResizeMode::kLinear:
      return " linear";
    case ResizeMode::kCubic:
      return " cubic";
  }
  OCTET_CHECK(false);
}

std::string Text(ScatterReduction reduction) {
  switch (reduction) {
    case ScatterReduction::kNone:
      return "";
    case ScatterReduction::kAdd:
      return " add";
    case ScatterReduction::kMul:
      return " mul";
    case ScatterReduction::kMin:
      return " min";
    case ScatterReduction::kMax:
      return " max";
  }
  OCTET_CHECK(false);
}

}  // namespace

absl::string_view Binary::Name() const {
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
    case BinaryKind::kMod:
      return "Mod";
    case BinaryKind::kFmod:
      return "Fmod";
    case BinaryKind::kPrelu:
      return "PRelu";
    case BinaryKind::kEqual:
      return "Equal";
    case BinaryKind::kLess:
      return "Less";
    case BinaryKind::kLessOrEqual:
      return "LessOrEqual";
    case BinaryKind::kGreater:
      return "Greater";
    case BinaryKind::kGreaterOrEqual:
      return "GreaterOrEqual";
    case BinaryKind::kAnd:
      return "And";
    case BinaryKind::kOr:
      return "Or";
    case BinaryKind::kXor:
      return "Xor";
    case BinaryKind::kBitAnd:
      return "BitwiseAnd";
    case BinaryKind::kBitOr:
      return "BitwiseOr";
    case BinaryKind::kBitXor:
      return "BitwiseXor";
    case BinaryKind::kShiftLeft:
      return "ShiftLeft";
    case BinaryKind::kShiftRight:
      return "ShiftRight";
  }
  OCTET_CHECK(false);
}

absl::string_view Unary::Name() const {
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
    case UnaryKind::kSin:
      return "Sin";
    case UnaryKind::kCos:
      return "Cos";
    case UnaryKind::kTan:
      return "Tan";
    case UnaryKind::kAsin:
      return "Asin";
    case UnaryKind::kAcos:
      return "Acos";
    case UnaryKind::kAtan:
      return "Atan";
    case UnaryKind::kSinh:
      return "Sinh";
    case UnaryKind::kCosh:
      return "Cosh";
    case UnaryKind::kAsinh:
      return "Asinh";
    case UnaryKind::kAcosh:
      return "Acosh";
    case UnaryKind::kAtanh:
      return "Atanh";
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
    case UnaryKind::kSwish:
      return "Swish";
    case UnaryKind::kGelu:
      return "Gelu";
    case UnaryKind::kGeluTanh:
      return "GeluTanh";
    case UnaryKind::kLeakyRelu:
      return "LeakyRelu";
    case UnaryKind::kElu:
      return "Elu";
    case UnaryKind::kCelu:
      return "Celu";
    case UnaryKind::kSelu:
      return "Selu";
    case UnaryKind::kThresholdedRelu:
      return "ThresholdedRelu";
    case UnaryKind::kHardSigmoid:
      return "HardSigmoid";
    case UnaryKind::kShrink:
      return "Shrink";
    case UnaryKind::kIsNan:
      return "IsNaN";
    case UnaryKind::kIsInf:
      return "IsInf";
    case UnaryKind::kNot:
      return "Not";
    case UnaryKind::kBitNot:
      return "BitwiseNot";
  }
  OCTET_CHECK(false);
}

absl::string_view Reduce::Name() const {
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
    case ReduceKind::kLogSum:
      return "ReduceLogSum";
    case ReduceKind::kLogSumExp:
      return "ReduceLogSumExp";
  }
  OCTET_CHECK(false);
}

absl::string_view Pool::Name() const {
  return kind == PoolKind::kMax ? "MaxPool" : "AveragePool";
}

absl::string_view GlobalPool::Name() const {
  return kind == PoolKind::kMax ? "GlobalMaxPool" : "GlobalAveragePool";
}

absl::string_view Recurrent::Name() const {
  switch (kind) {
    case RecurrentKind::kRnn:
      return "RNN";
    case RecurrentKind::kGru:
      return "GRU";
    case RecurrentKind::kLstm:
      return "LSTM";
  }
  OCTET_CHECK(false);
}

std::string Conv::Attributes() const {
  return absl::StrCat(Text(window), groups == 1 ? "" : Number("groups", groups),
                      Text(layout), Flag("bias", has_bias),
                      Flag("residual", has_residual), Text(activation));
}

std::string ConvTranspose::Attributes() const {
  return absl::StrCat(Text(window), List("output_pads", output_pads),
                      groups == 1 ? "" : Number("groups", groups), Text(layout),
                      Flag("bias", has_bias), Text(activation));
}

std::string Pool::Attributes() const {
  return absl::StrCat(Text(window), Flag("ceil_mode", ceil_mode),
                      Flag("count_include_pad", count_include_pad),
                      Text(layout));
}

std::string MaxPoolIndices::Attributes() const {
  return absl::StrCat(Text(window), Flag("ceil_mode", ceil_mode),
                      Flag("column_major", column_major));
}

std::string GlobalPool::Attributes() const { return Text(layout); }

std::string Resize::Attributes() const {
  return absl::StrCat(Text(mode), List("sizes", sizes), List("scales", scales),
                      Number("coordinates", static_cast<int>(coordinates)),
                      Number("rounding", static_cast<int>(rounding)),
                      Flag("exclude_outside", exclude_outside),
                      Flag("antialias", antialias));
}

std::string Lrn::Attributes() const {
  return absl::StrCat(Number("axis", axis), Number("size", size),
                      Number("alpha", alpha), Number("beta", beta),
                      Number("bias", bias));
}

std::string RoiAlign::Attributes() const {
  return absl::StrCat(kind == PoolKind::kMax ? " max" : " average",
                      Number("output_height", output_height),
                      Number("output_width", output_width),
                      Number("sampling_ratio", sampling_ratio),
                      Number("spatial_scale", spatial_scale),
                      Flag("half_pixel", half_pixel));
}

std::string GridSample::Attributes() const {
  return absl::StrCat(Text(mode), Number("padding", static_cast<int>(padding)),
                      Flag("align_corners", align_corners));
}

std::string MatMul::Attributes() const {
  return absl::StrCat(Flag("transpose_b", transpose_b), Flag("bias", has_bias),
                      Text(activation));
}

std::string Attention::Attributes() const {
  return absl::StrCat(Number("scale", scale), Flag("mask", has_mask),
                      Flag("heads_inner", heads_inner));
}

std::string Recurrent::Attributes() const {
  return absl::StrCat(
      Number("hidden", hidden),
      Number("direction", static_cast<int>(direction)),
      Flag("linear_before_reset", linear_before_reset),
      Flag("input_forget", input_forget), Flag("bias", has_bias),
      Flag("sequence_lens", has_sequence_lens), Flag("h", has_initial_h),
      Flag("c", has_initial_c), Flag("peepholes", has_peepholes));
}

std::string Binary::Attributes() const { return Text(activation); }

std::string Unary::Attributes() const {
  if (alpha == 0 && beta == 0) return "";
  return absl::StrCat(Number("alpha", alpha), Number("beta", beta));
}

std::string Clamp::Attributes() const { return Text(range); }

std::string BatchNorm::Attributes() const { return Number("epsilon", epsilon); }

std::string Cast::Attributes() const { return Number("to", octet::Name(to)); }

std::string Softmax::Attributes() const {
  return absl::StrCat(Number("axis", axis),
                      Flag("through_last_axis", through_last_axis));
}

std::string Reduce::Attributes() const {
  return absl::StrCat(List("axes", axes), Flag("keep_dims", keep_dims));
}

std::string ArgReduce::Attributes() const {
  return absl::StrCat(Number("axis", axis), Flag("keep_dims", keep_dims),
                      Flag("last_index", last_index));
}

std::string TopK::Attributes() const {
  return absl::StrCat(Number("k", k), Number("axis", axis),
                      largest ? " largest" : " smallest");
}

std::string CumSum::Attributes() const {
  return absl::StrCat(Number("axis", axis), Flag("exclusive", exclusive),
                      Flag("reverse", reverse));
}

std::string LayerNorm::Attributes() const {
  return absl::StrCat(Number("axis", axis), Number("epsilon", epsilon),
                      Flag("rms", !subtract_mean), Flag("scale", has_scale),
                      Flag("bias", has_bias));
}

std::string Concat::Attributes() const { return Number("axis", axis); }

std::string Slice::Attributes() const {
  return absl::StrCat(List("starts", starts), List("steps", steps),
                      List("sizes", sizes));
}

std::string Pad::Attributes() const {
  return absl::StrCat(List("begin", begin), List("end", end),
                      mode == PadMode::kConstant
                          ? Number("value", value)
                          : Number("mode", static_cast<int>(mode)));
}

std::string Reshape::Attributes() const {
  return Number("dims", DimsToString(dims));
}

std::string Transpose::Attributes() const { return List("perm", perm); }

std::string Expand::Attributes() const {
  return Number("dims", DimsToString(dims));
}

std::string Gather::Attributes() const { return Number("axis", axis); }

std::string GatherElements::Attributes() const { return Number("axis", axis); }

std::string GatherNd::Attributes() const {
  return Number("batch_dims", batch_dims);
}

std::string ScatterElements::Attributes() const {
  return absl::StrCat(Number("axis", axis), Text(reduction));
}

std::string ScatterNd::Attributes() const { return Text(reduction); }

}  // namespace octet::ir
