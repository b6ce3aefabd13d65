// SPDX-License-Identifier: Apache-2.0
// octet status: whether the server is there and what it speaks.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/command.h"
#include "client/cli/table.h"
#include "engine/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace octet::cli {
namespace {

absl::Status RunStatus(const Connection& connection) {
  OCTET_ASSIGN_OR_RETURN(const auto client, Connect(connection));
  OCTET_ASSIGN_OR_RETURN(const bool live, client->ServerLive());
  OCTET_ASSIGN_OR_RETURN(const bool ready, client->ServerReady());
  OCTET_ASSIGN_OR_RETURN(const auto metadata, client->ServerMetadata());
  const std::vector<std::string> extensions(metadata.extensions().begin(),
                                            metadata.extensions().end());
  if (connection.json) {
    const nlohmann::json json = {{"server", connection.server},
                                 {"name", metadata.name()},
                                 {"version", metadata.version()},
                                 {"live", live},
                                 {"ready", ready},
                                 {"extensions", extensions}};
    std::cout << json.dump() << "\n";
  } else {
    std::cout << FormatTable(
        {{"server", absl::StrCat(metadata.name(), " ", metadata.version(),
                                 " at ", connection.server)},
         {"live", live ? "yes" : "no"},
         {"ready", ready ? "yes" : "no"},
         {"extensions", absl::StrJoin(extensions, ", ")}});
  }
  if (!live || !ready) {
    return absl::UnavailableError(
        absl::StrCat("the server at ", connection.server, " is not ready"));
  }
  return absl::OkStatus();
}

}  // namespace

void AddStatusCommand(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand(
      "status",
      "Say whether the server is ready, and its version; exit code 1 when it "
      "is not");
  auto connection = std::make_shared<Connection>();
  AddConnectionFlags(command, 10, connection.get());
  command->callback([connection, action] {
    *action = [connection] { return RunStatus(*connection); };
  });
}

}  // namespace octet::cli
