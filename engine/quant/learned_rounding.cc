// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/learned_rounding.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <optional>
#include <utility>
#include <variant>

#include "absl/types/span.h"
#include "engine/base/status_macros.h"
#include "engine/quant/quantize_weights.h"
#include "engine/quant/scheme.h"
#include "engine/quant/weight_channels.h"

namespace octet::quant {
namespace {

using ir::Graph;
using ir::Node;

// Of the mean variance, added to each; and as much as there are values for each
// time they were seen, for what is seen seldom seems to vary together by
// chance.
constexpr double kDamping = 0.01;
// In steps, on average: what is less is no rounding but float32's own.
constexpr double kLeastError = 0.001;

// A covariance as M D M^T, M lower triangular with ones on its diagonal. The
// error of a result, e^T M D M^T e for errors e of the weights, then is a sum
// of squares,
//   D_i (e_i + sum over j > i of M_ji e_j)^2,
// which are made small one after another, the last first.
class Factor {
 public:
  // Of block `index` of `moments`; nothing where that is zero or not finite.
  static std::optional<Factor> Of(const InputMoments& moments, int64_t index,
                                  ResultMean mean) {
    const int64_t length = moments.block;
    const std::vector<double> covariance = Moments(moments, index, mean);
    double variance = 0;
    for (int64_t i = 0; i < length; ++i) {
      variance += covariance[i * length + i] / static_cast<double>(length);
    }
    if (!(variance > 0) || !std::isfinite(variance)) return std::nullopt;
    Factor factor(length);
    // Rounded first is what moves the result most: the others make up for it.
    std::iota(factor.order_.begin(), factor.order_.end(), 0);
    std::stable_sort(
        factor.order_.begin(), factor.order_.end(), [&](int64_t a, int64_t b) {
          return covariance[a * length + a] < covariance[b * length + b];
        });
    const double damping = kDamping + static_cast<double>(length) /
                                          static_cast<double>(moments.seen);
    if (!factor.Decompose(covariance, damping * variance)) return std::nullopt;
    return factor;
  }

  // Of the weights of one channel, in steps; `integers` as many.
  void Round(absl::Span<const float> weights, absl::Span<int8_t> integers) {
    std::fill(carried_.begin(), carried_.end(), 0.0f);
    for (int64_t i = length_ - 1; i >= 0; --i) {
      const float weight = weights[order_[i]];
      const float q =
          std::clamp(std::nearbyint(weight + carried_[i]), -127.0f, 127.0f);
      integers[order_[i]] = static_cast<int8_t>(q);
      const float error = weight - q;
      const float* row = rows_.data() + i * length_;
      for (int64_t j = 0; j < i; ++j) carried_[j] += row[j] * error;
    }
  }

 private:
  explicit Factor(int64_t length)
      : length_(length),
        order_(length),
        rows_(length * length),
        carried_(length) {}

  // What errors of the weights are weighed by.
  static std::vector<double> Moments(const InputMoments& moments, int64_t index,
                                     ResultMean mean) {
    const int64_t length = moments.block;
    const double* first = moments.covariance.data() + index * length * length;
    std::vector<double> result(first, first + length * length);
    if (mean == ResultMean::kCorrectedByBias) return result;
    const double* means = moments.means.data() + index * length;
    for (int64_t i = 0; i < length; ++i) {
      for (int64_t j = 0; j < length; ++j) {
        result[i * length + j] += means[i] * means[j];
      }
    }
    return result;
  }

  // Whether all pivots are positive.
  bool Decompose(absl::Span<const double> covariance, double damping) {
    std::vector<double> rows(length_ * length_);    // M
    std::vector<double> scaled(length_ * length_);  // M D
    for (int64_t i = 0; i < length_; ++i) {
      double* row = scaled.data() + i * length_;
      for (int64_t j = 0; j <= i; ++j) {
        const double* other = rows.data() + j * length_;
        double rest = covariance[order_[i] * length_ + order_[j]];
        if (i == j) rest += damping;
        for (int64_t k = 0; k < j; ++k) rest -= row[k] * other[k];
        row[j] = rest;
        const double pivot = scaled[j * length_ + j];
        if (!(pivot > 0)) return false;
        rows[i * length_ + j] = rest / pivot;
      }
    }
    rows_.assign(rows.begin(), rows.end());
    return true;
  }

  int64_t length_;
  std::vector<int64_t> order_;  // of the weights, by row of M
  std::vector<float> rows_;     // M
  std::vector<float> carried_;
};

// Where the weights of a layer lie: that of output channel c and number k of
// those it meets at c * output + k * input.
struct WeightStrides {
  int64_t outputs = 0;
  int64_t output = 0;
  int64_t input = 1;
};

WeightStrides StridesOf(const Node& layer, const Tensor& weights) {
  const Shape& shape = weights.shape();
  const auto* matmul = std::get_if<ir::MatMul>(&layer.op);
  if (matmul != nullptr && !matmul->transpose_b) return {shape[1], 1, shape[1]};
  return {shape[0], weights.size() / shape[0], 1};
}

// Chooses `integers`, those that are nearest before.
void RoundLayer(const Node& layer, const Tensor& weights,
                const InputMoments& moments, ResultMean mean,
                const std::vector<float>& scales,
                std::vector<int8_t>& integers) {
  const WeightStrides strides = StridesOf(layer, weights);
  const auto* conv = std::get_if<ir::Conv>(&layer.op);
  const int64_t groups = conv != nullptr ? conv->groups : 1;
  const int64_t outputs = strides.outputs / groups;
  const int64_t parts = moments.blocks / groups;  // of a group
  const int64_t length = moments.block;
  std::vector<float> steps(length);
  std::vector<int8_t> rounded(length);
  for (int64_t b = 0; b < moments.blocks; ++b) {
    std::optional<Factor> factor = Factor::Of(moments, b, mean);
    if (!factor) continue;
    for (int64_t c = b / parts * outputs; c < (b / parts + 1) * outputs; ++c) {
      const int64_t first =
          c * strides.output + b % parts * length * strides.input;
      for (int64_t k = 0; k < length; ++k) {
        steps[k] = weights.data<float>()[first + k * strides.input] / scales[c];
      }
      factor->Round(steps, absl::MakeSpan(rounded));
      for (int64_t k = 0; k < length; ++k) {
        integers[first + k * strides.input] = rounded[k];
      }
    }
  }
}

// How far the weights are off their integers, in steps: of the channel that
// this is most for, the mean of those that are not zero.
double LargestError(const Node& layer, const Tensor& weights,
                    const QuantizedWeights& quantized) {
  const WeightChannels channels(layer.op, weights.shape());
  std::vector<double> errors(channels.outputs(), 0.0);
  std::vector<double> counts(channels.outputs(), 0.0);
  for (int64_t i = 0; i < weights.size(); ++i) {
    const float weight = weights.data<float>()[i];
    if (weight == 0) continue;
    const int64_t c = channels.Output(i);
    errors[c] += std::abs(weight / quantized.weight_quantization.scales[c] -
                          quantized.weights.data<int8_t>()[i]);
    ++counts[c];
  }
  double largest = 0;
  for (size_t c = 0; c < errors.size(); ++c) {
    if (counts[c] > 0) largest = std::max(largest, errors[c] / counts[c]);
  }
  return largest;
}

// By value: whether it is rounded, or passes on what is.
std::vector<bool> RoundedValues(const Graph& graph,
                                const QuantizationSites& sites) {
  std::vector<bool> group_is(graph.values().size(), false);
  for (ir::ValueId id : sites.rounded) group_is[sites.group[id]] = true;
  std::vector<bool> rounded;
  for (ir::ValueId group : sites.group) rounded.push_back(group_is[group]);
  return rounded;
}

}  // namespace

absl::StatusOr<std::vector<size_t>> LayersThatRound(
    const Graph& graph, const QuantizationSites& sites,
    const std::vector<std::vector<float>>& weight_scales) {
  const std::vector<bool> rounded = RoundedValues(graph, sites);
  QuantizationParameters parameters;
  parameters.weight_scales = weight_scales;
  std::vector<size_t> layers;
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!IsWeighted(graph, node) || !rounded[node.inputs[0]]) continue;
    const Tensor& weights = *graph.value(node.inputs[1]).constant;
    OCTET_ASSIGN_OR_RETURN(
        const QuantizedWeights nearest,
        QuantizeWeights(weights, WeightChannelAxis(node.op), std::nullopt, 1,
                        parameters.WeightsOf(i)));
    if (LargestError(node, weights, nearest) > kLeastError) layers.push_back(i);
  }
  return layers;
}

absl::Status LearnRounding(const Graph& graph, const QuantizationSites& sites,
                           const std::vector<InputMoments>& moments,
                           ResultMean mean,
                           QuantizationParameters& parameters) {
  const std::vector<std::optional<Scheme>> carried =
      CarriedSchemes(graph, sites, parameters.schemes);
  parameters.weight_scales.resize(graph.nodes().size());
  parameters.weight_integers.resize(graph.nodes().size());
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    if (moments[i].blocks == 0) continue;
    const Node& node = graph.nodes()[i];
    OCTET_ASSIGN_OR_RETURN(
        const QuantizedWeights nearest,
        WeightsOfNode(graph, i, carried[node.inputs[0]]->scale, parameters));
    const auto integers = nearest.weights.data<int8_t>();
    std::vector<float>& scales = parameters.weight_scales[i];
    scales = nearest.weight_quantization.scales;
    parameters.weight_integers[i].assign(integers.begin(), integers.end());
    RoundLayer(node, *graph.value(node.inputs[1]).constant, moments[i], mean,
               scales, parameters.weight_integers[i]);
  }
  return absl::OkStatus();
}

}  // namespace octet::quant
