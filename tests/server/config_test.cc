// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/command_line.h"
#include "server/setting.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConfigTest : public ::testing::Test {
 protected:
  CommandLine Read(const std::vector<std::string>& flags,
                   const std::vector<std::string>& environment = {}) {
    out_.str("");
    err_.str("");
    return ReadCommandLine({flags, environment, "1.2.3"}, out_, err_);
  }

  // The flag --config for a file with that text.
  std::string File(const std::string& text) {
    folder_.Write("octet.json", text);
    return "--config=" + folder_.path() + "/octet.json";
  }

  // Reads what must be right.
  ServerConfig Good(const std::vector<std::string>& flags,
                    const std::vector<std::string>& environment = {}) {
    const CommandLine line = Read(flags, environment);
    EXPECT_FALSE(line.exit_code.has_value()) << err_.str();
    return line.config;
  }

  // The complaint about what must be wrong.
  std::string Complaint(const std::vector<std::string>& flags,
                        const std::vector<std::string>& environment = {}) {
    EXPECT_EQ(Read(flags, environment).exit_code, 2);
    EXPECT_THAT(out_.str(), IsEmpty());
    return err_.str();
  }

  ScratchFolder folder_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(ConfigTest, DefaultsNeedOnlyTheRepository) {
  const ServerConfig config = Good({"--model-repository", "/models"});
  EXPECT_EQ(config.model_repository, "/models");
  EXPECT_EQ(config.grpc_port, 8001);
  EXPECT_EQ(config.http_port, 8002);
  EXPECT_EQ(config.bind_address, "127.0.0.1");
  EXPECT_FALSE(config.lanes.has_value());
  EXPECT_FALSE(config.model_memory_bytes.has_value());
  EXPECT_EQ(config.max_receive_bytes, int64_t{64} << 20);
  EXPECT_EQ(config.queue_bytes(), int64_t{256} << 20);
  EXPECT_EQ(config.request_log, 0);
  EXPECT_THAT(out_.str(), IsEmpty());
}

TEST_F(ConfigTest, EveryFlagIsTaken) {
  EXPECT_EQ(
      ToString(Good({"--model-repository=/m",
                     "--bind-address=::1",
                     "--grpc-port=0",
                     "--http-port=9",
                     "--tls-folder=/t",
                     "--tls-client-ca=/c",
                     "--control-access=token:/k",
                     "--max-receive-bytes=7000",
                     "--lanes=3",
                     "--threads-per-lane=2",
                     "--max-batch=32",
                     "--queue-rows=5",
                     "--drain-seconds=0.5",
                     "--model-control=watch",
                     "--model-memory-bytes=1048576",
                     "--job-bytes=8",
                     "--calibration-folder=/a b",
                     "--shared-memory-prefix=",
                     "--log-level=warn",
                     "--request-log=0.25"})),
      "model-repository=/m[flag] bind-address=::1[flag] grpc-port=0[flag] "
      "http-port=9[flag] tls-folder=/t[flag] tls-client-ca=/c[flag] "
      "control-access=token:/k[flag] max-receive-bytes=7000[flag] "
      "lanes=3[flag] threads-per-lane=2[flag] max-batch=32[flag] "
      "queue-rows=5[flag] drain-seconds=0.5[flag] model-control=watch[flag] "
      "model-memory-bytes=1048576[flag] job-bytes=8[flag] "
      "calibration-folder=\"/a b\"[flag] shared-memory-prefix=\"\"[flag] "
      "log-level=warn[flag] request-log=0.25[flag]");
}

TEST_F(ConfigTest, EverySettingIsTakenFromEverySource) {
  ServerConfig config;
  config.model_repository = "/m";
  config.tls_folder = "/t";
  config.tls_client_ca = "/c";
  for (const Setting& setting : Settings()) {
    const std::string value = setting.print(config);
    const auto source_of = [&](const ServerConfig& got) {
      EXPECT_EQ(setting.print(got), value) << setting.name;
      return got.sources.at(setting.name);
    };
    EXPECT_EQ(source_of(Good({"--model-repository", "/m", "--tls-folder", "/t",
                              File(absl::StrCat("{\"", setting.name, "\": \"",
                                                value, "\"}"))})),
              setting.name == "model-repository" || setting.name == "tls-folder"
                  ? SettingSource::kFlag
                  : SettingSource::kFile);
    const std::vector<std::string> environment = {
        "OCTET_SERVER_MODEL_REPOSITORY=/m", "OCTET_SERVER_TLS_FOLDER=/t",
        absl::StrCat(VariableName(setting.name), "=", value)};
    EXPECT_EQ(source_of(Good({}, environment)), SettingSource::kEnvironment);
  }
  EXPECT_LE(Settings().size(), 20u);
}

TEST_F(ConfigTest, FlagsGoBeforeVariablesBeforeTheFile) {
  const std::string file = File(
      "// the ports\n{\"grpc-port\": 1, \"http-port\": 2, "
      "\"lanes\": \"auto\", \"max-batch\": 3, \"drain-seconds\": 1.5}");
  const ServerConfig config =
      Good({"--model-repository=/m", file, "--grpc-port=11"},
           {"OCTET_SERVER_GRPC_PORT=21", "OCTET_SERVER_HTTP_PORT=22",
            "OCTET_SERVER=elsewhere:1", "PATH=/bin"});
  EXPECT_EQ(config.grpc_port, 11);
  EXPECT_EQ(config.http_port, 22);
  EXPECT_EQ(config.max_batch, 3);
  EXPECT_EQ(config.drain_seconds, 1.5);
  EXPECT_THAT(ToString(config), AllOf(HasSubstr("grpc-port=11[flag]"),
                                      HasSubstr("http-port=22[environment]"),
                                      HasSubstr("max-batch=3[file]"),
                                      HasSubstr("lanes=auto[file]"),
                                      HasSubstr("queue-rows=1024[default]")));
}

TEST_F(ConfigTest, TheFileMayBeNamedByAVariable) {
  const std::string flag = File("{\"model-repository\": \"/from/file\"}");
  const std::string path = flag.substr(flag.find('=') + 1);
  EXPECT_EQ(Good({}, {"OCTET_SERVER_CONFIG=" + path}).model_repository,
            "/from/file");
  // The flag wins, and the variable's file is then not looked at.
  EXPECT_EQ(Good({flag}, {"OCTET_SERVER_CONFIG=/no/such"}).model_repository,
            "/from/file");
}

TEST_F(ConfigTest, VariablesOfKubernetesAreNoSettings) {
  Good({"--model-repository=/m"},
       {"OCTET_SERVER_SERVICE_HOST=10.0.0.1", "OCTET_SERVER_SERVICE_PORT=8001",
        "OCTET_SERVER_SERVICE_PORT_GRPC=8001",
        "OCTET_SERVER_PORT=tcp://10.0.0.1:8001",
        "OCTET_SERVER_PORT_8001_TCP=tcp://10.0.0.1:8001",
        "OCTET_SERVER_PORT_8001_TCP_PROTO=tcp",
        "OCTET_SERVER_PORT_8001_TCP_ADDR=10.0.0.1"});
}

TEST_F(ConfigTest, UnknownNamesAreRefusedWithTheNearest) {
  const std::string repository = "--model-repository=/m";
  EXPECT_THAT(Complaint({repository, File("{\"grpc-prot\": 1}")}),
              AllOf(HasSubstr("octet.json"), HasSubstr("'grpc-prot'"),
                    HasSubstr("did you mean grpc-port?")));
  EXPECT_THAT(Complaint({repository}, {"OCTET_SERVER_GRPCPORT=1"}),
              AllOf(HasSubstr("'OCTET_SERVER_GRPCPORT'"),
                    HasSubstr("did you mean OCTET_SERVER_GRPC_PORT?")));
  EXPECT_THAT(
      Complaint({repository, "--grpc-prt=1"}),
      AllOf(HasSubstr("--grpc-prt"), HasSubstr("did you mean --grpc-port?")));
  EXPECT_THAT(Complaint({repository, "--zebra"}), HasSubstr("--zebra"));
  EXPECT_THAT(Complaint({repository}, {"OCTET_SERVER_A\nb=1"}),
              HasSubstr("'OCTET_SERVER_A\\nb'"));
}

TEST_F(ConfigTest, EveryValueIsCheckedAndTheRangeNamed) {
  for (const char* wrong : {"grpc-port=70000",
                            "http-port=-1",
                            "lanes=0",
                            "lanes=many",
                            "threads-per-lane=0",
                            "max-batch=1025",
                            "queue-rows=0",
                            "max-receive-bytes=1",
                            "max-receive-bytes=64MB",
                            "drain-seconds=-1",
                            "drain-seconds=nan",
                            "log-level=loud",
                            "bind-address=everywhere",
                            "model-control=poll",
                            "model-memory-bytes=1",
                            "job-bytes=0",
                            "shared-memory-prefix=octet",
                            "shared-memory-prefix=/a/b",
                            "shared-memory-prefix=/",
                            "control-access=me",
                            "control-access=token:",
                            "request-log=2",
                            "model-repository="}) {
    const std::vector<std::string> parts = absl::StrSplit(wrong, '=');
    const Setting& setting = *FindSetting(parts[0]);
    const auto named = [&](const std::string& name) {
      return AllOf(HasSubstr(name), HasSubstr("got '" + parts[1] + "'"),
                   HasSubstr("expected " + setting.expected));
    };
    EXPECT_THAT(Complaint({"--" + parts[0], parts[1]},
                          {"OCTET_SERVER_MODEL_REPOSITORY=/m"}),
                named("--" + parts[0]));
    EXPECT_THAT(
        Complaint({"--model-repository=/m"},
                  {absl::StrCat(VariableName(parts[0]), "=", parts[1])}),
        named(VariableName(parts[0])));
    EXPECT_THAT(Complaint({"--model-repository=/m",
                           File(absl::StrCat("{\"", parts[0], "\": \"",
                                             parts[1], "\"}"))}),
                named("octet.json': key '" + parts[0] + "'"));
  }
}

TEST_F(ConfigTest, EveryComplaintIsMadeAtOnce) {
  EXPECT_THAT(Complaint({"--grpc-port=x", File("{\"lanes\": 0, \"zebra\": 1}")},
                        {"OCTET_SERVER_HTTP_PORT=y"}),
              AllOf(HasSubstr("--grpc-port"), HasSubstr("'lanes'"),
                    HasSubstr("'zebra'"), HasSubstr("OCTET_SERVER_HTTP_PORT")));
}

TEST_F(ConfigTest, AFileThatIsNoConfigurationIsRefused) {
  const std::string repository = "--model-repository=/m";
  for (const auto& [text, reason] :
       std::vector<std::pair<std::string, std::string>>{
           {"", "no JSON object"},
           {"{\"grpc-port\": }", "line 1, column 15"},
           {"[1]", "got a JSON array"},
           {"{\"grpc-port\": 1, \"grpc-port\": 2}", "there twice"},
           {"{\"grpc-port\": null}", "got a JSON null"},
           {"{\"grpc-port\": true}", "got a JSON boolean"},
           {"{\"grpc-port\": [1]}", "got a JSON array"},
           {"{\"grpc-port\": {\"a\": 1}}", "got a JSON object"},
           {"{\"grpc-port\": 1.5}", "expected a whole number"},
           {"{\"model-repository\": \"a\\u0000b\"}", "expected the path"},
           {"\xff\xfe", "no JSON object"},
           {std::string(70000, ' '), "more than 65536 bytes"},
           {std::string(60000, '['), "no JSON object"}}) {
    EXPECT_THAT(Complaint({repository, File(text)}), HasSubstr(reason));
  }
}

TEST_F(ConfigTest, AFileThatIsNotThereIsRefused) {
  EXPECT_THAT(Complaint({"--model-repository=/m", "--config=/no/such.json"}),
              AllOf(HasSubstr("'/no/such.json'"), HasSubstr("No such file")));
  EXPECT_THAT(
      Complaint({"--model-repository=/m", "--config=" + folder_.path()}),
      HasSubstr("Is a directory"));
}

TEST_F(ConfigTest, SettingsMustFitTogether) {
  EXPECT_THAT(Complaint({}), HasSubstr("--model-repository is required"));
  EXPECT_THAT(Complaint({"--model-repository=/m", "--tls-client-ca=/c"}),
              HasSubstr("--tls-folder"));
  EXPECT_THAT(
      Complaint({"--model-repository=/m", "--control-access=certificate"}),
      HasSubstr("--tls-client-ca"));
}

TEST_F(ConfigTest, HelpAndVersionExitWithZero) {
  EXPECT_EQ(Read({"--help"}).exit_code, 0);
  for (const Setting& setting : Settings()) {
    EXPECT_THAT(out_.str(), HasSubstr("--" + setting.name));
  }
  for (const char* words :
       {"bytes", "seconds", "8001", "A flag goes before a variable", "auto",
        "--config", "OCTET_SERVER_GRPC_PORT"}) {
    EXPECT_THAT(out_.str(), HasSubstr(words));
  }
  EXPECT_EQ(Read({"--version"}).exit_code, 0);
  EXPECT_THAT(out_.str(), HasSubstr("octet-server 1.2.3"));
}

TEST_F(ConfigTest, HealthNeedsOnlyWhereTheServerListens) {
  const CommandLine asked = Read({"--health", "--http-port=8012"});
  EXPECT_EQ(asked.exit_code, std::nullopt) << err_.str();
  EXPECT_TRUE(asked.health);
  EXPECT_EQ(asked.config.http_port, 8012);
  EXPECT_THAT(Complaint({"--health", "--http-port=0"}),
              HasSubstr("--health needs the --http-port"));
  EXPECT_FALSE(Read({"--model-repository=/m"}).health);
}

TEST_F(ConfigTest, TheTableInTheReadmeIsComplete) {
  std::ifstream file(OCTET_SOURCE_DIR "/server/README.md");
  std::stringstream readme;
  readme << file.rdbuf();
  const ServerConfig defaults;
  for (const Setting& setting : Settings()) {
    const std::string value = setting.print(defaults);
    EXPECT_THAT(
        readme.str(),
        HasSubstr(absl::StrCat("| `", setting.name, "` | ",
                               setting.name == "model-repository" ? "required"
                               : value.empty()                    ? "none"
                                                                  : value,
                               " |")));
  }
}

TEST_F(ConfigTest, LoopbackIsKnown) {
  for (const char* address : {"127.0.0.1", "127.9.9.9", "::1"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
  for (const char* address :
       {"0.0.0.0", "::", "10.0.0.1", "::2", "1.127.0.0", ""}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

}  // namespace
}  // namespace octet
