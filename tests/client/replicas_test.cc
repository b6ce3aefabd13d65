// SPDX-License-Identifier: Apache-2.0
// What the client does when calls fail, and with several servers.
#include <grpcpp/support/status.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "client/channel.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/client/recording_server.h"

namespace octet::client {
namespace {

using ::testing::HasSubstr;

// Only a hang runs into it.
constexpr absl::Duration kHang = absl::Minutes(2);

std::unique_ptr<Client> Connect(ClientOptions options) {
  auto client = Client::Create(options);
  EXPECT_TRUE(client.ok()) << client.status();
  return client.ok() ? *std::move(client) : nullptr;
}

std::unique_ptr<Client> ConnectTo(const RecordingServer& server) {
  ClientOptions options;
  options.addresses = {server.address()};
  options.timeout = kHang;
  return Connect(options);
}

InferRequest Request() {
  static const auto* const kInput =
      new NamedTensor{"x", Tensor::Of<float>({1, 2}, {1, 2})};
  InferRequest request;
  request.model = {"doubler", ""};
  request.inputs = {*kInput};
  return request;
}

TEST(RetryTest, InferenceIsRepeatedWhenTheServerIsFull) {
  RecordingServer server;
  const auto client = ConnectTo(server);
  server.FailNext(2, {grpc::StatusCode::RESOURCE_EXHAUSTED, "full"}, "1");
  EXPECT_TRUE(client->Infer(Request()).ok());
  EXPECT_EQ(server.infer_requests().size(), 3u);
  server.FailNext(1, {grpc::StatusCode::UNAVAILABLE, "going"}, "");
  EXPECT_TRUE(client->Infer(Request()).ok());
}

TEST(RetryTest, TheServersPushbackIsWaitedFor) {
  RecordingServer server;
  const auto client = ConnectTo(server);
  server.FailNext(1, {grpc::StatusCode::RESOURCE_EXHAUSTED, "full"}, "300");
  const absl::Time start = absl::Now();
  EXPECT_TRUE(client->Infer(Request()).ok());
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(300));
}

TEST(RetryTest, AServerMayForbidRepetition) {
  RecordingServer server;
  const auto client = ConnectTo(server);
  server.FailNext(1, {grpc::StatusCode::RESOURCE_EXHAUSTED, "full"}, "-1");
  EXPECT_EQ(client->Infer(Request()).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(server.infer_requests().size(), 1u);
}

TEST(RetryTest, GivesUpAfterItsAttempts) {
  RecordingServer server;
  const auto client = ConnectTo(server);
  server.FailNext(100, {grpc::StatusCode::UNAVAILABLE, "draining"}, "0");
  const absl::Status status = client->Infer(Request()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("draining"));
  EXPECT_EQ(server.infer_requests().size(), 4u);
}

TEST(RetryTest, ErrorsOfTheRequestAndChangesAreNotRepeated) {
  RecordingServer server;
  const auto client = ConnectTo(server);
  server.FailNext(1, {grpc::StatusCode::INVALID_ARGUMENT, "shape"}, "");
  EXPECT_EQ(client->Infer(Request()).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(server.infer_requests().size(), 1u);
  server.FailNext(1, {grpc::StatusCode::UNAVAILABLE, "busy"}, "0");
  LoadRequest load;
  load.model = "a";
  EXPECT_EQ(client->LoadModel(load).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(server.loads().size(), 1u);
}

TEST(DeadlineTest, ARequestHasItsOwn) {
  RecordingServer server;
  server.StallInference();
  const auto client = ConnectTo(server);
  InferRequest request = Request();
  request.timeout = absl::Milliseconds(50);
  EXPECT_EQ(client->Infer(request).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(DeadlineTest, WithTimeoutKeepsTheConnection) {
  RecordingServer server;
  server.StallInference();
  const auto client = ConnectTo(server);
  EXPECT_EQ(client->WithTimeout(absl::Milliseconds(50))
                ->Infer(Request())
                .status()
                .code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(client->WithTimeout(absl::InfiniteDuration())->ServerLive().ok(),
            true);
}

TEST(SizeTest, AMessageThatTheServerRefusesNamesItsFlag) {
  RecordingServer server(0, 1000);
  ClientOptions options;
  options.addresses = {server.address()};
  options.max_attempts = 1;
  const auto client = Connect(options);
  const std::vector<NamedTensor> inputs = {
      {"x", Tensor(DType::kFloat32, {500, 2})}};
  const absl::Status status = client->Infer({"doubler", ""}, inputs).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--max-receive-bytes"));
}

TEST(SizeTest, TheClientsOwnBoundsAreNamedAsSuch) {
  RecordingServer server;
  ClientOptions options;
  options.addresses = {server.address()};
  options.max_attempts = 1;
  options.max_receive_bytes = 1000;
  const std::vector<NamedTensor> inputs = {
      {"x", Tensor(DType::kFloat32, {500, 2})}};
  EXPECT_THAT(
      std::string(
          Connect(options)->Infer({"doubler", ""}, inputs).status().message()),
      HasSubstr("ClientOptions::max_receive_bytes"));
  options.max_send_bytes = 1000;
  EXPECT_THAT(
      std::string(
          Connect(options)->Infer({"doubler", ""}, inputs).status().message()),
      HasSubstr("ClientOptions::max_send_bytes"));
}

TEST(InferTest, RequestsCarryEverythingThatWasSet) {
  RecordingServer server;
  const auto client = ConnectTo(server);
  const std::vector<float> values = {1, 2, 3, 4};
  InferRequest request;
  request.model = {"doubler", "stable"};
  request.inputs = {InputView::Of<float>("x", {2, 2}, values)};
  request.outputs = {"y"};
  request.id = "number 7";
  request.priority = 3;
  request.queue_timeout = absl::Milliseconds(5);
  const auto result = client->Infer(request);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->id, "number 7");
  const auto sent = server.infer_requests()[0];
  EXPECT_EQ(sent.model_version(), "stable");
  EXPECT_EQ(sent.outputs(0).name(), "y");
  EXPECT_EQ(sent.parameters().at("priority").uint64_param(), 3u);
  EXPECT_EQ(sent.parameters().at("timeout").int64_param(), 5000);
  request.inputs[0].shape = {3, 2};
  EXPECT_EQ(client->Infer(request).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(AsyncTest, ManyCallsAtOnceByFutureAndByCallback) {
  RecordingServer server;
  const auto client = ConnectTo(server);
  std::vector<std::future<absl::StatusOr<InferResult>>> futures;
  for (int i = 0; i < 50; ++i) futures.push_back(client->InferAsync(Request()));
  for (auto& future : futures) {
    const auto result = future.get();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_THAT(result->outputs[0].tensor.data<float>(),
                ::testing::ElementsAre(2, 4));
  }
  std::promise<absl::Status> done;
  client->InferAsync(Request(), [&](absl::StatusOr<InferResult> result) {
    done.set_value(result.status());
  });
  EXPECT_TRUE(done.get_future().get().ok());
  InferRequest wrong = Request();
  wrong.inputs[0].shape = {9};
  EXPECT_EQ(client->InferAsync(wrong).get().status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(AsyncTest, DestroyingTheClientCancelsWhatIsUnderWay) {
  RecordingServer server;
  server.StallInference();
  auto client = ConnectTo(server);
  auto future = client->InferAsync(Request());
  server.AwaitInferRequests(1);
  client.reset();
  EXPECT_EQ(future.get().status().code(), absl::StatusCode::kCancelled);
}

TEST(StreamTest, AnswersCarryIdsAndErrorsLeaveTheStreamOpen) {
  RecordingServer server;
  const auto stream = ConnectTo(server)->StartInferStream();
  ASSERT_TRUE(stream.ok()) << stream.status();
  InferRequest request = Request();
  for (const char* model : {"doubler", "other", "doubler"}) {
    request.model.name = model;
    request.id = request.id + "i";
    EXPECT_TRUE((*stream)->Write(request).ok());
  }
  request.inputs[0].shape = {9};
  EXPECT_EQ((*stream)->Write(request).code(),
            absl::StatusCode::kInvalidArgument);
  (*stream)->WritesDone();
  std::vector<std::pair<std::string, bool>> answers;
  StreamAnswer answer;
  while ((*stream)->Read(&answer)) {
    answers.emplace_back(answer.id, answer.result.ok());
  }
  EXPECT_THAT(answers, ::testing::ElementsAre(std::pair("i", true),
                                              std::pair("ii", false),
                                              std::pair("iii", true)));
  EXPECT_TRUE((*stream)->Finish().ok());
}

TEST(StreamTest, AStreamThatIsDroppedIsCancelled) {
  RecordingServer server;
  const auto client = ConnectTo(server);
  auto stream = client->StartInferStream();
  ASSERT_TRUE(stream.ok());
  EXPECT_TRUE((*stream)->Write(Request()).ok());
  stream->reset();
  EXPECT_TRUE(client->ServerLive().ok());
}

// Two replicas behind one client.
class ReplicasTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ClientOptions options;
    options.addresses = {first_->address(), second_->address()};
    options.timeout = kHang;
    client_ = Connect(options);
    ASSERT_NE(client_, nullptr);
  }

  static size_t Count(const std::unique_ptr<RecordingServer>& server) {
    return server->infer_requests().size();
  }

  // Calls until `enough` holds; every call must be answered.
  template <typename Enough>
  void InferUntil(const Enough& enough) {
    const absl::Time limit = absl::Now() + kHang;
    while (!enough()) {
      const auto result = client_->Infer(Request());
      ASSERT_TRUE(result.ok()) << result.status();
      ASSERT_LT(absl::Now(), limit) << "the other replica is never asked";
    }
  }

  std::unique_ptr<RecordingServer> first_ = std::make_unique<RecordingServer>();
  std::unique_ptr<RecordingServer> second_ =
      std::make_unique<RecordingServer>();
  std::unique_ptr<Client> client_;
};

TEST_F(ReplicasTest, CallsGoToBothInTurn) {
  InferUntil([&] { return Count(first_) > 0 && Count(second_) > 0; });
  const size_t before = Count(first_);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(client_->Infer(Request()).ok());
  EXPECT_EQ(Count(first_) - before, 5u);
}

TEST_F(ReplicasTest, AReplicaThatDiesAndComesBackLosesNoCall) {
  InferUntil([&] { return Count(first_) > 0 && Count(second_) > 0; });
  const int port = second_->port();
  second_.reset();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(client_->Infer(Request()).ok());
  second_ = std::make_unique<RecordingServer>(port);
  InferUntil([&] { return Count(second_) > 0; });
}

TEST_F(ReplicasTest, AReplicaThatIsNotHealthyIsPassedOver) {
  InferUntil([&] { return Count(first_) > 0 && Count(second_) > 0; });
  second_->SetHealthy(false);
  // The news needs a moment; then ten calls in a row leave the other alone.
  const absl::Time limit = absl::Now() + kHang;
  size_t before = 0;
  do {
    ASSERT_LT(absl::Now(), limit);
    before = Count(second_);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(client_->Infer(Request()).ok());
  } while (Count(second_) != before);
  second_->SetHealthy(true);
  before = Count(second_);
  InferUntil([&] { return Count(second_) > before; });
}

TEST(WatchJobTest, ALostConnectionIsMadeAgain) {
  RecordingServer server;
  server.BreakWatches(2);
  int news = 0;
  const auto job = ConnectTo(server)->WatchJob("00000000000000aa",
                                               [&](const v1::Job&) { ++news; });
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->result().model_version(), "7");
  EXPECT_EQ(news, 4);
  EXPECT_TRUE(JobStatus(*job).ok());
}

TEST(WatchJobTest, UnknownAndFailedJobs) {
  RecordingServer server;
  const auto client = ConnectTo(server);
  EXPECT_EQ(client->WatchJob("0", nullptr).status().code(),
            absl::StatusCode::kNotFound);
  const auto job = client->WatchJob("00000000000000ff", nullptr);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(JobStatus(*job).code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(JobStatus(*job).message()), HasSubstr("'Foo'"));
}

TEST(SubmitJobTest, SendsTheModelInPieces) {
  RecordingServer server;
  const std::string model((2 << 20) + 5, 'm');
  QuantizationWork work;
  work.settings.set_output_model_name("m8");
  work.model = model;
  work.calibration = {{"x", Tensor(DType::kFloat32, {2, 2})}};
  const auto job = ConnectTo(server)->SubmitJob(work, nullptr);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->id(), "00000000000000aa");
  std::string sent;
  for (const auto& request : server.quantize_requests()) {
    sent += request.model().raw_contents();
  }
  EXPECT_EQ(sent, model);
  const auto requests = server.quantize_requests();
  for (const auto& request : requests) {
    EXPECT_EQ(request.last(), &request == &requests.back());
  }
  work.settings.set_model_name("both");
  EXPECT_EQ(ConnectTo(server)->SubmitJob(work, nullptr).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(OptionsTest, ATokenTravelsOnlyWhereNobodyReadsIt) {
  RecordingServer server;
  ClientOptions options;
  options.addresses = {server.address()};
  options.token = "secret";
  EXPECT_TRUE(Connect(options)->Infer(Request()).ok());
  EXPECT_EQ(server.authorization(), "Bearer secret");
  options.addresses = {"192.0.2.1:8001"};
  const absl::Status status = Client::Create(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              ::testing::Not(HasSubstr("secret")));
}

TEST(OptionsTest, RefusesWhatCannotWork) {
  const auto code = [](const auto& change) {
    ClientOptions options;
    change(options);
    return Client::Create(options).status().code();
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code([](auto& o) { o.addresses.clear(); }), kInvalid);
  EXPECT_EQ(code([](auto& o) { o.max_attempts = 6; }), kInvalid);
  EXPECT_EQ(code([](auto& o) { o.max_receive_bytes = 0; }), kInvalid);
  EXPECT_EQ(code([](auto& o) { o.tls.key = "k"; }), kInvalid);
  EXPECT_EQ(code([](auto& o) { o.addresses = {"::1:8001"}; }), kInvalid);
  EXPECT_EQ(code([](auto& o) {
              o.addresses = {"127.0.0.1:1", "[::1]:1"};
            }),
            kInvalid);
  EXPECT_EQ(code([](auto& o) { o.tls.ca = "/nonexistent"; }),
            absl::StatusCode::kNotFound);
}

TEST(OptionsTest, TheServiceConfigurationIsJson) {
  ClientOptions options;
  const auto one = nlohmann::json::parse(ServiceConfig(options));
  EXPECT_FALSE(one.contains("healthCheckConfig"));
  EXPECT_EQ(one["methodConfig"][0]["retryPolicy"]["maxAttempts"], 4);
  options.check_health = true;
  options.max_attempts = 1;
  const auto balanced = nlohmann::json::parse(ServiceConfig(options));
  EXPECT_TRUE(balanced.contains("healthCheckConfig"));
  EXPECT_FALSE(balanced.contains("methodConfig"));
}

}  // namespace
}  // namespace octet::client
