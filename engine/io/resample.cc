// SPDX-License-Identifier: Apache-2.0
#include "engine/io/resample.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace octet::io {
namespace {

// What one pixel of the result is made of: consecutive pixels of the source.
struct Weights {
  int64_t first = 0;
  std::vector<float> values;  // their sum is 1
};

// The weights of each of `count` pixels that stand for the source's pixels
// [begin, begin + length) of `size`.
std::vector<Weights> TriangleWeights(double begin, double length, int64_t size,
                                     int64_t count) {
  const double step = length / static_cast<double>(count);
  const double reach = std::max(step, 1.0);
  std::vector<Weights> result(count);
  for (int64_t i = 0; i < count; ++i) {
    const double center = begin + (static_cast<double>(i) + 0.5) * step;
    const auto from = std::clamp<int64_t>(
        static_cast<int64_t>(std::floor(center - reach)), 0, size - 1);
    const auto to = std::clamp<int64_t>(
        static_cast<int64_t>(std::ceil(center + reach)), from + 1, size);
    Weights& weights = result[i];
    weights.first = from;
    double sum = 0;
    for (int64_t at = from; at < to; ++at) {
      const double distance =
          std::abs(static_cast<double>(at) + 0.5 - center) / reach;
      weights.values.push_back(static_cast<float>(std::max(0.0, 1 - distance)));
      sum += weights.values.back();
    }
    for (float& value : weights.values) {
      value = static_cast<float>(value / sum);
    }
  }
  return result;
}

}  // namespace

Tensor Resample(const Tensor& pixels, const Box& box, int64_t height,
                int64_t width) {
  const Shape& from = pixels.shape();
  const int64_t channels = from[2];
  const auto across = TriangleWeights(box.left, box.width, from[1], width);
  const auto down = TriangleWeights(box.top, box.height, from[0], height);
  // Rows that no result needs are not made narrower.
  const int64_t first_row = down.front().first;
  const int64_t rows = down.back().first +
                       static_cast<int64_t>(down.back().values.size()) -
                       first_row;
  std::vector<float> narrow(rows * width * channels, 0);
  const uint8_t* source = pixels.data<uint8_t>().data();
  for (int64_t row = 0; row < rows; ++row) {
    const uint8_t* line = source + (first_row + row) * from[1] * channels;
    for (int64_t column = 0; column < width; ++column) {
      float* to = &narrow[(row * width + column) * channels];
      const uint8_t* in = line + across[column].first * channels;
      for (const float weight : across[column].values) {
        for (int64_t c = 0; c < channels; ++c) to[c] += weight * *in++;
      }
    }
  }
  Tensor result(DType::kFloat32, {height, width, channels});
  const int64_t line_size = width * channels;
  for (int64_t row = 0; row < height; ++row) {
    float* to = result.mutable_data<float>().data() + row * line_size;
    const float* in = &narrow[(down[row].first - first_row) * line_size];
    for (const float weight : down[row].values) {
      for (int64_t i = 0; i < line_size; ++i) to[i] += weight * *in++;
    }
  }
  return result;
}

}  // namespace octet::io
