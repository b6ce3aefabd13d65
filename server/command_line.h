// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_COMMAND_LINE_H_
#define OCTET_SERVER_COMMAND_LINE_H_

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "server/config.h"

namespace octet {

// How the program was called.
struct Invocation {
  std::vector<std::string> arguments;    // without the program's name
  std::vector<std::string> environment;  // NAME=VALUE
  std::string version;                   // what --version tells
};

// What is asked for: to run, or to exit with a code (0 after --help or
// --version, 2 after a wrong setting), everything said already.
struct CommandLine {
  std::optional<int> exit_code;
  // --health: only to ask the server with these settings whether it is ready.
  bool health = false;
  ServerConfig config;
};

// Reads the settings from the command line, from variables OCTET_SERVER_NAME
// and from the file of --config, a JSON object, in which // begins a comment.
// A flag goes before a variable, a variable before the file, the file before
// the default. A name that is not known and a value out of its range are
// refused wherever they stand, all of them at once.
//
// Text that was asked for goes to `out`, complaints to `err`.
CommandLine ReadCommandLine(const Invocation& invocation, std::ostream& out,
                            std::ostream& err);

}  // namespace octet

#endif  // OCTET_SERVER_COMMAND_LINE_H_
