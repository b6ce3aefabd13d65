// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CLI_COMMAND_H_
#define OCTET_CLIENT_CLI_COMMAND_H_

#include <functional>
#include <memory>
#include <string>

#include "CLI/App.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/client.h"

// What the commands of `octet` share, and the functions that register them.
namespace octet::cli {

// The flags that every command has.
struct Connection {
  std::string server = "127.0.0.1:8001";
  double timeout_seconds = 0;
  bool json = false;
};

// What a command line asks for; set by the parsed command, run by main().
using Action = std::function<absl::Status()>;

// Adds --server, --timeout and --json to `command`; they are written to
// `connection`, which must outlive the parsing.
void AddConnectionFlags(CLI::App* command, double default_timeout_seconds,
                        Connection* connection);

absl::StatusOr<std::unique_ptr<client::Client>> Connect(
    const Connection& connection);

// One sentence about what to do after `error`, the error of a call; empty where
// nothing is known that would help.
std::string NextThingToTry(const absl::Status& error);

// Each registers its command with `app`; once the command line is parsed,
// `action` is what it asks for.
void AddStatusCommand(CLI::App* app, Action* action);
void AddModelsCommand(CLI::App* app, Action* action);
void AddLoadCommand(CLI::App* app, Action* action);
void AddUnloadCommand(CLI::App* app, Action* action);
void AddInferCommand(CLI::App* app, Action* action);
void AddQuantizeCommand(CLI::App* app, Action* action);

}  // namespace octet::cli

#endif  // OCTET_CLIENT_CLI_COMMAND_H_
