// SPDX-License-Identifier: Apache-2.0
// octet: the command-line client of an octet server.
#include <iostream>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "client/cli/command.h"

namespace {

constexpr int kFailure = 1;
constexpr int kWrongUsage = 2;

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Talks to an octet server over gRPC.\n"
      "Exit codes: 0 done, 1 failed, 2 wrong usage.");
  app.name("octet");
  app.set_version_flag("--version", "octet " OCTET_VERSION);
  octet::cli::GlobalFlags flags;
  octet::cli::Action action;
  octet::cli::AddAllCommands(&app, &flags, &action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  const absl::Status status = action();
  if (status.ok()) return 0;
  std::cerr << "error: " << status.message() << "\n";
  const std::string next = octet::cli::NextThingToTry(status);
  if (!next.empty()) std::cerr << "       " << next << "\n";
  return kFailure;
}
