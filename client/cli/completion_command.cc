// SPDX-License-Identifier: Apache-2.0
// octet completion: scripts for shells.
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "client/cli/command.h"
#include "client/cli/completion.h"

namespace octet::cli {
namespace {

using Writer = std::string (*)(const CLI::App&);

const std::map<std::string, Writer>& Shells() {
  static const auto* const kShells =
      new std::map<std::string, Writer>{{"bash", BashCompletion},
                                        {"fish", FishCompletion},
                                        {"zsh", ZshCompletion}};
  return *kShells;
}

}  // namespace

void AddCompletionCommand(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand(
      "completion", "Print a script that completes octet's commands and flags");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, fish or zsh")
      ->required()
      ->check(CLI::IsMember(&Shells()));
  command->footer(
      "For this shell alone:  source <(octet completion bash)\n"
      "Installed packages bring the scripts along.");
  command->callback([app, shell, action] {
    *action = [app, shell] {
      std::cout << Shells().at(*shell)(*app);
      return absl::OkStatus();
    };
  });
}

}  // namespace octet::cli
