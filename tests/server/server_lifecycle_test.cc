// SPDX-License-Identifier: Apache-2.0
//
// Start, health, metrics, drain and end, over real channels.
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"
#include "tests/server/server_fixture.h"
#include "tests/testing/http_client.h"

namespace octet {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ServerLifecycleTest : public ServerFixture {
 protected:
  grpc::Status Check(const std::string& service,
                     HealthCheckResponse* response) {
    HealthCheckRequest request;
    request.set_service(service);
    return health_->Check(Context().get(), request, response);
  }

  // The status of a service that the server knows.
  HealthCheckResponse::ServingStatus Health(const std::string& service) {
    HealthCheckResponse response;
    const grpc::Status status = Check(service, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.status();
  }

  std::string Get(const std::string& path) {
    return AskHttp(server_->http_port(), "GET", path);
  }
};

// Watches the health of one service.
class Watcher {
 public:
  Watcher(grpc::health::v1::Health::Stub* stub, const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    context_.set_deadline(absl::ToChronoTime(absl::Now() + kHang));
    reader_ = stub->Watch(&context_, request);
  }
  ~Watcher() {
    context_.TryCancel();
    if (!finished_) reader_->Finish();
  }

  // The next status that is told; UNKNOWN at the end of the call.
  HealthCheckResponse::ServingStatus Next() {
    HealthCheckResponse response;
    return reader_->Read(&response) ? response.status()
                                    : HealthCheckResponse::UNKNOWN;
  }
  grpc::Status Finish() {
    finished_ = true;
    return reader_->Finish();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader_;
  bool finished_ = false;
};

TEST_F(ServerLifecycleTest, IsLiveBeforeItIsReady) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Listen();
  EXPECT_FALSE(Ready());
  EXPECT_EQ(Health(""), HealthCheckResponse::NOT_SERVING);
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get("/readyz"), AllOf(StartsWith("HTTP/1.1 503 "),
                                    HasSubstr("models are being loaded")));
  EXPECT_THAT(Get("/metrics"), HasSubstr("\noctet_ready 0"));
  ASSERT_TRUE(server_->Load().ok());
  EXPECT_TRUE(Ready());
  EXPECT_EQ(Health(""), HealthCheckResponse::SERVING);
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get("/metrics"), HasSubstr("\noctet_ready 1"));
}

TEST_F(ServerLifecycleTest, HealthIsToldByModel) {
  folder_.Write("bad/1/model.onnx", "broken");
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  EXPECT_EQ(Health("m"), HealthCheckResponse::SERVING);
  EXPECT_EQ(Health("bad"), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Health("inference.GRPCInferenceService"),
            HealthCheckResponse::SERVING);
  HealthCheckResponse response;
  EXPECT_EQ(Check("zebra", &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerLifecycleTest, WatchTellsEveryChange) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  Watcher server(health_.get(), "");
  Watcher model(health_.get(), "m");
  Watcher later(health_.get(), "later");
  EXPECT_EQ(server.Next(), HealthCheckResponse::SERVING);
  EXPECT_EQ(model.Next(), HealthCheckResponse::SERVING);
  EXPECT_EQ(later.Next(), HealthCheckResponse::SERVICE_UNKNOWN);

  ASSERT_TRUE(UnloadModel("m").ok());
  EXPECT_EQ(model.Next(), HealthCheckResponse::NOT_SERVING);
  ASSERT_TRUE(LoadModel("m").ok());
  EXPECT_EQ(model.Next(), HealthCheckResponse::SERVING);

  folder_.Write("later/1/model.onnx", "scale 1");
  ASSERT_TRUE(LoadModel("later").ok());
  auto told = later.Next();
  // It is known, and not yet serving, for a moment that may be skipped.
  if (told == HealthCheckResponse::NOT_SERVING) told = later.Next();
  EXPECT_EQ(told, HealthCheckResponse::SERVING);

  server_->Leave();
  EXPECT_EQ(server.Next(), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(model.Next(), HealthCheckResponse::NOT_SERVING);
  server_->Shutdown(kHang);
  EXPECT_EQ(server.Next(), HealthCheckResponse::UNKNOWN);
  EXPECT_EQ(server.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServerLifecycleTest, AWatcherThatLeavesIsForgotten) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  for (int i = 0; i < 20; ++i) {
    Watcher watcher(health_.get(), "m");
    EXPECT_EQ(watcher.Next(), HealthCheckResponse::SERVING);
  }
  ASSERT_TRUE(UnloadModel("m").ok());
  EXPECT_EQ(Health("m"), HealthCheckResponse::NOT_SERVING);
}

TEST_F(ServerLifecycleTest, MetricsTellOfRequestsByModelAndVersion) {
  folder_.Write("m/4/model.onnx", "scale 1");
  Start();
  Answer(FloatRequest("m", {1, 2, 3, 4, 5, 6, 7, 8}));
  inference::ModelInferResponse response;
  inference::ModelInferRequest bad = FloatRequest("m", {1, 2, 3, 4});
  bad.mutable_inputs(0)->set_datatype("FP64");
  EXPECT_FALSE(Infer(bad, &response).ok());
  EXPECT_FALSE(Infer(FloatRequest("zebra", {1, 2, 3, 4}), &response).ok());
  const std::string text = Get("/metrics");
  EXPECT_THAT(text, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  const std::string labels = "{model=\"m\",version=\"4\"}";
  for (const char* phase : {"queue", "gather", "compute", "scatter"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("octet_", phase, "_seconds_count",
                                             labels, " 1")));
  }
  EXPECT_THAT(text, HasSubstr(absl::StrCat("octet_request_seconds_count",
                                           labels, " 2")));
  EXPECT_THAT(text, HasSubstr(absl::StrCat("octet_rows_total", labels, " 2")));
  EXPECT_THAT(text,
              HasSubstr(absl::StrCat("octet_batch_rows_sum", labels, " 2")));
  EXPECT_THAT(text, HasSubstr(absl::StrCat("octet_queue_rows", labels, " 0")));
  EXPECT_THAT(text, HasSubstr("octet_requests_total{code=\"OK\",model=\"m\","
                              "version=\"4\"} 1"));
  EXPECT_THAT(text, HasSubstr("octet_requests_total{code=\"INVALID_ARGUMENT\","
                              "model=\"m\",version=\"4\"} 1"));
  EXPECT_THAT(text,
              HasSubstr("octet_unrouted_requests_total{code=\"NOT_FOUND\"} 1"));
  EXPECT_THAT(text, HasSubstr("octet_model_reference_steps" + labels + " 1"));
  EXPECT_THAT(text, HasSubstr("octet_model_weight_bytes" + labels + " 1000"));
  EXPECT_THAT(text, HasSubstr("\noctet_lanes 1"));
  EXPECT_THAT(text, HasSubstr("\noctet_loaded_models 1"));
  EXPECT_THAT(
      text, HasSubstr("octet_build_info{isa=\"test-isa\",version=\"9.8.7\"}"));
  ASSERT_TRUE(UnloadModel("m").ok());
  EXPECT_THAT(Get("/metrics"), AllOf(Not(HasSubstr("model=\"m\"")),
                                     HasSubstr("\noctet_loaded_models 0")));
}

TEST_F(ServerLifecycleTest, ServesWhileItLeavesAndFinishesWhatItHas) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  server_->Leave();
  EXPECT_FALSE(Ready());
  EXPECT_THAT(Get("/readyz"),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("shutting down")));
  EXPECT_EQ(Answer(FloatRequest("m", {1, 1, 1, 1})).size(), 4u);

  engine_.Hold();
  std::thread caller([this] {
    EXPECT_EQ(Answer(FloatRequest("m", {2, 2, 2, 2})),
              std::vector<float>(4, 2.0f));
  });
  engine_.AwaitWaiting(1);
  std::thread release([this] {
    // Once the port is closed a new channel cannot be had.
    while (true) {
      auto channel = grpc::CreateCustomChannel(
          absl::StrCat("127.0.0.1:", server_->grpc_port()),
          grpc::InsecureChannelCredentials(), [] {
            grpc::ChannelArguments arguments;
            arguments.SetInt("grpc.use_local_subchannel_pool", 1);
            return arguments;
          }());
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(absl::Now() + kHang));
      inference::ServerLiveResponse response;
      if (!inference::GRPCInferenceService::NewStub(channel)
               ->ServerLive(&context, {}, &response)
               .ok()) {
        break;
      }
    }
    engine_.Release();
  });
  server_->Shutdown(kHang);
  release.join();
  caller.join();
}

TEST_F(ServerLifecycleTest, StopNowAnswersWhatWaitsAtOnce) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  engine_.Hold();
  std::vector<std::thread> callers;
  std::atomic<int> computed = 0;
  std::atomic<int> unavailable = 0;
  for (int i = 0; i < 6; ++i) {
    callers.emplace_back([&] {
      inference::ModelInferResponse response;
      const grpc::Status status =
          Infer(FloatRequest("m", {1, 1, 1, 1}), &response);
      if (status.ok()) ++computed;
      if (status.error_code() == grpc::StatusCode::UNAVAILABLE) ++unavailable;
    });
  }
  engine_.AwaitWaiting(1);
  server_->StopNow();
  inference::ModelInferResponse response;
  EXPECT_EQ(Infer(FloatRequest("m", {1, 1, 1, 1}), &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(LoadModel("m").error_code(), grpc::StatusCode::UNAVAILABLE);
  engine_.Release();
  server_->Shutdown(kHang);
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(computed + unavailable, 6);
  EXPECT_GE(computed, 1);
}

TEST_F(ServerLifecycleTest, StartFailsWithAReason) {
  Start();
  ServerConfig second = config_;
  second.grpc_port = server_->grpc_port();
  absl::Status status =
      Server::Start(second, engine_.functions(), {"1", "x"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("127.0.0.1:", second.grpc_port)));

  second = config_;
  second.http_port = server_->http_port();
  status = Server::Start(second, engine_.functions(), {"1", "x"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("HTTP"));

  second = config_;
  second.model_repository = folder_.path() + "/missing";
  status = Server::Start(second, engine_.functions(), {"1", "x"}).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("missing"));

  second = config_;
  second.lanes = 1024;
  second.threads_per_lane = 256;
  status = Server::Start(second, engine_.functions(), {"1", "x"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--lanes"));
}

TEST_F(ServerLifecycleTest, MessagesBeyondTheLimitAreRefused) {
  config_.max_receive_bytes = 1024;
  config_.queue_rows = 4096;
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  inference::ModelInferResponse response;
  EXPECT_EQ(Infer(FloatRequest("m", std::vector<float>(4 * 100)), &response)
                .error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Answer(FloatRequest("m", std::vector<float>(4 * 10))).size(), 40u);
}

}  // namespace
}  // namespace octet
