// SPDX-License-Identifier: Apache-2.0
// octet status: whether the server is there and what it speaks.
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/command.h"
#include "client/cli/table.h"
#include "engine/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace octet::cli {
namespace {

nlohmann::json AsJson(const v1::ConfigurationResponse& configuration) {
  nlohmann::json settings = nlohmann::json::object();
  for (const auto& setting : configuration.settings()) {
    settings[setting.name()] = {{"value", setting.value()},
                                {"source", setting.source()}};
  }
  return {{"isa", configuration.isa()},
          {"lanes", configuration.lanes()},
          {"start_time", configuration.start_time().seconds()},
          {"settings", settings}};
}

absl::StatusOr<nlohmann::json> AskStatus(const std::string& server,
                                         const GlobalFlags& flags) {
  OCTET_ASSIGN_OR_RETURN(const auto client,
                         ConnectTo(server, flags, absl::Seconds(10)));
  OCTET_ASSIGN_OR_RETURN(const bool live, client->ServerLive());
  OCTET_ASSIGN_OR_RETURN(const bool ready, client->ServerReady());
  OCTET_ASSIGN_OR_RETURN(const auto metadata, client->ServerMetadata());
  nlohmann::json status = {
      {"server", server},
      {"name", metadata.name()},
      {"version", metadata.version()},
      {"live", live},
      {"ready", ready},
      {"extensions", std::vector<std::string>(metadata.extensions().begin(),
                                              metadata.extensions().end())}};
  const auto configuration = client->Configuration();
  if (configuration.ok()) {
    status["configuration"] = AsJson(*configuration);
  } else if (!absl::IsUnimplemented(configuration.status())) {
    return configuration.status();
  }
  return status;
}

std::string StatusAsText(const nlohmann::json& status) {
  const auto text = [&](const char* key) {
    return status[key].get<std::string>();
  };
  std::string table = FormatTable(
      {{"server", absl::StrCat(text("name"), " ", text("version"), " at ",
                               text("server"))},
       {"live", status["live"].get<bool>() ? "yes" : "no"},
       {"ready", status["ready"].get<bool>() ? "yes" : "no"},
       {"extensions",
        absl::StrJoin(status["extensions"].get<std::vector<std::string>>(),
                      ", ")}});
  const auto configuration = status.find("configuration");
  if (configuration == status.end()) return table;
  std::vector<std::vector<std::string>> rows = {
      {"engine",
       absl::StrCat((*configuration)["isa"].get<std::string>(), ", ",
                    (*configuration)["lanes"].get<int>(), " lanes"),
       ""}};
  for (const auto& [name, setting] : (*configuration)["settings"].items()) {
    rows.push_back({name, setting["value"].get<std::string>(),
                    setting["source"].get<std::string>()});
  }
  return absl::StrCat(table, FormatTable(rows));
}

absl::Status RunStatus(const GlobalFlags& flags) {
  nlohmann::json servers = nlohmann::json::array();
  absl::Status error;
  for (const std::string& server : flags.servers) {
    auto status = AskStatus(server, flags);
    if (!status.ok()) {
      // Of several servers each one is spoken of.
      if (flags.servers.size() == 1) return status.status();
      error.Update(status.status());
      servers.push_back({{"server", server},
                         {"error", std::string(status.status().message())}});
      if (!flags.json) std::cout << "server  " << server << ": no answer\n";
      continue;
    }
    if (!flags.json) std::cout << StatusAsText(*status);
    if (!(*status)["live"].get<bool>() || !(*status)["ready"].get<bool>()) {
      error.Update(absl::UnavailableError(
          absl::StrCat("the server at ", server, " is not ready")));
    }
    servers.push_back(*std::move(status));
  }
  if (flags.json) {
    std::cout << (servers.size() == 1 ? servers[0]
                                      : nlohmann::json{{"servers", servers}})
                     .dump()
              << "\n";
  }
  return error;
}

}  // namespace

void AddStatusCommand(CLI::App* app, const GlobalFlags& flags, Action* action) {
  CLI::App* command = app->add_subcommand(
      "status",
      "Say whether each server is ready, and its version; exit code 1 when one "
      "is not");
  command->callback(
      [&flags, action] { *action = [&flags] { return RunStatus(flags); }; });
}

}  // namespace octet::cli
