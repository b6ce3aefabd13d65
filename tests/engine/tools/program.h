// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_ENGINE_TOOLS_PROGRAM_H_
#define OCTET_TESTS_ENGINE_TOOLS_PROGRAM_H_

#include <string>

#include "nlohmann/json.hpp"

namespace octet::tools {

// How a program ended and what it said.
struct Outcome {
  int exit_code = -1;  // -1: it crashed
  std::string out;
  std::string err;

  // Standard output as JSON; a test failure when it is none.
  nlohmann::json Json() const;
};

// Runs octet-model with `arguments`, which the shell splits, in `folder`.
Outcome RunOctetModel(const std::string& folder, const std::string& arguments);

}  // namespace octet::tools

#endif  // OCTET_TESTS_ENGINE_TOOLS_PROGRAM_H_
