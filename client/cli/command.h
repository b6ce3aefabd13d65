// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CLI_COMMAND_H_
#define OCTET_CLIENT_CLI_COMMAND_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"

// What the commands of `octet` share, and the functions that register them.
namespace octet::cli {

// The flags that stand before or behind every command.
struct GlobalFlags {
  std::vector<std::string> servers = {"127.0.0.1:8001"};
  double timeout_seconds = 0;  // 0: the command's own
  std::string tls_ca;
  std::string tls_certificate;
  std::string tls_key;
  std::string tls_server_name;
  std::string token_file;
  bool json = false;
};

// What a command line asks for; set by the parsed command, run by main().
using Action = std::function<absl::Status()>;

// Adds the flags to `app`; they are written to `flags`, which must outlive it.
void AddGlobalFlags(CLI::App* app, GlobalFlags* flags);

// A client of all servers together, whose calls may take `timeout` unless the
// flags say otherwise.
absl::StatusOr<std::unique_ptr<client::Client>> Connect(
    const GlobalFlags& flags, absl::Duration timeout);

// The same of one of them.
absl::StatusOr<std::unique_ptr<client::Client>> ConnectTo(
    const std::string& server, const GlobalFlags& flags,
    absl::Duration timeout);

// Throws CLI11's error of wrong usage when several servers are given.
void RequireOneServer(const GlobalFlags& flags);

// One sentence about what to do after `error`, the error of a call; empty where
// nothing is known that would help.
std::string NextThingToTry(const absl::Status& error);

// Builds the whole command line of `octet`. Once it is parsed, `action` is
// what it asks for. `flags` and `action` must outlive `app`.
void AddAllCommands(CLI::App* app, GlobalFlags* flags, Action* action);

// Each registers its command, or its commands, with `app`.
void AddStatusCommand(CLI::App* app, const GlobalFlags& flags, Action* action);
void AddModelsCommand(CLI::App* app, const GlobalFlags& flags, Action* action);
void AddStatsCommand(CLI::App* app, const GlobalFlags& flags, Action* action);
void AddLoadCommand(CLI::App* app, const GlobalFlags& flags, Action* action);
void AddUnloadCommand(CLI::App* app, const GlobalFlags& flags, Action* action);
void AddInferCommand(CLI::App* app, const GlobalFlags& flags, Action* action);
void AddQuantizeCommand(CLI::App* app, const GlobalFlags& flags,
                        Action* action);
void AddJobCommands(CLI::App* app, const GlobalFlags& flags, Action* action);
void AddCompletionCommand(CLI::App* app, Action* action);

}  // namespace octet::cli

#endif  // OCTET_CLIENT_CLI_COMMAND_H_
