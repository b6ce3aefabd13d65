// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/command_line.h"

#include "engine/io/named_files.h"

namespace octet::tools {
namespace {

constexpr int kMaxThreads = 256;

std::string CheckNamedFile(const std::string& argument) {
  return std::string(io::ParseNamedFile(argument).status().message());
}

}  // namespace

ModelOptions ModelFlags::ToOptions() const {
  ModelOptions options;
  options.backend = backend == "reference" ? BackendChoice::kReference
                                           : BackendChoice::kDefault;
  options.threads = threads;
  options.max_batch = max_batch;
  options.exact_qdq = exact_qdq;
  options.keep_faster_float = keep_faster_float;
  return options;
}

void AddModelFlags(CLI::App& command, ModelFlags* flags) {
  command
      .add_option("--backend", flags->backend,
                  "default: oneDNN and our own kernels; reference: plain "
                  "loops, slow, the oracle")
      ->check(CLI::IsMember({"default", "reference"}))
      ->capture_default_str();
  AddThreadsFlag(command, &flags->threads);
}

void AddMaxBatchFlag(CLI::App& command, ModelFlags* flags) {
  command
      .add_option("--max-batch", flags->max_batch,
                  "most rows computed at once; no effect on the answers")
      ->check(CLI::Range(1, kMaxBatch))
      ->capture_default_str();
}

void AddExactQdqFlag(CLI::App& command, ModelFlags* flags) {
  command.add_flag("--exact-qdq", flags->exact_qdq,
                   "round where an int8 file's QuantizeLinear says and nowhere "
                   "else, in float32 between; slower (default: operators "
                   "between them compute in integers)");
}

void AddKeepFasterFloatFlag(CLI::App& command, ModelFlags* flags) {
  command.add_flag("--keep-faster-float", flags->keep_faster_float,
                   "time an int8 model's layers while it loads, and compute in "
                   "float those that are slower in int8 on this machine, where "
                   "the whole network gains (default: off)");
}

void AddThreadsFlag(CLI::App& command, int* threads) {
  command
      .add_option("--threads", *threads,
                  "threads that one run of the model uses")
      ->check(CLI::Range(1, kMaxThreads))
      ->capture_default_str();
}

void AddJsonFlag(CLI::App& command, bool* json) {
  command.add_flag("--json", *json,
                   "print one JSON object on standard output (default: text)");
}

CLI::Option* AddModelArgument(CLI::App& command, const std::string& name,
                              std::string* path) {
  return command.add_option(name, *path, "an ONNX file, float or int8")
      ->type_name("FILE.onnx")
      ->required();
}

CLI::Option* AddNamedFiles(CLI::App& command, const std::string& flag,
                           std::vector<std::string>* arguments,
                           const std::string& description) {
  // Without allow_extra_args(false) the flag would swallow what follows.
  return command.add_option(flag, *arguments, description)
      ->type_name("NAME=FILE.npy")
      ->allow_extra_args(false)
      ->check(CheckNamedFile);
}

}  // namespace octet::tools
