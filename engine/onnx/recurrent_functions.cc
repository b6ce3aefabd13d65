// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/recurrent_functions.h"

#include "engine/base/check.h"

namespace octet::onnx {
namespace {

using Activation = ir::RecurrentActivation;

constexpr NamedFunction kFunctions[] = {
    {"Relu", {Activation::kRelu, 0, 0}, false, false},
    {"Tanh", {Activation::kTanh, 0, 0}, false, false},
    {"Sigmoid", {Activation::kSigmoid, 0, 0}, false, false},
    {"Affine", {Activation::kAffine, 1, 0}, true, true},
    {"LeakyRelu", {Activation::kLeakyRelu, 0.01f, 0}, true, false},
    {"ThresholdedRelu", {Activation::kThresholdedRelu, 1, 0}, true, false},
    {"ScaledTanh", {Activation::kScaledTanh, 1, 1}, true, true},
    {"HardSigmoid", {Activation::kHardSigmoid, 0.2f, 0.5f}, true, true},
    {"Elu", {Activation::kElu, 1, 0}, true, false},
    {"Softsign", {Activation::kSoftsign, 0, 0}, false, false},
    {"Softplus", {Activation::kSoftplus, 0, 0}, false, false}};

}  // namespace

absl::Span<const NamedFunction> RecurrentFunctions() { return kFunctions; }

const NamedFunction& FunctionOf(ir::RecurrentActivation kind) {
  for (const NamedFunction& named : kFunctions) {
    if (named.function.kind == kind) return named;
  }
  OCTET_CHECK(false);
}

}  // namespace octet::onnx
