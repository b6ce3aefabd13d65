// SPDX-License-Identifier: Apache-2.0
#include "client/client.h"

#include <grpcpp/support/status.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/recording_server.h"

namespace octet::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    ClientOptions options;
    options.addresses = {server_.address()};
    options.max_attempts = 1;
    auto client = Client::Create(options);
    if (client.ok()) client_ = *std::move(client);
  }

  void SetUp() override { ASSERT_NE(client_, nullptr); }

  RecordingServer server_;
  std::unique_ptr<Client> client_;
};

std::vector<NamedTensor> TwoRows() {
  return {{"x", Tensor::Of<float>({2, 2}, {1, 2, 3, -4.5f})}};
}

TEST_F(ClientTest, ReadsServerAndModelMetadata) {
  EXPECT_EQ(client_->ServerLive().value_or(false), true);
  EXPECT_EQ(client_->ServerReady().value_or(false), true);
  const auto server = client_->ServerMetadata();
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(server->version(), "1.2.3");
  const auto model = client_->ModelMetadata({"doubler", ""});
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(model->inputs_size(), 1);
  EXPECT_THAT(model->inputs(0).shape(), ElementsAre(-1, 2));
  const auto index = client_->RepositoryIndex();
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->models_size(), 3);
}

TEST_F(ClientTest, InferSendsRawBytesAndReadsOutputs) {
  const auto result = client_->Infer({"doubler", "3"}, TwoRows());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->model.version, "3");
  ASSERT_EQ(result->outputs.size(), 1u);
  EXPECT_EQ(result->outputs[0].name, "y");
  EXPECT_THAT(result->outputs[0].tensor.shape(), ElementsAre(2, 2));
  EXPECT_THAT(result->outputs[0].tensor.data<float>(),
              ElementsAre(2, 4, 6, -9));
  const auto requests = server_.infer_requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].model_version(), "3");
  EXPECT_EQ(requests[0].inputs(0).datatype(), "FP32");
  EXPECT_EQ(requests[0].raw_input_contents(0).size(), 16u);
}

TEST_F(ClientTest, AnswerWithTooFewBytesIsAnError) {
  server_.CutOutputs();
  const auto result = client_->Infer({"doubler", ""}, TwoRows());
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("'y': 15 bytes do not fit FP32 of shape [2, 2]"));
}

TEST_F(ClientTest, ErrorsKeepTheServersCodeAndNameTheCall) {
  server_.FailWith({grpc::StatusCode::RESOURCE_EXHAUSTED, "queue is full"});
  const absl::Status status =
      client_->Infer({"doubler", ""}, TwoRows()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(std::string(status.message()),
            "ModelInfer at " + server_.address() + ": queue is full");
  const auto payload = status.GetPayload(kCallPayload);
  ASSERT_TRUE(payload.has_value());
  EXPECT_EQ(std::string(*payload), "ModelInfer");
}

TEST_F(ClientTest, UnavailableOfAServerThatAnswersIsNotAMissingServer) {
  server_.FailWith({grpc::StatusCode::UNAVAILABLE, "draining"});
  const absl::Status status = client_->LoadModel({.model = "doubler"});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(status.message()),
            "RepositoryModelLoad at " + server_.address() + ": draining");
}

TEST_F(ClientTest, LoadsAndUnloadsByName) {
  EXPECT_TRUE(client_->LoadModel({.model = "a"}).ok());
  EXPECT_TRUE(client_->UnloadModel("b").ok());
  EXPECT_THAT(server_.loads(), ElementsAre("a"));
  EXPECT_THAT(server_.unloads(), ElementsAre("b"));
}

TEST_F(ClientTest, QuantizeSendsSettingsThenEverySampleInOrder) {
  // Three samples of 1 MiB: two fit into a message, three do not.
  constexpr int64_t kElements = 256 * 1024 - 64;
  Tensor samples(DType::kFloat32, {3, kElements});
  for (int i = 0; i < 3; ++i) {
    auto row = samples.mutable_data<float>().subspan(i * kElements, kElements);
    std::fill(row.begin(), row.end(), static_cast<float>(i));
  }
  QuantizationWork work;
  work.settings.set_model_name("doubler");
  work.calibration = {{"x", samples}};
  std::vector<std::string> phases;
  const auto result = client_->Quantize(
      work, [&](const std::string&, const v1::QuantizeProgress& progress) {
        phases.push_back(progress.phase() + std::to_string(progress.done()));
      });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->model_version(), "1");
  EXPECT_EQ(result->samples(), 3);
  EXPECT_THAT(phases, ElementsAre("send2", "send3", "calibrate3"));
  const auto requests = server_.quantize_requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].settings().model_name(), "doubler");
  std::string bytes;
  for (int i = 1; i < 3; ++i) {
    bytes += requests[i].calibration().inputs(0).raw_contents();
  }
  EXPECT_EQ(bytes, std::string(reinterpret_cast<const char*>(samples.bytes()),
                               samples.byte_size()));
}

TEST_F(ClientTest, QuantizeRefusesUnequalNumbersOfSamples) {
  const auto result = client_->Quantize(
      {.calibration = {{"a", Tensor(DType::kFloat32, {2, 1})},
                       {"b", Tensor(DType::kFloat32, {3, 1})}}},
      nullptr);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("'b': expected shape [2, ...], got [3, 1]"));
}

TEST_F(ClientTest, QuantizeReportsTheServersRefusal) {
  server_.FailWith({grpc::StatusCode::NOT_FOUND, "no such model"});
  const auto result = client_->Quantize({.calibration = TwoRows()}, nullptr);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("no such model"));
}

TEST(ClientOptionsTest, CreateRefusesWhatIsNoAddressOrTimeout) {
  for (const char* address : {"", "localhost", ":8001", "host:", "host:0",
                              "host:65536", "host:http"}) {
    ClientOptions options;
    options.addresses = {address};
    EXPECT_EQ(Client::Create(options).status().code(),
              absl::StatusCode::kInvalidArgument)
        << address;
  }
  ClientOptions options;
  options.timeout = absl::ZeroDuration();
  EXPECT_EQ(Client::Create(options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ClientOptionsTest, NobodyListeningIsSaidAsSuch) {
  ClientOptions options;
  {
    // A port that was free a moment ago.
    RecordingServer server;
    options.addresses = {server.address()};
  }
  const auto client = Client::Create(options);
  ASSERT_TRUE(client.ok());
  const absl::Status status = (*client)->ServerLive().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(
      std::string(status.message()),
      ::testing::StartsWith("cannot connect to " + options.addresses[0]));
}

}  // namespace
}  // namespace octet::client
