// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/op_registry.h"

#include "absl/container/flat_hash_map.h"

namespace octet::onnx {
namespace {

using RuleMap = absl::flat_hash_map<absl::string_view, ImportRule>;

void AddGroup(RuleMap& rules, ImportRule rule,
              std::initializer_list<absl::string_view> op_types) {
  for (absl::string_view op_type : op_types) rules.emplace(op_type, rule);
}

RuleMap MakeRules() {
  RuleMap rules = {
      {"Conv", ImportConv},
      {"ConvTranspose", ImportConvTranspose},
      {"Col2Im", ImportCol2Im},
      {"DeformConv", ImportDeformConv},
      {"MaxUnpool", ImportMaxUnpool},
      {"LpPool", ImportLpPool},
      {"GlobalLpPool", ImportGlobalLpPool},
      {"Resize", ImportResize},
      {"Upsample", ImportUpsample},
      {"AffineGrid", ImportAffineGrid},
      {"GridSample", ImportGridSample},
      {"RoiAlign", ImportRoiAlign},
      {"BatchNormalization", ImportBatchNorm},
      {"Gemm", ImportGemm},
      {"MatMul", ImportMatMul},
      {"Relu", ImportRelu},
      {"Clip", ImportClip},
      {"Where", ImportWhere},
      {"IsInf", ImportIsInf},
      {"Gelu", ImportGelu},
      {"PRelu", ImportPrelu},
      {"Cast", ImportCast},
      {"CastLike", ImportCastLike},
      {"Hardmax", ImportHardmax},
      {"TopK", ImportTopK},
      {"CumSum", ImportCumSum},
      {"Trilu", ImportTrilu},
      {"EyeLike", ImportEyeLike},
      {"OneHot", ImportOneHot},
      {"Dropout", ImportDropout},
      {"Identity", ImportIdentity},
      {"InstanceNormalization", ImportInstanceNorm},
      {"GroupNormalization", ImportGroupNorm},
      {"LpNormalization", ImportLpNorm},
      {"LRN", ImportLrn},
      {"MeanVarianceNormalization", ImportMeanVarianceNorm},
      {"Concat", ImportConcat},
      {"Slice", ImportSlice},
      {"Split", ImportSplit},
      {"Pad", ImportPad},
      {"CenterCropPad", ImportCenterCropPad},
      {"Transpose", ImportTranspose},
      {"Expand", ImportExpand},
      {"Tile", ImportTile},
      {"Gather", ImportGather},
      {"GatherElements", ImportGatherElements},
      {"GatherND", ImportGatherNd},
      {"ScatterND", ImportScatterNd},
      {"Compress", ImportCompress},
      {"DepthToSpace", ImportDepthToSpace},
      {"SpaceToDepth", ImportSpaceToDepth},
      {"ReverseSequence", ImportReverseSequence},
      {"Einsum", ImportEinsum},
      {"Reshape", ImportReshape},
      {"Flatten", ImportFlatten},
      {"Squeeze", ImportSqueeze},
      {"Unsqueeze", ImportUnsqueeze},
      {"QuantizeLinear", ImportQuantizeLinear},
      {"DequantizeLinear", ImportDequantizeLinear},
      {"DynamicQuantizeLinear", ImportDynamicQuantizeLinear},
      {"ConvInteger", ImportConvInteger},
      {"MatMulInteger", ImportMatMulInteger},
      {"QLinearConv", ImportQLinearConv},
      {"QLinearMatMul", ImportQLinearMatMul},
      {"Constant", ImportConstant},
      {"ConstantOfShape", ImportConstantOfShape},
      {"Shape", ImportShape},
      {"Size", ImportSize},
  };
  AddGroup(rules, ImportScatterElements, {"Scatter", "ScatterElements"});
  AddGroup(rules, ImportByValue,
           {"NonMaxSuppression", "NonZero", "Range", "Unique"});
  AddGroup(rules, ImportPool, {"MaxPool", "AveragePool"});
  AddGroup(rules, ImportGlobalPool, {"GlobalMaxPool", "GlobalAveragePool"});
  AddGroup(rules, ImportSoftmax, {"Softmax", "LogSoftmax"});
  AddGroup(rules, ImportBinary,
           {"Add", "Sub", "Mul", "Div", "Pow", "Mod", "Equal", "Less",
            "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor",
            "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift"});
  AddGroup(rules, ImportVariadic, {"Min", "Max", "Sum", "Mean"});
  AddGroup(rules, ImportUnary, {"Abs",         "Neg",
                                "Exp",         "Log",
                                "Sqrt",        "Reciprocal",
                                "Floor",       "Ceil",
                                "Round",       "Sign",
                                "Erf",         "Sin",
                                "Cos",         "Tan",
                                "Asin",        "Acos",
                                "Atan",        "Sinh",
                                "Cosh",        "Asinh",
                                "Acosh",       "Atanh",
                                "Sigmoid",     "Tanh",
                                "Softplus",    "Softsign",
                                "Mish",        "HardSwish",
                                "Swish",       "LeakyRelu",
                                "Elu",         "Celu",
                                "Selu",        "ThresholdedRelu",
                                "HardSigmoid", "Shrink",
                                "IsNaN",       "Not",
                                "BitwiseNot"});
  AddGroup(rules, ImportRecurrent, {"LSTM", "GRU", "RNN"});
  AddGroup(rules, ImportReduce,
           {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd",
            "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSum",
            "ReduceLogSumExp"});
  AddGroup(rules, ImportArgReduce, {"ArgMax", "ArgMin"});
  AddGroup(rules, ImportLayerNorm,
           {"LayerNormalization", "RMSNormalization",
            "SimplifiedLayerNormalization"});
  AddGroup(rules, RefuseRandom,
           {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike",
            "RandomUniform", "RandomUniformLike"});
  return rules;
}

// What ONNX Runtime's quantizer and optimizer write.
RuleMap MakeMicrosoftRules() {
  RuleMap rules = {
      {"QuantizeLinear", ImportQuantizeLinear},
      {"DequantizeLinear", ImportDequantizeLinear},
      {"QGemm", ImportQGemm},
      {"QLinearConcat", ImportQLinearConcat},
      {"QLinearSoftmax", ImportQLinearSoftmax},
      {"DynamicQuantizeLSTM", ImportDynamicQuantizeLstm},
      {"DynamicQuantizeMatMul", ImportDynamicQuantizeMatMul},
      {"MatMulIntegerToFloat", ImportMatMulIntegerToFloat},
      {"FusedConv", ImportFusedConv},
      {"FusedMatMul", ImportFusedMatMul},
  };
  AddGroup(rules, ImportQLinearBinary, {"QLinearAdd", "QLinearMul"});
  AddGroup(rules, ImportQLinearUnary, {"QLinearSigmoid", "QLinearLeakyRelu"});
  AddGroup(rules, ImportQLinearPool,
           {"QLinearGlobalAveragePool", "QLinearAveragePool"});
  AddGroup(rules, ImportFusedGelu,
           {"Gelu", "FastGelu", "BiasGelu", "QuickGelu"});
  AddGroup(rules, ImportSkipLayerNorm,
           {"SkipLayerNormalization", "SkipSimplifiedLayerNormalization"});
  return rules;
}

}  // namespace

ImportRule FindImportRule(absl::string_view domain, absl::string_view op_type) {
  static const RuleMap& standard = *new RuleMap(MakeRules());
  static const RuleMap& microsoft = *new RuleMap(MakeMicrosoftRules());
  const bool is_standard = domain.empty() || domain == "ai.onnx";
  if (!is_standard && domain != "com.microsoft") return nullptr;
  const RuleMap& rules = is_standard ? standard : microsoft;
  const auto it = rules.find(op_type);
  return it == rules.end() ? nullptr : it->second;
}

}  // namespace octet::onnx
