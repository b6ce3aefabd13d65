// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_RECURRENT_INPUTS_H_
#define OCTET_ENGINE_IR_RECURRENT_INPUTS_H_

#include <algorithm>
#include <cstdint>
#include <optional>

#include "engine/ir/op_product.h"
#include "engine/ir/tensor_type.h"

// What the flags and the kind of a Recurrent mean for its inputs and outputs.
namespace octet::ir {

// Which input is which; x, w and r are 0, 1 and 2.
struct RecurrentInputs {
  std::optional<int> bias;
  std::optional<int> sequence_lens;
  std::optional<int> initial_h;
  std::optional<int> initial_c;
  std::optional<int> peepholes;
  int count = 3;
};

inline RecurrentInputs InputsOf(const Recurrent& op) {
  RecurrentInputs inputs;
  const auto next = [&](bool present, std::optional<int>& index) {
    if (present) index = inputs.count++;
  };
  next(op.has_bias, inputs.bias);
  next(op.has_sequence_lens, inputs.sequence_lens);
  next(op.has_initial_h, inputs.initial_h);
  next(op.has_initial_c, inputs.initial_c);
  next(op.has_peepholes, inputs.peepholes);
  return inputs;
}

// Rows of w and r for each unit of the state.
inline int GateCount(RecurrentKind kind) {
  switch (kind) {
    case RecurrentKind::kRnn:
      return 1;
    case RecurrentKind::kGru:
      return 3;
    case RecurrentKind::kLstm:
      break;
  }
  return 4;
}

// Functions for each direction: of the gates, of the candidate, of the state.
inline int FunctionCount(RecurrentKind kind) {
  switch (kind) {
    case RecurrentKind::kRnn:
      return 1;
    case RecurrentKind::kGru:
      return 2;
    case RecurrentKind::kLstm:
      break;
  }
  return 3;
}

// Whether w and r may be of this type: s8 with zero points 0, and one scale or
// one for each index of axis 1.
inline bool AreByteWeights(const TensorType& type) {
  if (type.dtype != DType::kInt8 || !type.quantization.has_value()) {
    return false;
  }
  const Quantization& quantization = *type.quantization;
  return (quantization.per_tensor() || quantization.axis == 1) &&
         std::all_of(quantization.zero_points.begin(),
                     quantization.zero_points.end(),
                     [](int32_t zero_point) { return zero_point == 0; });
}

inline int DirectionCount(RecurrentDirection direction) {
  return direction == RecurrentDirection::kBidirectional ? 2 : 1;
}

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_RECURRENT_INPUTS_H_
