// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/quantize_weights.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
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
    return absl::InvalidArgumentError(absl::StrCat(
        what, " element ", i, " is ", values[i], "; expected finite values"));
  }
  return absl::OkStatus();
}

// Nothing for a channel of zeros, which any scale suits.
std::vector<std::optional<float>> ScalesOf(absl::Span<const float> weights,
                                           const ChannelStride& stride) {
  std::vector<float> largest(stride.channels, 0.0f);
  for (size_t i = 0; i < weights.size(); ++i) {
    float& channel = largest[stride.ChannelOf(i)];
    channel = std::max(channel, std::abs(weights[i]));
  }
  std::vector<std::optional<float>> scales(stride.channels);
  for (int64_t c = 0; c < stride.channels; ++c) {
    if (largest[c] > 0) scales[c] = SymmetricS8(largest[c]).scale;
  }
  return scales;
}

// The scale of a channel's weights, given its bias: `scale` where the bias fits
// 32 bits then, else the least that makes it fit; 1 where neither asks for any.
float ScaleWithBias(std::optional<float> scale, double bias,
                    float input_scale) {
  // A little more, so that rounding to float32 can't make it too small.
  const auto least = static_cast<float>(std::abs(bias) * 1.0001 /
                                        (input_scale * kLargestBias));
  const float chosen = std::max(scale.value_or(0.0f), least);
  return chosen > 0 ? chosen : 1.0f;
}

// Fills in the bias of `result` for weights of these scales.
void QuantizeBias(const Tensor& bias, float input_scale,
                  const std::vector<float>& weight_scales,
                  QuantizedWeights& result) {
  result.bias = Tensor(DType::kInt32, bias.shape());
  auto integers = result.bias->mutable_data<int32_t>();
  const auto real = bias.data<float>();
  for (size_t c = 0; c < real.size(); ++c) {
    // The product as float32 is what the file will say.
    const float scale = input_scale * weight_scales[c];
    result.bias_quantization.scales.push_back(scale);
    integers[c] = static_cast<int32_t>(
        std::nearbyint(static_cast<double>(real[c]) / scale));
  }
  result.bias_quantization.zero_points.assign(real.size(), 0);
}

}  // namespace

absl::StatusOr<QuantizedWeights> QuantizeWeights(
    const Tensor& weights, int axis, const std::optional<Tensor>& bias,
    float input_scale, const WeightRounding& wanted) {
  const auto real = weights.data<float>();
  absl::Status finite = CheckFinite(real, "weight");
  if (finite.ok() && bias) finite = CheckFinite(bias->data<float>(), "bias");
  if (!finite.ok()) return finite;

  const ChannelStride stride = StrideOf(weights.shape(), axis);
  OCTET_CHECK(wanted.scales.empty() ||
              static_cast<int64_t>(wanted.scales.size()) == stride.channels);
  OCTET_CHECK(
      wanted.integers.empty() ||
      (wanted.integers.size() == real.size() && !wanted.scales.empty()));
  std::vector<float> scales;
  const auto of_weights = ScalesOf(real, stride);
  for (int64_t c = 0; c < stride.channels; ++c) {
    const double value = bias ? bias->data<float>()[c] : 0.0;
    std::optional<float> scale = of_weights[c];
    if (scale && !wanted.scales.empty()) scale = wanted.scales[c];
    scales.push_back(ScaleWithBias(scale, value, input_scale));
  }
  QuantizedWeights result{Tensor(DType::kInt8, weights.shape()), {}, {}, {}};
  if (bias) QuantizeBias(*bias, input_scale, scales, result);
  auto integers = result.weights.mutable_data<int8_t>();
  for (size_t i = 0; i < real.size(); ++i) {
    const int64_t c = stride.ChannelOf(static_cast<int64_t>(i));
    if (!wanted.integers.empty() && scales[c] == wanted.scales[c]) {
      integers[i] = wanted.integers[i];
      continue;
    }
    const float q = std::nearbyint(real[i] / scales[c]);
    integers[i] = static_cast<int8_t>(std::clamp(q, -127.0f, 127.0f));
  }
  result.weight_quantization = {std::move(scales),
                                std::vector<int32_t>(stride.channels, 0), axis};
  return result;
}

std::vector<float> LeastErrorScales(const Tensor& weights, int axis,
                                    absl::Span<const float> importance) {
  constexpr int kTried = 51;  // 1 % apart
  const auto real = weights.data<float>();
  OCTET_CHECK(importance.size() == real.size());
  const ChannelStride stride = StrideOf(weights.shape(), axis);
  const auto widest = ScalesOf(real, stride);
  std::vector<float> best(stride.channels, 1.0f);
  std::vector<double> least(stride.channels,
                            std::numeric_limits<double>::infinity());
  std::vector<float> scales(stride.channels);
  std::vector<double> errors(stride.channels);
  for (int t = 0; t < kTried; ++t) {
    for (int64_t c = 0; c < stride.channels; ++c) {
      scales[c] = widest[c].value_or(1.0f) * (1.0f - 0.01f * t);
      errors[c] = 0;
    }
    // Runs of elements of one channel lie together.
    for (size_t i = 0; i < real.size(); i += stride.inner) {
      const int64_t c = stride.ChannelOf(static_cast<int64_t>(i));
      const float scale = scales[c];
      const float per_scale = 1.0f / scale;
      double sum = 0;
      for (size_t j = i; j < i + stride.inner; ++j) {
        const float q = std::nearbyint(real[j] * per_scale);
        const float error =
            real[j] - scale * std::min(std::max(q, -127.0f), 127.0f);
        sum += importance[j] * error * error;
      }
      errors[c] += sum;
    }
    for (int64_t c = 0; c < stride.channels; ++c) {
      if (errors[c] >= least[c]) continue;
      least[c] = errors[c];
      best[c] = scales[c];
    }
  }
  return best;
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
  if (std::holds_alternative<ir::ConvTranspose>(op) ||
      std::holds_alternative<ir::Recurrent>(op)) {
    return 1;
  }
  const auto* matmul = std::get_if<ir::MatMul>(&op);
  return matmul != nullptr && !matmul->transpose_b ? 1 : 0;
}

}  // namespace octet::quant
