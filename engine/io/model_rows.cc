// SPDX-License-Identifier: Apache-2.0
#include "engine/io/model_rows.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/io/resample.h"

namespace octet::io {
namespace {

// Where a picture's axes are in a row of an input; -1 sizes are free.
struct PictureAxes {
  int64_t channels = 1;
  int64_t height = -1;
  int64_t width = -1;
  bool channels_last = true;
};

// Rows of more than this are not made, whatever a model asks for.
constexpr int64_t kMaxSide = 16384;

std::string Describe(const RowInput& input) {
  return absl::StrCat("input '", input.name, "' (", Name(input.dtype), " ",
                      ShapeToString(input.shape), ")");
}

absl::StatusOr<PictureAxes> FindAxes(const RowInput& input) {
  const Shape& shape = input.shape;
  const auto is_channels = [](int64_t size) { return size == 1 || size == 3; };
  PictureAxes axes;
  if (shape.size() == 3) {
    axes.height = shape[1];
    axes.width = shape[2];
  } else if (shape.size() == 4 && is_channels(shape[1])) {
    axes = {shape[1], shape[2], shape[3], false};
  } else if (shape.size() == 4 && is_channels(shape[3])) {
    axes = {shape[3], shape[1], shape[2], true};
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        Describe(input),
        " takes no pictures: expected [rows, 1 or 3, height, width], [rows, "
        "height, width, 1 or 3] or [rows, height, width]; prepare a .npy "
        "file"));
  }
  if (axes.height == 0 || axes.width == 0 || axes.height > kMaxSide ||
      axes.width > kMaxSide) {
    return absl::InvalidArgumentError(
        absl::StrCat(Describe(input), " takes no pictures of such a size"));
  }
  return axes;
}

absl::StatusOr<Box> ChooseBox(const Tensor& pixels, Fit fit,
                              const PictureAxes& axes) {
  const auto height = static_cast<double>(pixels.shape()[0]);
  const auto width = static_cast<double>(pixels.shape()[1]);
  if (fit == Fit::kStretch) return Box{0, 0, height, width};
  if (fit == Fit::kExact) {
    if (pixels.shape()[0] == axes.height && pixels.shape()[1] == axes.width) {
      return Box{0, 0, height, width};
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "the picture has ", pixels.shape()[0], " x ", pixels.shape()[1],
        " pixels where the model takes ", axes.height, " x ", axes.width,
        "; --fit cover or --fit stretch adapts it"));
  }
  const double scale = std::min(height / static_cast<double>(axes.height),
                                width / static_cast<double>(axes.width));
  const double box_height = scale * static_cast<double>(axes.height);
  const double box_width = scale * static_cast<double>(axes.width);
  return Box{(height - box_height) / 2, (width - box_width) / 2, box_height,
             box_width};
}

// float32 [height, width, from channels] with as many channels as asked for.
Tensor ConvertChannels(const Tensor& pixels, int64_t channels) {
  const Shape& shape = pixels.shape();
  if (shape[2] == channels) return pixels;
  Tensor result(DType::kFloat32, {shape[0], shape[1], channels});
  const float* in = pixels.data<float>().data();
  for (float& out : result.mutable_data<float>()) {
    if (channels == 1) {
      out = 0.299f * in[0] + 0.587f * in[1] + 0.114f * in[2];
      in += 3;
    } else {
      // Each grey stands for three values.
      out = in[(&out - result.mutable_data<float>().data()) / channels];
    }
  }
  return result;
}

absl::Status CheckNumbers(const RowInput& input, int64_t channels,
                          const RowForm& form) {
  if (input.dtype != DType::kFloat32 && input.dtype != DType::kUInt8) {
    return absl::InvalidArgumentError(
        absl::StrCat(Describe(input),
                     ": pictures go to inputs of float32 "
                     "and uint8; prepare a .npy file"));
  }
  if (input.dtype == DType::kFloat32 && form.mean.empty() &&
      form.scale.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        Describe(input),
        ": say what pixels become with --mean and --scale (model value = "
        "(pixel - mean) * scale), or let the model's config.pbtxt declare the "
        "input UINT8"));
  }
  for (const auto& [flag, values] :
       {std::pair("--mean", &form.mean), std::pair("--scale", &form.scale)}) {
    const auto count = static_cast<int64_t>(values->size());
    if (count > 1 && count != channels) {
      return absl::InvalidArgumentError(
          absl::StrCat(flag, ": expected one number or one for each of ",
                       channels, " channels, got ", count));
    }
  }
  return absl::OkStatus();
}

float At(const std::vector<float>& values, int64_t channel, float otherwise) {
  if (values.empty()) return otherwise;
  return values[values.size() == 1 ? 0 : channel];
}

// `pixels` [height, width, channels] as the row that the model wants.
template <typename T>
Tensor Arrange(const Tensor& pixels, const PictureAxes& axes,
               const RowForm& form, Shape shape) {
  Tensor row(DTypeOf<T>(), std::move(shape));
  const int64_t area = pixels.shape()[0] * pixels.shape()[1];
  const float* in = pixels.data<float>().data();
  T* out = row.mutable_data<T>().data();
  for (int64_t i = 0; i < area; ++i) {
    for (int64_t c = 0; c < axes.channels; ++c) {
      const int64_t from = form.reverse_channels ? axes.channels - 1 - c : c;
      const float value = (in[i * axes.channels + from] - At(form.mean, c, 0)) *
                          At(form.scale, c, 1);
      const int64_t to =
          axes.channels_last ? i * axes.channels + c : c * area + i;
      if constexpr (std::is_same_v<T, float>) {
        out[to] = value;
      } else {
        out[to] = static_cast<T>(std::lrint(std::clamp(value, 0.0f, 255.0f)));
      }
    }
  }
  return row;
}

}  // namespace

absl::StatusOr<Tensor> PictureToRow(const Tensor& pixels, const RowInput& input,
                                    const RowForm& form) {
  OCTET_ASSIGN_OR_RETURN(PictureAxes axes, FindAxes(input));
  OCTET_RETURN_IF_ERROR(CheckNumbers(input, axes.channels, form));
  if (axes.height < 0) axes.height = pixels.shape()[0];
  if (axes.width < 0) axes.width = pixels.shape()[1];
  OCTET_ASSIGN_OR_RETURN(const Box box, ChooseBox(pixels, form.fit, axes));
  const Tensor fitted = ConvertChannels(
      Resample(pixels, box, axes.height, axes.width), axes.channels);
  Shape shape = {1, axes.height, axes.width};
  if (input.shape.size() == 4) {
    shape.insert(axes.channels_last ? shape.end() : shape.begin() + 1,
                 axes.channels);
  }
  return input.dtype == DType::kFloat32
             ? Arrange<float>(fitted, axes, form, std::move(shape))
             : Arrange<uint8_t>(fitted, axes, form, std::move(shape));
}

absl::StatusOr<Tensor> SoundToRow(const Audio& audio, const RowInput& input,
                                  const RowForm& form) {
  const Shape& sizes = input.shape;
  const auto rank = static_cast<int>(sizes.size());
  const bool fits =
      rank == 2 || (rank == 3 && (sizes[1] == 1 || sizes[2] == 1));
  if (!fits ||
      (input.dtype != DType::kFloat32 && input.dtype != DType::kInt16)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Describe(input),
                     " takes no sound: expected float32 or int16 of [rows, "
                     "samples], [rows, 1, "
                     "samples] or [rows, samples, 1]; prepare a .npy file"));
  }
  if (form.sample_rate > 0 && audio.sample_rate != form.sample_rate) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the sound has ", audio.sample_rate, " frames a second, expected ",
        form.sample_rate, " (--sample-rate)"));
  }
  const int time_axis = rank == 3 && sizes[1] == 1 ? 2 : 1;
  const int64_t frames = audio.samples.shape()[0];
  const int64_t channels = audio.samples.shape()[1];
  const int64_t length = sizes[time_axis] < 0 ? frames : sizes[time_axis];
  if (length > kMaxAudioSamples) {
    return absl::InvalidArgumentError(
        absl::StrCat(Describe(input), " takes no sound of such a length"));
  }
  Shape shape(rank, 1);
  shape[time_axis] = length;
  Tensor row(DType::kFloat32, shape);
  const float* in = audio.samples.data<float>().data();
  const auto out = row.mutable_data<float>();
  for (int64_t i = 0; i < std::min(frames, length); ++i) {
    for (int64_t c = 0; c < channels; ++c) out[i] += *in++;
    out[i] /= static_cast<float>(channels);
  }
  if (input.dtype == DType::kFloat32) return row;
  Tensor integers(DType::kInt16, shape);
  std::transform(out.begin(), out.end(),
                 integers.mutable_data<int16_t>().begin(), [](float value) {
                   return static_cast<int16_t>(std::lrint(
                       std::clamp(value * 32768, -32768.0f, 32767.0f)));
                 });
  return integers;
}

}  // namespace octet::io
