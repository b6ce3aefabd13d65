// SPDX-License-Identifier: Apache-2.0
// octet load and octet unload: which models of the repository are served.
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/command.h"
#include "engine/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace octet::cli {
namespace {

struct RepositoryFlags {
  Connection connection;
  std::string model;
};

// What there is to say when `action` ("loaded") took `elapsed`.
void Report(const RepositoryFlags& flags, const std::string& action,
            absl::Duration elapsed) {
  const double milliseconds = absl::ToDoubleMilliseconds(elapsed);
  if (flags.connection.json) {
    const nlohmann::json json = {
        {"model", flags.model}, {action, true}, {"ms", milliseconds}};
    std::cout << json.dump() << "\n";
  } else {
    std::cout << absl::StreamFormat("%s is %s (%.0f ms)\n", flags.model, action,
                                    milliseconds);
  }
}

absl::Status RunLoad(const RepositoryFlags& flags) {
  OCTET_ASSIGN_OR_RETURN(const auto client, Connect(flags.connection));
  const absl::Time start = absl::Now();
  OCTET_RETURN_IF_ERROR(client->LoadModel(flags.model));
  Report(flags, "loaded", absl::Now() - start);
  return absl::OkStatus();
}

absl::Status RunUnload(const RepositoryFlags& flags) {
  OCTET_ASSIGN_OR_RETURN(const auto client, Connect(flags.connection));
  const absl::Time start = absl::Now();
  OCTET_RETURN_IF_ERROR(client->UnloadModel(flags.model));
  Report(flags, "unloaded", absl::Now() - start);
  return absl::OkStatus();
}

void AddRepositoryCommand(CLI::App* app, const std::string& name,
                          const std::string& description,
                          absl::Status (*run)(const RepositoryFlags&),
                          Action* action) {
  CLI::App* command = app->add_subcommand(name, description);
  auto flags = std::make_shared<RepositoryFlags>();
  command
      ->add_option("MODEL", flags->model,
                   "The model's name in the server's repository")
      ->required();
  AddConnectionFlags(command, 300, &flags->connection);
  command->callback(
      [flags, run, action] { *action = [flags, run] { return run(*flags); }; });
}

}  // namespace

void AddLoadCommand(CLI::App* app, Action* action) {
  AddRepositoryCommand(app, "load",
                       "Load the latest version of a model, or load it again, "
                       "and wait until it is ready",
                       RunLoad, action);
}

void AddUnloadCommand(CLI::App* app, Action* action) {
  AddRepositoryCommand(app, "unload",
                       "Take a model out of service; its files stay", RunUnload,
                       action);
}

}  // namespace octet::cli
