// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_WEIGHT_CHANNELS_H_
#define OCTET_ENGINE_QUANT_WEIGHT_CHANNELS_H_

#include <cstdint>

#include "engine/base/shape.h"
#include "engine/ir/op.h"

namespace octet::quant {

// Which input and which output channel each weight of a Conv (channels first)
// or a MatMul connects. Immutable.
class WeightChannels {
 public:
  // REQUIRES: `op` is one of the two; `shape` is that of its weights.
  WeightChannels(const ir::Op& op, const Shape& shape);

  int64_t outputs() const { return outputs_; }
  // `element` counts the weights, row-major.
  int64_t Output(int64_t element) const {
    if (inputs_first_) return element % outputs_;
    return element / (per_group_ * inner_);
  }
  int64_t Input(int64_t element) const {
    if (inputs_first_) return element / outputs_;
    const int64_t group = Output(element) / outputs_per_group_;
    return group * per_group_ + element / inner_ % per_group_;
  }

 private:
  bool inputs_first_ = false;  // a MatMul whose weights are [K, N]
  int64_t outputs_ = 1;
  int64_t outputs_per_group_ = 1;
  int64_t per_group_ = 1;  // input channels of one group
  int64_t inner_ = 1;      // weights per pair of channels
};

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_WEIGHT_CHANNELS_H_
