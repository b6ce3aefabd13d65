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
      {"Range", ImportRange},
      {"Size", ImportSize},
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
      {"Pad", ImportPad},
      {"Transpose", ImportTranspose},
      {"Reshape", ImportReshape},
      {"Flatten", ImportFlatten},
      {"Squeeze", ImportSqueeze},
      {"Unsqueeze", ImportUnsqueeze},
      {"QuantizeLinear", ImportQuantizeLinear},
      {"DequantizeLinear", ImportDequantizeLinear},
      {"Constant", ImportConstant},
      {"ConstantOfShape", ImportConstantOfShape},
      {"Shape", ImportShape},
  };
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

}  // namespace

ImportRule FindImportRule(absl::string_view op_type) {
  static const RuleMap& rules = *new RuleMap(MakeRules());
  const auto it = rules.find(op_type);
  return it == rules.end() ? nullptr : it->second;
}

}  // namespace octet::onnx
