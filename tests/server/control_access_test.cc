// SPDX-License-Identifier: Apache-2.0
//
// Who may call which RPC, over real channels.
#include "server/api/control_access.h"

#include <google/protobuf/descriptor.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/status.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/octet/v1/server.grpc.pb.h"
#include "server/api/grpc_server.h"
#include "server/control_rule.h"
#include "tests/server/server_fixture.h"

namespace octet {
namespace {

using grpc::StatusCode;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kToken[] = "0123456789abcdef-token";

// "/package.Service/Method" of every RPC in the files of proto/, and in those
// of the services that come with gRPC.
std::vector<std::string> AllMethods() {
  const auto* const pool = google::protobuf::DescriptorPool::generated_pool();
  const std::filesystem::path root = OCTET_SOURCE_DIR;
  std::vector<std::string> methods = {
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(root / "proto")) {
    if (entry.path().extension() != ".proto") continue;
    const std::string name =
        std::filesystem::relative(entry.path(), root).string();
    const auto* const file = pool->FindFileByName(name);
    EXPECT_NE(file, nullptr) << name;
    if (file == nullptr) continue;
    for (int i = 0; i < file->service_count(); ++i) {
      const auto* const service = file->service(i);
      for (int j = 0; j < service->method_count(); ++j) {
        methods.push_back(absl::StrCat("/", service->full_name(), "/",
                                       service->method(j)->name()));
      }
    }
  }
  return methods;
}

// What the server answers to one empty message, whatever the method is.
grpc::Status CallEmpty(const std::shared_ptr<grpc::Channel>& channel,
                       const std::string& method, const std::string& token) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kHang));
  if (!token.empty()) context.AddMetadata("authorization", token);
  grpc::CompletionQueue queue;
  const auto step = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  grpc::GenericStub stub(channel);
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  step();
  const grpc::Slice nothing;  // the encoding of an empty message
  call->WriteLast(grpc::ByteBuffer(&nothing, 1), grpc::WriteOptions(), nullptr);
  step();
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  // A stream that has begun to answer may go on for ever.
  if (step()) context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  step();
  queue.Shutdown();
  return status;
}

class ControlAccessTest : public ServerFixture {
 protected:
  void StartWithToken() {
    folder_.Write("m/1/model.onnx", "scale 1");
    tokens_.Write("token", std::string(kToken) + "\n");
    config_.control_access = ControlAccessSetting::kToken;
    config_.control_token_file = tokens_.path() + "/token";
    Start();
  }

  grpc::Status Load(const std::string& authorization) {
    const auto context = Context();
    if (!authorization.empty()) {
      context->AddMetadata("authorization", authorization);
    }
    inference::RepositoryModelLoadRequest request;
    request.set_model_name("m");
    inference::RepositoryModelLoadResponse response;
    return inference_->RepositoryModelLoad(context.get(), request, &response);
  }

  ScratchFolder tokens_;
};

TEST_F(ControlAccessTest, EveryRpcIsClassified) {
  const std::vector<std::string> methods = AllMethods();
  EXPECT_GE(methods.size(), 31u);
  for (const std::string& method : methods) {
    EXPECT_TRUE(IsClassified(method)) << method;
  }
  EXPECT_EQ(RpcKindOf("/what.Ever/New"), RpcKind::kControl);
}

TEST_F(ControlAccessTest, EveryControlRpcWantsTheTokenAndNoOther) {
  StartWithToken();
  for (const std::string& method : AllMethods()) {
    const grpc::Status none = CallEmpty(channel_, method, "");
    const grpc::Status wrong =
        CallEmpty(channel_, method, "Bearer 0123456789abcdef-tokem");
    const grpc::Status right =
        CallEmpty(channel_, method, absl::StrCat("Bearer ", kToken));
    EXPECT_NE(right.error_code(), StatusCode::UNAUTHENTICATED) << method;
    EXPECT_NE(right.error_code(), StatusCode::PERMISSION_DENIED) << method;
    if (RpcKindOf(method) == RpcKind::kControl) {
      EXPECT_EQ(none.error_code(), StatusCode::UNAUTHENTICATED) << method;
      EXPECT_THAT(none.error_message(),
                  AllOf(HasSubstr("--control-access"), HasSubstr("Bearer")));
      EXPECT_EQ(wrong.error_code(), StatusCode::UNAUTHENTICATED) << method;
      EXPECT_THAT(wrong.error_message(),
                  AllOf(HasSubstr("--control-access"), Not(HasSubstr(kToken)),
                        Not(HasSubstr(tokens_.path()))));
    } else {
      EXPECT_EQ(none.error_code(), right.error_code()) << method;
      EXPECT_EQ(wrong.error_code(), right.error_code()) << method;
    }
  }
}

TEST_F(ControlAccessTest, EveryControlRpcIsRefusedWhereControlIsClosed) {
  GrpcServer::Options options;
  options.port = 0;
  options.control.kind = ControlRule::Kind::kClosed;
  // Nothing stands behind it: a call that got through would crash.
  const ServingState state;
  ApiContext api;
  api.state = &state;
  const auto server = GrpcServer::Start(options, api, nullptr);
  ASSERT_TRUE(server.ok()) << server.status();
  const auto channel =
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", (*server)->port()),
                          grpc::InsecureChannelCredentials());
  int refused = 0;
  for (const std::string& method : AllMethods()) {
    if (RpcKindOf(method) != RpcKind::kControl) continue;
    const grpc::Status status =
        CallEmpty(channel, method, absl::StrCat("Bearer ", kToken));
    EXPECT_EQ(status.error_code(), StatusCode::PERMISSION_DENIED) << method;
    EXPECT_THAT(status.error_message(), HasSubstr("--control-access"));
    ++refused;
  }
  EXPECT_GE(refused, 13);
}

TEST_F(ControlAccessTest, SettingsAreReadByEveryoneAndChangedByFew) {
  StartWithToken();
  inference::LogSettingsRequest request;
  inference::LogSettingsResponse response;
  EXPECT_NE(
      inference_->LogSettings(Context().get(), request, &response).error_code(),
      StatusCode::UNAUTHENTICATED);
  (*request.mutable_settings())["log_info"].set_bool_param(true);
  EXPECT_EQ(
      inference_->LogSettings(Context().get(), request, &response).error_code(),
      StatusCode::UNAUTHENTICATED);
  inference::TraceSettingRequest trace;
  inference::TraceSettingResponse traced;
  EXPECT_NE(
      inference_->TraceSetting(Context().get(), trace, &traced).error_code(),
      StatusCode::UNAUTHENTICATED);
  (*trace.mutable_settings())["trace_rate"].add_value("1");
  EXPECT_EQ(
      inference_->TraceSetting(Context().get(), trace, &traced).error_code(),
      StatusCode::UNAUTHENTICATED);
}

TEST_F(ControlAccessTest, TheTokenIsTakenInItsUsualForms) {
  StartWithToken();
  const std::string token = kToken;
  EXPECT_TRUE(Load("Bearer " + token).ok());
  EXPECT_TRUE(Load("bearer   " + token).ok());
  for (const std::string& wrong :
       {std::string("Bearer"), std::string("Bearer "), token, "Basic " + token,
        "Bearer " + token.substr(1), "Bearer " + token + "x",
        "Bearer " + token + " " + token}) {
    EXPECT_EQ(Load(wrong).error_code(), StatusCode::UNAUTHENTICATED) << wrong;
  }
}

TEST_F(ControlAccessTest, ANewTokenCountsAtOnce) {
  StartWithToken();
  const std::string older = absl::StrCat("Bearer ", kToken);
  const std::string newer = "Bearer another-token-0123456789";
  EXPECT_FALSE(Load(newer).ok());
  tokens_.Write("token",
                absl::StrCat(kToken, "\n", "another-token-0123456789\n"));
  EXPECT_TRUE(Load(older).ok());
  EXPECT_TRUE(Load(newer).ok());
  tokens_.Write("token", "another-token-0123456789");
  EXPECT_EQ(Load(older).error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(Load(newer).ok());
}

TEST_F(ControlAccessTest, NobodyMayWhileThereAreNoTokens) {
  StartWithToken();
  const std::string token = absl::StrCat("Bearer ", kToken);
  for (const char* text : {"", "short", "\n\n"}) {
    tokens_.Write("token", text);
    const grpc::Status status = Load(token);
    EXPECT_EQ(status.error_code(), StatusCode::UNAUTHENTICATED);
    EXPECT_THAT(status.error_message(), Not(HasSubstr(tokens_.path())));
  }
  std::filesystem::remove(tokens_.path() + "/token");
  EXPECT_EQ(Load(token).error_code(), StatusCode::UNAUTHENTICATED);
  // A model still answers.
  EXPECT_EQ(Answer(FloatRequest("m", {1, 2, 3, 4})).size(), 4u);
}

TEST_F(ControlAccessTest, AServerWithoutUsableTokensDoesNotStart) {
  config_.control_access = ControlAccessSetting::kToken;
  config_.control_token_file = tokens_.path() + "/token";
  const auto start = [this] {
    return Server::Start(config_, engine_.functions(), {"1", "x"}).status();
  };
  EXPECT_THAT(start().ToString(), HasSubstr("cannot be read"));
  tokens_.Write("token", "short");
  EXPECT_THAT(start().ToString(), AllOf(HasSubstr("16"), HasSubstr("5")));
  tokens_.Write("token", " \n");
  EXPECT_THAT(start().ToString(), HasSubstr("no token"));
}

TEST(ControlRuleTest, AutoIsOpenOnLoopbackOnly) {
  ServerConfig config;
  EXPECT_EQ(ControlRuleOf(config).kind, ControlRule::Kind::kOpen);
  config.bind_address = "::1";
  EXPECT_EQ(ControlRuleOf(config).kind, ControlRule::Kind::kOpen);
  for (const char* address : {"0.0.0.0", "::", "192.0.2.1"}) {
    config.bind_address = address;
    EXPECT_EQ(ControlRuleOf(config).kind, ControlRule::Kind::kClosed);
  }
  config.control_access = ControlAccessSetting::kOpen;
  EXPECT_EQ(ControlRuleOf(config).kind, ControlRule::Kind::kOpen);
  config.control_access = ControlAccessSetting::kCertificate;
  EXPECT_EQ(ControlRuleOf(config).kind, ControlRule::Kind::kCertificate);
  config.control_access = ControlAccessSetting::kToken;
  config.control_token_file = "/t";
  EXPECT_EQ(ControlRuleOf(config).kind, ControlRule::Kind::kToken);
  EXPECT_EQ(ControlRuleOf(config).token_file, "/t");
}

TEST_F(ControlAccessTest, TheConfigurationIsToldWithItsSources) {
  config_.sources["grpc-port"] = SettingSource::kFlag;
  Start();
  v1::ConfigurationResponse response;
  const auto stub = v1::ServerService::NewStub(channel_);
  ASSERT_TRUE(stub->Configuration(Context().get(), {}, &response).ok());
  EXPECT_EQ(response.version(), "9.8.7");
  EXPECT_EQ(response.isa(), "test-isa");
  EXPECT_EQ(response.lanes(), 1);
  EXPECT_NEAR(static_cast<double>(response.start_time().seconds()),
              static_cast<double>(absl::ToUnixSeconds(absl::Now())), 3600);
  const std::vector<EffectiveSetting> expected = EffectiveSettings(config_);
  ASSERT_EQ(response.settings_size(), static_cast<int>(expected.size()));
  for (int i = 0; i < response.settings_size(); ++i) {
    EXPECT_EQ(response.settings(i).name(), expected[i].name);
    EXPECT_EQ(response.settings(i).value(), expected[i].value);
    EXPECT_EQ(response.settings(i).source(), SourceName(expected[i].source));
  }
}

}  // namespace
}  // namespace octet
