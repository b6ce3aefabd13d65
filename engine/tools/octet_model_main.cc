// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "engine/engine.h"
#include "engine/tools/commands.h"

namespace {

constexpr int kFailure = 1;
constexpr int kUsage = 2;

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "The offline tool of octet: look at ONNX models, quantize, run, compare "
      "and time them.\n"
      "Exit codes: 0 ok, 1 failure, 2 wrong usage. Diagnostics go to standard "
      "error.",
      "octet-model");
  app.set_version_flag("--version", std::string(octet::Version()));
  app.require_subcommand(1);
  octet::tools::Command command;
  octet::tools::AddInspectCommand(app, &command);
  octet::tools::AddRunCommand(app, &command);
  octet::tools::AddQuantizeCommand(app, &command);
  octet::tools::AddCompareCommand(app, &command);
  octet::tools::AddBenchCommand(app, &command);
  octet::tools::AddConformCommand(app, &command);
  octet::tools::AddDumpCommand(app, &command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version end up here too, with code 0.
    return app.exit(error) == 0 ? 0 : kUsage;
  }

  const absl::Status status = command();
  std::fflush(stdout);
  if (status.ok()) return 0;
  std::fprintf(stderr, "octet-model %s: %s\n",
               app.get_subcommands().front()->get_name().c_str(),
               std::string(status.message()).c_str());
  return kFailure;
}
