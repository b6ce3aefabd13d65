// SPDX-License-Identifier: Apache-2.0
//
// LogSettings, TraceSetting and the request log, over real channels.
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/api/request_origin.h"
#include "server/log/log_switches.h"
#include "tests/server/server_fixture.h"

namespace octet {
namespace {

using grpc::StatusCode;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kTraceParent[] =
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

class SettingsRpcsTest : public ServerFixture {
 protected:
  using Log = inference::LogSettingsRequest;
  using Trace = inference::TraceSettingRequest;

  SettingsRpcsTest() {
    folder_.Write("m/1/model.onnx", "scale 1");
    folder_.Write("n/1/model.onnx", "scale 1");
  }

  ~SettingsRpcsTest() override { SetLogSwitches(SwitchesFor("info")); }

  grpc::Status Change(const Log& request,
                      inference::LogSettingsResponse* response) {
    return inference_->LogSettings(Context().get(), request, response);
  }

  // The settings of `model` after the change, as name=value.
  std::vector<std::string> Settings(const Trace& request) {
    inference::TraceSettingResponse response;
    const grpc::Status status =
        inference_->TraceSetting(Context().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<std::string> settings;
    for (const char* name : {"trace_level", "trace_rate", "trace_count",
                             "log_frequency", "trace_file", "trace_mode"}) {
      const auto& values = response.settings().at(name).value();
      EXPECT_THAT(values, SizeIs(1));
      settings.push_back(values[0]);
    }
    EXPECT_EQ(response.settings_size(), 6);
    return settings;
  }

  static Trace Set(const std::string& model, const std::string& name,
                   const std::vector<std::string>& values) {
    Trace request;
    request.set_model_name(model);
    auto& setting = (*request.mutable_settings())[name];
    for (const std::string& value : values) setting.add_value(value);
    return request;
  }

  grpc::Status Refusal(const Trace& request) {
    inference::TraceSettingResponse response;
    return inference_->TraceSetting(Context().get(), request, &response);
  }

  // Ends the server, and gives the lines of the request log since
  // CaptureStderr().
  std::vector<json> RequestLines() {
    server_.reset();
    std::vector<json> lines;
    const std::string text = ::testing::internal::GetCapturedStderr();
    for (const absl::string_view line : absl::StrSplit(text, '\n')) {
      if (!line.empty() && line[0] == '{') lines.push_back(json::parse(line));
    }
    return lines;
  }
};

TEST_F(SettingsRpcsTest, LogSettingsAreToldAndChangedTogether) {
  ::testing::internal::CaptureStderr();
  InstallLog(SwitchesFor("info"));
  Start();
  inference::LogSettingsResponse response;
  ASSERT_TRUE(Change({}, &response).ok());
  EXPECT_EQ(response.settings_size(), 6);
  EXPECT_TRUE(response.settings().at("log_info").bool_param());
  EXPECT_EQ(response.settings().at("log_verbose_level").uint32_param(), 0u);
  EXPECT_EQ(response.settings().at("log_format").string_param(), "default");
  EXPECT_EQ(response.settings().at("log_file").string_param(), "");

  Log request;
  (*request.mutable_settings())["log_info"].set_bool_param(false);
  (*request.mutable_settings())["log_verbose_level"].set_uint32_param(2);
  (*request.mutable_settings())["log_format"].set_string_param("ISO8601");
  ASSERT_TRUE(Change(request, &response).ok());
  EXPECT_FALSE(response.settings().at("log_info").bool_param());
  EXPECT_TRUE(response.settings().at("log_warning").bool_param());
  EXPECT_EQ(response.settings().at("log_verbose_level").uint32_param(), 2u);
  EXPECT_EQ(response.settings().at("log_format").string_param(), "ISO8601");
  EXPECT_TRUE(GetLogSwitches().iso8601);

  // One wrong, and none is changed.
  (*request.mutable_settings())["log_info"].set_bool_param(true);
  (*request.mutable_settings())["log_zebra"].set_bool_param(true);
  EXPECT_EQ(Change(request, &response).error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_FALSE(GetLogSwitches().info);
  ::testing::internal::GetCapturedStderr();
}

TEST_F(SettingsRpcsTest, LogSettingsRefuseWhatIsNotThere) {
  Start();
  const auto refusal = [this](const std::string& name,
                              const Log::SettingValue& value) {
    Log request;
    (*request.mutable_settings())[name] = value;
    inference::LogSettingsResponse response;
    const grpc::Status status = Change(request, &response);
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  Log::SettingValue text;
  text.set_string_param("/var/log/octet");
  Log::SettingValue flag;
  flag.set_bool_param(true);
  EXPECT_THAT(refusal("log_file", text), HasSubstr("standard error"));
  EXPECT_THAT(refusal("log_format", text), HasSubstr("ISO8601"));
  EXPECT_THAT(refusal("log_info", text), HasSubstr("bool_param"));
  EXPECT_THAT(refusal("log_verbose_level", flag), HasSubstr("uint32_param"));
  EXPECT_THAT(refusal("log_info", {}), HasSubstr("bool_param"));
  EXPECT_THAT(refusal("a\nb", flag), HasSubstr("'a\\nb'"));
}

TEST_F(SettingsRpcsTest, TraceSettingsAreForOneModelOrForAll) {
  Start();
  EXPECT_THAT(Settings({}),
              ElementsAre("OFF", "1000", "-1", "0", "", "triton"));
  EXPECT_THAT(Settings(Set("", "trace_rate", {"10"})),
              ElementsAre("OFF", "10", "-1", "0", "", "triton"));
  EXPECT_THAT(Settings(Set("", "trace_level", {"TIMESTAMPS"})),
              ElementsAre("TIMESTAMPS", "10", "-1", "0", "", "triton"));
  Trace of_m;
  of_m.set_model_name("m");
  EXPECT_THAT(Settings(of_m),
              ElementsAre("TIMESTAMPS", "10", "-1", "0", "", "triton"));
  EXPECT_THAT(Settings(Set("m", "trace_rate", {"1"})),
              ElementsAre("TIMESTAMPS", "1", "-1", "0", "", "triton"));
  EXPECT_THAT(Settings(Set("m", "trace_count", {"5"})),
              ElementsAre("TIMESTAMPS", "1", "5", "0", "", "triton"));
  EXPECT_THAT(Settings({}),
              ElementsAre("TIMESTAMPS", "10", "-1", "0", "", "triton"));
  EXPECT_THAT(Settings(Set("m", "trace_rate", {})),
              ElementsAre("TIMESTAMPS", "10", "-1", "0", "", "triton"));
  EXPECT_THAT(Settings(Set("", "trace_level", {"OFF"})),
              ElementsAre("OFF", "10", "-1", "0", "", "triton"));
}

TEST_F(SettingsRpcsTest, TraceSettingsRefuseWhatIsNotThere) {
  Start();
  const auto check = [this](const Trace& request, StatusCode code,
                            const char* words) {
    const grpc::Status status = Refusal(request);
    EXPECT_EQ(status.error_code(), code) << words;
    EXPECT_THAT(status.error_message(), HasSubstr(words));
  };
  check(Set("", "trace_level", {"TENSORS"}), StatusCode::UNIMPLEMENTED,
        "no values of tensors");
  check(Set("", "trace_level", {"TIMESTAMPS", "TENSORS"}),
        StatusCode::UNIMPLEMENTED, "TENSORS");
  check(Set("", "trace_level", {"MAX"}), StatusCode::INVALID_ARGUMENT, "'MAX'");
  check(Set("", "trace_rate", {"0"}), StatusCode::INVALID_ARGUMENT, "from 1");
  check(Set("", "trace_rate", {"x"}), StatusCode::INVALID_ARGUMENT, "'x'");
  check(Set("", "trace_rate", {"1", "2"}), StatusCode::INVALID_ARGUMENT,
        "expected one");
  check(Set("", "trace_count", {"-2"}), StatusCode::INVALID_ARGUMENT,
        "from -1");
  check(Set("", "trace_file", {"/etc/x"}), StatusCode::UNIMPLEMENTED,
        "standard error");
  check(Set("", "trace_mode", {"opentelemetry"}), StatusCode::UNIMPLEMENTED,
        "'triton'");
  check(Set("", "zebra", {"1"}), StatusCode::INVALID_ARGUMENT, "'zebra'");
  check(Set("nothing", "trace_rate", {"1"}), StatusCode::NOT_FOUND,
        "'nothing'");
}

TEST_F(SettingsRpcsTest, RequestsAreLoggedWithTheirTrace) {
  ::testing::internal::CaptureStderr();
  config_.request_log = 1;
  Start();
  inference::ModelInferRequest request =
      FloatRequest("m", {1, 2, 3, 4, 5, 6, 7, 8});
  request.set_id("first\n");
  inference::ModelInferResponse response;
  const auto context = Context();
  context->AddMetadata("traceparent", kTraceParent);
  ASSERT_TRUE(inference_->ModelInfer(context.get(), request, &response).ok());
  const auto invalid = Context();
  invalid->AddMetadata("traceparent", "nonsense");
  EXPECT_FALSE(
      inference_
          ->ModelInfer(invalid.get(), FloatRequest("zebra", {1}), &response)
          .ok());
  const std::vector<json> lines = RequestLines();
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0]["id"], "first\n");
  EXPECT_EQ(lines[0]["model"], "m");
  EXPECT_EQ(lines[0]["version"], "1");
  EXPECT_EQ(lines[0]["rows"], 2);
  EXPECT_EQ(lines[0]["code"], "OK");
  EXPECT_EQ(lines[0]["peer"], "ipv4:127.0.0.1");
  EXPECT_EQ(lines[0]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(lines[0]["parent_id"], "00f067aa0ba902b7");
  EXPECT_GE(lines[0]["total_us"].get<int64_t>(),
            lines[0]["queue_us"].get<int64_t>());
  // What the engine of these tests says.
  EXPECT_EQ(lines[0]["compute_us"], 200);
  EXPECT_EQ(lines[1]["code"], "NOT_FOUND");
  EXPECT_EQ(lines[1]["rows"], 0);
  EXPECT_FALSE(lines[1].contains("trace_id"));
  EXPECT_FALSE(lines[1].contains("queue_us"));
}

TEST_F(SettingsRpcsTest, TracingIsTurnedOnWhileTheServerRuns) {
  ::testing::internal::CaptureStderr();
  Start();
  Answer(FloatRequest("m", {1, 2, 3, 4}));
  Settings(Set("m", "trace_level", {"TIMESTAMPS"}));
  Settings(Set("m", "trace_rate", {"2"}));
  for (int i = 0; i < 6; ++i) {
    Answer(FloatRequest("m", {1, 2, 3, 4}));
    Answer(FloatRequest("n", {1, 2, 3, 4}));
  }
  Settings(Set("m", "trace_level", {"OFF"}));
  Answer(FloatRequest("m", {1, 2, 3, 4}));
  const std::vector<json> lines = RequestLines();
  ASSERT_THAT(lines, SizeIs(3));
  for (const json& line : lines) EXPECT_EQ(line["model"], "m");
}

TEST(RequestOriginTest, PeersAreNamedWithoutTheirPort) {
  EXPECT_EQ(PeerWithoutPort("ipv4:10.0.0.7:4711"), "ipv4:10.0.0.7");
  EXPECT_EQ(PeerWithoutPort("ipv6:%5B::1%5D:4711"), "ipv6:[::1]");
  EXPECT_EQ(PeerWithoutPort("ipv6:[::1]:4711"), "ipv6:[::1]");
  EXPECT_EQ(PeerWithoutPort("unix:/run/x"), "unix:/run/x");
}

}  // namespace
}  // namespace octet
