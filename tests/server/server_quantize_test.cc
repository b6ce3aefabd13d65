// SPDX-License-Identifier: Apache-2.0
//
// octet.v1.QuantizationService over a real channel.
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/octet/v1/quantization.grpc.pb.h"
#include "tests/server/server_fixture.h"

namespace octet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ServerQuantizeTest : public ServerFixture {
 protected:
  void SetUp() override {
    folder_.Write("m/1/model.onnx", "scale 1");
    Start();
  }

  struct Outcome {
    grpc::Status status;
    std::vector<v1::QuantizeProgress> progress;
    std::vector<v1::QuantizeResult> results;
  };

  static v1::QuantizeRequest Settings(const std::string& model) {
    v1::QuantizeRequest request;
    auto* const settings = request.mutable_settings();
    settings->set_model_name(model);
    settings->set_method(v1::METHOD_LINEAR);
    settings->set_activation_scheme(v1::ACTIVATION_SCHEME_ASYMMETRIC);
    return request;
  }

  static v1::QuantizeRequest Chunk(int64_t rows) {
    v1::QuantizeRequest request;
    auto* const input = request.mutable_calibration()->add_inputs();
    input->set_name("x");
    input->set_datatype("FP32");
    input->add_shape(rows);
    input->add_shape(4);
    input->set_raw_contents(std::string(rows * 16, '\0'));
    return request;
  }

  // Sends all of it, closes, and reads to the end.
  Outcome Quantize(const std::vector<v1::QuantizeRequest>& requests) {
    Outcome outcome;
    const auto context = Context();
    const auto stream = quantization_->Quantize(context.get());
    for (const auto& request : requests) {
      if (!stream->Write(request)) break;
    }
    stream->WritesDone();
    v1::QuantizeResponse response;
    while (stream->Read(&response)) {
      if (response.has_progress()) {
        outcome.progress.push_back(response.progress());
      } else {
        outcome.results.push_back(response.result());
      }
    }
    outcome.status = stream->Finish();
    return outcome;
  }

  // The job in its final state.
  v1::Job AwaitEnd(const std::string& id) {
    v1::WatchJobRequest request;
    request.set_id(id);
    const auto context = Context();
    const auto stream = quantization_->WatchJob(context.get(), request);
    v1::Job job;
    while (stream->Read(&job)) {
    }
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return job;
  }

  void ExpectRefused(const std::vector<v1::QuantizeRequest>& requests,
                     grpc::StatusCode code, const std::string& words) {
    const Outcome outcome = Quantize(requests);
    EXPECT_EQ(outcome.status.error_code(), code);
    EXPECT_THAT(outcome.status.error_message(), HasSubstr(words));
    EXPECT_TRUE(outcome.results.empty());
  }
};

TEST_F(ServerQuantizeTest, StreamsProgressAndEndsWithTheNewVersion) {
  v1::QuantizeRequest settings = Settings("m");
  settings.mutable_settings()->set_load_when_done(true);
  const Outcome outcome = Quantize({settings, Chunk(2), Chunk(3)});
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  ASSERT_FALSE(outcome.progress.empty());
  for (const auto& progress : outcome.progress) {
    EXPECT_FALSE(progress.phase().empty());
    EXPECT_TRUE(progress.total() == 0 || progress.done() <= progress.total());
  }
  EXPECT_EQ(outcome.progress.back().phase(), "load");
  ASSERT_EQ(outcome.results.size(), 1u);
  const v1::QuantizeResult& result = outcome.results[0];
  EXPECT_EQ(result.model_name(), "m");
  EXPECT_EQ(result.model_version(), "2");
  EXPECT_EQ(result.samples(), 5);
  EXPECT_EQ(result.integer_steps(), 7);
  EXPECT_EQ(result.float_steps(), 1);
  EXPECT_EQ(result.float_bytes(), 7);
  EXPECT_EQ(result.quantized_bytes(), 8);
  EXPECT_DOUBLE_EQ(result.sqnr_db(), 33.5);
  EXPECT_EQ(folder_.Read("m/2/model.onnx"), "scale 5\n");
  EXPECT_THAT(Answer(FloatRequest("m", {1, 1, 1, 1})), ElementsAre(5, 5, 5, 5));
}

TEST_F(ServerQuantizeTest, RefusesWhatDoesNotFit) {
  constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;
  ExpectRefused({}, kInvalid, "no message");
  ExpectRefused({Chunk(1)}, kInvalid, "settings in the first message");
  ExpectRefused({Settings("m"), Settings("m")}, kInvalid, "settings twice");
  ExpectRefused({Settings("m"), v1::QuantizeRequest()}, kInvalid,
                "empty message");
  ExpectRefused({Settings("m")}, kInvalid, "no calibration samples");
  ExpectRefused({Settings("zebra"), Chunk(1)}, grpc::StatusCode::NOT_FOUND,
                "zebra");
  ExpectRefused({Settings("../m"), Chunk(1)}, kInvalid, "../m");

  v1::QuantizeRequest settings = Settings("m");
  settings.mutable_settings()->set_model_version("7");
  ExpectRefused({settings}, grpc::StatusCode::NOT_FOUND, "no version 7");
  settings = Settings("m");
  settings.mutable_settings()->clear_method();
  ExpectRefused({settings}, kInvalid, "METHOD_UNSPECIFIED");
  settings = Settings("m");
  settings.mutable_settings()->clear_activation_scheme();
  ExpectRefused({settings}, kInvalid, "ACTIVATION_SCHEME_UNSPECIFIED");

  v1::QuantizeRequest chunk = Chunk(1);
  chunk.mutable_calibration()->mutable_inputs(0)->set_datatype("BYTES");
  ExpectRefused({Settings("m"), chunk}, kInvalid, "BYTES");
  chunk = Chunk(1);
  chunk.mutable_calibration()->mutable_inputs(0)->set_shape(0, 1000000);
  ExpectRefused({Settings("m"), chunk}, kInvalid, "16 bytes");
  EXPECT_EQ(folder_.Read("m/2/model.onnx"), "");
}

TEST_F(ServerQuantizeTest, ASecondJobWaitsForTheFirst) {
  engine_.Hold();
  const auto context = Context();
  const auto first = quantization_->Quantize(context.get());
  ASSERT_TRUE(first->Write(Settings("m")));
  ASSERT_TRUE(first->Write(Chunk(1)));
  first->WritesDone();
  engine_.AwaitWaiting(1);
  const auto second_context = Context();
  const auto second = quantization_->Quantize(second_context.get());
  second->Write(Settings("m"));
  second->Write(Chunk(2));
  second->WritesDone();
  v1::QuantizeResponse response;
  while (second->Read(&response) && response.progress().phase() != "wait") {
    EXPECT_EQ(response.job_id().size(), 16u);
  }
  engine_.Release();
  while (first->Read(&response)) {
  }
  EXPECT_EQ(response.result().samples(), 1);
  EXPECT_TRUE(first->Finish().ok());
  while (second->Read(&response)) {
  }
  EXPECT_EQ(response.result().samples(), 2);
  EXPECT_TRUE(second->Finish().ok());
}

TEST_F(ServerQuantizeTest, AClientThatLeavesCancelsTheJobUnlessDetached) {
  engine_.Hold();
  const auto first_context = Context();
  const auto first = quantization_->Quantize(first_context.get());
  ASSERT_TRUE(first->Write(Settings("m")));
  ASSERT_TRUE(first->Write(Chunk(1)));
  first->WritesDone();
  engine_.AwaitWaiting(1);
  // Two that wait behind it, and whose callers leave.
  std::vector<std::string> ids;
  for (const bool detach : {false, true}) {
    const auto context = Context();
    const auto stream = quantization_->Quantize(context.get());
    v1::QuantizeRequest settings = Settings("m");
    settings.mutable_settings()->set_detach(detach);
    settings.mutable_settings()->set_output_model_name("out");
    v1::QuantizeRequest chunk = Chunk(2);
    chunk.set_last(true);
    ASSERT_TRUE(stream->Write(settings));
    ASSERT_TRUE(stream->Write(chunk));
    v1::QuantizeResponse response;
    while (stream->Read(&response) && response.progress().phase() != "wait") {
    }
    ids.push_back(response.job_id());
    context->TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  EXPECT_EQ(AwaitEnd(ids[0]).state(), v1::JOB_STATE_CANCELLED);
  engine_.Release();
  EXPECT_EQ(AwaitEnd(ids[1]).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(folder_.Read("out/1/model.onnx"), "scale 2\n");
  EXPECT_EQ(folder_.Read("out/2/model.onnx"), "");
}

TEST_F(ServerQuantizeTest, DetachedJobsNeedTheWordLast) {
  v1::QuantizeRequest settings = Settings("m");
  settings.mutable_settings()->set_detach(true);
  ExpectRefused({settings, Chunk(1)}, grpc::StatusCode::INVALID_ARGUMENT,
                "`last`");
}

TEST_F(ServerQuantizeTest, ServingGoesOnBesideAJob) {
  engine_.Hold();
  const auto context = Context();
  const auto stream = quantization_->Quantize(context.get());
  ASSERT_TRUE(stream->Write(Settings("m")));
  ASSERT_TRUE(stream->Write(Chunk(1)));
  stream->WritesDone();
  engine_.AwaitWaiting(1);
  inference::ServerMetadataResponse metadata;
  EXPECT_TRUE(inference_->ServerMetadata(Context().get(), {}, &metadata).ok());
  EXPECT_TRUE(Ready());
  engine_.Release();
  v1::QuantizeResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_THAT(Answer(FloatRequest("m", {1, 1, 1, 1})), ElementsAre(1, 1, 1, 1));
}

TEST_F(ServerQuantizeTest, ShutdownCancelsTheJobAndPublishesNothing) {
  engine_.Hold();
  const auto context = Context();
  const auto stream = quantization_->Quantize(context.get());
  ASSERT_TRUE(stream->Write(Settings("m")));
  ASSERT_TRUE(stream->Write(Chunk(1)));
  stream->WritesDone();
  engine_.AwaitWaiting(1);
  server_->StopNow();
  engine_.Release();
  server_->Shutdown(kHang);
  v1::QuantizeResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(folder_.Read("m/2/model.onnx"), "");
}

}  // namespace
}  // namespace octet
