// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_TOOLS_COMMANDS_H_
#define OCTET_ENGINE_TOOLS_COMMANDS_H_

#include <functional>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"

// The commands of octet-model, one file each: `run` is in run_command.cc.
namespace octet::tools {

// What the parsed command line asks for. Prints its answer on standard output;
// an error is returned, not printed, and makes the program exit with 1.
using Command = std::function<absl::Status()>;

// Each adds its subcommand to `app`. Parsing it sets `*command`, which must
// live as long as `app`.
void AddInspectCommand(CLI::App& app, Command* command);
void AddRunCommand(CLI::App& app, Command* command);
void AddQuantizeCommand(CLI::App& app, Command* command);
void AddCompareCommand(CLI::App& app, Command* command);
void AddBenchCommand(CLI::App& app, Command* command);
void AddConformCommand(CLI::App& app, Command* command);
void AddDumpCommand(CLI::App& app, Command* command);

}  // namespace octet::tools

#endif  // OCTET_ENGINE_TOOLS_COMMANDS_H_
