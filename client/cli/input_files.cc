// SPDX-License-Identifier: Apache-2.0
#include "client/cli/input_files.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/row_requests.h"
#include "engine/base/status_macros.h"
#include "engine/io/audio.h"
#include "engine/io/image.h"
#include "engine/io/npy.h"
#include "engine/io/npz.h"

namespace octet::cli {
namespace {

constexpr size_t kMaxFilesOfFolder = 100000;

std::string Extension(const std::string& path) {
  return absl::AsciiStrToLower(
      std::filesystem::path(path).extension().string());
}

bool IsPicture(const std::string& extension) {
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

// Collects the rows of each input in the order of the arguments.
class InputReader {
 public:
  InputReader(const RowForm& form, const AskMetadata& ask)
      : form_(form), ask_(ask) {}

  absl::Status Add(const std::string& argument) {
    const size_t split = argument.find('=');
    // A file whose own name has a '=' may stand alone all the same.
    const bool named = split != std::string::npos && split > 0 &&
                       !std::filesystem::exists(argument);
    return AddFile(named ? argument.substr(0, split) : "",
                   named ? argument.substr(split + 1) : argument);
  }

  absl::StatusOr<std::vector<NamedTensor>> Finish() {
    std::vector<NamedTensor> inputs;
    for (const auto& pieces : pieces_) {
      // Several pieces are joined as the answers to several requests are.
      std::vector<std::vector<NamedTensor>> answers;
      for (const NamedTensor& piece : pieces) answers.push_back({piece});
      auto joined = JoinRows(answers);
      if (!joined.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("rows of input '", pieces[0].name,
                         "' do not fit together: ", joined.status().message()));
      }
      inputs.push_back((*joined)[0]);
    }
    return inputs;
  }

 private:
  absl::Status AddFile(const std::string& name, const std::string& path) {
    if (std::filesystem::is_directory(path)) return AddFolder(name, path);
    const std::string extension = Extension(path);
    if (extension == ".npy") {
      OCTET_ASSIGN_OR_RETURN(Tensor tensor, io::ReadNpy(path));
      OCTET_ASSIGN_OR_RETURN(std::string input, NameOf(name));
      Keep(std::move(input), std::move(tensor));
      return absl::OkStatus();
    }
    if (extension == ".npz") return AddArchive(name, path);
    if (extension != ".wav" && !IsPicture(extension)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "'", path,
          "': expected a .npy, .npz, .png, .jpg, .jpeg or .wav file "
          "or a folder of pictures"));
    }
    return AddRow(name, path);
  }

  absl::Status AddRow(const std::string& name, const std::string& path) {
    OCTET_ASSIGN_OR_RETURN(const InputMetadata* input, Find(name));
    absl::StatusOr<Tensor> row;
    if (Extension(path) == ".wav") {
      OCTET_ASSIGN_OR_RETURN(const io::Audio audio, io::ReadAudio(path));
      row = SoundToRow(audio, *input, form_);
    } else {
      OCTET_ASSIGN_OR_RETURN(const Tensor pixels, io::ReadImage(path));
      row = PictureToRow(pixels, *input, form_);
    }
    if (!row.ok()) {
      return absl::Status(row.status().code(),
                          absl::StrCat(path, ": ", row.status().message()));
    }
    Keep(input->name(), *std::move(row));
    return absl::OkStatus();
  }

  absl::Status AddArchive(const std::string& name, const std::string& path) {
    OCTET_ASSIGN_OR_RETURN(std::vector<NamedTensor> arrays, io::ReadNpz(path));
    bool found = false;
    for (NamedTensor& array : arrays) {
      if (!name.empty() && array.name != name) continue;
      found = true;
      Keep(std::move(array.name), std::move(array.tensor));
    }
    if (found) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": it has no array",
                     name.empty() ? "" : absl::StrCat(" '", name, "'")));
  }

  absl::Status AddFolder(const std::string& name, const std::string& folder) {
    std::vector<std::string> paths;
    std::error_code error;
    for (std::filesystem::directory_iterator i(folder, error), end; i != end;
         i.increment(error)) {
      const std::string path = i->path().string();
      const std::string extension = Extension(path);
      if (extension == ".wav" || IsPicture(extension)) paths.push_back(path);
      if (paths.size() > kMaxFilesOfFolder) break;
    }
    if (error || paths.empty() || paths.size() > kMaxFilesOfFolder) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", folder, "': expected a folder of 1 to ",
                       kMaxFilesOfFolder, " .png, .jpg, .jpeg or .wav files, ",
                       error           ? error.message()
                       : paths.empty() ? "got none"
                                       : "got more"));
    }
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths) {
      OCTET_RETURN_IF_ERROR(AddRow(name, path));
    }
    return absl::OkStatus();
  }

  // The input that is meant by `name`, or by no name.
  absl::StatusOr<const InputMetadata*> Find(const std::string& name) {
    if (!metadata_) {
      OCTET_ASSIGN_OR_RETURN(metadata_, ask_());
    }
    if (name.empty() && metadata_->inputs_size() == 1) {
      return &metadata_->inputs(0);
    }
    for (const InputMetadata& input : metadata_->inputs()) {
      if (input.name() == name) return &input;
    }
    return absl::InvalidArgumentError(absl::StrCat(
        name.empty() ? "files need names, NAME=FILE: "
                     : absl::StrCat("no input is called '", name, "': "),
        "the model's inputs are ",
        absl::StrJoin(metadata_->inputs(), ", ",
                      [](std::string* text, const InputMetadata& input) {
                        absl::StrAppend(text, input.name());
                      })));
  }

  absl::StatusOr<std::string> NameOf(const std::string& name) {
    if (!name.empty()) return name;
    OCTET_ASSIGN_OR_RETURN(const InputMetadata* input, Find(name));
    return input->name();
  }

  void Keep(std::string name, Tensor tensor) {
    auto place = std::find_if(
        pieces_.begin(), pieces_.end(),
        [&](const auto& pieces) { return pieces[0].name == name; });
    if (place == pieces_.end()) place = pieces_.insert(pieces_.end(), {{}});
    place->push_back({std::move(name), std::move(tensor)});
  }

  const RowForm& form_;
  const AskMetadata& ask_;
  std::optional<inference::ModelMetadataResponse> metadata_;
  std::vector<std::vector<NamedTensor>> pieces_;  // of each input, in order
};

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

absl::StatusOr<std::vector<NamedTensor>> ReadInputFiles(
    absl::Span<const std::string> arguments, const RowForm& form,
    const AskMetadata& ask) {
  InputReader reader(form, ask);
  for (const std::string& argument : arguments) {
    OCTET_RETURN_IF_ERROR(reader.Add(argument));
  }
  return reader.Finish();
}

}  // namespace octet::cli
