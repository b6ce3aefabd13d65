// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/quantize_weights.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/quant/scheme.h"

namespace octet::quant {
namespace {

// Leaves half of the 32-bit range to the sum of products.
constexpr double kLargestBias = 1 << 30;

// The channel of each element: `inner` consecutive elements share one, and the
// channels repeat every `inner * channels`.
struct ChannelStride {
  int64_t inner;
  int64_t channels;

  int64_t ChannelOf(int64_t element) const {
    return element / inner % channels;
  }
};

ChannelStride StrideOf(const Shape& shape, int axis) {
  ChannelStride stride{1, shape[axis]};
  for (size_t i = axis + 1; i < shape.size(); ++i) stride.inner *= shape[i];
  return stride;
}

absl::Status CheckFinite(absl::Span<const float> values, const char* what) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(what, " element ", i, " is ", values[i],
                     "; expected finite values"));
  }
  return absl::OkStatus();
}

std::vector<float> ScalesOf(absl::Span<const float> weights,
                            const ChannelStride& stride) {
  std::vector<float> largest(stride.channels, 0.0f);
  for (size_t i = 0; i < weights.size(); ++i) {
    float& channel = largest[stride.ChannelOf(i)];
    channel = std::max(channel, std::abs(weights[i]));
  }
  for (float& value : largest) value = SymmetricS8(value).scale;
  return largest;
}

}  // namespace

absl::StatusOr<QuantizedWeights> QuantizeWeights(
    const Tensor& weights, int axis, const std::optional<Tensor>& bias,
    float input_scale) {
  const auto real = weights.data<float>();
  absl::Status finite = CheckFinite(real, "weight");
  if (finite.ok() && bias) finite = CheckFinite(bias->data<float>(), "bias");
  if (!finite.ok()) return finite;

  const ChannelStride stride = StrideOf(weights.shape(), axis);
  std::vector<float> scales = ScalesOf(real, stride);
  QuantizedWeights result{Tensor(DType::kInt8, weights.shape()), {}, {}, {}};
  if (bias) {
    result.bias = Tensor(DType::kInt32, bias->shape());
    auto integers = result.bias->mutable_data<int32_t>();
    for (int64_t c = 0; c < stride.channels; ++c) {
      const double value = bias->data<float>()[c];
      const double least = std::abs(value) / (input_scale * kLargestBias);
      scales[c] = std::max(scales[c], static_cast<float>(least * 1.0001));
      // The product as float32 is what the file will say.
      const float scale = input_scale * scales[c];
      result.bias_quantization.scales.push_back(scale);
      integers[c] = static_cast<int32_t>(std::nearbyint(value / scale));
    }
    result.bias_quantization.zero_points.assign(stride.channels, 0);
  }
  auto integers = result.weights.mutable_data<int8_t>();
  for (size_t i = 0; i < real.size(); ++i) {
    const float q = std::nearbyint(real[i] / scales[stride.ChannelOf(i)]);
    integers[i] = static_cast<int8_t>(std::clamp(q, -127.0f, 127.0f));
  }
  result.weight_quantization = {std::move(scales),
                                std::vector<int32_t>(stride.channels, 0), axis};
  return result;
}

Tensor DequantizedWeights(const QuantizedWeights& quantized) {
  const ir::Quantization& quantization = quantized.weight_quantization;
  const Shape& shape = quantized.weights.shape();
  const ChannelStride stride = StrideOf(shape, quantization.axis);
  const auto integers = quantized.weights.data<int8_t>();
  Tensor weights(DType::kFloat32, shape);
  auto values = weights.mutable_data<float>();
  for (size_t i = 0; i < integers.size(); ++i) {
    values[i] = quantization.scales[stride.ChannelOf(i)] *
                static_cast<float>(integers[i]);
  }
  return weights;
}

int WeightChannelAxis(const ir::Op& op) {
  const auto* matmul = std::get_if<ir::MatMul>(&op);
  return matmul != nullptr && !matmul->transpose_b ? 1 : 0;
}

}  // namespace octet::quant
