// SPDX-License-Identifier: Apache-2.0
#include "engine/io/input_arguments.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status_macros.h"
#include "engine/io/audio.h"
#include "engine/io/image.h"
#include "engine/io/npz.h"

namespace octet::io {
namespace {

constexpr size_t kMaxFilesOfFolder = 100000;

std::string Extension(const std::string& path) {
  return absl::AsciiStrToLower(
      std::filesystem::path(path).extension().string());
}

bool IsPicture(const std::string& extension) {
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

// Shows the rows of the arguments, in their order, to a sink.
class ArgumentReader {
 public:
  ArgumentReader(const RowForm& form, const AskInputs& ask, InputSink* sink)
      : form_(form), ask_(ask), sink_(*sink) {}

  absl::Status Add(const std::string& argument) {
    const size_t split = argument.find('=');
    // A file whose own name has a '=' may stand alone all the same.
    const bool named = split != std::string::npos && split > 0 &&
                       !std::filesystem::exists(argument);
    return AddFile(named ? argument.substr(0, split) : "",
                   named ? argument.substr(split + 1) : argument);
  }

 private:
  absl::Status AddFile(const std::string& name, const std::string& path) {
    if (std::filesystem::is_directory(path)) return AddFolder(name, path);
    const std::string extension = Extension(path);
    if (extension == ".npy") {
      OCTET_ASSIGN_OR_RETURN(std::string input, NameOf(name));
      return sink_.AddNpy(std::move(input), path);
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
    OCTET_ASSIGN_OR_RETURN(const RowInput* input, Find(name));
    absl::StatusOr<Tensor> row;
    if (Extension(path) == ".wav") {
      OCTET_ASSIGN_OR_RETURN(const Audio audio, ReadAudio(path));
      row = SoundToRow(audio, *input, form_);
    } else {
      OCTET_ASSIGN_OR_RETURN(const Tensor pixels, ReadImage(path));
      row = PictureToRow(pixels, *input, form_);
    }
    if (!row.ok()) {
      return absl::Status(row.status().code(),
                          absl::StrCat(path, ": ", row.status().message()));
    }
    return sink_.AddRow(input->name, *std::move(row));
  }

  absl::Status AddArchive(const std::string& name, const std::string& path) {
    OCTET_ASSIGN_OR_RETURN(std::vector<NamedTensor> arrays, ReadNpz(path));
    bool found = false;
    for (NamedTensor& array : arrays) {
      if (!name.empty() && array.name != name) continue;
      found = true;
      OCTET_RETURN_IF_ERROR(
          sink_.Add(std::move(array.name), std::move(array.tensor)));
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
  absl::StatusOr<const RowInput*> Find(const std::string& name) {
    if (!inputs_) {
      OCTET_ASSIGN_OR_RETURN(inputs_, ask_());
    }
    if (name.empty() && inputs_->size() == 1) return &inputs_->front();
    for (const RowInput& input : *inputs_) {
      if (input.name == name) return &input;
    }
    return absl::InvalidArgumentError(absl::StrCat(
        name.empty() ? "files need names, NAME=FILE: "
                     : absl::StrCat("no input is called '", name, "': "),
        "the model's inputs are ",
        absl::StrJoin(*inputs_, ", ",
                      [](std::string* text, const RowInput& input) {
                        absl::StrAppend(text, input.name);
                      })));
  }

  absl::StatusOr<std::string> NameOf(const std::string& name) {
    if (!name.empty()) return name;
    OCTET_ASSIGN_OR_RETURN(const RowInput* input, Find(name));
    return input->name;
  }

  const RowForm& form_;
  const AskInputs& ask_;
  std::optional<std::vector<RowInput>> inputs_;
  InputSink& sink_;
};

}  // namespace

absl::Status VisitInputArguments(absl::Span<const std::string> arguments,
                                 const RowForm& form, const AskInputs& ask,
                                 InputSink* sink) {
  ArgumentReader reader(form, ask, sink);
  for (const std::string& argument : arguments) {
    OCTET_RETURN_IF_ERROR(reader.Add(argument));
  }
  return absl::OkStatus();
}

}  // namespace octet::io
