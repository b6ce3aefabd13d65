// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/tools/program.h"

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"
#include "tests/testing/scratch_folder.h"

namespace octet::tools {

nlohmann::json Outcome::Json() const {
  nlohmann::json json = nlohmann::json::parse(out, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << "no JSON: " << out << err;
  return json.is_discarded() ? nlohmann::json::object() : json;
}

Outcome RunOctetModel(const std::string& folder, const std::string& arguments) {
  const char* programs = std::getenv("OCTET_BIN_DIR");
  if (programs == nullptr) {
    ADD_FAILURE() << "OCTET_BIN_DIR is not set; ctest sets it to the folder of "
                     "the built programs";
    return {};
  }
  const ScratchFolder streams;
  const std::string command = "cd \"" + folder + "\" && \"" + programs +
                              "/octet-model\" " + arguments + " >\"" +
                              streams.path() + "/out\" 2>\"" + streams.path() +
                              "/err\" </dev/null";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, streams.Read("out"),
          streams.Read("err")};
}

}  // namespace octet::tools
