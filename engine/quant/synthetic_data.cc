// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/synthetic_data.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "absl/types/span.h"
#include "engine/base/check.h"
#include "engine/base/half_tensors.h"

namespace octet::quant {
namespace {

constexpr int kShapes = 200;        // of a picture
constexpr double kSmallest = 64;    // of the longer side, its share: 1 / this
constexpr double kColouring = 0.3;  // how far apart channels of a shape may be
constexpr double kNoise = 0.02;     // its deviation, of the range
constexpr int64_t kLeastSide = 4;

// The standard's distributions differ between libraries; its engines do not.
class Draws {
 public:
  explicit Draws(uint32_t seed) : engine_(seed) {}

  // Multiples of 2^-24 in [0, 1).
  double Unit() { return static_cast<double>(engine_() >> 8) / (1 << 24); }

  // Mean 0 and deviation 1, nearly normal: of a sum of four.
  double Bell() {
    const double sum = Unit() + Unit() + Unit() + Unit();
    return (sum - 2) * 1.7320508;
  }

 private:
  std::mt19937 engine_;
};

// One picture in [0, 1], planes one after another.
class DeadLeaves {
 public:
  DeadLeaves(const PictureForm& form, Draws* draws)
      : form_(form),
        draws_(*draws),
        values_(form.channels * form.height * form.width) {}

  std::vector<float> Paint() {
    const auto longer =
        static_cast<double>(std::max(form_.height, form_.width));
    const std::vector<float> ground = Colour();
    Fill(
        0, form_.height,
        [&](int64_t) {
          return Run{0, form_.width};
        },
        ground);
    // Radii r with a density of r^-3 between these.
    const double least = std::max(1.0, longer / kSmallest);
    const double most = longer / 2;
    for (int i = 0; i < kShapes; ++i) {
      const double share = draws_.Unit();
      const double radius =
          1 / std::sqrt((1 - share) / (least * least) + share / (most * most));
      PaintShape(radius, /*disc=*/i % 2 == 0);
    }
    for (float& value : values_) {
      value = static_cast<float>(
          std::clamp(value + kNoise * draws_.Bell(), 0.0, 1.0));
    }
    return std::move(values_);
  }

 private:
  struct Run {  // of a line
    int64_t begin = 0;
    int64_t end = 0;
  };

  std::vector<float> Colour() {
    const double grey = draws_.Unit();
    std::vector<float> colour(form_.channels);
    for (float& value : colour) {
      value = static_cast<float>(
          std::clamp(grey + kColouring * (draws_.Unit() - 0.5), 0.0, 1.0));
    }
    return colour;
  }

  // The places within `reach` of `middle`, of `size`.
  static Run Within(double middle, double reach, int64_t size) {
    const double last = static_cast<double>(size);
    return {
        static_cast<int64_t>(std::clamp(std::ceil(middle - reach), 0.0, last)),
        static_cast<int64_t>(std::clamp(std::ceil(middle + reach), 0.0, last))};
  }

  void PaintShape(double radius, bool disc) {
    const double y = draws_.Unit() * static_cast<double>(form_.height);
    const double x = draws_.Unit() * static_cast<double>(form_.width);
    const double aspect = 0.3 + 0.7 * draws_.Unit();
    const Run lines = Within(y, radius, form_.height);
    const auto run_of = [&](int64_t line) {
      const double dy = static_cast<double>(line) - y;
      const double reach =
          disc ? std::sqrt(std::max(radius * radius - dy * dy, 0.0))
               : radius * aspect;
      return Within(x, reach, form_.width);
    };
    Fill(lines.begin, lines.end, run_of, Colour());
  }

  template <typename RunOf>
  void Fill(int64_t begin, int64_t end, RunOf run_of,
            const std::vector<float>& colour) {
    for (int64_t line = begin; line < end; ++line) {
      const Run run = run_of(line);
      for (int64_t c = 0; c < form_.channels; ++c) {
        float* first = values_.data() + (c * form_.height + line) * form_.width;
        std::fill(first + run.begin, first + run.end, colour[c]);
      }
    }
  }

  const PictureForm form_;
  Draws& draws_;
  std::vector<float> values_;
};

// One row in [0, 1), in its own order, with the channel of each element.
class RowSource {
 public:
  RowSource(const Shape& row_shape, uint32_t seed)
      : form_(AsPicture(row_shape)),
        draws_(seed),
        units_(ElementCount(row_shape)) {}

  const std::vector<float>& Next() {
    if (!form_) {
      for (float& unit : units_) unit = static_cast<float>(draws_.Unit());
      return units_;
    }
    const std::vector<float> planes = DeadLeaves(*form_, &draws_).Paint();
    const int64_t plane = form_->height * form_->width;
    for (int64_t i = 0; i < static_cast<int64_t>(units_.size()); ++i) {
      const int64_t place =
          form_->channels_last ? i / form_->channels : i % plane;
      units_[i] = planes[ChannelOf(i) * plane + place];
    }
    return units_;
  }

  int64_t ChannelOf(int64_t element) const {
    if (!form_) return 0;
    return form_->channels_last ? element % form_->channels
                                : element / (form_->height * form_->width);
  }

 private:
  const std::optional<PictureForm> form_;
  Draws draws_;
  std::vector<float> units_;
};

template <typename T>
void Fill(RowSource& rows, const SyntheticRange& range, Tensor* tensor) {
  const auto target = tensor->mutable_data<T>();
  const int64_t samples = tensor->shape()[0];
  const size_t row = target.size() / samples;
  for (int64_t s = 0; s < samples; ++s) {
    const std::vector<float>& units = rows.Next();
    for (size_t i = 0; i < row; ++i) {
      const size_t c =
          range.min.size() > 1 ? rows.ChannelOf(static_cast<int64_t>(i)) : 0;
      const double min = range.min[c];
      const double max = range.max[c];
      if constexpr (std::is_floating_point_v<T>) {
        target[s * row + i] = static_cast<T>(min + (max - min) * units[i]);
      } else {
        const double whole = std::floor(min + (max - min + 1) * units[i]);
        target[s * row + i] = static_cast<T>(std::min(whole, max));
      }
    }
  }
}

}  // namespace

std::optional<PictureForm> AsPicture(const Shape& row_shape) {
  size_t first = 0;
  while (first < row_shape.size() && row_shape[first] == 1) ++first;
  const Shape shape(row_shape.begin() + static_cast<int64_t>(first),
                    row_shape.end());
  PictureForm form;
  if (shape.size() == 2) {
    form = {1, shape[0], shape[1], false};
  } else if (shape.size() != 3) {
    return std::nullopt;
  } else if (shape[2] <= 4 && shape[0] > shape[2]) {
    form = {shape[2], shape[0], shape[1], true};
  } else {
    form = {shape[0], shape[1], shape[2], false};
  }
  if (std::min(form.height, form.width) < kLeastSide) return std::nullopt;
  return form;
}

Tensor SyntheticRows(DType dtype, const Shape& row_shape, int64_t samples,
                     const SyntheticRange& range, uint32_t seed) {
  Shape shape = row_shape;
  shape.insert(shape.begin(), samples);
  Tensor tensor(dtype, std::move(shape));
  if (tensor.size() == 0) return tensor;
  RowSource rows(row_shape, seed);
  switch (dtype) {
    case DType::kFloat32:
      Fill<float>(rows, range, &tensor);
      return tensor;
    case DType::kFloat64:
      Fill<double>(rows, range, &tensor);
      return tensor;
    case DType::kInt8:
      Fill<int8_t>(rows, range, &tensor);
      return tensor;
    case DType::kUInt8:
      Fill<uint8_t>(rows, range, &tensor);
      return tensor;
    case DType::kInt16:
      Fill<int16_t>(rows, range, &tensor);
      return tensor;
    case DType::kUInt16:
      Fill<uint16_t>(rows, range, &tensor);
      return tensor;
    case DType::kInt32:
      Fill<int32_t>(rows, range, &tensor);
      return tensor;
    case DType::kUInt32:
      Fill<uint32_t>(rows, range, &tensor);
      return tensor;
    case DType::kInt64:
      Fill<int64_t>(rows, range, &tensor);
      return tensor;
    case DType::kUInt64:
      Fill<uint64_t>(rows, range, &tensor);
      return tensor;
    case DType::kBool:
      Fill<bool>(rows, range, &tensor);
      return tensor;
    case DType::kFloat16:
    case DType::kBFloat16:
      return RoundedToHalf(
          SyntheticRows(DType::kFloat32, row_shape, samples, range, seed),
          dtype);
  }
  OCTET_CHECK(false);
}

}  // namespace octet::quant
