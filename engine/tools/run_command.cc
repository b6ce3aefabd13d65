// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "engine/io/named_files.h"
#include "engine/io/npy.h"
#include "engine/tools/command_line.h"
#include "engine/tools/commands.h"
#include "engine/tools/report.h"
#include "engine/tools/run_model.h"

namespace octet::tools {
namespace {

struct RunFlags {
  std::string model;
  std::vector<std::string> inputs;
  std::string output_folder;
  ModelFlags load;
  bool json = false;
};

// Two outputs whose names differ only in '/' and ':' would share a file.
absl::Status CheckFileNames(const std::vector<TensorSpec>& outputs,
                            const std::string& folder) {
  std::set<std::string> taken;
  for (const TensorSpec& spec : outputs) {
    const std::string path = io::NpyPath(folder, spec.name);
    if (taken.insert(path).second) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("two outputs of the model would both be written to ", path,
                     "; rename one of them in the model"));
  }
  return absl::OkStatus();
}

absl::Status MakeFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error && std::filesystem::is_directory(folder)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("--output-dir ", folder, ": cannot be made",
                   error ? ": " : "", error ? error.message() : ""));
}

absl::Status Run(const RunFlags& flags) {
  OCTET_ASSIGN_OR_RETURN(const std::vector<NamedTensor> inputs,
                         io::ReadNamedTensors(flags.inputs));
  const auto model = Model::FromFile(flags.model, flags.load.ToOptions());
  if (!model.ok()) return InContextOf(flags.model, model.status());
  OCTET_RETURN_IF_ERROR(
      CheckFileNames((*model)->outputs(), flags.output_folder));
  OCTET_ASSIGN_OR_RETURN(const ModelAnswer answer, RunModel(*model, inputs));
  OCTET_RETURN_IF_ERROR(MakeFolder(flags.output_folder));

  Json json = {{"rows", answer.rows}, {"outputs", Json::array()}};
  for (const NamedTensor& output : answer.outputs) {
    const std::string path = io::NpyPath(flags.output_folder, output.name);
    OCTET_RETURN_IF_ERROR(io::WriteNpy(path, output.tensor));
    json["outputs"].push_back(
        {{"name", output.name},
         {"file", path},
         {"dtype", std::string(Name(output.tensor.dtype()))},
         {"shape", output.tensor.shape()}});
    if (flags.json) continue;
    std::printf("%s: %s %s\n", path.c_str(),
                std::string(Name(output.tensor.dtype())).c_str(),
                ShapeToString(output.tensor.shape()).c_str());
  }
  if (flags.json) PrintJson(json);
  return absl::OkStatus();
}

}  // namespace

void AddRunCommand(CLI::App& app, Command* command) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* run = app.add_subcommand(
      "run",
      "Run a model on .npy files and write each output to "
      "OUTPUT-DIR/NAME.npy, '/' and ':' in names replaced by '_'");
  AddModelArgument(*run, "model", &flags->model);
  AddNamedFiles(*run, "--input", &flags->inputs,
                "the tensor of an input, its leading axis the rows, which are "
                "run in batches; for a model that does not batch, the whole "
                "input. Repeated, once for each input")
      ->required();
  run->add_option("--output-dir", flags->output_folder,
                  "folder of the outputs; made when absent, files of the same "
                  "name are replaced")
      ->type_name("DIR")
      ->required();
  AddModelFlags(*run, &flags->load);
  AddMaxBatchFlag(*run, &flags->load);
  AddExactQdqFlag(*run, &flags->load);
  AddJsonFlag(*run, &flags->json);
  run->callback([=] { *command = [=] { return Run(*flags); }; });
}

}  // namespace octet::tools
