// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_SETTING_H_
#define OCTET_SERVER_SETTING_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/config.h"

namespace octet {

// One setting: its name is the key in a file, `--name` the flag, and
// OCTET_SERVER_NAME, in capitals and with underscores, the variable.
struct Setting {
  std::string name;
  std::string expected;  // "a whole number from 0 to 65535"
  std::string help;
  // Writes the value to the configuration; false where it is not as expected,
  // and then nothing is written.
  std::function<bool(absl::string_view, ServerConfig*)> parse;
  // The value as parse() takes it.
  std::function<std::string(const ServerConfig&)> print;
};

// The settings, in the order of README.md's table.
const std::vector<Setting>& Settings();

// The setting of that name, or null.
const Setting* FindSetting(absl::string_view name);

// "grpc-port" as "OCTET_SERVER_GRPC_PORT".
std::string VariableName(absl::string_view setting);

// The element of `known` that `name` is most likely a misspelling of; empty
// where none is near.
std::string NearestName(absl::string_view name,
                        const std::vector<std::string>& known);

}  // namespace octet

#endif  // OCTET_SERVER_SETTING_H_
