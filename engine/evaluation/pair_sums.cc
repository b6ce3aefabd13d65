// SPDX-License-Identifier: Apache-2.0
#include "engine/evaluation/pair_sums.h"

#include <cmath>
#include <cstdlib>
#include <limits>

namespace octet::internal {
namespace {

constexpr int32_t kLeast = std::numeric_limits<int16_t>::min();
constexpr int32_t kMost = std::numeric_limits<int16_t>::max();
constexpr int32_t kLargestByte = std::numeric_limits<uint8_t>::max();

int64_t Product(const Shape& shape, size_t from) {
  int64_t product = 1;
  for (size_t i = from; i < shape.size(); ++i) product *= shape[i];
  return product;
}

// The next of the indices that `extents` bound, the last one fastest; false
// behind the last.
bool Advance(const Shape& extents, Shape& index) {
  for (size_t i = extents.size(); i-- > 0;) {
    if (++index[i] < extents[i]) return true;
    index[i] = 0;
  }
  return false;
}

// Weights of a Conv, [O, C, kernel...], as the rows of a matrix [O, kernel...,
// C]; of a MatMul as [N, K].
std::vector<int32_t> DepthLast(const ir::Op& op, const Tensor& weights) {
  const auto from = weights.data<int8_t>();
  std::vector<int32_t> result;
  result.reserve(from.size());
  const Shape& shape = weights.shape();
  if (std::holds_alternative<ir::Conv>(op)) {
    const int64_t kernel = Product(shape, 2);
    for (int64_t o = 0; o < shape[0]; ++o) {
      for (int64_t k = 0; k < kernel; ++k) {
        for (int64_t c = 0; c < shape[1]; ++c) {
          result.push_back(from[(o * shape[1] + c) * kernel + k]);
        }
      }
    }
    return result;
  }
  if (std::get<ir::MatMul>(op).transpose_b) {
    result.assign(from.begin(), from.end());
    return result;
  }
  for (int64_t n = 0; n < shape[1]; ++n) {
    for (int64_t k = 0; k < shape[0]; ++k) {
      result.push_back(from[k * shape[1] + n]);
    }
  }
  return result;
}

}  // namespace

bool PairSums::Counts(const ir::Graph& graph, const ir::Node& node) {
  const auto* conv = std::get_if<ir::Conv>(&node.op);
  const bool multiplies =
      conv != nullptr || std::holds_alternative<ir::MatMul>(node.op);
  if (!multiplies || !graph.type(node.inputs[0]).quantization ||
      !graph.value(node.inputs[1]).is_constant() ||
      graph.type(node.inputs[1]).dtype != DType::kInt8) {
    return false;
  }
  const Shape& weights = graph.value(node.inputs[1]).constant->shape();
  return conv == nullptr ? weights.size() == 2
                         : conv->groups == 1 || weights[1] > 1;
}

PairSums::PairSums(const ir::Graph& graph, const ir::Node& node)
    : op_(node.op) {
  const ir::TensorType& data = graph.type(node.inputs[0]);
  quantization_ = *data.quantization;
  if (data.dtype == DType::kInt8) {
    offset_ = -std::numeric_limits<int8_t>::min();
  }
  data_ = ir::ConcreteShape(data.dims, /*rows=*/1);
  output_ = ir::ConcreteShape(graph.type(node.outputs[0]).dims, /*rows=*/1);
  const Tensor& weights = *graph.value(node.inputs[1]).constant;
  const std::vector<int32_t> matrix = DepthLast(op_, weights);
  const auto* conv = std::get_if<ir::Conv>(&op_);
  const int64_t outputs =
      conv != nullptr || std::get<ir::MatMul>(op_).transpose_b
          ? weights.shape()[0]
          : weights.shape()[1];
  depth_ = outputs == 0 ? 0 : weights.size() / outputs;
  channels_ = conv != nullptr ? outputs / conv->groups : outputs;
  for (int64_t o = 0; o < outputs; ++o) {
    AddPairs(absl::MakeConstSpan(matrix).subspan(o * depth_, depth_));
  }
}

void PairSums::AddPairs(absl::Span<const int32_t> weights) {
  std::vector<Pair>& pairs = pairs_.emplace_back();
  for (size_t k = 0; k + 1 < weights.size(); k += 2) {
    const int32_t sum = std::abs(weights[k] + weights[k + 1]);
    // Weights of two signs never leave 16 bits: 255 * 128 fits.
    const bool can_saturate =
        (weights[k] < 0) == (weights[k + 1] < 0) && sum * kLargestByte > kMost;
    if (can_saturate) {
      pairs.push_back({static_cast<int32_t>(k), weights[k], weights[k + 1]});
    }
  }
}

int64_t PairSums::sums() const {
  const auto* conv = std::get_if<ir::Conv>(&op_);
  const int64_t results = conv != nullptr
                              ? output_[1] * Product(output_, 2) * output_[0]
                              : Product(output_, 0);
  return results * (depth_ / 2);
}

int64_t PairSums::SaturatedIn(absl::Span<const int32_t> column,
                              int64_t group) const {
  int64_t saturated = 0;
  for (int64_t o = group * channels_; o < (group + 1) * channels_; ++o) {
    for (const Pair& pair : pairs_[o]) {
      const int32_t sum = column[pair.depth] * pair.first +
                          column[pair.depth + 1] * pair.second;
      saturated += sum < kLeast || sum > kMost;
    }
  }
  return saturated;
}

int64_t PairSums::Saturated(absl::Span<const float> data) const {
  std::vector<int32_t> integers;
  integers.reserve(data.size());
  const float scale = quantization_.scales[0];
  const int32_t zero_point = quantization_.zero_points[0] + offset_;
  for (float real : data) {
    integers.push_back(static_cast<int32_t>(std::lround(real / scale)) +
                       zero_point);
  }
  return std::holds_alternative<ir::Conv>(op_) ? SaturatedInConv(integers)
                                               : SaturatedInRows(integers);
}

int64_t PairSums::SaturatedInRows(absl::Span<const int32_t> integers) const {
  int64_t saturated = 0;
  const auto depth = static_cast<size_t>(depth_);
  for (size_t row = 0; row + depth <= integers.size() && depth > 0;
       row += depth) {
    saturated += SaturatedIn(integers.subspan(row, depth), 0);
  }
  return saturated;
}

void PairSums::FillColumn(absl::Span<const int32_t> channels,
                          const Shape& place,
                          std::vector<int32_t>& column) const {
  const ir::Window& window = std::get<ir::Conv>(op_).window;
  const Shape extents(data_.begin() + 2, data_.end());
  const int64_t pixels = Product(extents, 0);
  const int32_t padding = quantization_.zero_points[0] + offset_;
  Shape tap(extents.size(), 0);
  column.clear();
  do {
    int64_t pixel = 0;
    bool inside = true;
    for (size_t i = 0; i < extents.size(); ++i) {
      const int64_t x = place[i] * window.strides[i] - window.pads_begin[i] +
                        tap[i] * window.dilations[i];
      inside = inside && x >= 0 && x < extents[i];
      pixel = pixel * extents[i] + x;
    }
    const auto count = static_cast<int64_t>(channels.size()) / pixels;
    for (int64_t c = 0; c < count; ++c) {
      column.push_back(inside ? channels[c * pixels + pixel] : padding);
    }
  } while (Advance(window.kernel, tap));
}

int64_t PairSums::SaturatedInConv(absl::Span<const int32_t> integers) const {
  const int64_t groups = std::get<ir::Conv>(op_).groups;
  const Shape places(output_.begin() + 2, output_.end());
  const int64_t of_group = data_[1] / groups * Product(data_, 2);
  if (of_group == 0 || Product(places, 0) == 0) return 0;
  std::vector<int32_t> column;
  int64_t saturated = 0;
  for (int64_t i = 0; i < data_[0] * groups; ++i) {
    const auto channels = integers.subspan(i * of_group, of_group);
    Shape place(places.size(), 0);
    do {
      FillColumn(channels, place, column);
      saturated += SaturatedIn(column, i % groups);
    } while (Advance(places, place));
  }
  return saturated;
}

}  // namespace octet::internal
