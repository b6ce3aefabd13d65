// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_RECURRENT_FUNCTIONS_H_
#define OCTET_ENGINE_ONNX_RECURRENT_FUNCTIONS_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/ir/op_product.h"

// The functions that `activations` of ONNX LSTM-22, GRU-22 and RNN-22 names.
namespace octet::onnx {

struct NamedFunction {
  absl::string_view name;
  ir::RecurrentFunction function;  // with ONNX's own alpha and beta
  // Whether it takes the next entry of activation_alpha, of activation_beta.
  bool takes_alpha = false;
  bool takes_beta = false;
};

// All there are.
absl::Span<const NamedFunction> RecurrentFunctions();

// The entry of `kind`.
const NamedFunction& FunctionOf(ir::RecurrentActivation kind);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_RECURRENT_FUNCTIONS_H_
