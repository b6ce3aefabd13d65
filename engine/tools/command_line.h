// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_TOOLS_COMMAND_LINE_H_
#define OCTET_ENGINE_TOOLS_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "engine/engine.h"

// Flags that several commands share, with one wording and one set of defaults.
namespace octet::tools {

// The most rows of a batch that a command takes.
inline constexpr int kMaxBatch = 1024;

// How a command loads its model.
struct ModelFlags {
  std::string backend = "default";
  int threads = 1;
  int max_batch = 8;
  bool exact_qdq = false;
  bool keep_faster_float = false;

  ModelOptions ToOptions() const;
};

// --backend and --threads.
void AddModelFlags(CLI::App& command, ModelFlags* flags);

// --max-batch.
void AddMaxBatchFlag(CLI::App& command, ModelFlags* flags);

// --exact-qdq.
void AddExactQdqFlag(CLI::App& command, ModelFlags* flags);

// --keep-faster-float.
void AddKeepFasterFloatFlag(CLI::App& command, ModelFlags* flags);

// --threads alone.
void AddThreadsFlag(CLI::App& command, int* threads);

// --json.
void AddJsonFlag(CLI::App& command, bool* json);

// The positional argument `name`, an ONNX file.
CLI::Option* AddModelArgument(CLI::App& command, const std::string& name,
                              std::string* path);

// A flag that is repeated, one NAME=FILE.npy each; another form is wrong usage.
CLI::Option* AddNamedFiles(CLI::App& command, const std::string& flag,
                           std::vector<std::string>* arguments,
                           const std::string& description);

}  // namespace octet::tools

#endif  // OCTET_ENGINE_TOOLS_COMMAND_LINE_H_
