// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/weight_channels.h"

#include <variant>

namespace octet::quant {

WeightChannels::WeightChannels(const ir::Op& op, const Shape& shape) {
  if (const auto* conv = std::get_if<ir::Conv>(&op)) {
    outputs_ = shape[0];
    outputs_per_group_ = outputs_ / conv->groups;
    per_group_ = shape[1];
    for (size_t i = 2; i < shape.size(); ++i) inner_ *= shape[i];
    return;
  }
  inputs_first_ = !std::get<ir::MatMul>(op).transpose_b;
  outputs_ = shape[inputs_first_ ? 1 : 0];
  outputs_per_group_ = outputs_;
  per_group_ = shape[inputs_first_ ? 0 : 1];
}

}  // namespace octet::quant
