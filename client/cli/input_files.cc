// SPDX-License-Identifier: Apache-2.0
#include "client/cli/input_files.h"

#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/wire_tensor.h"
#include "engine/base/status_macros.h"

namespace octet::cli {
namespace {

using io::Fit;
using io::RowForm;

const std::map<std::string, Fit>& Fits() {
  static const auto* const kFits =
      new std::map<std::string, Fit>{{"cover", Fit::kCover},
                                     {"stretch", Fit::kStretch},
                                     {"exact", Fit::kExact}};
  return *kFits;
}

}  // namespace

void AddRowFlags(CLI::App* command, RowFlags* flags) {
  constexpr char kGroup[] = "Pictures and sound";
  for (auto [name, values, what] :
       {std::tuple("--mean", &flags->form.mean, "Subtracted from pixels"),
        std::tuple("--scale", &flags->form.scale,
                   "Pixels are then multiplied")}) {
    command
        ->add_option(name, *values,
                     absl::StrCat(what,
                                  ", one number or one a channel: model "
                                  "value = (pixel - mean) * scale, "
                                  "pixels from 0 to 255"))
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("N[,N,N]")
        ->group(kGroup);
  }
  command
      ->add_option("--fit", flags->fit,
                   "How pictures get the model's size: cut to its proportions, "
                   "stretched, or refused")
      ->check(CLI::IsMember(&Fits()))
      ->capture_default_str()
      ->group(kGroup);
  command
      ->add_option("--channel-order", flags->channel_order,
                   "Red, green, blue, or reversed")
      ->check(CLI::IsMember({"keep", "reverse"}))
      ->capture_default_str()
      ->group(kGroup);
  command
      ->add_option("--sample-rate", flags->form.sample_rate,
                   "Frames a second that sound must have [any]")
      ->check(CLI::Range(1, 10000000))
      ->type_name("N")
      ->group(kGroup);
}

RowForm MakeRowForm(const RowFlags& flags) {
  RowForm form = flags.form;
  form.fit = Fits().at(flags.fit);
  form.reverse_channels = flags.channel_order == "reverse";
  return form;
}

absl::StatusOr<std::vector<io::RowInput>> RowInputs(
    const inference::ModelMetadataResponse& model) {
  std::vector<io::RowInput> inputs;
  for (const auto& input : model.inputs()) {
    OCTET_ASSIGN_OR_RETURN(const DType dtype,
                           client::ParseDatatype(input.datatype()));
    inputs.push_back(
        {input.name(), dtype, {input.shape().begin(), input.shape().end()}});
  }
  return inputs;
}

}  // namespace octet::cli
