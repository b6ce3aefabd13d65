// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_QUANTIZE_WEIGHTS_H_
#define OCTET_ENGINE_QUANT_QUANTIZE_WEIGHTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"
#include "engine/ir/op.h"
#include "engine/ir/tensor_type.h"

namespace octet::quant {

// Weights and bias of one Conv or MatMul as integers.
struct QuantizedWeights {
  Tensor weights;                        // s8, shaped like the float ones
  ir::Quantization weight_quantization;  // per channel, zero points 0
  std::optional<Tensor> bias;            // s32 [channels]
  ir::Quantization bias_quantization;    // scale s_x * s_w[c], zero points 0
};

// What QuantizeWeights() is to make of weights; where a part is empty, it
// chooses.
struct WeightRounding {
  // s_w[c], one per channel; else max|w[c]| / 127.
  absl::Span<const float> scales;
  // What the weights become at these scales, from -127 to 127; else the
  // nearest. REQUIRES: scales, too.
  absl::Span<const int8_t> integers;
};

// Quantizes per channel along `axis`, symmetric.
//
// A channel whose bias would not fit 32 bits at scale s_x * s_w[c] gets the
// least s_w[c] at which it does; that costs nothing, as weights so much smaller
// than the bias hardly move the result. Its integers are the nearest. `bias`,
// where given, is float32 [channels]; `input_scale` is s_x. INVALID_ARGUMENT
// where a weight or bias is NaN or infinite.
absl::StatusOr<QuantizedWeights> QuantizeWeights(
    const Tensor& weights, int axis, const std::optional<Tensor>& bias,
    float input_scale, const WeightRounding& wanted = {});

// For QuantizeWeights(): of each channel along `axis`, the scale between the
// least that holds all of its weights and half of that with the least sum of
// importance[i] * (error of weight i)^2. `importance` is as long as the
// weights. A channel of zeros gets 1.
std::vector<float> LeastErrorScales(const Tensor& weights, int axis,
                                    absl::Span<const float> importance);

// The reals that the integers stand for: scale * q, float32.
Tensor DequantizedWeights(const QuantizedWeights& quantized);

// The axis of its weights that the output channels of a Conv, ConvTranspose or
// MatMul run along, or the rows of gates of a Recurrent. REQUIRES: one of them.
int WeightChannelAxis(const ir::Op& op);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_QUANTIZE_WEIGHTS_H_
