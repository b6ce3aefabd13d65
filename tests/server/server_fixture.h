// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_SERVER_SERVER_FIXTURE_H_
#define OCTET_TESTS_SERVER_SERVER_FIXTURE_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"
#include "proto/inference.grpc.pb.h"
#include "proto/octet/v1/quantization.grpc.pb.h"
#include "server/server.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/scratch_folder.h"

namespace octet {

// Longer than anything takes on a loaded machine; only a hang runs into it.
constexpr absl::Duration kHang = absl::Seconds(120);

// A server on 127.0.0.1 in front of an engine without arithmetic, and stubs on
// a real channel to it.
class ServerFixture : public ::testing::Test {
 protected:
  ServerFixture() {
    config_.model_repository = folder_.path();
    config_.bind_address = "127.0.0.1";
    config_.grpc_port = 0;
    config_.http_port = 0;
    config_.lanes = 1;
    config_.max_batch = 4;
    config_.queue_rows = 64;
  }

  ~ServerFixture() override { engine_.Release(); }

  // Starts the server without loading anything.
  void Listen() {
    auto server =
        Server::Start(config_, engine_.functions(), {"9.8.7", "test-isa"});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ =
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->grpc_port()),
                            grpc::InsecureChannelCredentials());
    inference_ = inference::GRPCInferenceService::NewStub(channel_);
    health_ = grpc::health::v1::Health::NewStub(channel_);
    quantization_ = v1::QuantizationService::NewStub(channel_);
  }

  void Start() {
    Listen();
    ASSERT_TRUE(server_->Load().ok());
  }

  static std::unique_ptr<grpc::ClientContext> Context() {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(absl::ToChronoTime(absl::Now() + kHang));
    // The server may not listen yet when a test is quick.
    context->set_wait_for_ready(true);
    return context;
  }

  // A request with input x = the values, as rows of 4.
  static inference::ModelInferRequest FloatRequest(
      const std::string& model, const std::vector<float>& values) {
    inference::ModelInferRequest request;
    request.set_model_name(model);
    auto* const input = request.add_inputs();
    input->set_name("x");
    input->set_datatype("FP32");
    input->add_shape(static_cast<int64_t>(values.size() / 4));
    input->add_shape(4);
    request.add_raw_input_contents(std::string(
        reinterpret_cast<const char*>(values.data()), values.size() * 4));
    return request;
  }

  static std::vector<float> Floats(const std::string& raw) {
    std::vector<float> values(raw.size() / 4);
    std::memcpy(values.data(), raw.data(), values.size() * 4);
    return values;
  }

  grpc::Status Infer(const inference::ModelInferRequest& request,
                     inference::ModelInferResponse* response) {
    return inference_->ModelInfer(Context().get(), request, response);
  }

  // The first output of a request that must succeed.
  std::vector<float> Answer(const inference::ModelInferRequest& request) {
    inference::ModelInferResponse response;
    const grpc::Status status = Infer(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    if (response.raw_output_contents_size() == 0) return {};
    return Floats(response.raw_output_contents(0));
  }

  grpc::Status LoadModel(const std::string& name) {
    inference::RepositoryModelLoadRequest request;
    request.set_model_name(name);
    inference::RepositoryModelLoadResponse response;
    return inference_->RepositoryModelLoad(Context().get(), request, &response);
  }

  grpc::Status UnloadModel(const std::string& name) {
    inference::RepositoryModelUnloadRequest request;
    request.set_model_name(name);
    (*request.mutable_parameters())["unload_dependents"].set_bool_param(false);
    inference::RepositoryModelUnloadResponse response;
    return inference_->RepositoryModelUnload(Context().get(), request,
                                             &response);
  }

  bool Ready() {
    inference::ServerReadyResponse response;
    EXPECT_TRUE(inference_->ServerReady(Context().get(), {}, &response).ok());
    return response.ready();
  }

  ScratchFolder folder_;
  FakeEngine engine_;
  ServerConfig config_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<inference::GRPCInferenceService::Stub> inference_;
  std::unique_ptr<grpc::health::v1::Health::Stub> health_;
  std::unique_ptr<v1::QuantizationService::Stub> quantization_;
};

}  // namespace octet

#endif  // OCTET_TESTS_SERVER_SERVER_FIXTURE_H_
