// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CLI_COMPLETION_H_
#define OCTET_CLIENT_CLI_COMPLETION_H_

#include <string>

#include "CLI/CLI.hpp"

// Completion scripts, made from the command line's own tree, so that they know
// what it knows.
namespace octet::cli {

// Scripts that complete the commands and flags of `app`, and file names
// elsewhere.
std::string BashCompletion(const CLI::App& app);
std::string ZshCompletion(const CLI::App& app);
std::string FishCompletion(const CLI::App& app);

}  // namespace octet::cli

#endif  // OCTET_CLIENT_CLI_COMPLETION_H_
