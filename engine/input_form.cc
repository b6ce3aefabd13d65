// SPDX-License-Identifier: Apache-2.0
#include "engine/input_form.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status_macros.h"

namespace octet::internal {
namespace {

// No picture has more; more rows of an audio spectrum or of a board are not
// taken for channels.
constexpr int64_t kMostColours = 4;
constexpr size_t kImageRank = 3;

absl::Status FormError(const InputForm& form, absl::string_view fault) {
  return absl::InvalidArgumentError(
      absl::StrCat("the form of input '", form.input, "': ", fault));
}

absl::Status CheckNumbers(const InputForm& form) {
  for (float mean : form.mean) {
    if (std::isfinite(mean)) continue;
    return FormError(
        form, absl::StrCat("a mean is ", mean, "; expected finite ones"));
  }
  for (float scale : form.scale) {
    if (std::isfinite(scale) && scale != 0) continue;
    return FormError(form, absl::StrCat("a scale is ", scale,
                                        "; expected finite ones other than 0"));
  }
  return absl::OkStatus();
}

absl::Status CheckTypes(const InputForm& form, DType of_model) {
  if (of_model != DType::kFloat32) {
    return FormError(form, absl::StrCat("the model takes ", Name(of_model),
                                        "; expected a model that takes float32 "
                                        "there"));
  }
  if (form.dtype != DType::kUInt8 && form.dtype != DType::kFloat16 &&
      form.dtype != DType::kBFloat16 && form.dtype != DType::kFloat32) {
    return FormError(form, absl::StrCat("got ", Name(form.dtype),
                                        "; expected uint8, float16, bfloat16 "
                                        "or float32"));
  }
  return absl::OkStatus();
}

absl::Status CheckCount(const InputForm& form, size_t count, int64_t channels,
                        absl::string_view what) {
  if (count <= 1 || count == static_cast<size_t>(channels)) {
    return absl::OkStatus();
  }
  return FormError(form, absl::StrCat("got ", count, " numbers for its ", what,
                                      "; the model has ", channels,
                                      channels == 1 ? " channel" : " channels",
                                      ", expected one or one for each"));
}

// [C, H, W] <-> [H, W, C], behind `leading` axes.
void MoveChannels(size_t leading, bool to_last, Shape* shape) {
  const auto first = shape->begin() + static_cast<int64_t>(leading);
  if (to_last) {
    std::rotate(first, first + 1, shape->end());
  } else {
    std::rotate(first, shape->end() - 1, shape->end());
  }
}

// Resolves `form` and makes `spec` what callers see.
absl::StatusOr<ResolvedForm> Resolve(const InputForm& form,
                                     const plan::PlanTensor& planned,
                                     bool batches, TensorSpec* spec) {
  OCTET_RETURN_IF_ERROR(CheckTypes(form, spec->dtype));
  OCTET_RETURN_IF_ERROR(CheckNumbers(form));
  const size_t leading = batches || spec->row_shape.empty() ? 0 : 1;
  const Shape image(spec->row_shape.begin() + leading, spec->row_shape.end());
  if (form.layout != InputLayout::kAsModel && image.size() != kImageRank) {
    return FormError(
        form, absl::StrCat("it has a layout, but an image of the model is ",
                           ShapeToString(image), "; expected three axes"));
  }
  ResolvedForm resolved;
  // A plan that moves the channels itself knows where they are.
  resolved.model_channels_last =
      image.size() == kImageRank && !planned.conversion.to_channels_last &&
      image.back() <= kMostColours && image.front() > image.back();
  if (!image.empty()) {
    resolved.channels =
        resolved.model_channels_last ? image.back() : image.front();
  }
  const int64_t elements = ElementCount(image);
  if (elements < 1) {
    return FormError(form, absl::StrCat("the model's ", ShapeToString(image),
                                        " has no elements"));
  }
  resolved.channel_pixels = elements / resolved.channels;
  OCTET_RETURN_IF_ERROR(
      CheckCount(form, form.mean.size(), resolved.channels, "mean"));
  OCTET_RETURN_IF_ERROR(
      CheckCount(form, form.scale.size(), resolved.channels, "scale"));

  simd::PixelSource& pixels = resolved.pixels;
  pixels.dtype = form.dtype;
  pixels.reverse_channels = form.reverse_channels;
  pixels.channels_last = form.layout == InputLayout::kAsModel
                             ? resolved.model_channels_last
                             : form.layout == InputLayout::kChannelsLast;
  if (!form.mean.empty()) pixels.mean = form.mean;
  if (!form.scale.empty()) pixels.scale = form.scale;
  spec->dtype = form.dtype;
  if (pixels.channels_last != resolved.model_channels_last) {
    MoveChannels(leading, pixels.channels_last, &spec->row_shape);
  }
  return resolved;
}

}  // namespace

absl::StatusOr<ModelInputs> ResolveInputForms(
    absl::Span<const InputForm> forms, std::vector<TensorSpec> specs,
    absl::Span<const plan::PlanTensor> planned, bool batches) {
  ModelInputs inputs;
  inputs.specs = std::move(specs);
  inputs.forms.resize(inputs.specs.size());
  for (const InputForm& form : forms) {
    const auto spec = std::find_if(
        inputs.specs.begin(), inputs.specs.end(),
        [&](const TensorSpec& each) { return each.name == form.input; });
    if (spec == inputs.specs.end()) {
      return FormError(
          form, absl::StrCat(
                    "the model has no such input; it has: ",
                    absl::StrJoin(inputs.specs, ", ",
                                  [](std::string* out, const TensorSpec& each) {
                                    absl::StrAppend(out, "'", each.name, "'");
                                  })));
    }
    const size_t i = spec - inputs.specs.begin();
    if (inputs.forms[i]) {
      return FormError(form, "the input has two forms; expected one");
    }
    OCTET_ASSIGN_OR_RETURN(inputs.forms[i],
                           Resolve(form, planned[i], batches, &*spec));
  }
  return inputs;
}

absl::StatusOr<Tensor> ToModelForm(const ResolvedForm& form,
                                   const TensorSpec& sent,
                                   const Shape& own_row_shape,
                                   const Tensor& rows) {
  const Shape& shape = rows.shape();
  if (rows.dtype() != sent.dtype || shape.empty() ||
      !std::equal(shape.begin() + 1, shape.end(), sent.row_shape.begin(),
                  sent.row_shape.end())) {
    return absl::InvalidArgumentError(
        absl::StrCat("input '", sent.name, "': got ", Name(rows.dtype()), " ",
                     ShapeToString(shape), ", expected rows of ",
                     Name(sent.dtype), " ", ShapeToString(sent.row_shape)));
  }
  const simd::PixelTarget target = {form.channels, form.channel_pixels,
                                    form.model_channels_last, std::nullopt};
  OCTET_ASSIGN_OR_RETURN(const auto converter,
                         simd::PixelConverter::Create(form.pixels, target));
  Shape own_shape = own_row_shape;
  own_shape.insert(own_shape.begin(), shape[0]);
  Tensor own(DType::kFloat32, std::move(own_shape));
  converter.Convert(rows.bytes(),
                    own.size() / (target.channels * target.pixels),
                    own.mutable_bytes());
  return own;
}

}  // namespace octet::internal
