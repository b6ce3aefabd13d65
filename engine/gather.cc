// SPDX-License-Identifier: Apache-2.0
#include "engine/gather.h"

#include <cstring>

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
  if (form) {
    const simd::PixelTarget target = {
        form->channels, form->channel_pixels,
        form->model_channels_last || input.conversion.to_channels_last,
        gatherer.quantizer_};
    OCTET_ASSIGN_OR_RETURN(gatherer.converter_,
                           simd::PixelConverter::Create(form->pixels, target));
    gatherer.images_ =
        gatherer.row_elements_ / (target.channels * target.pixels);
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
  landing_row_bytes_ = row_elements_ * SizeOf(conversion_.quantized
                                                  ? conversion_.quantized->dtype
                                                  : input.type.dtype);
}

void RowGatherer::Gather(const void* source, int64_t first_row, int64_t rows,
                         std::byte* landing) const {
  std::byte* target = landing + first_row * landing_row_bytes_;
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
