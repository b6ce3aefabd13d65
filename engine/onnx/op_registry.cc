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
      {"LRN", ImportLrn},
      {"RoiAlign", ImportRoiAlign},
      {"BatchNormalization", ImportBatchNorm},
      {"Gemm", ImportGemm},
      {"MatMul", ImportMatMul},
      {"Relu", ImportRelu},
      {"Clip", ImportClip},
      {"Cast", ImportCast},
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
  AddGroup(rules, ImportIdentity, {"Identity", "Dropout"});
  AddGroup(rules, ImportBinary,
           {"Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Sum"});
  AddGroup(rules, ImportUnary,
           {"Abs",        "Neg",       "Exp",       "Log",      "Sqrt",
            "Reciprocal", "Floor",     "Ceil",      "Round",    "Sign",
            "Erf",        "Sigmoid",   "Tanh",      "Softplus", "Softsign",
            "Mish",       "HardSwish", "LeakyRelu", "Elu",      "HardSigmoid"});
  AddGroup(rules, ImportReduce,
           {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd",
            "ReduceSumSquare", "ReduceL1", "ReduceL2"});
  return rules;
}

}  // namespace

ImportRule FindImportRule(absl::string_view op_type) {
  static const RuleMap& rules = *new RuleMap(MakeRules());
  const auto it = rules.find(op_type);
  return it == rules.end() ? nullptr : it->second;
}

}  // namespace octet::onnx
