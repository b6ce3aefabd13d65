// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/recurrent_functions.h"

#include "engine/base/check.h"

namespace octet::onnx {
namespace {

using Kind = ir::RecurrentActivation;

constexpr NamedFunction kFunctions[] = {
    {"Relu", {Kind::kRelu, 0, 0}, false, false},
    {"Tanh", {Kind::kTanh, 0, 0}, false, false},
    {"Sigmoid", {Kind::kSigmoid, 0, 0}, false, false},
    {"Affine", {Kind::kAffine, 1, 0}, true, true},
    {"LeakyRelu", {Kind::kLeakyRelu, 0.01f, 0}, true, false},
    {"ThresholdedRelu", {Kind::kThresholdedRelu, 1, 0}, true, false},
    {"ScaledTanh", {Kind::kScaledTanh, 1, 1}, true, true},
    {"HardSigmoid", {Kind::kHardSigmoid, 0.2f, 0.5f}, true, true},
    {"Elu", {Kind::kElu, 1, 0}, true, false},
    {"Softsign", {Kind::kSoftsign, 0, 0}, false, false},
    {"Softplus", {Kind::kSoftplus, 0, 0}, false, false}};

}  // namespace

absl::Span<const NamedFunction> RecurrentFunctions() { return kFunctions; }

const NamedFunction& FunctionOf(ir::RecurrentActivation kind) {
  for (const NamedFunction& named : kFunctions) {
    if (named.function.kind == kind) return named;
  }
  OCTET_CHECK(false);
}

}  // namespace octet::onnx
