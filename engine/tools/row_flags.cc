// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/row_flags.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "engine/io/sample_files.h"

namespace octet::tools {
namespace {

constexpr int kHighestSampleRate = 10'000'000;

// A model that does not batch takes [1, ...] as a whole, and its samples are
// [samples, 1, ...]; files of rows are [samples, ...].
Shape AsSamples(const TensorSpec& spec, Shape shape) {
  if (!spec.row_shape.empty() && spec.row_shape[0] == 1 &&
      shape.size() == spec.row_shape.size()) {
    shape.insert(shape.begin() + 1, 1);
  }
  return shape;
}

}  // namespace

io::RowForm RowFlags::ToForm() const {
  io::RowForm result = form;
  result.fit = fit == "stretch" ? io::Fit::kStretch
               : fit == "exact" ? io::Fit::kExact
                                : io::Fit::kCover;
  result.reverse_channels = channel_order == "reverse";
  return result;
}

void AddRowFlags(CLI::App& command, RowFlags* flags) {
  constexpr char kGroup[] = "Pictures and sound";
  const auto add_numbers = [&](const char* name, std::vector<float>* values,
                               const char* what) {
    command
        .add_option(name, *values,
                    absl::StrCat(what,
                                 ", one number or one a channel: model value = "
                                 "(pixel - mean) * scale, pixels from 0 to "
                                 "255"))
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("N[,N,N]")
        ->group(kGroup);
  };
  add_numbers("--mean", &flags->form.mean, "subtracted from pixels");
  add_numbers("--scale", &flags->form.scale, "pixels are then multiplied");
  command
      .add_option("--fit", flags->fit,
                  "how pictures get the model's size: cover: cut to its "
                  "proportions; stretch; exact: others are refused")
      ->check(CLI::IsMember({"cover", "stretch", "exact"}))
      ->capture_default_str()
      ->group(kGroup);
  command
      .add_option("--channel-order", flags->channel_order,
                  "red, green, blue, or reversed")
      ->check(CLI::IsMember({"keep", "reverse"}))
      ->capture_default_str()
      ->group(kGroup);
  command
      .add_option("--sample-rate", flags->form.sample_rate,
                  "frames a second that sound must have (default: any)")
      ->check(CLI::Range(1, kHighestSampleRate))
      ->type_name("N")
      ->group(kGroup);
}

absl::StatusOr<std::unique_ptr<SampleSource>> OpenSamples(
    absl::string_view bytes, absl::Span<const std::string> arguments,
    const RowFlags& flags) {
  std::shared_ptr<const Model> model;
  const io::AskInputs ask = [&]() -> absl::StatusOr<std::vector<io::RowInput>> {
    ModelOptions options;
    options.max_batch = 1;
    OCTET_ASSIGN_OR_RETURN(model, Model::FromBytes(bytes, options));
    std::vector<io::RowInput> inputs;
    for (const TensorSpec& spec : model->inputs()) {
      Shape shape = spec.row_shape;
      if (model->batches()) shape.insert(shape.begin(), -1);
      inputs.push_back({spec.name, spec.dtype, std::move(shape)});
    }
    return inputs;
  };
  OCTET_ASSIGN_OR_RETURN(std::unique_ptr<io::SampleFiles> samples,
                         io::SampleFiles::Open(arguments, flags.ToForm(), ask));
  if (model == nullptr || model->batches()) return samples;
  for (size_t i = 0; i < samples->tensors().size(); ++i) {
    const SampleTensor& tensor = samples->tensors()[i];
    for (const TensorSpec& spec : model->inputs()) {
      if (spec.name != tensor.name) continue;
      samples->Reshape(i, AsSamples(spec, tensor.shape));
    }
  }
  return samples;
}

}  // namespace octet::tools
