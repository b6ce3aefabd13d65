// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConfigTest : public ::testing::Test {
 protected:
  CommandLine Parse(std::vector<const char*> flags) {
    flags.insert(flags.begin(), "octet-server");
    out_.str("");
    err_.str("");
    return ParseCommandLine(static_cast<int>(flags.size()), flags.data(),
                            "1.2.3", out_, err_);
  }

  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(ConfigTest, DefaultsNeedOnlyTheRepository) {
  const CommandLine line = Parse({"--model-repository", "/models"});
  ASSERT_FALSE(line.exit_code.has_value()) << err_.str();
  EXPECT_EQ(line.config.model_repository, "/models");
  EXPECT_EQ(line.config.grpc_port, 8001);
  EXPECT_EQ(line.config.http_port, 8002);
  EXPECT_EQ(line.config.bind_address, "0.0.0.0");
  EXPECT_FALSE(line.config.lanes.has_value());
  EXPECT_EQ(line.config.max_receive_bytes, int64_t{64} << 20);
  EXPECT_THAT(out_.str(), IsEmpty());
}

TEST_F(ConfigTest, EveryFlagIsTaken) {
  const CommandLine line = Parse(
      {"--model-repository=/m", "--bind-address=127.0.0.1", "--grpc-port=0",
       "--http-port=9", "--lanes=3", "--threads-per-lane=2", "--max-batch=32",
       "--queue-rows=5", "--queue-bytes=6", "--max-receive-bytes=7000",
       "--max-calibration-bytes=8", "--drain-seconds=0.5", "--log-level=warn"});
  ASSERT_FALSE(line.exit_code.has_value()) << err_.str();
  EXPECT_EQ(ToString(line.config),
            "model-repository=/m bind-address=127.0.0.1 grpc-port=0 "
            "http-port=9 lanes=3 threads-per-lane=2 max-batch=32 queue-rows=5 "
            "queue-bytes=6 max-receive-bytes=7000 max-calibration-bytes=8 "
            "drain-seconds=0.5 log-level=warn");
}

TEST_F(ConfigTest, HelpAndVersionExitWithZero) {
  EXPECT_EQ(Parse({"--help"}).exit_code, 0);
  for (const char* words :
       {"--model-repository", "bytes", "seconds", "8001", "[default:"}) {
    EXPECT_THAT(out_.str(), HasSubstr(words));
  }
  EXPECT_EQ(Parse({"--version"}).exit_code, 0);
  EXPECT_THAT(out_.str(), HasSubstr("octet-server 1.2.3"));
}

TEST_F(ConfigTest, WrongUsageExitsWithTwoAndNamesTheFlag) {
  EXPECT_EQ(Parse({}).exit_code, 2);
  EXPECT_THAT(err_.str(), HasSubstr("--model-repository"));
  for (const char* flag :
       {"--grpc-port=70000", "--http-port=-1", "--lanes=0",
        "--threads-per-lane=0", "--max-batch=0", "--queue-rows=0",
        "--max-receive-bytes=1", "--drain-seconds=-1", "--log-level=loud",
        "--no-such-flag"}) {
    EXPECT_EQ(Parse({"--model-repository=/m", flag}).exit_code, 2) << flag;
    const std::string name =
        std::string(flag).substr(0, std::string(flag).find('='));
    EXPECT_THAT(err_.str(), HasSubstr(name));
  }
}

}  // namespace
}  // namespace octet
