// SPDX-License-Identifier: Apache-2.0
#include "engine/gather.h"

#include <cstring>
#include <utility>

#include "engine/base/status_macros.h"

namespace octet::internal {
namespace {

// [channels, pixels] -> [pixels, channels].
void ToChannelsLast(const float* source, int64_t channels, int64_t pixels,
                    float* target) {
  for (int64_t p = 0; p < pixels; ++p) {
    for (int64_t c = 0; c < channels; ++c) {
      target[p * channels + c] = source[c * pixels + p];
    }
  }
}

}  // namespace

absl::StatusOr<RowGatherer> RowGatherer::Create(
    const plan::PlanTensor& input, bool batches,
    const std::optional<ResolvedForm>& form) {
  RowGatherer gatherer(input, batches);
  if (const auto& type = input.conversion.quantized) {
    OCTET_ASSIGN_OR_RETURN(
        gatherer.quantizer_,
        simd::Quantizer::Create(
            type->quantization->scales[0],
            {type->dtype, type->quantization->zero_points[0]}));
  }
  const plan::InputConversion& conversion = input.conversion;
  if (form || !conversion.scale.empty()) {
    simd::PixelTarget target;
    target.channels = form ? form->channels : gatherer.channels_;
    target.pixels = form ? form->channel_pixels : gatherer.pixels_;
    target.channels_last =
        conversion.to_channels_last || (form && form->model_channels_last);
    target.quantizer = gatherer.quantizer_;
    if (!conversion.scale.empty()) {
      target.mean = conversion.mean;
      target.scale = conversion.scale;
    }
    OCTET_ASSIGN_OR_RETURN(
        gatherer.converter_,
        simd::PixelConverter::Create(form ? form->pixels : simd::PixelSource(),
                                     target));
    gatherer.images_ =
        gatherer.row_elements_ / (target.channels * target.pixels);
    if (conversion.padding) {
      OCTET_RETURN_IF_ERROR(gatherer.MakeBorder(std::move(target)));
    }
  }
  return gatherer;
}

RowGatherer::RowGatherer(const plan::PlanTensor& input, bool batches)
    : conversion_(input.conversion) {
  Shape shape = ir::ConcreteShape(input.type.dims);
  // One row is one image; a model that does not batch is one row of all its
  // images.
  if (batches) {
    shape.erase(shape.begin());
  } else if (conversion_.to_channels_last) {
    images_ = shape.front();
    shape.erase(shape.begin());
  }
  const int64_t elements = ElementCount(shape);
  if (conversion_.to_channels_last) channels_ = shape[0];
  pixels_ = channels_ == 0 ? 0 : elements / channels_;
  row_elements_ = images_ * elements;
  const auto element_bytes = static_cast<int64_t>(SizeOf(
      conversion_.quantized ? conversion_.quantized->dtype : input.type.dtype));
  image_bytes_ = landing_image_bytes_ = elements * element_bytes;
  if (const auto& padding = conversion_.padding) {
    height_ = shape[1];
    width_ = shape[2];
    landing_width_ = padding->left + width_ + padding->right;
    landing_image_bytes_ = (padding->top + height_ + padding->bottom) *
                           landing_width_ * channels_ * element_bytes;
  }
  landing_row_bytes_ = images_ * landing_image_bytes_;
}

// A row of what padding with 0 becomes.
absl::Status RowGatherer::MakeBorder(simd::PixelTarget target) {
  target.pixels = 1;
  OCTET_ASSIGN_OR_RETURN(
      const auto converter,
      simd::PixelConverter::Create(simd::PixelSource(), target));
  const std::vector<float> zeros(channels_, 0.0f);
  std::vector<std::byte> pixel(channels_);
  converter.Convert(zeros.data(), 1, pixel.data());
  for (int64_t x = 0; x < landing_width_; ++x) {
    border_.insert(border_.end(), pixel.begin(), pixel.end());
  }
  return absl::OkStatus();
}

void RowGatherer::PadImage(std::byte* image) const {
  const plan::InputConversion::Padding& padding = *conversion_.padding;
  const int64_t row = landing_width_ * channels_;
  const int64_t left = padding.left * channels_;
  const int64_t within = width_ * channels_;
  const int64_t right = padding.right * channels_;
  // Rows move towards the beginning, the first ones first, so that none is
  // written over before it has moved; then there is room for the border.
  const std::byte* from = image + landing_image_bytes_ - image_bytes_;
  std::byte* to = image + padding.top * row;
  for (int64_t y = 0; y < height_; ++y) {
    std::memmove(to + y * row + left, from + y * within, within);
  }
  for (int64_t y = 0; y < padding.top; ++y) {
    std::memcpy(image + y * row, border_.data(), row);
  }
  for (int64_t y = 0; y < height_; ++y, to += row) {
    std::memcpy(to, border_.data(), left);
    std::memcpy(to + left + within, border_.data(), right);
  }
  for (int64_t y = 0; y < padding.bottom; ++y, to += row) {
    std::memcpy(to, border_.data(), row);
  }
}

void RowGatherer::Gather(const void* source, int64_t first_row, int64_t rows,
                         std::byte* landing) const {
  std::byte* target = landing + first_row * landing_row_bytes_;
  if (conversion_.padding) {
    const size_t source_bytes = converter_->source_bytes();
    for (int64_t i = 0; i < rows * images_; ++i) {
      std::byte* image = target + i * landing_image_bytes_;
      converter_->Convert(
          static_cast<const std::byte*>(source) + i * source_bytes, 1,
          image + landing_image_bytes_ - image_bytes_);
      PadImage(image);
    }
    return;
  }
  if (converter_) {
    converter_->Convert(source, rows * images_, target);
    return;
  }
  if (conversion_.none()) {
    std::memcpy(target, source, rows * landing_row_bytes_);
    return;
  }
  const auto* values = static_cast<const float*>(source);
  const int64_t images = rows * images_;
  const int64_t image = channels_ * pixels_;
  if (!quantizer_) {
    auto* landed = reinterpret_cast<float*>(target);
    for (int64_t i = 0; i < images; ++i) {
      ToChannelsLast(values + i * image, channels_, pixels_,
                     landed + i * image);
    }
  } else if (conversion_.to_channels_last) {
    quantizer_->QuantizePlanes({channels_, pixels_}, values, target, 0,
                               images * pixels_);
  } else {
    quantizer_->Quantize(values, target, 0, images * image);
  }
}

}  // namespace octet::internal
